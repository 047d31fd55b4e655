// The alarms of one node.
import { expect, test } from 'vitest';
import { ALARMS, Alarms } from '../../src/replica/alarms.ts';

test('an alarm is a condition: it clears when its owner says so, and only changes are reported', () => {
  const changes: string[] = [];
  const alarms = new Alarms((alarm, isActive) => changes.push(`${alarm} ${isActive}`));
  expect(alarms.active()).toEqual([]);
  alarms.set('memory', true);
  alarms.set('memory', true);
  alarms.set('disk-low', false);
  expect(alarms.active()).toEqual(['memory']);
  expect(alarms.has('memory')).toBe(true);
  alarms.set('memory', false);
  expect(alarms.active()).toEqual([]);
  expect(changes).toEqual(['memory true', 'memory false']);
});

test('the order does not depend on the order in which they were raised', () => {
  const alarms = new Alarms();
  for (const alarm of [...ALARMS].reverse()) alarms.set(alarm, true);
  expect(alarms.active()).toEqual(ALARMS);
});
