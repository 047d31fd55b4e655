// The ring of events: what it keeps, where a watcher goes on, and what it says of what is gone.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StateEvent } from '../../src/lease/events.ts';
import { EventLog } from '../../src/replica/event-log.ts';

function event(index: number, position = 0, value = ''): StateEvent {
  return { type: 'put', index, position, atIndex: index, key: 'k', value, createRevision: 1, version: 1, lease: null, cause: null };
}

function idsFrom(log: EventLog, sequence: number | null): string[] | null {
  if (sequence === null) return null;
  const ids: string[] = [];
  for (let at = sequence; at < log.end; at++) {
    const found = log.at(at);
    ids.push(`${found?.index}.${found?.position}`);
  }
  return ids;
}

describe('going on', () => {
  test('after an id, the rest of its entry and all later ones follow', () => {
    const log = new EventLog(10, 1e6);
    for (const [index, position] of [
      [3, 0],
      [3, 1],
      [3, 2],
      [7, 0],
    ] as const)
      log.append(event(index, position));
    expect(idsFrom(log, log.after({ index: 0, position: 0 }))).toEqual(['3.0', '3.1', '3.2', '7.0']);
    expect(idsFrom(log, log.after({ index: 3, position: 1 }))).toEqual(['3.2', '7.0']);
    expect(idsFrom(log, log.after({ index: 5, position: 9 }))).toEqual(['7.0']);
    expect(idsFrom(log, log.after({ index: 7, position: 0 }))).toEqual([]);
  });

  test('an id before the oldest that is kept cannot be gone on from; the one right before it can', () => {
    const log = new EventLog(3, 1e6);
    for (let index = 1; index <= 5; index++) log.append(event(index));
    expect(log.after({ index: 1, position: 0 })).toBeNull();
    expect(idsFrom(log, log.after({ index: 2, position: 0 }))).toEqual(['3.0', '4.0', '5.0']);
  });

  test('of any events, in a ring of any size, after an id come exactly those that are later, or none can', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 4 })), { maxLength: 12 }),
        fc.nat(40),
        fc.nat(5),
        (size, entries, index, position) => {
          const log = new EventLog(size, 1e9);
          const all: StateEvent[] = [];
          let at = 0;
          for (const [step, count] of entries) {
            at += step;
            for (let place = 0; place < count; place++) all.push(event(at, place));
          }
          for (const each of all) log.append(each);
          const later = all.filter((each) => each.index > index || (each.index === index && each.position > position));
          const found = idsFrom(log, log.after({ index, position }));
          if (later.length > size) expect(found).toBeNull();
          else expect(found).toEqual(later.map((each) => `${each.index}.${each.position}`));
        },
      ),
    );
  });
});

describe('bounds', () => {
  test('events go, the oldest first, when their bytes are too many; one alone may be as large as it likes', () => {
    const log = new EventLog(100, 4_000);
    for (let index = 1; index <= 20; index++) log.append(event(index, 0, 'x'.repeat(300)));
    expect(log.end - log.start).toBeLessThan(5);
    expect(log.at(log.start - 1)).toBeUndefined();
    log.append(event(21, 0, 'x'.repeat(60_000)));
    expect(idsFrom(log, log.start)).toEqual(['21.0']);
  });
});

describe('a jump of the state', () => {
  test('leaves nothing to go on from but the last event before it', () => {
    const log = new EventLog(10, 1e6);
    log.append(event(3));
    const next = log.end;
    log.startAfter({ index: 9, position: 4 }, 12);
    expect(log.last).toEqual({ index: 9, position: 4 });
    expect(log.after({ index: 9, position: 3 })).toBeNull();
    expect(log.after({ index: 9, position: 4 })).toBe(log.end);
    expect([next < log.start, log.isBeforeGap(next), log.isBeforeGap(log.end)]).toEqual([true, true, false]);
    log.append(event(13));
    expect(idsFrom(log, log.after({ index: 9, position: 4 }))).toEqual(['13.0']);
  });

  test('to where this node is already is none', () => {
    const log = new EventLog(10, 1e6);
    log.append(event(3, 2));
    log.startAfter({ index: 3, position: 2 }, 12);
    expect(idsFrom(log, log.after({ index: 0, position: 0 }))).toEqual(['3.2']);
  });

  test('to a state that does not know its events counts all up to it as missing', () => {
    const log = new EventLog(10, 1e6);
    log.startAfter({ index: 0, position: 0 }, 12);
    expect(log.after({ index: 11, position: 5 })).toBeNull();
    expect(log.after({ index: 12, position: 0 })).toBe(log.end);
  });
});

test('whoever subscribes is told once a turn, and only if something happened', () => {
  const log = new EventLog(10, 1e6);
  let told = 0;
  const stop = log.subscribe(() => {
    told++;
  });
  log.tell();
  log.append(event(1));
  log.append(event(2));
  log.tell();
  log.tell();
  expect(told).toBe(1);
  stop();
  log.append(event(3));
  log.tell();
  expect(told).toBe(1);
});
