// All watches of this node: bounded in number, woken together when entries were applied, ended together.
import type { ServerResponse } from 'node:http';
import { WATCH_SILENCE_MAX_MS } from '../contract/limits.ts';
import type { WatchId } from '../contract/watch.ts';
import type { StateEvent } from '../lease/events.ts';
import type { Service } from '../replica/service.ts';
import { ApiError } from './errors.ts';
import { onConnectionClosed } from './hang-up.ts';
import type { Waits } from './waits.ts';
import { eventBlock } from './watch-events.ts';
import type { Filter } from './watch-filter.ts';
import { Watcher, type WatcherHost } from './watcher.ts';

/** Between two looks at all watches. */
const LOOK_MS = 2_500;
/** A watch that was silent for so long says a word; early enough that the next look would be too late for none. */
const SILENCE_MS = WATCH_SILENCE_MAX_MS - 2 * LOOK_MS;

export class Watchers implements WatcherHost {
  readonly service: Service;
  readonly #waits: Waits;
  readonly #max: number;
  readonly #stallMs: number;
  readonly #watchers = new Set<Watcher>();
  /** Blocks made in this turn, by sequence number. */
  readonly #blocks = new Map<number, string>();
  #stopListening: (() => void) | null = null;
  #timer: NodeJS.Timeout | null = null;

  /** At most `max` watch at a time; a reader that takes nothing for `stallMs` is given up. */
  constructor(service: Service, waits: Waits, max: number, stallMs: number) {
    this.service = service;
    this.#waits = waits;
    this.#max = max;
    this.#stallMs = stallMs;
  }

  /** How many watch now. */
  get count(): number {
    return this.#watchers.size;
  }

  /** Lets a response stream what is `wanted`, after `id` or from now on; `head` writes its status and headers. Throws when too many watch. */
  open(raw: ServerResponse, wanted: Filter, id: WatchId | null, head: () => void): void {
    if (this.#watchers.size >= this.#max) throw new ApiError('overloaded', `${this.#max} watch this node already`);
    // Gone before it began: nothing would ever tell so again.
    if (raw.closed) return;
    const watcher = new Watcher(this, raw, wanted);
    const endWait = this.#waits.begin(() => watcher.end({ code: 'stopping', detail: 'the node is stopping' }));
    this.#watchers.add(watcher);
    const forget = (): void => {
      stopWatching();
      watcher.closed();
      endWait();
      this.#watchers.delete(watcher);
      if (this.#watchers.size === 0) this.#rest();
    };
    // One that is cut before its turn on the connection has come hears of it by the connection alone.
    const stopWatching = onConnectionClosed(raw, forget);
    raw.once('close', forget);
    // A connection that breaks is an end like any other.
    raw.on('error', () => undefined);
    this.#stopListening ??= this.service.events.subscribe(() => this.#wake());
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS);
    head();
    watcher.begin(id);
  }

  encode(sequence: number, event: StateEvent): string {
    let block = this.#blocks.get(sequence);
    if (block === undefined) {
      block = eventBlock(event);
      if (this.#blocks.size === 0) setImmediate(() => this.#blocks.clear());
      this.#blocks.set(sequence, block);
    }
    return block;
  }

  sendLater(watcher: Watcher): void {
    setImmediate(() => watcher.send());
  }

  #wake(): void {
    for (const watcher of this.#watchers) watcher.send();
  }

  #look(): void {
    const nowMs = performance.now();
    for (const watcher of this.#watchers) watcher.look(nowMs, SILENCE_MS, this.#stallMs);
  }

  /** Nobody watches: nothing is left running. */
  #rest(): void {
    this.#stopListening?.();
    this.#stopListening = null;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }
}
