// The requests that this node has taken and not yet answered, and what is known of each one's fate.
import type { Codec, NoRoom } from '../env.ts';
import { toTuple } from '../lease/command-codec.ts';
import type { Command } from '../lease/commands.ts';
import type { Outcome } from '../lease/outcomes.ts';
import type { Term } from '../raft/types.ts';
import type { ReplicaLimits } from './config.ts';
import { type Origin, open, reseal, seal } from './envelope.ts';
import { LEADER_CHANGED, LEADER_OVERLOADED, NO_LEADER, noRoomFailure, UNKNOWN } from './failures.ts';
import { isAdmitted, isPreferred } from './lanes.ts';
import { appliedAs, type Failure, type Settled } from './service.ts';

interface PendingRequest {
  readonly envelope: Uint8Array;
  readonly settle: (settled: Settled) => void;
  /** When it was taken, in local time. */
  readonly sinceMs: number;
  /** Proposed in, or passed to the leader of, this term; 0 while it surely stands in no log. */
  sentTerm: Term;
  /** Dies with its term instead of being tried again: an expiry proposal is only worth something where it was made. */
  readonly once: boolean;
}

/**
 * Every request carries (node, incarnation, sequence) into the log, so this node recognises its own when it applies them, whoever
 * appended them. A request that was given to the leader of term T is appended in term T or never; so when an entry of a later term
 * is applied and the request has not come by, it never will: it is surely not done, and may be tried again.
 */
export class Requests {
  readonly #codec: Codec;
  readonly #origin: Origin;
  #nextSequence = 1;
  readonly #pending = new Map<number, PendingRequest>();
  #pendingBytes = 0;
  /** Sequences that have not been sent, in order. */
  #unsent: number[] = [];

  constructor(codec: Codec, origin: Origin) {
    this.#codec = codec;
    this.#origin = origin;
  }

  get count(): number {
    return this.#pending.size;
  }

  /** Encoded bytes of those under way. */
  get bytes(): number {
    return this.#pendingBytes;
  }

  /** Whether there is room for the request beside `others` that wait elsewhere. Its size counts only once it was encoded. */
  admits(
    command: Command,
    { maxPendingRequests, maxPendingBytes }: Pick<ReplicaLimits, 'maxPendingRequests' | 'maxPendingBytes'>,
    others = 0,
  ): boolean {
    const isFirst = isPreferred(command);
    return isAdmitted(isFirst, this.count + others, maxPendingRequests) && isAdmitted(isFirst, this.#pendingBytes, maxPendingBytes);
  }

  /** How many were taken since the start; one that is tried again in a later term counts again. */
  get taken(): number {
    return this.#nextSequence - 1;
  }

  get hasUnsent(): boolean {
    return this.#unsent.length > 0;
  }

  add(command: Command, nowMs: number, once: boolean, settle: (settled: Settled) => void): void {
    const sequence = this.#nextSequence++;
    const envelope = seal(this.#origin, sequence, this.#codec.encode(toTuple(command)));
    this.#put(sequence, { envelope, settle, sinceMs: nowMs, sentTerm: 0, once });
    this.#unsent.push(sequence);
  }

  /** Adds a request that the caller appends in `term` at once. It is void in every other term. Returns its envelope. */
  addSent(command: Command, nowMs: number, term: Term, settle: (settled: Settled) => void): Uint8Array {
    const sequence = this.#nextSequence++;
    const envelope = seal(this.#origin, sequence, this.#codec.encode(toTuple(command)));
    this.#put(sequence, { envelope, settle, sinceMs: nowMs, sentTerm: term, once: true });
    return envelope;
  }

  /** Forgets a request added by `addSent` that was not appended after all. It is not settled. */
  withdraw(envelope: Uint8Array): void {
    this.#remove(open(envelope)?.sequence ?? 0);
  }

  /** Takes unsent requests, oldest first, within the limits; they count as sent in `term` from now on. */
  takeUnsent(term: Term, maxRequests: number, maxBytes: number): Uint8Array[] {
    const taken: Uint8Array[] = [];
    let bytes = 0;
    let read = 0;
    for (; read < this.#unsent.length && taken.length < maxRequests && bytes < maxBytes; read++) {
      const request = this.#pending.get(this.#unsent[read] as number);
      if (request === undefined) continue;
      request.sentTerm = term;
      bytes += request.envelope.length;
      taken.push(request.envelope);
    }
    this.#unsent = read === this.#unsent.length ? [] : this.#unsent.slice(read);
    return taken;
  }

  /** Everything sent in `term` and not answered, oldest first: what must be sent again over a new connection to the same leader. */
  sentIn(term: Term): Uint8Array[] {
    const envelopes: Uint8Array[] = [];
    for (const request of this.#pending.values()) if (request.sentTerm === term) envelopes.push(request.envelope);
    return envelopes;
  }

  /** An own request was applied. False for one of an earlier life or one that was given up. */
  applied(sequence: number, index: number, outcome: Outcome): boolean {
    const request = this.#pending.get(sequence);
    if (request === undefined) return false;
    this.#remove(sequence);
    request.settle(appliedAs(index, outcome));
    return true;
  }

  /** The leader did not and will not propose these: it is overloaded, or there is no room for them. */
  refused(sequences: readonly number[], noRoom: NoRoom | null): void {
    const failure = noRoom === null ? LEADER_OVERLOADED : noRoomFailure(noRoom);
    for (const sequence of sequences) this.#fail(sequence, failure);
  }

  /**
   * An entry of `term` is being applied: whatever was sent in an earlier term and has not come by never will. It is tried again in
   * its old place: a batch counts on its changes being applied in the order in which they were submitted.
   */
  termReached(term: Term): void {
    const isLost = ({ sentTerm }: PendingRequest): boolean => sentTerm !== 0 && sentTerm < term;
    let anyLost = false;
    for (const request of this.#pending.values()) anyLost ||= isLost(request);
    if (!anyLost) return;
    // In order, since every number ever given was the greatest. New numbers for all: a leader takes them only in ascending order.
    const waiting = [...this.#pending].filter(([, request]) => request.sentTerm === 0 || isLost(request));
    this.#unsent = [];
    for (const [sequence, request] of waiting) {
      this.#remove(sequence);
      if (request.once && request.sentTerm !== 0) {
        request.settle({ kind: 'failed', failure: LEADER_CHANGED });
        continue;
      }
      const again = this.#nextSequence++;
      this.#put(again, { ...request, envelope: reseal(request.envelope, again), sentTerm: 0 });
      this.#unsent.push(again);
    }
  }

  /** Puts requests taken by `takeUnsent` back in front, because they could not be sent after all. */
  putBack(envelopes: readonly Uint8Array[]): void {
    const sequences = envelopes.map((envelope) => open(envelope)?.sequence ?? 0);
    for (const sequence of sequences) {
      const request = this.#pending.get(sequence);
      if (request !== undefined) request.sentTerm = 0;
    }
    this.#unsent = [...sequences, ...this.#unsent];
  }

  /** Gives up what has waited too long: unsent ones definitely failed, for the reason `unsent`; sent ones may yet be applied. */
  expire(nowMs: number, leaderWaitMs: number, requestTimeoutMs: number, unsent: Failure = NO_LEADER): void {
    // A copy, here and below: who is answered may ask for something new at once.
    for (const [sequence, request] of [...this.#pending]) {
      const waitedMs = nowMs - request.sinceMs;
      if (request.sentTerm === 0) {
        if (waitedMs >= leaderWaitMs) this.#fail(sequence, unsent);
      } else if (waitedMs >= requestTimeoutMs) {
        this.#fail(sequence, UNKNOWN);
      }
    }
  }

  /** The log jumped by a snapshot: what was sent may be in the part that was not seen. */
  logJumped(): void {
    for (const [sequence, request] of [...this.#pending]) if (request.sentTerm !== 0) this.#fail(sequence, UNKNOWN);
  }

  failUnsent(failure: Failure): void {
    // First, as who is told may ask for something new at once: to leave the queue, say.
    this.#unsent = [];
    for (const [sequence, request] of [...this.#pending]) if (request.sentTerm === 0) this.#fail(sequence, failure);
  }

  failAll(failure: Failure): void {
    this.failUnsent(failure);
    for (const sequence of [...this.#pending.keys()]) this.#fail(sequence, UNKNOWN);
  }

  #fail(sequence: number, failure: Failure): void {
    const request = this.#pending.get(sequence);
    if (request === undefined) return;
    this.#remove(sequence);
    request.settle({ kind: 'failed', failure });
  }

  #put(sequence: number, request: PendingRequest): void {
    this.#pending.set(sequence, request);
    this.#pendingBytes += request.envelope.length;
  }

  #remove(sequence: number): void {
    this.#pendingBytes -= this.#pending.get(sequence)?.envelope.length ?? 0;
    this.#pending.delete(sequence);
  }
}
