// The judges of the metrics: which series an expression asks for, and what counts as movement.
import { describe, expect, test } from 'vitest';
import { Movement } from './movement.ts';
import { alertExpressions, dashboardExpressions, selectorsOf } from './selectors.ts';

function scrape(life: number, samples: Readonly<Record<string, number>>): string {
  const names = new Set(Object.keys(samples).map((series) => series.split('{')[0] ?? ''));
  const heads = [...names].map((name) => `# HELP ${name} x\n# TYPE ${name} ${name.endsWith('_total') ? 'counter' : 'gauge'}\n`);
  return [
    ...heads,
    ...Object.entries(samples).map(([series, value]) => `${series} ${value}\n`),
    `# HELP process_start_time_seconds x\n# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds ${life}\n`,
  ].join('');
}

const still = (movement: Movement, expression: string) => movement.stillIn(selectorsOf(expression));

describe('the selectors of an expression', () => {
  test('are its metrics, without functions, operators, groupings and ranges', () => {
    const expression = 'histogram_quantile(0.99, sum by (le, instance) (rate(a_bucket{x="1"}[5m]))) > 0.1 and on (b) max(c_total) - d == 1';
    expect(selectorsOf(expression).map(({ text }) => text)).toEqual(['a_bucket{x="1"}', 'c_total', 'd']);
  });

  test('are met by labels as Prometheus means them', () => {
    const [selector] = selectorsOf('a{b="1", c!="2", d=~"x|y", e!~"z.*", instance=~"$instance"}');
    const met = (labels: Record<string, string>) => selector?.matches(new Map(Object.entries(labels)));
    expect(met({ b: '1', d: 'y' })).toBe(true);
    for (const wrong of [{ b: '2' }, { c: '2' }, { d: 'xy' }, { e: 'zz' }]) expect(met({ b: '1', d: 'y', ...wrong })).toBe(false);
    expect(() => selectorsOf('a{b}')).toThrow('no matcher');
  });

  test('are found in every panel and every alert', () => {
    const expressions = [...dashboardExpressions(), ...alertExpressions()];
    expect(expressions.length).toBeGreaterThan(35);
    for (const [where, expression] of expressions) expect(selectorsOf(expression).length, where).toBeGreaterThan(0);
  });
});

describe('movement', () => {
  test('is another value of the same series, and not the same value again, nor another series', () => {
    const movement = new Movement();
    movement.add('n1', scrape(1, { 'a{b="1"}': 5, 'a{b="2"}': 6, c: 1 }));
    movement.add('n1', scrape(1, { 'a{b="1"}': 5, 'a{b="2"}': 7, c: 1 }));
    expect(still(movement, 'a{b="1"} + a{b="2"} + a + c + nowhere')).toEqual(['a{b="1"}', 'c', 'nowhere']);
  });

  test('is no count that begins anew with its process', () => {
    const movement = new Movement();
    movement.add('n1', scrape(1, { a_total: 5 }));
    movement.add('n1', scrape(2, { a_total: 0 }));
    expect(still(movement, 'a_total')).toEqual(['a_total']);
  });

  test('is a count that appears, but not one that was there from the first scrape, nor a gauge', () => {
    const movement = new Movement();
    movement.add('n1', scrape(1, { 'a_total{b="1"}': 5 }));
    movement.add('n1', scrape(1, { 'a_total{b="1"}': 5, 'a_total{b="2"}': 1, 'c{d="1"}': 1 }));
    expect(still(movement, 'a_total{b="1"} + a_total{b="2"} + c')).toEqual(['a_total{b="1"}', 'c']);
  });

  test('of a node that does not answer is seen in `up`', () => {
    const movement = new Movement();
    movement.add('n1', scrape(1, {}));
    expect(still(movement, 'up{job="leasehold"}')).toEqual(['up{job="leasehold"}']);
    movement.add('n1', null);
    expect(still(movement, 'up{job="leasehold"} + up{job="other"}')).toEqual(['up{job="other"}']);
  });
});
