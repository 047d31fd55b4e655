// From numbers to places in a plot: rates on a plain scale, latencies on a logarithmic one, and lines with gaps where nothing is known.

/** What a value's height is, from 0 at the bottom to 1 at the top, and the values that lines are ruled at. */
export interface Scale {
  readonly heightOf: (value: number) => number;
  readonly rules: readonly number[];
}

/** From nothing to the next of 1, 2, 5, 10, 20, … above `most`. */
export function plainScale(most: number): Scale {
  const power = 10 ** Math.floor(Math.log10(Math.max(most, 1)));
  const top = ([1, 2, 5, 10].find((step) => step * power >= most) ?? 10) * power;
  return { heightOf: (value) => Math.min(1, value / top), rules: top < 2 ? [top] : [top / 2, top] };
}

/** Of milliseconds, from a tenth to the next power of ten above `mostMs`, 100 at least. */
export function latencyScale(mostMs: number): Scale {
  const least = -1;
  const decades = Math.max(2, Math.ceil(Math.log10(Math.max(mostMs, 1)))) - least;
  const heightOf = (ms: number) => Math.min(1, Math.max(0, (Math.log10(Math.max(ms, 0.001)) - least) / decades));
  return { heightOf, rules: Array.from({ length: decades }, (_, at) => 10 ** (at + 1 + least)) };
}

/** An SVG path through `values`, one for each unit of width from 0.5 on, in a box 100 high; a null interrupts it, and a value alone is a dot. */
export function pathThrough(values: readonly (number | null)[], heightOf: Scale['heightOf']): string {
  let path = '';
  let drawing = false;
  for (const [at, value] of values.entries()) {
    if (value === null) {
      drawing = false;
      continue;
    }
    const place = `${at + 0.5},${(100 - 100 * heightOf(value)).toFixed(1)}`;
    path += drawing ? `L${place}` : `M${place}h0`;
    drawing = true;
  }
  return path;
}
