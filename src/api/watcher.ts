// One watch: reads on from its own place in the node's events, at the pace of whoever reads the stream.
import type { ServerResponse } from 'node:http';
import type { WatchErrorData, WatchId } from '../contract/watch.ts';
import type { StateEvent } from '../lease/events.ts';
import type { Service } from '../replica/service.ts';
import { commentBlock, errorBlock, resetBlock } from './watch-events.ts';
import type { Filter } from './watch-filter.ts';

/** Characters after which one step of sending ends; what the reader has not taken of it is all that a watch keeps in memory. */
const STEP_MAX_CHARACTERS = 64 * 1024;
/** Events looked at in one step, wanted or not. */
const STEP_MAX_EVENTS = 4_096;
/** After so many unwanted events in a row the reader is told how far it has come, lest its last id become too old to go on from. */
const PLACE_AFTER_EVENTS = 8_192;
/** Between two attempts to learn where the log stands, while no leader is known. */
const BEGIN_AGAIN_MS = 200;
/** How long the last words may take to be read before the connection is cut. */
const LINGER_MS = 2_000;

export interface WatcherHost {
  readonly service: Service;
  /** The block of that event, made once for all watches of a turn. */
  encode(sequence: number, event: StateEvent): string;
  /** There is more to send than one step may. */
  sendLater(watcher: Watcher): void;
}

export class Watcher {
  readonly #host: WatcherHost;
  readonly #raw: ServerResponse;
  readonly #wanted: Filter;
  /** Sequence number of the next event to look at; null until it is known from where. */
  #next: number | null = null;
  #unwanted = 0;
  #timer: NodeJS.Timeout | null = null;
  /** When the reader last kept up, while it does not; null while it does. */
  #blockedSinceMs: number | null = null;
  #wroteAtMs = performance.now();
  #ended = false;

  constructor(host: WatcherHost, raw: ServerResponse, wanted: Filter) {
    this.#host = host;
    this.#raw = raw;
    this.#wanted = wanted;
  }

  /**
   * Goes on after `id`, or with null from what is committed now. A node that has not applied so far waits until it has; an id beyond
   * everything committed is none of this log.
   */
  begin(id: WatchId | null): void {
    const { service } = this.#host;
    if (id !== null && id.index <= service.appliedIndex) {
      this.#goOnAfter(id);
      return;
    }
    service.read('linearizable', (result) => {
      if (this.#ended) return;
      if (result.kind === 'failed') {
        if (result.failure.code === 'stopping') this.end({ code: 'stopping', detail: 'the node is stopping' });
        else this.#timer = setTimeout(() => this.begin(id), BEGIN_AGAIN_MS);
      } else if (id === null) {
        this.#start(service.events.end, this.#here());
      } else if (id.index > result.view.index) {
        this.#startAnew('the id is beyond the end of the log');
      } else {
        this.#goOnAfter(id);
      }
    });
  }

  /** Sends what is new, as much as one step may. */
  send(): void {
    const { events } = this.#host.service;
    if (this.#next === null || this.#blockedSinceMs !== null || this.#ended) return;
    if (this.#next < events.start) {
      this.#lost(events.isBeforeGap(this.#next));
      return;
    }
    let text = '';
    const stepEnd = Math.min(events.end, this.#next + STEP_MAX_EVENTS);
    for (; this.#next < stepEnd && text.length < STEP_MAX_CHARACTERS; this.#next++) {
      const event = events.at(this.#next) as StateEvent;
      this.#unwanted++;
      if (this.#wanted(event)) {
        text += this.#host.encode(this.#next, event);
        this.#unwanted = 0;
      } else if (this.#unwanted === PLACE_AFTER_EVENTS) {
        text += commentBlock('still here', event);
        this.#unwanted = 0;
      }
    }
    if (text !== '') this.#write(text);
    if (this.#next < events.end && this.#blockedSinceMs === null) this.#host.sendLater(this);
  }

  /** Says a word if it has been silent for `silenceMs`; gives a reader up that has taken nothing for `stallMs`. */
  look(nowMs: number, silenceMs: number, stallMs: number): void {
    if (this.#ended) return;
    if (this.#blockedSinceMs !== null) {
      if (nowMs - this.#blockedSinceMs >= stallMs) this.#tooSlow();
    } else if (nowMs - this.#wroteAtMs >= silenceMs) {
      this.#write(commentBlock('still here', this.#next === this.#host.service.events.end ? this.#here() : null));
    }
  }

  /** Ends the stream with a reason, as far as the reader still takes it. */
  end(reason: WatchErrorData): void {
    if (this.#ended) return;
    this.closed();
    this.#raw.end(errorBlock(reason));
    const cut = setTimeout(() => this.#raw.destroy(), LINGER_MS);
    this.#raw.once('close', () => clearTimeout(cut));
  }

  /** The connection is gone, or what is written to it from now on is the end. */
  closed(): void {
    this.#ended = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
  }

  #goOnAfter(id: WatchId): void {
    const next = this.#host.service.events.after(id);
    if (next === null) this.#startAnew('events after that id are not kept any more');
    else this.#start(next, id);
  }

  /** Sends the events from that number on, which follow the one called `id`. */
  #start(next: number, id: WatchId): void {
    this.#next = next;
    this.#write(commentBlock('ready', id));
    this.send();
  }

  #startAnew(detail: string): void {
    this.#write(commentBlock('ready', null));
    this.#reset(detail);
  }

  #lost(byJump: boolean): void {
    if (byJump) this.#reset('the node took over a state without the events that led to it');
    else this.#tooSlow();
  }

  #reset(detail: string): void {
    const here = this.#here();
    this.#next = this.#host.service.events.end;
    this.#write(resetBlock(here, { type: 'reset', index: here.index, detail }));
  }

  /** The place right after everything that is applied. */
  #here(): WatchId {
    const { events, appliedIndex } = this.#host.service;
    return { index: appliedIndex, position: events.last.index === appliedIndex ? events.last.position : 0 };
  }

  #tooSlow(): void {
    this.end({ code: 'overloaded', detail: 'the reader is too slow: read faster, or watch less' });
  }

  #write(text: string): void {
    this.#wroteAtMs = performance.now();
    if (this.#raw.write(text)) return;
    this.#blockedSinceMs ??= this.#wroteAtMs;
    this.#raw.once('drain', () => {
      this.#blockedSinceMs = null;
      this.send();
    });
  }
}
