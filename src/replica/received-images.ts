// The image that has been received as a whole, until Raft has said whether it wants it; and its installation in place of the own state.
import type { LogStore } from '../env.ts';
import type { HardState, SnapshotMeta } from '../raft/types.ts';
import type { ReceivedImage } from './image-receiver.ts';

export interface ReceivedImagesHost {
  /** The image is on the disk, in place of state and log: so it is to be in memory. */
  installed(image: ReceivedImage): void;
}

export class ReceivedImages {
  /** Images since the start that took the place of the own state. */
  installed = 0;
  readonly #store: LogStore;
  readonly #host: ReceivedImagesHost;
  #received: ReceivedImage | null = null;

  constructor(store: LogStore, host: ReceivedImagesHost) {
    this.#store = store;
    this.#host = host;
  }

  /** Keeps it in place of one that was not wanted yet. False when one is being installed: that comes first, and this one is dropped. */
  keep(received: ReceivedImage, isInstalling: boolean): boolean {
    const unwanted = isInstalling ? received : this.#received;
    unwanted?.writer.abort();
    if (unwanted === received) return false;
    this.#received = received;
    return true;
  }

  /** Raft did not take it: it brings nothing, or its leader is none any more. */
  drop(): void {
    this.#received?.writer.abort();
    this.#received = null;
  }

  install(snapshot: SnapshotMeta, hardState: HardState, done: (error?: Error) => void): void {
    const received = this.#received;
    this.#received = null;
    if (received === null || received.meta.index !== snapshot.index) {
      done(new Error(`the state at ${snapshot.index} was to be installed, but another one was received`));
      return;
    }
    this.#store.installImage(received.meta, received.writer, hardState, (error) => {
      if (error === undefined) {
        this.installed += 1;
        this.#host.installed(received);
      }
      done(error);
    });
  }
}
