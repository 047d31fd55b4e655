// Harms one file of a data directory at random: one bit flipped, or an end cut off.
import { type Dirent, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { SeededRandom } from '../random.ts';

/** Of a hundred, so many are bit flips; the rest are truncations. */
const FLIP_PERCENT = 75;

/** Harms a file under `folder` that is not empty, and says in words what was done. */
export function damage(folder: string, random: SeededRandom): string {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry: Dirent) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => statSync(path).size > 0)
    .sort();
  const path = random.pick(files);
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
