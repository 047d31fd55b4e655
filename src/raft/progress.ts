// What a leader knows of one peer's log: Figure 2's nextIndex and matchIndex, and how fast it may send.
import { Inflights, type InflightsLimits } from './inflights.ts';
import type { Index } from './types.ts';

/**
 * `probe`: one append at a time, until an answer says where the logs meet.
 * `replicate`: appends are streamed, `next` moves as they are sent, the window limits them.
 * `snapshot`: a snapshot is under way, nothing else is sent.
 */
export type ProgressState = 'probe' | 'replicate' | 'snapshot';

export class Progress {
  state: ProgressState = 'probe';
  /** Highest index known to be durable on the peer. Invariant: match < next. */
  match: Index;
  /** Index of the next entry to send. */
  next: Index;
  /** Highest commit index sent to the peer in an append. */
  sentCommit: Index = 0;
  /** Only in state `snapshot`: the index of the snapshot under way. */
  pendingSnapshot: Index = 0;
  /** The peer answered since the last quorum check. */
  recentActive = false;
  /** Nothing more is sent until the peer answers (probe), or the window opens (replicate). */
  flowPaused = false;
  isLearner: boolean;
  readonly inflights: Inflights;

  constructor(match: Index, next: Index, isLearner: boolean, limits: InflightsLimits) {
    this.match = match;
    this.next = next;
    this.isLearner = isLearner;
    this.inflights = new Inflights(limits);
  }

  /** A copy for a new configuration; the window is shared, since there is only one stream to the peer. */
  with(changes: { isLearner: boolean }): Progress {
    return Object.assign(new Progress(this.match, this.next, this.isLearner, this.inflights.limits), this, changes);
  }

  get isPaused(): boolean {
    return this.state === 'snapshot' || this.flowPaused;
  }

  becomeProbe(): void {
    // After a snapshot the peer has at least that, so probing starts behind it.
    const next = this.state === 'snapshot' ? Math.max(this.match + 1, this.pendingSnapshot + 1) : this.match + 1;
    this.#reset('probe');
    this.next = next;
    this.sentCommit = Math.min(this.sentCommit, this.next - 1);
  }

  becomeReplicate(): void {
    this.#reset('replicate');
    this.next = this.match + 1;
  }

  becomeSnapshot(snapshotIndex: Index): void {
    this.#reset('snapshot');
    this.pendingSnapshot = snapshotIndex;
    this.next = snapshotIndex + 1;
    this.sentCommit = snapshotIndex;
  }

  /** Notes that `count` entries of `bytes` bytes, up to `next + count - 1`, have been sent. */
  sentEntries(count: number, bytes: number): void {
    if (this.state === 'replicate') {
      if (count > 0) {
        this.next += count;
        this.inflights.add(this.next - 1, bytes);
      }
      this.flowPaused = this.inflights.isFull;
    } else if (this.state === 'probe' && count > 0) {
      this.flowPaused = true;
    }
  }

  /** An acknowledgement of everything up to `index`. False when it says nothing new. */
  maybeUpdate(index: Index): boolean {
    if (index <= this.match) return false;
    this.match = index;
    this.next = Math.max(this.next, index + 1);
    this.flowPaused = false;
    return true;
  }

  /**
   * A refusal of the append after `rejected`, with the peer's hint. False when it is stale: an answer to an earlier append
   * that arrived late must not lower `next` below what has been acknowledged since.
   */
  maybeDecrease(rejected: Index, hint: Index): boolean {
    if (this.state === 'replicate') {
      if (rejected <= this.match) return false;
      this.next = this.match + 1;
      this.sentCommit = Math.min(this.sentCommit, this.next - 1);
      return true;
    }
    if (this.next - 1 !== rejected) return false;
    this.next = Math.max(Math.min(rejected, hint + 1), this.match + 1);
    this.sentCommit = Math.min(this.sentCommit, this.next - 1);
    this.flowPaused = false;
    return true;
  }

  /** Nothing more until the peer answers. */
  pause(): void {
    this.flowPaused = true;
  }

  resume(): void {
    this.flowPaused = false;
  }

  #reset(state: ProgressState): void {
    this.state = state;
    this.pendingSnapshot = 0;
    this.flowPaused = false;
    this.inflights.reset();
  }
}
