// What waits on the leader to be proposed with the next group commit: its own requests and those that followers passed on.
import type { NodeId } from '../raft/types.ts';
import { type OpenedEnvelope, open } from './envelope.ts';
import { isAdmitted } from './lanes.ts';

/**
 * Requests of followers, each at most once: a follower sends its requests in ascending order, and again from the oldest unanswered
 * one after its connection broke, so within one term everything up to the last number seen has been taken already.
 */
export class Inbox {
  readonly #maxRequests: number;
  readonly #maxBytes: number;
  readonly #isPreferred: (command: Uint8Array) => boolean;
  #waiting: Uint8Array[] = [];
  #bytes = 0;
  /**
   * For each node its latest incarnation in this term, and the last sequence taken from it. Earlier incarnations have ended, so nobody
   * waits for their requests; and the map has one entry per member, whatever incarnations a member claims to have.
   */
  readonly #taken = new Map<NodeId, { incarnation: number; sequence: number }>();

  /** `isPreferred` gets the encoded command of a request when there is little room. */
  constructor(maxRequests: number, maxBytes: number, isPreferred: (command: Uint8Array) => boolean) {
    this.#maxRequests = maxRequests;
    this.#maxBytes = maxBytes;
    this.#isPreferred = isPreferred;
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Takes a follower's requests in; returns the sequences that are refused because too many wait. Malformed ones are dropped. */
  add(from: NodeId, envelopes: readonly Uint8Array[]): number[] {
    const refused: number[] = [];
    for (const envelope of envelopes) {
      const header = open(envelope);
      if (header === null || header.node !== from) continue;
      if (!this.#isNew(header)) continue;
      if (!this.#hasRoom(header.command)) {
        refused.push(header.sequence);
        continue;
      }
      // A copy, because the bytes are part of a larger frame that could not be freed before the log is cut.
      this.#waiting.push(Buffer.from(envelope));
      this.#bytes += envelope.length;
    }
    return refused;
  }

  take(maxRequests: number, maxBytes: number): Uint8Array[] {
    let count = 0;
    let bytes = 0;
    while (count < this.#waiting.length && count < maxRequests && bytes < maxBytes) bytes += (this.#waiting[count++] as Uint8Array).length;
    const taken = this.#waiting.slice(0, count);
    this.#waiting = count === this.#waiting.length ? [] : this.#waiting.slice(count);
    this.#bytes -= bytes;
    return taken;
  }

  /** Puts what `take` gave back in front. */
  putBack(envelopes: readonly Uint8Array[]): void {
    this.#waiting = [...envelopes, ...this.#waiting];
    for (const envelope of envelopes) this.#bytes += envelope.length;
  }

  /** A new term, or no leader any more: whoever passed requests on finds out by the log and tries again. */
  clear(): void {
    this.#waiting = [];
    this.#bytes = 0;
    this.#taken.clear();
  }

  /** Whether the request is later than all that were taken from its node; records it. */
  #isNew({ node, incarnation, sequence }: OpenedEnvelope): boolean {
    const taken = this.#taken.get(node) ?? { incarnation, sequence: 0 };
    // NaN is not later than anything.
    const isLater = incarnation > taken.incarnation ? sequence > 0 : incarnation === taken.incarnation && sequence > taken.sequence;
    if (isLater) this.#taken.set(node, { incarnation, sequence });
    return isLater;
  }

  #hasRoom(command: Uint8Array): boolean {
    return this.#admits(false) || (this.#admits(true) && this.#isPreferred(command));
  }

  #admits(isPreferred: boolean): boolean {
    return isAdmitted(isPreferred, this.#waiting.length, this.#maxRequests) && isAdmitted(isPreferred, this.#bytes, this.#maxBytes);
  }
}
