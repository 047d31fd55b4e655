// Cuts the log behind the saved state, and leaves what a follower that is being sent an image will want next.
import type { LogStore } from '../env.ts';
import type { MemoryStorage } from '../raft/storage.ts';
import type { Index, NodeId } from '../raft/types.ts';
import type { ReplicaLimits } from './config.ts';

export class LogCutter {
  readonly #store: Pick<LogStore, 'compact'>;
  readonly #storage: MemoryStorage;
  readonly #limits: Pick<ReplicaLimits, 'keepEntries' | 'mostKeptEntries'>;
  /** Followers that were sent an image, by the index where it stands, until they have come up to the saved state. */
  readonly #catchingUp = new Map<NodeId, Index>();

  constructor(store: Pick<LogStore, 'compact'>, storage: MemoryStorage, limits: Pick<ReplicaLimits, 'keepEntries' | 'mostKeptEntries'>) {
    this.#store = store;
    this.#storage = storage;
    this.#limits = limits;
  }

  /** An image at `index` is on its way: without the entries behind it the follower would need the next image as soon as it has this one. */
  imageBegun(to: NodeId, index: Index): void {
    this.#catchingUp.set(to, index);
  }

  /** The peer is gone, and may not come back. */
  lost(peer: NodeId): void {
    this.#catchingUp.delete(peer);
  }

  /** This node does not lead any more. */
  forgetAll(): void {
    this.#catchingUp.clear();
  }

  /** The state is saved at `savedIndex`. Cuts in steps, so that neither memory nor disk is moved about for single entries. */
  cut(savedIndex: Index, matched: (peer: NodeId) => Index): void {
    const { keepEntries, mostKeptEntries } = this.#limits;
    let through = savedIndex - keepEntries;
    for (const [peer, imageIndex] of this.#catchingUp) {
      const needed = Math.max(imageIndex, matched(peer));
      if (needed >= savedIndex) this.#catchingUp.delete(peer);
      else through = Math.min(through, needed);
    }
    through = Math.max(through, savedIndex - mostKeptEntries);
    const step = Math.max(1, Math.floor(keepEntries / 8));
    if (through < this.#storage.firstIndex() - 1 + step) return;
    this.#storage.compact(through);
    this.#store.compact(through);
  }
}
