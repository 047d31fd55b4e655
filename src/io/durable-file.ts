// Small files that appear or are replaced as a whole: after a crash at any moment there is the old content or the new one.
import { randomBytes } from 'node:crypto';
import { link, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Suffix of a content that has not taken its place yet; such a file may be left by a crash and means nothing. */
export const UNFINISHED = '.new';

/** Replaces `path` by `bytes`, readable by this user alone. Durable, name included, when it settles. */
export async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  await rename(await writeUnfinished(path, bytes), path);
  await syncDirectory(dirname(path));
}

/** Like {@link replaceFile}, but answers false and changes nothing when `path` exists; of several at once, one wins. */
export async function createFile(path: string, bytes: Uint8Array): Promise<boolean> {
  const unfinished = await writeUnfinished(path, bytes);
  try {
    await link(unfinished, path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(unfinished);
  }
  await syncDirectory(dirname(path));
  return true;
}

/** Makes the names in `directory` durable. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function writeUnfinished(path: string, bytes: Uint8Array): Promise<string> {
  const unfinished = `${path}.${randomBytes(6).toString('hex')}${UNFINISHED}`;
  const file = await open(unfinished, 'wx', 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  return unfinished;
}
