// Every scenario of the specifications is told by a test; whether those tests pass is what the table at the end of a run says.
import { expect, test } from 'vitest';
import { scenarios } from './conformance/scenarios.ts';

test('each scenario that the specifications list has a test of its number', () => {
  const found = scenarios();
  if (found === null) {
    console.log('the specifications are absent (../shared/conformance beside the project): no scenario was looked for');
    return;
  }
  expect([...found.keys()]).toEqual(['JL', 'JR', 'EL']);
  for (const [kind, rows] of found) {
    expect(rows.length, kind).toBeGreaterThan(3);
    expect(rows.filter(({ tests }) => tests.length === 0).map(({ name }) => name)).toEqual([]);
  }
});
