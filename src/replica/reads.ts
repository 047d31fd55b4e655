// Linearizable reads: all that wait share one barrier, confirmed by the leader after the last of them began.
import type { Index, Term } from '../raft/types.ts';
import { LAGGING, NO_LEADER } from './failures.ts';
import type { Failure, ReadResult } from './service.ts';
import type { TurnBudget } from './turn-budget.ts';

export type ReadAnswer = (result: ReadResult) => void;

interface WaitingRead {
  readonly answer: ReadAnswer;
  readonly sinceMs: number;
}

/** A barrier that the leader has confirmed: whoever waits for it may read once `index` is applied. `timeMs` null: the leader's own clock. */
interface ConfirmedBarrier {
  readonly index: Index;
  readonly timeMs: number | null;
  /** Those that are not served yet are the ones from `next` on. */
  reads: readonly WaitingRead[];
  next: number;
}

export interface ReadsHost {
  /** Asks for a barrier (here when this node leads, else of the leader). False when there is nobody to ask. */
  requestBarrier(id: number): boolean;
  appliedIndex(): Index;
  /** Answers with the state as it is now, which may be later than the barrier's. */
  serve(read: ReadAnswer, timeMs: number | null): void;
  readonly budget: Pick<TurnBudget, 'next' | 'isSpent'>;
  /** {@link Reads.serveApplied} is to be called in the next turn. */
  wake(): void;
}

/** More barriers than one life of a node asks for. */
const IDS_OF_A_LIFE = 2 ** 32;

export class Reads {
  readonly #host: ReadsHost;
  #nextId: number;
  #waiting: WaitingRead[] = [];
  /** The barrier under way, and the reads that began before it was asked for. */
  #inFlight: { readonly id: number; readonly term: Term; readonly askedMs: number; readonly reads: readonly WaitingRead[] } | null = null;
  #confirmed: ConfirmedBarrier[] = [];

  /** `incarnation`: this life's. The leader may still answer the one before, whose barriers are older than any read of this one. */
  constructor(incarnation: number, host: ReadsHost) {
    this.#nextId = incarnation * IDS_OF_A_LIFE + 1;
    this.#host = host;
  }

  add(answer: ReadAnswer, nowMs: number): void {
    this.#waiting.push({ answer, sinceMs: nowMs });
  }

  /** Asks for a barrier if reads wait and none is under way. */
  pump(term: Term, nowMs: number): void {
    if (this.#inFlight !== null || this.#waiting.length === 0) return;
    const id = this.#nextId++;
    const reads = this.#waiting;
    this.#inFlight = { id, term, askedMs: nowMs, reads };
    this.#waiting = [];
    if (this.#host.requestBarrier(id)) return;
    this.#inFlight = null;
    this.#waiting = [...reads, ...this.#waiting];
  }

  /** The leader confirms: reads that began before it was asked may be served from `index` on. */
  confirmed(id: number, index: Index, timeMs: number | null): void {
    if (this.#inFlight?.id !== id) return;
    this.#confirmed.push({ index, timeMs, reads: this.#inFlight.reads, next: 0 });
    this.#inFlight = null;
    this.serveApplied();
  }

  /**
   * Serves what waits for an index that is applied now, in order, until the turn has no time left: at least one read. The others are served in
   * later turns, from a state that may be later.
   */
  serveApplied(): void {
    if (this.#confirmed.length === 0) return;
    const { budget } = this.#host;
    budget.next();
    for (let barrier = this.#confirmed[0]; barrier !== undefined; barrier = this.#confirmed[0]) {
      const read = barrier.reads[barrier.next];
      if (read === undefined) {
        this.#confirmed.shift();
        continue;
      }
      if (barrier.index > this.#host.appliedIndex()) return;
      barrier.next += 1;
      this.#host.serve(read.answer, barrier.timeMs);
      if (!budget.isSpent) continue;
      this.#host.wake();
      return;
    }
  }

  /** The leader is another one, or none, or cannot be reached: what was asked of the old one is asked again. */
  restart(): void {
    if (this.#inFlight !== null) {
      this.#waiting = [...this.#inFlight.reads, ...this.#waiting];
      this.#inFlight = null;
    }
  }

  /**
   * Asks again what has not been answered for long, and gives up reads that have waited too long, for a leader (`limitMs`) or for this node
   * to come as far as the leader is (`lagLimitMs`): nothing was changed by them.
   */
  expire(nowMs: number, retryMs: number, limitMs: number, lagLimitMs: number): void {
    this.#giveUpLagging(nowMs, lagLimitMs);
    if (this.#inFlight !== null && nowMs - this.#inFlight.askedMs >= retryMs) {
      this.#waiting = [...this.#inFlight.reads, ...this.#waiting];
      this.#inFlight = null;
    }
    const late = this.#waiting.filter((read) => nowMs - read.sinceMs >= limitMs);
    if (late.length === 0) return;
    this.#waiting = this.#waiting.filter((read) => nowMs - read.sinceMs < limitMs);
    for (const read of late) read.answer({ kind: 'failed', failure: NO_LEADER });
  }

  #giveUpLagging(nowMs: number, limitMs: number): void {
    const isLate = (read: WaitingRead): boolean => nowMs - read.sinceMs >= limitMs;
    const late = this.#confirmed.flatMap((barrier) => unserved(barrier).filter(isLate));
    if (late.length === 0) return;
    for (const barrier of this.#confirmed) {
      barrier.reads = unserved(barrier).filter((read) => !isLate(read));
      barrier.next = 0;
    }
    for (const read of late) read.answer({ kind: 'failed', failure: LAGGING });
  }

  failAll(failure: Failure): void {
    const reads = [...(this.#inFlight?.reads ?? []), ...this.#waiting, ...this.#confirmed.flatMap(unserved)];
    this.#inFlight = null;
    this.#waiting = [];
    this.#confirmed = [];
    for (const read of reads) read.answer({ kind: 'failed', failure });
  }
}

function unserved({ reads, next }: ConfirmedBarrier): readonly WaitingRead[] {
  return next === 0 ? reads : reads.slice(next);
}
