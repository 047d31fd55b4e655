// The state is saved in small pieces while it goes on, and what is saved is the state of one moment.
import { beforeEach, describe, expect, test } from 'vitest';
import type { Done, ImageMeta, LogStore, StateRecord } from '../../src/env.ts';
import { checksum, codec } from '../../src/io/codec.ts';
import { toTuple } from '../../src/lease/command-codec.ts';
import { StateMachine } from '../../src/lease/state-machine.ts';
import { MemoryStorage } from '../../src/raft/storage.ts';
import { EMPTY_CONF_STATE } from '../../src/raft/types.ts';
import { DEFAULT_LIMITS } from '../../src/replica/config.ts';
import { Roster } from '../../src/replica/roster.ts';
import { StateSaver } from '../../src/replica/state-saver.ts';
import { valueOfChecksumZero } from '../io/zero-checksum.ts';
import { dumped } from '../lease/log.ts';

const NO_IMAGE: ImageMeta = { index: 0, term: 0, conf: EMPTY_CONF_STATE, roster: new Uint8Array(0), count: 0, sum: 0 };
const MEMBERSHIP = { conf: EMPTY_CONF_STATE, roster: Roster.founded([]) };
/** Far more than is made ready in one turn; far fewer than would take long. */
const TURN_RECORDS_MAX = 512;
const RECORDS = 50_000;

let turns: (() => void)[];
let encoded: number;
let writes: { meta: ImageMeta; records: readonly StateRecord[]; done: Done }[];
let savedAt: number[];
let state: StateMachine;
let index: number;
let saver: StateSaver;

beforeEach(() => {
  turns = [];
  encoded = 0;
  writes = [];
  savedAt = [];
  state = new StateMachine({ vacated: () => undefined });
  index = 0;
  const store = {
    saveState: (meta: ImageMeta, records: readonly StateRecord[], done: Done) => void writes.push({ meta, records, done }),
  } as unknown as LogStore;
  const counting = {
    ...codec,
    encode: (value: unknown) => {
      encoded += 1;
      return codec.encode(value);
    },
  };
  const seams = { clock: { soon: (run: () => void) => void turns.push(run) }, store, codec: counting, checksum };
  saver = new StateSaver(seams, new MemoryStorage(), NO_IMAGE, DEFAULT_LIMITS, {
    saved: (at) => savedAt.push(at),
    fatal: (error) => {
      throw error;
    },
  });
});

function apply(command: Parameters<typeof toTuple>[0]): void {
  index += 1;
  state.apply({ index, term: 1, timeMs: index }, toTuple(command));
}

const key = (number: number) => ({ namespace: 'ns', model: 'model', lease: `lease-${number}` });

/** Runs one turn of the event loop; returns how many records were encoded in it. */
function turn(): number {
  const before = encoded;
  const due = turns;
  turns = [];
  for (const run of due) run();
  return encoded - before;
}

/** The state that the writes so far left on the disk. */
function onDisk(): { state: StateMachine; sum: number } {
  const disk = new Map<string, Uint8Array>();
  for (const { records } of writes) {
    for (const [name, content] of records) {
      if (content === null) disk.delete(name);
      else disk.set(name, content);
    }
  }
  const copy = new StateMachine({ vacated: () => undefined });
  let sum = 0;
  for (const [name, content] of disk) {
    sum = (sum + checksum(name, content)) % 2 ** 48;
    copy.restore(name, codec.decode(content), checksum(name, content));
  }
  copy.finishRestore(writes.at(-1)?.meta.index ?? 0);
  expect(disk.size).toBe(writes.at(-1)?.meta.count);
  expect(sum).toBe(writes.at(-1)?.meta.sum);
  return { state: copy, sum };
}

describe('with fifty thousand changed records', () => {
  beforeEach(() => {
    for (let number = 0; number < RECORDS; number += 1) apply({ kind: 'claim', key: key(number), holder: 'alice', durationMs: 60_000 });
  });

  test('no turn handles more than a few hundred, and what changes meanwhile waits for the next save', () => {
    const asItWas = dumped(state);
    const begunAt = index;
    saver.save(state, 1, MEMBERSHIP, () => undefined);
    let most = encoded;
    for (let at = 0; writes.length === 0; at += 1) {
      // Some of these were made ready already, others were not, and one is new.
      apply({ kind: 'release', key: key(at), holder: 'alice', fence: null });
      apply({ kind: 'extend', key: key(RECORDS - 1 - at), holder: 'alice', fence: null, durationMs: 90_000 });
      apply({ kind: 'claim', key: key(RECORDS + at), holder: 'bob', durationMs: 60_000 });
      most = Math.max(most, turn());
    }
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(TURN_RECORDS_MAX);
    expect(writes[0]?.meta.index).toBe(begunAt);
    expect(dumped(onDisk().state)).toBe(asItWas);
    writes[0]?.done();
    expect(savedAt).toEqual([begunAt]);

    const later = dumped(state);
    saver.save(state, 1, MEMBERSHIP, () => undefined);
    while (writes.length === 1) turn();
    expect(dumped(onDisk().state)).toBe(later);
  });

  test('a second save does not begin while one is being made ready or written', () => {
    saver.save(state, 1, MEMBERSHIP, () => undefined);
    apply({ kind: 'release', key: key(0), holder: 'alice', fence: null });
    saver.maybeSave(state, 1, () => MEMBERSHIP);
    expect(saver.isSaving).toBe(true);
    while (writes.length === 0) turn();
    expect(saver.isSaving).toBe(true);
    writes[0]?.done();
    expect(saver.isSaving).toBe(false);
  });

  test('one that is given up while it is made ready is never written, and whoever waits for it is told', () => {
    let told = 0;
    saver.save(state, 1, MEMBERSHIP, () => {
      told += 1;
    });
    turn();
    saver.giveUp();
    expect([told, saver.isSaving]).toEqual([1, false]);
    while (turns.length > 0) turn();
    expect([told, writes.length, savedAt.length]).toEqual([1, 0, 0]);
  });
});

test('a small save takes no turn, and nothing is saved where nothing was applied', () => {
  apply({ kind: 'claim', key: key(1), holder: 'alice', durationMs: 60_000 });
  saver.save(state, 1, MEMBERSHIP, () => undefined);
  expect([turns.length, writes.length]).toEqual([0, 1]);
  writes[0]?.done();
  let told = 0;
  saver.save(state, 1, MEMBERSHIP, () => {
    told += 1;
  });
  expect([told, writes.length]).toEqual([1, 1]);
});

describe('a record whose checksum is 0', () => {
  const KEY = 'zero';
  const put = (value: string): void => apply({ kind: 'put', key: KEY, value, lease: null, assert: [], precondition: null });
  const save = (): void => {
    saver.save(state, 1, MEMBERSHIP, () => undefined);
    writes.at(-1)?.done();
  };
  const valueOnDisk = (): string | undefined => onDisk().state.key(KEY)?.value;

  beforeEach(() => {
    const value = valueOfChecksumZero(KEY, index + 1);
    put(value);
    save();
    const saved = writes[0]?.records.find(([name]) => name === `k${KEY}`);
    expect(checksum(saved?.[0] ?? '', saved?.[1] ?? new Uint8Array(0))).toBe(0);
    expect(valueOnDisk()).toBe(value);
  });

  test('is deleted on disk once it is deleted in the state', () => {
    apply({ kind: 'delete', key: KEY, assert: [], precondition: null });
    save();
    expect(valueOnDisk()).toBeUndefined();
    expect(dumped(onDisk().state)).toBe(dumped(state));
  });

  test('is counted once when it changes, and when a restart has read it back', () => {
    put('another');
    save();
    expect(valueOnDisk()).toBe('another');
    const again = valueOfChecksumZero('again', index + 1);
    apply({ kind: 'put', key: 'again', value: again, lease: null, assert: [], precondition: null });
    save();
    const restarted = onDisk().state;
    expect(dumped(restarted)).toBe(dumped(state));
    state = restarted;
    apply({ kind: 'delete', key: 'again', assert: [], precondition: null });
    save();
    expect(onDisk().state.key('again')).toBeNull();
  });

  test('is not on disk after it was created and deleted between two saves', () => {
    apply({ kind: 'put', key: 'brief', value: valueOfChecksumZero('brief', index + 1), lease: null, assert: [], precondition: null });
    apply({ kind: 'delete', key: 'brief', assert: [], precondition: null });
    save();
    expect(writes.at(-1)?.records.map(([name]) => name)).not.toContain('kbrief');
    onDisk();
  });
});

test('a state is saved after so many bytes of entries, however few records and entries that are', () => {
  apply({ kind: 'grant', id: '7', ttlMs: 100 });
  saver.applied(DEFAULT_LIMITS.saveAfterBytes - 1);
  saver.maybeSave(state, 1, () => MEMBERSHIP);
  expect(saver.isSaving).toBe(false);
  saver.applied(1);
  saver.maybeSave(state, 1, () => MEMBERSHIP);
  expect(saver.isSaving).toBe(true);
  writes[0]?.done();
  apply({ kind: 'grant', id: '8', ttlMs: 100 });
  saver.maybeSave(state, 1, () => MEMBERSHIP);
  expect(saver.isSaving).toBe(false);
});
