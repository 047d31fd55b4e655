// The events of the entries that this node has applied, kept for a while, so that a watcher which was cut can go on here.
import { Histogram } from '../histogram.ts';
import type { EventId, StateEvent } from '../lease/events.ts';

/** Bytes that an event takes besides its texts, roughly. */
const EVENT_OVERHEAD_BYTES = 200;
/** Bytes of a character in memory, and once more as JSON. */
const BYTES_PER_CHARACTER = 3;

/**
 * A ring of events. Each has a sequence number on this node, by which watchers that read here count; its id is the same on every node.
 * Invariant: ids grow with sequence numbers, and of what came after the id `floor` nothing is missing.
 */
export class EventLog {
  /** How many of each type this node has applied since it started. */
  readonly counts: Record<StateEvent['type'], number> = {
    claimed: 0,
    extended: 0,
    released: 0,
    expired: 0,
    revoked: 0,
    pinned: 0,
    unpinned: 0,
    put: 0,
    deleted: 0,
  };
  /** Lease time from the deadline to the end of each tenure that expired. */
  readonly lateness = new Histogram();
  readonly #maxEvents: number;
  readonly #maxBytes: number;
  readonly #ring: (StateEvent | undefined)[] = [];
  readonly #listeners = new Set<() => void>();
  #start = 0;
  #end = 0;
  #bytes = 0;
  /** Id of the last event that is not kept any more. */
  #floor: EventId = { index: 0, position: 0 };
  #last: EventId = this.#floor;
  /** The first sequence number after the last gap. */
  #afterGap = 0;
  #toTell = false;

  /** Keeps at most `maxEvents`, and about `maxBytes`; older ones go first. */
  constructor(maxEvents: number, maxBytes: number) {
    this.#maxEvents = maxEvents;
    this.#maxBytes = maxBytes;
  }

  /** Sequence number of the oldest event that is kept. */
  get start(): number {
    return this.#start;
  }

  /** Id of the last event that is not kept: whoever has seen that one can go on here. */
  get floor(): EventId {
    return this.#floor;
  }

  /** Sequence number of the next event. */
  get end(): number {
    return this.#end;
  }

  /** Id of the last event that was told on any node, as far as this one has applied. */
  get last(): EventId {
    return this.#last;
  }

  /**
   * The node goes on from a state at `index`, the last event before which was `last`: those that were not told here are missing.
   * A state of the time before there were events says 0, then all up to `index` count as missing.
   */
  startAfter(last: EventId, index: number): void {
    const floor = last.index > 0 ? last : { index, position: 0 };
    if (compareEventIds(floor, this.#last) === 0) return;
    this.#floor = floor;
    this.#last = floor;
    this.#ring.length = 0;
    this.#bytes = 0;
    // A number is left out, so that whoever waited for it finds it gone.
    this.#end += 1;
    this.#start = this.#end;
    this.#afterGap = this.#end;
    this.#toTell = true;
  }

  append(event: StateEvent): void {
    this.counts[event.type] += 1;
    if (event.type === 'expired') this.lateness.observe(event.lateMs);
    if (this.#end - this.#start === this.#maxEvents) this.#drop();
    this.#ring[this.#end % this.#maxEvents] = event;
    this.#end += 1;
    this.#last = event;
    this.#bytes += bytesOf(event);
    this.#toTell = true;
    while (this.#bytes > this.#maxBytes && this.#end - this.#start > 1) this.#drop();
  }

  /** The event of that number, undefined if it is not kept or not there yet. */
  at(sequence: number): StateEvent | undefined {
    return sequence >= this.#start && sequence < this.#end ? this.#ring[sequence % this.#maxEvents] : undefined;
  }

  /** Number of the first event after the one called `id`; null when some after it are not kept any more. */
  after(id: EventId): number | null {
    if (compareEventIds(id, this.#floor) < 0) return null;
    let low = this.#start;
    let high = this.#end;
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2);
      if (compareEventIds(this.at(middle) as StateEvent, id) <= 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Whether a number below `start` was lost by a jump of this node's state, not by the ring's going round. */
  isBeforeGap(sequence: number): boolean {
    return sequence < this.#afterGap;
  }

  /** Calls `listener` after each turn of the loop that brought events, until the returned function is called. */
  subscribe(listener: () => void): () => void {
    const entry = (): void => listener();
    this.#listeners.add(entry);
    return () => {
      this.#listeners.delete(entry);
    };
  }

  /** A turn is over: whole entries stand here. */
  tell(): void {
    if (!this.#toTell) return;
    this.#toTell = false;
    for (const listener of this.#listeners) listener();
  }

  #drop(): void {
    const place = this.#start % this.#maxEvents;
    const event = this.#ring[place] as StateEvent;
    this.#ring[place] = undefined;
    this.#bytes -= bytesOf(event);
    this.#floor = event;
    this.#start += 1;
  }
}

/** Negative, zero or positive, by index, then by position. */
export function compareEventIds(left: EventId, right: EventId): number {
  return left.index - right.index || left.position - right.position;
}

function bytesOf(event: StateEvent): number {
  const characters = 'key' in event ? event.key.length + (event.value?.length ?? 0) : event.claimId.length + (event.holder?.length ?? 0);
  return EVENT_OVERHEAD_BYTES + characters * BYTES_PER_CHARACTER;
}
