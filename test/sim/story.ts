// What happened in a run: lines for people when asked for, and always a hash that two runs of one seed must share.

/** How much a line matters to a reader: the course of events, or how it came about (messages, writes). */
export type Weight = 'event' | 'detail';

/** Given each line of a story. */
export type Print = (line: string, weight: Weight) => void;

/** Takes everything that happens in a run, in order. */
export class Story {
  readonly #print: Print | null;
  #low = 0x811c_9dc5;
  #high = 0xcbf2_9ce4;

  /** `print` is given each line; null when nobody reads along. */
  constructor(print: Print | null) {
    this.#print = print;
  }

  /** Something that happened at `atMs`, told by `who` (a node, a client, the nemesis). */
  tell(atMs: number, who: string, what: string, weight: Weight = 'event'): void {
    const line = `${atMs.toFixed(3).padStart(10)} ${who.padEnd(8)} ${what}`;
    let low = this.#low;
    let high = this.#high;
    for (let place = 0; place < line.length; place += 1) {
      const code = line.charCodeAt(place);
      low = Math.imul(low ^ code, 0x0100_0193);
      high = Math.imul(high ^ (code + low), 0x0100_01b3);
    }
    this.#low = low;
    this.#high = high;
    this.#print?.(line, weight);
  }

  /** 16 hexadecimal digits over everything told so far. */
  get hash(): string {
    return [this.#high, this.#low].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
  }
}
