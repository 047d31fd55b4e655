// The image that has been received as a whole, until Raft has said whether it wants it; and its installation in place of the own state.
import type { Env } from '../env.ts';
import type { HardState, SnapshotMeta, Term } from '../raft/types.ts';
import { imageFault } from './image-check.ts';
import type { ReceivedImage } from './image-receiver.ts';
import type { Founder } from './roster.ts';

export interface ReceivedImagesHost {
  /** The image is on the disk, in place of state and log: so it is to be in memory. */
  installed(image: ReceivedImage): void;
}

export class ReceivedImages {
  /** Images since the start that took the place of the own state. */
  installed = 0;
  readonly #env: Pick<Env, 'store' | 'codec'>;
  readonly #founders: readonly Founder[];
  readonly #host: ReceivedImagesHost;
  #received: ReceivedImage | null = null;

  constructor(env: Pick<Env, 'store' | 'codec'>, founders: readonly Founder[], host: ReceivedImagesHost) {
    this.#env = env;
    this.#founders = founders;
    this.#host = host;
  }

  /**
   * Keeps it in place of one that was not wanted yet. False when one is being installed, which comes first, or when it cannot be the state
   * of the leader of `term`: then this one is dropped.
   */
  keep(received: ReceivedImage, term: Term, isInstalling: boolean): boolean {
    const isFaulty = imageFault(received.meta, term, this.#founders, this.#env.codec) !== null;
    const unwanted = isInstalling || isFaulty ? received : this.#received;
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
    this.#env.store.installImage(received.meta, received.writer, hardState, (error) => {
      if (error === undefined) {
        this.installed += 1;
        this.#host.installed(received);
      }
      done(error);
    });
  }
}
