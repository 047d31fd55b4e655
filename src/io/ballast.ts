// The ballast file: space that a node gives up when its disk is full, so that LevelDB can open there again.
import { randomFillSync } from 'node:crypto';
import { rmSync, statSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UNFINISHED } from './durable-file.ts';

const NAME = 'ballast';
const PIECE_BYTES = 1 << 20;
/** Between two pieces: the disk is there for the log first. */
const PAUSE_MS = 20;

/** Deletes the ballast of a data directory, also one that is not finished. */
export function dropBallast(directory: string): void {
  for (const name of [NAME, NAME + UNFINISHED]) {
    try {
      rmSync(join(directory, name), { force: true });
    } catch {
      // The caller reports what is wrong with the disk.
    }
  }
}

/** The file of one data directory. Really written, not sparse: a sparse file would give nothing back. */
export class Ballast {
  readonly #directory: string;
  readonly #path: string;
  readonly #bytes: number;
  /** Settles when the writing that was begun last has ended; never rejects. Null when none is under way. */
  #writing: Promise<void> | null = null;
  #isStopped = false;

  constructor(directory: string, bytes: number) {
    this.#directory = directory;
    this.#path = join(directory, NAME);
    this.#bytes = bytes;
  }

  get exists(): boolean {
    return statSync(this.#path, { throwIfNoEntry: false })?.size === this.#bytes;
  }

  /** Writes the file in the background if it is missing or has another size. An error only leaves it missing. */
  create(): void {
    if (this.#writing !== null || this.#isStopped || this.#bytes === 0 || this.exists) return;
    this.#writing = this.#write()
      .catch(() => rm(this.#unfinished, { force: true }).catch(() => {}))
      .finally(() => {
        this.#writing = null;
      });
  }

  /** Deletes the file at once, also one that is not finished. */
  drop(): void {
    this.#isStopped = true;
    dropBallast(this.#directory);
  }

  /** Ends what is under way; the file, if it is whole, stays. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#writing;
  }

  get #unfinished(): string {
    return this.#path + UNFINISHED;
  }

  async #write(): Promise<void> {
    // Noise: some file systems do not store zeros, or compress.
    const piece = randomFillSync(Buffer.allocUnsafe(Math.min(PIECE_BYTES, this.#bytes)));
    const file = await open(this.#unfinished, 'w', 0o600);
    try {
      for (let at = 0; at < this.#bytes; at += piece.length) {
        if (this.#isStopped) throw new Error('the node stops');
        await file.write(piece, 0, Math.min(piece.length, this.#bytes - at), at);
        await file.datasync();
        await sleep(PAUSE_MS);
      }
    } finally {
      await file.close();
    }
    if (this.#isStopped) throw new Error('the node stops');
    await rename(this.#unfinished, this.#path);
  }
}
