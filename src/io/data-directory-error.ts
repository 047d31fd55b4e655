// The ways in which a data directory can be unfit, each with a code and a message that says what happened and what to do.

/**
 * - `other-node`, `other-cluster`: the directory belongs to someone else.
 * - `in-use`: another process has it open.
 * - `damaged`: something that was durable is gone or altered.
 * - `full`, `not-writable`: the file system refuses; nothing acknowledged is lost.
 * - `failed`: the operating system or LevelDB reports anything else.
 * - `closed`: the store was closed before the call.
 */
export type DataDirectoryCode = 'other-node' | 'other-cluster' | 'in-use' | 'damaged' | 'full' | 'not-writable' | 'failed' | 'closed';

/** A data directory cannot be opened, or no longer be written. Final for the process: it must end, and its operator read `message`. */
export class DataDirectoryError extends Error {
  override readonly name = 'DataDirectoryError';
  readonly code: DataDirectoryCode;

  constructor(code: DataDirectoryCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

/** Whether an error says that the disk is full. */
export function isFull(error: unknown): boolean {
  return error instanceof DataDirectoryError && error.code === 'full';
}

/** What is missing or altered, with the only safe way out. `what` is a clause: "the log ends at 7, the mark says 9". */
export function damaged(directory: string, what: string, cause?: unknown): DataDirectoryError {
  const message =
    `the data directory ${directory} is damaged: ${what}. This node must not vote or acknowledge with it. ` +
    'Keep the directory for inspection, remove the member from the cluster, and add a new member with an empty directory';
  return new DataDirectoryError('damaged', message, cause);
}

/** Turns an error of the file system or of LevelDB into one of ours; ours pass unchanged. */
export function translateDiskError(directory: string, error: unknown): DataDirectoryError {
  if (error instanceof DataDirectoryError) return error;
  const { code, text } = describe(error);
  if (code === 'LEVEL_LOCKED') {
    return new DataDirectoryError(
      'in-use',
      `the data directory ${directory} is in use by another process: stop that one, or give this node its own`,
      error,
    );
  }
  if (code === 'LEVEL_CORRUPTION') return damaged(directory, `LevelDB reports ${text}`, error);
  if (code === 'ENOSPC' || code === 'EDQUOT' || /no space left|quota exceeded/i.test(text)) {
    return new DataDirectoryError(
      'full',
      `no space is left for the data directory ${directory}: make room and start the node again; nothing acknowledged is lost`,
      error,
    );
  }
  if (
    code === 'EACCES' ||
    code === 'EPERM' ||
    code === 'EROFS' ||
    code === 'ENOTDIR' ||
    code === 'EEXIST' ||
    /permission denied|read-only file system/i.test(text)
  ) {
    return new DataDirectoryError(
      'not-writable',
      `the data directory ${directory} cannot be written (${text}): make it a directory that this user may write`,
      error,
    );
  }
  if (/does not exist \(create_if_missing is false\)|no such file/i.test(text))
    return damaged(directory, `files of its database are missing (${text})`, error);
  return new DataDirectoryError(
    'failed',
    `the data directory ${directory} failed: ${text}. Check the disk before the node is started again`,
    error,
  );
}

/** The innermost code that is known, and the messages from outside in: LevelDB's own reason is the cause of "not open". */
function describe(error: unknown): { code: string; text: string } {
  let code = '';
  let text = '';
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    code = 'code' in at && typeof at.code === 'string' ? at.code : code;
    text = at.message;
  }
  return { code, text: text === '' ? String(error) : text };
}
