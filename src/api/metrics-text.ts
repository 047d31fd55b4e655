// Metrics as text, in version 0.0.4 of Prometheus' exposition format.
import type { Histogram } from '../histogram.ts';

/** Media type of the text. */
export const METRICS_MEDIA_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

/** Label names and values of one series. */
export type Labels = Readonly<Record<string, string>>;

/** Puts one metric after the other. Names, units last, and help texts are given once for each. */
export class MetricsText {
  #lines: string[] = [];

  /** A value that goes up and down; true is 1. */
  gauge(name: string, help: string, value: number | boolean, labels: Labels = {}): void {
    this.gauges(name, help, [[labels, value]]);
  }

  /** The same for several series. */
  gauges(name: string, help: string, series: Iterable<readonly [Labels, number | boolean]>): void {
    this.#head(name, help, 'gauge');
    for (const [labels, value] of series) this.#line(name, labels, Number(value));
  }

  /** What only grows as long as the process lives; its name ends in `_total`. */
  counter(name: string, help: string, value: number): void {
    this.counters(name, help, [[{}, value]]);
  }

  /** The same for several series. */
  counters(name: string, help: string, series: Iterable<readonly [Labels, number]>): void {
    this.#head(name, help, 'counter');
    for (const [labels, value] of series) this.#line(name, labels, value);
  }

  /** Durations; the name ends in `_seconds`. */
  histogram(name: string, help: string, series: Iterable<readonly [Labels, Histogram]>): void {
    this.#head(name, help, 'histogram');
    for (const [labels, histogram] of series) {
      for (const [boundS, count] of histogram.buckets()) {
        this.#line(`${name}_bucket`, { ...labels, le: boundS === Number.POSITIVE_INFINITY ? '+Inf' : String(boundS) }, count);
      }
      this.#line(`${name}_sum`, labels, histogram.sumS);
      this.#line(`${name}_count`, labels, histogram.count);
    }
  }

  toString(): string {
    return `${this.#lines.join('\n')}\n`;
  }

  #head(name: string, help: string, type: string): void {
    this.#lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
  }

  #line(name: string, labels: Labels, value: number): void {
    const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(text)}"`);
    this.#lines.push(`${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}`);
  }
}

function escaped(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
