// Harms one file of a data directory at random: one bit flipped, or an end cut off.
import { type Dirent, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { SeededRandom } from '../random.ts';

/** Of a hundred, so many are bit flips; the rest are truncations. */
const FLIP_PERCENT = 75;

/** Harms a file under `folder` that is not empty, and says in words what was done. Every file and every byte has its chance. */
export function damage(folder: string, random: SeededRandom): string {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry: Dirent) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => statSync(path).size > 0)
    .sort();
  const path = random.below(2) === 0 ? random.pick(files) : pickBySize(files, random);
  const name = relative(folder, path);
  const { size } = statSync(path);
  const at = random.below(size);
  if (random.below(100) < FLIP_PERCENT) {
    const bytes = readFileSync(path);
    const bit = random.below(8);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << bit);
    writeFileSync(path, bytes);
    return `bit ${bit} of byte ${at} of ${size} flipped in ${name}`;
  }
  truncateSync(path, at);
  return `${name} cut from ${size} to ${at} bytes`;
}

function pickBySize(files: readonly string[], random: SeededRandom): string {
  let at = random.below(files.reduce((sum, path) => sum + statSync(path).size, 0));
  const found = files.find((path) => {
    at -= statSync(path).size;
    return at < 0;
  });
  if (found === undefined) throw new Error('no file has any bytes');
  return found;
}
