// What moved between scrapes, as Prometheus would see it: each node's series under its instance, and `up`.
import { readExposition } from './exposition.ts';
import type { Selector } from './selectors.ts';

interface Series {
  readonly name: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly first: number;
  moved: boolean;
}

export class Movement {
  readonly #series = new Map<string, Series>();
  /** Lives of processes that were scraped before. */
  readonly #lives = new Set<string>();

  /**
   * Adds a scrape of a node; null when it does not answer. A process that was started again is another one: that its counts begin anew is no
   * movement. A series with a count that was not there in the last scrape of the same life was 0, as a counter is.
   */
  add(instance: string, text: string | null): void {
    this.#put('up', new Map([['job', 'leasehold']]), instance, instance, text === null ? 0 : 1, false);
    if (text === null) return;
    const { values } = readExposition(text);
    const life = `${instance} ${values.get('process_start_time_seconds')}`;
    for (const [series, value] of values) {
      const [, name = '', inside = ''] = /^([a-z_]+)(?:\{(.*)\})?$/.exec(series) ?? [];
      const labels = new Map([...inside.matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, label = '', word = '']) => [label, word]));
      this.#put(name, labels, instance, life, value, this.#lives.has(life) && /_(total|count|sum|bucket)$/.test(name) && value > 0);
    }
    this.#lives.add(life);
  }

  /** Whether a series that the selector asks for has had two values. */
  hasMoved(selector: Selector): boolean {
    return [...this.#series.values()].some(({ name, labels, moved }) => moved && name === selector.name && selector.matches(labels));
  }

  /** Those whose series stood still, or were not there. */
  stillIn(selectors: readonly Selector[]): string[] {
    return [...new Set(selectors.filter((selector) => !this.hasMoved(selector)).map(({ text }) => text))];
  }

  #put(name: string, labels: ReadonlyMap<string, string>, instance: string, life: string, value: number, movedAlready: boolean): void {
    const key = `${life} ${name} ${[...labels].join(' ')}`;
    const known = this.#series.get(key);
    if (known === undefined)
      this.#series.set(key, { name, labels: new Map([...labels, ['instance', instance]]), first: value, moved: movedAlready });
    else known.moved ||= known.first !== value;
  }
}
