// Measures the free space of the disk that holds a data directory, again and again.
import { statfs } from 'node:fs';
import { statfs as statfsAsync } from 'node:fs/promises';

/** Between two measurements, in milliseconds; and when less than four reserves are free. A node can write some hundred MiB in a second. */
const INTERVAL_MS = 1_000;
const CLOSE_INTERVAL_MS = 250;

export interface DiskSpace {
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** The space for a process without privileges: what the file system reserves for root is not free. */
export async function measureDisk(directory: string): Promise<DiskSpace> {
  const { bavail, blocks, bfree, bsize } = await statfsAsync(directory);
  return { freeBytes: bavail * bsize, totalBytes: (blocks - bfree + bavail) * bsize };
}

/** Measures until `stop`. While the disk hangs, the last measurement stays. */
export class DiskWatch {
  readonly #directory: string;
  readonly #reserveBytes: number;
  readonly #measured: (space: DiskSpace) => void;
  #space: DiskSpace;
  #timer: NodeJS.Timeout;

  /** `measured` is called after each measurement. */
  constructor(directory: string, first: DiskSpace, reserveBytes: number, measured: (space: DiskSpace) => void) {
    this.#directory = directory;
    this.#space = first;
    this.#reserveBytes = reserveBytes;
    this.#measured = measured;
    this.#timer = this.#wait();
  }

  get space(): DiskSpace {
    return this.#space;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #wait(): NodeJS.Timeout {
    const isClose = this.#space.freeBytes < 4 * this.#reserveBytes;
    return setTimeout(() => this.#measure(), isClose ? CLOSE_INTERVAL_MS : INTERVAL_MS).unref();
  }

  #measure(): void {
    // With a callback: it costs a promise less, four times a second.
    statfs(this.#directory, (error, { bavail, blocks, bfree, bsize }) => {
      if (error === null) {
        this.#space = { freeBytes: bavail * bsize, totalBytes: (blocks - bfree + bavail) * bsize };
        this.#measured(this.#space);
      }
      this.#timer = this.#wait();
    });
  }
}
