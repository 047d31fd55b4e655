// Long work gives way between its pieces; short work does not wait for a turn.
import { expect, test } from 'vitest';
import { inPieces } from '../../src/io/pieces.ts';

const PIECE_MAX = 512;

test('ten thousand items are taken in order, a few hundred in each turn of the event loop', async () => {
  const items = Array.from({ length: 10_000 }, (_, at) => at);
  const taken: number[] = [];
  const most = await new Promise<number>((resolve) => {
    let before = 0;
    let most = 0;
    let going = true;
    const count = (): void => {
      most = Math.max(most, taken.length - before);
      before = taken.length;
      if (going) setImmediate(count);
      else resolve(most);
    };
    setImmediate(count);
    inPieces(
      items,
      (item) => taken.push(item),
      () => {
        going = false;
      },
    );
  });
  expect(taken).toEqual(items);
  expect(most).toBeLessThanOrEqual(PIECE_MAX);
});

test.each([0, 10])('%d items are done with before the call returns', (length) => {
  let taken = 0;
  let done = 0;
  inPieces(
    Array.from({ length }),
    () => {
      taken += 1;
    },
    () => {
      done += 1;
    },
  );
  expect([taken, done]).toEqual([length, 1]);
});
