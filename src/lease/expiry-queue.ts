// All leases that can end by time, the next one first: a binary heap by deadline in which each lease knows its place.
import { assert } from '../assert.ts';

/** What stands in the queue. */
export interface Expiring {
  /** How an expire entry names it. */
  readonly id: string;
  /** Lease time after which it is due. */
  readonly deadlineMs: number;
  /** Kept by the queue; -1 outside it. */
  queuePosition: number;
}

/** A lease time that is `durationMs` from `timeMs`, or the greatest there is. */
export function deadlineAfter(timeMs: number, durationMs: number): number {
  return Math.min(timeMs + durationMs, Number.MAX_SAFE_INTEGER);
}

/** A lease stands in it at most once; add, move and remove cost O(log n). */
export class ExpiryQueue {
  /** Invariant: no item is due later than its children at 2n + 1 and 2n + 2, and each item's queuePosition is its place. */
  readonly #heap: Expiring[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** Deadline of the first, null when the queue is empty. */
  nextDeadlineMs(): number | null {
    return this.#heap[0]?.deadlineMs ?? null;
  }

  /** Puts an item in, which must not be in. */
  add(item: Expiring): void {
    assert(item.queuePosition === -1, `${JSON.stringify(item.id)} is queued twice`);
    this.#heap.push(item);
    this.#rise(item, this.#heap.length - 1);
  }

  /** Finds the item's new place after its deadline moved. */
  moved(item: Expiring): void {
    assert(this.#heap[item.queuePosition] === item, `${JSON.stringify(item.id)} is not queued`);
    this.#rise(item, item.queuePosition);
    this.#sink(item, item.queuePosition);
  }

  /** Takes an item out; nothing happens if it is not in. */
  remove(item: Expiring): void {
    const place = item.queuePosition;
    if (place === -1) return;
    const last = this.#heap.pop() as Expiring;
    item.queuePosition = -1;
    if (last === item) return;
    last.queuePosition = place;
    this.#heap[place] = last;
    this.moved(last);
  }

  /** Up to `limit` items that are due (deadline before `nowMs`), the longest overdue roughly first. Changes nothing, costs O(limit). */
  due(nowMs: number, limit: number): Expiring[] {
    const found: Expiring[] = [];
    const places = [0];
    // A parent is due before its children are: the walk meets one item that is not due for each that is, at most.
    for (let next = 0; next < places.length && found.length < limit; next += 1) {
      const place = places[next] as number;
      const item = this.#heap[place];
      if (item === undefined || item.deadlineMs >= nowMs) continue;
      found.push(item);
      places.push(2 * place + 1, 2 * place + 2);
    }
    return found;
  }

  #rise(item: Expiring, from: number): void {
    const heap = this.#heap;
    let place = from;
    while (place > 0) {
      const above = (place - 1) >>> 1;
      const parent = heap[above] as Expiring;
      if (parent.deadlineMs <= item.deadlineMs) break;
      heap[place] = parent;
      parent.queuePosition = place;
      place = above;
    }
    heap[place] = item;
    item.queuePosition = place;
  }

  #sink(item: Expiring, from: number): void {
    const heap = this.#heap;
    let place = from;
    for (;;) {
      let below = 2 * place + 1;
      let child = heap[below];
      if (child === undefined) break;
      const other = heap[below + 1];
      if (other !== undefined && other.deadlineMs < child.deadlineMs) {
        child = other;
        below += 1;
      }
      if (child.deadlineMs >= item.deadlineMs) break;
      heap[place] = child;
      child.queuePosition = place;
      place = below;
    }
    heap[place] = item;
    item.queuePosition = place;
  }
}
