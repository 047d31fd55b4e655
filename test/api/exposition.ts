// Reads Prometheus' text format as strictly as Prometheus does, and a little more: every metric has its help and type before its first sample.

/** One scrape: values by series, written `name{label="text"}` with labels in the order sent. */
export interface Scrape {
  readonly values: ReadonlyMap<string, number>;
  /** By metric name, without the suffixes of histograms. */
  readonly types: ReadonlyMap<string, string>;
  /** Every name that a query may use, the suffixes of histograms included. */
  readonly names: ReadonlySet<string>;
}

const SAMPLE = /^([a-z_]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*\})? (-?[0-9][0-9.e+-]*)$/;

/** Throws with the line that is wrong. */
export function readExposition(text: string): Scrape {
  if (!text.endsWith('\n')) throw new Error('the last line is not ended');
  const values = new Map<string, number>();
  const types = new Map<string, string>();
  const names = new Set<string>();
  let helped = '';
  for (const line of text.slice(0, -1).split('\n')) {
    const [, kind, about = '', rest = ''] = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line) ?? [];
    if (kind === 'HELP') {
      helped = about;
    } else if (kind === 'TYPE') {
      if (helped !== about || types.has(about) || !['gauge', 'counter', 'histogram'].includes(rest)) throw new Error(line);
      types.set(about, rest);
      for (const suffix of rest === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']) names.add(about + suffix);
    } else {
      const [, name = '', labels = '', value] = SAMPLE.exec(line) ?? [];
      const series = name + labels;
      if (value === undefined || !names.has(name) || values.has(series)) throw new Error(line);
      values.set(series, Number(value));
    }
  }
  return { values, types, names };
}
