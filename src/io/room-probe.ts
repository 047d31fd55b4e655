// Memory and disk space of a real node, and its ballast file: measured, kept, and given up when the disk is full.
import { mkdir } from 'node:fs/promises';
import type { RoomProbe } from '../env.ts';
import { Ballast, dropBallast } from './ballast.ts';
import { DataDirectoryError, isFull, translateDiskError } from './data-directory-error.ts';
import { DiskWatch, measureDisk } from './disk-space.ts';
import { HeapWatch } from './heap-watch.ts';

/** A node does not start with less free space: LevelDB could not write what it makes at an opening. */
const START_MIN_BYTES = 32 << 20;
/** The ballast is written when more than so many reserves are free. */
const BALLAST_FROM_RESERVES = 4;

export interface RoomProbeOptions {
  readonly directory: string;
  readonly diskReserveBytes: number;
  readonly ballastBytes: number;
}

/**
 * Checks that there is space to start in `directory`, which is made if it is missing. The ballast file is deleted if there is too little
 * space beside it.
 * @throws DataDirectoryError `full` if less than 32 MiB are free.
 */
export async function checkStartSpace(directory: string): Promise<void> {
  const free = async (): Promise<number> => (await measureDisk(directory)).freeBytes;
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    if ((await free()) >= START_MIN_BYTES) return;
  } catch (error) {
    throw translateDiskError(directory, error);
  }
  dropBallast(directory);
  const freeBytes = await free();
  if (freeBytes >= START_MIN_BYTES) return;
  throw new DataDirectoryError(
    'full',
    `the disk of the data directory ${directory} has ${freeBytes} bytes free, a start takes ${START_MIN_BYTES}: make room and start the node again`,
  );
}

/** Measures from the moment when it is opened until `stop`. */
export class RealRoomProbe implements RoomProbe {
  readonly #heap = new HeapWatch();
  readonly #disk: DiskWatch;
  readonly #ballast: Ballast;

  private constructor({ directory, diskReserveBytes, ballastBytes }: RoomProbeOptions, first: DiskWatch['space']) {
    this.#ballast = new Ballast(directory, ballastBytes);
    const measured = ({ freeBytes }: DiskWatch['space']): void => {
      if (freeBytes > BALLAST_FROM_RESERVES * diskReserveBytes) this.#ballast.create();
    };
    this.#disk = new DiskWatch(directory, first, diskReserveBytes, measured);
  }

  static async open(options: RoomProbeOptions): Promise<RealRoomProbe> {
    return new RealRoomProbe(options, await measureDisk(options.directory));
  }

  heap(): { readonly usedBytes: number; readonly limitBytes: number } {
    return { usedBytes: this.#heap.usedBytes, limitBytes: this.#heap.limitBytes };
  }

  disk(): { readonly freeBytes: number; readonly totalBytes: number } {
    return this.#disk.space;
  }

  /** The node ends because of `error`: if its disk is full, the next start needs the space of the ballast. */
  failed(error: unknown): void {
    if (isFull(error)) this.#ballast.drop();
  }

  async stop(): Promise<void> {
    this.#heap.stop();
    this.#disk.stop();
    await this.#ballast.stop();
  }
}
