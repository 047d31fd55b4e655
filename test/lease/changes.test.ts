// What a save under way is given, and what it costs the changes that come meanwhile.
import { expect, test } from 'vitest';
import { Changes } from '../../src/lease/changes.ts';

test('a record is copied when it changes again before a save has read it, and not any more after that', () => {
  const values = new Map([
    ['a', 1],
    ['b', 1],
  ]);
  let copies = 0;
  const changes = new Changes();
  const change = (id: string): void => {
    changes.mark(id, null);
    values.set(id, (values.get(id) ?? 0) + 1);
  };
  change('a');
  change('b');
  const reading = changes
    .take((id) => {
      copies += 1;
      return [values.get(id)];
    })
    .read();
  expect(reading.next().value).toEqual(['a', [2], null]);
  change('a');
  expect(copies).toBe(1);
  change('b');
  expect(copies).toBe(2);
  expect([...reading]).toEqual([['b', [2], null]]);
  change('b');
  expect([copies, changes.count]).toEqual([2, 2]);
});
