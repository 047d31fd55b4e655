// The judges of the long checks see what they are there to see: each broken promise is planted once, and a true history passes.
import { expect, test } from 'vitest';
import { SeededRandom } from '../../bench/random.ts';
import { History } from '../../bench/soak/history.ts';

const KEPT = { model: 'kept', lease: 'kept-1', holder: 'anna', fence: 7 };
const WRITE = { key: 'write-1', value: 'one', modRevision: 8, version: 1 };

function historyOf(record: (history: History) => void): string[] {
  const violations: string[] = [];
  record(new History((text) => violations.push(text)));
  return violations;
}

test('a history that keeps every promise is not accused', () => {
  const violations = historyOf((history) => {
    history.claimed('kept-1', 'anna', 7);
    history.wrote('write-1', 'one', 8);
    history.registered('register-1', 'a', true);
    history.registered('register-1', 'b', false);
    const tenures = history.tenures('short');
    tenures.acknowledged('anna', 10, 0, 5, 100);
    tenures.acknowledged('anna', 10, 50, 55, 100);
    tenures.acknowledged('bert', 20, 140, 151, 100);
    tenures.releasing(20);
    tenures.acknowledged('anna', 30, 170, 175, 100);
    tenures.denied('bert', 20, 180);
    tenures.denied('anna', 30, 271);
    history.verify([KEPT], [WRITE, { key: 'register-1', value: 'a', modRevision: 9, version: 1 }]);
  });
  expect(violations).toEqual([]);
});

test('a second holder before the promise to the first has ended is seen', () => {
  const violations = historyOf((history) => {
    history.tenures('short').acknowledged('anna', 10, 0, 5, 100);
    history.tenures('short').acknowledged('bert', 20, 60, 99, 100);
  });
  expect(violations).toEqual(['short: bert got fence 20 1 ms before the promise to anna (fence 10) ended']);
});

test('the same is seen when the first holder hears of its renewal last', () => {
  const violations = historyOf((history) => {
    history.tenures('short').acknowledged('anna', 10, 0, 5, 20);
    history.tenures('short').acknowledged('bert', 20, 21, 30, 100);
    history.tenures('short').acknowledged('anna', 10, 15, 40, 20);
  });
  expect(violations).toHaveLength(1);
});

test('a holder that is told too early that it holds nothing is seen', () => {
  const violations = historyOf((history) => {
    history.tenures('short').acknowledged('anna', 10, 0, 5, 100);
    history.tenures('short').denied('anna', 10, 80);
  });
  expect(violations).toEqual(['short: anna lost fence 10 at least 20 ms early']);
});

test('one fence for two holders is seen', () => {
  const violations = historyOf((history) => {
    history.tenures('short').acknowledged('anna', 10, 0, 5, 1);
    history.tenures('short').acknowledged('bert', 10, 60, 99, 1);
  });
  expect(violations).toEqual(['short: fence 10 was given to anna and to bert']);
});

test('a fence that comes back after a greater one was known is seen', () => {
  const violations = historyOf((history) => {
    history.tenures('short').acknowledged('bert', 20, 0, 5, 1);
    history.tenures('short').acknowledged('anna', 10, 10, 15, 1);
  });
  expect(violations).toContain('short: fence 10 was acknowledged by a call that began after fence 20 was known');
});

test.each([
  ['a lost claim', [], [WRITE]],
  ['a claim with another fence', [{ ...KEPT, fence: 9 }], [WRITE]],
  ['a claim of another holder', [{ ...KEPT, holder: 'bert' }], [WRITE]],
  ['a lost write', [KEPT], []],
  ['a changed write', [KEPT], [{ ...WRITE, value: 'two' }]],
  ['a write at another revision', [KEPT], [{ ...WRITE, modRevision: 9 }]],
  ['a write that was applied twice', [KEPT], [{ ...WRITE, version: 2 }]],
])('%s is seen at the end', (_, claims, keys) => {
  const violations = historyOf((history) => {
    history.claimed('kept-1', 'anna', 7);
    history.wrote('write-1', 'one', 8);
    history.verify(claims, keys);
  });
  expect(violations).toHaveLength(1);
});

test('a register that forgot its last acknowledged write is seen, in a read and at the end', () => {
  const violations = historyOf((history) => {
    history.registered('register-1', 'a', true);
    history.registered('register-1', 'b', true);
    history.read('register-1', 'a');
    history.verify([], [{ key: 'register-1', value: 'a', modRevision: 9, version: 2 }]);
  });
  expect(violations).toHaveLength(2);
});

test('the same seed gives the same chance', () => {
  const draw = (seed: number): number[] => {
    const random = new SeededRandom(seed);
    return Array.from({ length: 20 }, () => random.between(3, 9));
  };
  expect(draw(5)).toEqual(draw(5));
  expect(draw(5)).not.toEqual(draw(6));
  expect(Math.min(...draw(5))).toBeGreaterThanOrEqual(3);
  expect(Math.max(...draw(5))).toBeLessThanOrEqual(9);
});
