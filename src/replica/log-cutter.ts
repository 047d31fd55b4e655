// Compacts the log behind the saved state by entries and bytes, and tells when proposals must wait for that.
import { assert } from '../assert.ts';
import type { Clock, LogStore } from '../env.ts';
import type { MemoryStorage } from '../raft/storage.ts';
import type { Index, NodeId } from '../raft/types.ts';
import type { ReplicaLimits } from './config.ts';

export type LogLimits = Pick<
  ReplicaLimits,
  'keepEntries' | 'keepBytes' | 'mostKeptEntries' | 'mostKeptBytes' | 'saveAfterBytes' | 'maxLogBytes' | 'maxUncommittedBytes'
>;

/** Proposals do not wait for a follower that has not come further for so long. */
const STALLED_MS = 1_000;
/** Nor for one that takes longer than this for state and log together. */
const CATCH_UP_MAX_MS = 120_000;

/** A follower that was sent an image, until it has come up to the saved state. */
interface CatchingUp {
  /** Where the image is. */
  readonly imageIndex: Index;
  readonly sinceMs: number;
  /** Bytes appended to the log on this node when the image was begun, less those that the follower needs behind the image. */
  readonly baseBytes: number;
  /** As noted last: the share of the image that it has, from 0 to 1, and the entries that match. */
  share: number;
  match: Index;
  progressMs: number;
}

/** How far a follower is. */
export interface FollowerProgress {
  match(peer: NodeId): Index;
  /** The share of its image that it has acknowledged; null if it is sent none. */
  imageShare(peer: NodeId): number | null;
}

export class LogCutter {
  readonly #store: Pick<LogStore, 'compact'>;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #storage: MemoryStorage;
  readonly #limits: LogLimits;
  readonly #progress: FollowerProgress;
  readonly #catchingUp = new Map<NodeId, CatchingUp>();
  /** Bytes that were ever compacted: with those in the log, all that were appended. */
  #compactedBytes = 0;

  constructor(
    store: Pick<LogStore, 'compact'>,
    clock: Pick<Clock, 'now'>,
    storage: MemoryStorage,
    limits: LogLimits,
    progress: FollowerProgress,
  ) {
    const { maxLogBytes, mostKeptBytes, keepBytes, saveAfterBytes, maxUncommittedBytes } = limits;
    // Else a full log might have nothing that can be saved and compacted.
    assert(maxLogBytes >= mostKeptBytes + keepBytes / 8 + saveAfterBytes + maxUncommittedBytes, `maxLogBytes is ${maxLogBytes}`);
    this.#store = store;
    this.#clock = clock;
    this.#storage = storage;
    this.#limits = limits;
    this.#progress = progress;
  }

  /** An image at `index` is on its way: without the entries behind it the follower would need the next image as soon as it has this one. */
  imageBegun(to: NodeId, index: Index): void {
    const nowMs = this.#clock.now();
    const needed = this.#storage.bytes - this.#storage.bytesThrough(index);
    const baseBytes = this.#appendedBytes - needed;
    this.#catchingUp.set(to, { imageIndex: index, sinceMs: nowMs, baseBytes, share: 0, match: 0, progressMs: nowMs });
  }

  /** The peer is gone, and may not come back. */
  lost(peer: NodeId): void {
    this.#catchingUp.delete(peer);
  }

  /** This node does not lead any more. */
  forgetAll(): void {
    this.#catchingUp.clear();
  }

  /** Whether the log has no room for another entry until it was compacted. */
  get isFull(): boolean {
    return this.#storage.bytes >= this.#limits.maxLogBytes;
  }

  /**
   * Whether proposals must wait: the log is full, or a follower that catches up would lose the entries behind its image. The log may
   * fill half of what is kept for it at once, and the other half as the follower gets its image.
   */
  get holdsProposals(): boolean {
    if (this.isFull) return true;
    if (this.#catchingUp.size === 0) return false;
    const nowMs = this.#clock.now();
    for (const [peer, follower] of this.#catchingUp) if (this.#mustWaitFor(peer, follower, nowMs)) return true;
    return false;
  }

  /** The state is saved at `savedIndex`. Cuts in steps, so that neither memory nor disk is moved about for single entries. */
  cut(savedIndex: Index): void {
    const { keepEntries, keepBytes, mostKeptEntries, mostKeptBytes } = this.#limits;
    const storage = this.#storage;
    let through = storage.positionWithin(savedIndex, keepBytes, savedIndex - keepEntries);
    for (const [peer, { imageIndex }] of this.#catchingUp) {
      const needed = Math.max(imageIndex, this.#progress.match(peer));
      if (needed >= savedIndex) this.#catchingUp.delete(peer);
      else through = Math.min(through, needed);
    }
    if (this.#catchingUp.size > 0)
      through = Math.max(through, storage.positionWithin(savedIndex, mostKeptBytes, savedIndex - mostKeptEntries));
    const first = storage.firstIndex();
    if (through < first) return;
    const isStep = through >= first - 1 + Math.max(1, Math.floor(keepEntries / 8));
    if (!isStep && storage.bytesThrough(through) < keepBytes / 8) return;
    const before = storage.bytes;
    storage.compact(through);
    this.#compactedBytes += before - storage.bytes;
    this.#store.compact(through);
  }

  get #appendedBytes(): number {
    return this.#compactedBytes + this.#storage.bytes;
  }

  #mustWaitFor(peer: NodeId, follower: CatchingUp, nowMs: number): boolean {
    const share = this.#progress.imageShare(peer) ?? 1;
    const match = this.#progress.match(peer);
    if (share > follower.share || match > follower.match) follower.progressMs = nowMs;
    follower.share = share;
    follower.match = match;
    if (nowMs - follower.progressMs > STALLED_MS || nowMs - follower.sinceMs > CATCH_UP_MAX_MS) return false;
    const { imageIndex, baseBytes } = follower;
    const last = this.#storage.lastIndex();
    const entries = last - Math.max(imageIndex, match);
    // About as many of the bytes behind the image as of the entries.
    const bytes = last > imageIndex ? (this.#appendedBytes - baseBytes) * (entries / (last - imageIndex)) : 0;
    const { mostKeptEntries, mostKeptBytes } = this.#limits;
    if (mostKeptEntries === 0 || mostKeptBytes === 0) return false;
    const used = Math.max(entries / mostKeptEntries, bytes / mostKeptBytes);
    return used > 0.5 + share / 2;
  }
}
