// The two structures that must stay fast and right at a million: the ordered keys and the expiry queue, against plain arrays.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Expiring, ExpiryQueue } from '../../src/lease/expiry-queue.ts';
import { OrderedKeys } from '../../src/lease/ordered-keys.ts';
import { OrderedMap } from '../../src/lease/ordered-map.ts';
import { ShardedMap } from '../../src/lease/sharded-map.ts';
import { holdsForAll } from './random.ts';

describe('ordered keys', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', '/', '\0', '😀', '\uffff'), maxLength: 4 });

  test('hold what a sorted array holds, and give the same ranges, at any sequence of changes', () => {
    const change = fc.record({ key: word, add: fc.boolean() });
    holdsForAll(
      fc.property(fc.array(change, { size: '+1' }), word, fc.option(word), (changes, prefix, after) => {
        const keys = new OrderedKeys();
        const plain = new Set<string>();
        for (const { key, add } of changes) {
          expect(add ? keys.add(key) : keys.delete(key)).toBe(add ? !plain.has(key) : plain.has(key));
          if (add) plain.add(key);
          else plain.delete(key);
        }
        const sorted = [...plain].sort();
        expect(keys.size).toBe(sorted.length);
        expect([...keys.range('', null)]).toEqual(sorted);
        const wanted = sorted.filter((key) => key.startsWith(prefix) && (after === null || key > after));
        expect([...keys.range(prefix, after)]).toEqual(wanted);
      }),
      150,
    );
  });

  test('stay right across the splitting and merging of many chunks', () => {
    const keys = new OrderedKeys();
    const name = (n: number): string => String((n * 7919) % 20_011).padStart(6, '0');
    let refused = 0;
    for (let n = 0; n < 20_011; n += 1) if (!keys.add(name(n))) refused += 1;
    for (let n = 0; n < 20_011; n += 1) if (n % 16 !== 0 && !keys.delete(name(n))) refused += 1;
    expect(refused).toBe(0);
    const left = Array.from({ length: 20_011 }, (_, n) => n)
      .filter((n) => n % 16 === 0)
      .map(name)
      .sort();
    expect([...keys.range('', null)]).toEqual(left);
    expect([...keys.range('0001', '000150')]).toEqual(left.filter((key) => key.startsWith('0001') && key > '000150'));
  });

  test('a map adds each key once', () => {
    const map = new OrderedMap<number>();
    map.add('a', 1);
    expect(() => map.add('a', 2)).toThrow('there already');
    expect([map.get('a'), map.delete('a'), map.delete('a'), map.size]).toEqual([1, true, false, 0]);
  });
});

describe('the sharded map', () => {
  test('holds what a map holds, at any sequence of changes', () => {
    const change = fc.record({ key: fc.string({ maxLength: 2 }), value: fc.nat(), add: fc.boolean() });
    holdsForAll(
      fc.property(fc.array(change, { size: '+1' }), (changes) => {
        const map = new ShardedMap<number>();
        const plain = new Map<string, number>();
        for (const { key, value, add } of changes) {
          if (add) {
            map.set(key, value);
            plain.set(key, value);
          } else expect(map.delete(key)).toBe(plain.delete(key));
          expect([map.size, map.get(key), map.has(key)]).toEqual([plain.size, plain.get(key), plain.has(key)]);
        }
        expect([...map.keys()].sort()).toEqual([...plain.keys()].sort());
        const values: number[] = [];
        map.forEach((value) => void values.push(value));
        expect(values.sort()).toEqual([...plain.values()].sort());
      }),
      100,
    );
  });

  test.each([
    ['numbered leases', (n: number) => `\0ns\0model\0lease-${n}`],
    ['models with one lease each', (n: number) => `\0ns\0model-${n}\0leader`],
    ['lease ids', (n: number) => String(n)],
  ])('a hundred thousand %s share no table of more than a hundredth', (_kind, name) => {
    const map = new ShardedMap<number>();
    let most = 0;
    const original = Map.prototype.set;
    Map.prototype.set = function counting(key, value) {
      most = Math.max(most, this.size);
      return original.call(this, key, value);
    };
    try {
      for (let n = 0; n < 100_000; n += 1) map.set(name(n), n);
    } finally {
      Map.prototype.set = original;
    }
    expect(map.size).toBe(100_000);
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThan(1_000);
  });
});

describe('the expiry queue', () => {
  interface Item extends Expiring {
    deadlineMs: number;
  }

  test('knows the next deadline and all that is due, at any sequence of additions, moves and removals', () => {
    const step = fc.record({ item: fc.nat(19), deadlineMs: fc.nat(50), remove: fc.boolean() });
    holdsForAll(
      fc.property(fc.array(step, { size: '+1' }), fc.nat(50), fc.nat(20), (steps, nowMs, limit) => {
        const queue = new ExpiryQueue();
        const items: Item[] = Array.from({ length: 20 }, (_, n) => ({ id: String(n), deadlineMs: 0, queuePosition: -1 }));
        const queued = new Set<Item>();
        for (const { item: number, deadlineMs, remove } of steps) {
          const item = items[number] as Item;
          if (remove) {
            queue.remove(item);
            queued.delete(item);
          } else {
            item.deadlineMs = deadlineMs;
            if (queued.has(item)) queue.moved(item);
            else queue.add(item);
            queued.add(item);
          }
          const deadlines = [...queued].map((each) => each.deadlineMs);
          expect(queue.nextDeadlineMs()).toBe(deadlines.length === 0 ? null : Math.min(...deadlines));
          expect(queue.size).toBe(queued.size);
        }
        const due = [...queued].filter((each) => each.deadlineMs < nowMs);
        const found = queue.due(nowMs, limit);
        expect(found).toHaveLength(Math.min(limit, due.length));
        expect(new Set(found).size).toBe(found.length);
        expect(found.every((each) => due.includes(each as Item))).toBe(true);
        expect(new Set(queue.due(nowMs, 1000))).toEqual(new Set(due));
      }),
      150,
    );
  });

  test('names the longest overdue first', () => {
    const queue = new ExpiryQueue();
    for (const deadlineMs of [50, 10, 40]) queue.add({ id: '', deadlineMs, queuePosition: -1 });
    expect(queue.due(100, 1).map((item) => item.deadlineMs)).toEqual([10]);
  });

  test('refuses an item twice, and to move one that is not in it', () => {
    const queue = new ExpiryQueue();
    const item = { id: 'x', deadlineMs: 1, queuePosition: -1 };
    expect(() => queue.moved(item)).toThrow('not queued');
    queue.add(item);
    expect(() => queue.add(item)).toThrow('queued twice');
  });
});
