// Commands in the log: what is written is read back, and nothing else is taken for a command.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromTuple, toTuple } from '../../src/lease/command-codec.ts';
import { StateMachine } from '../../src/lease/state-machine.ts';
import { command, junk } from './arbitraries.ts';
import { alice, dumped, Log, redis, refusalIn } from './log.ts';
import { holdsForAll } from './random.ts';

/** Stands for a place in a tuple: the arrays that lead to it. */
function* places(tuple: readonly unknown[]): Generator<readonly [parent: unknown[], at: number, nested: boolean]> {
  for (const [at, value] of tuple.entries()) {
    yield [tuple as unknown[], at, Array.isArray(value)];
    if (Array.isArray(value)) yield* places(value);
  }
}

describe('the command codec', () => {
  test('every command is read back as it was written', () => {
    holdsForAll(
      fc.property(command, (each) => {
        expect(fromTuple(JSON.parse(JSON.stringify(toTuple(each))))).toEqual(each);
      }),
      500,
    );
  });

  test('JL-69 a missing or surplus field, at any depth of fixed length, is refused', () => {
    holdsForAll(
      fc.property(command, (each) => {
        // An entry of version 0.1.0 does not say since when its key is in use: one of this version is such an entry and that.
        const isOld = each.kind === 'once' && each.since === undefined;
        expect(fromTuple([...toTuple(each), isOld ? 'x' : null])).toBeNull();
        if (each.kind === 'once') expect(fromTuple([...toTuple(each), null, null])).toBeNull();
        // A claim that does not wait says nothing of it: one that does is such a claim without its last field.
        const waits = (each.kind === 'claim' || each.kind === 'claim-session') && each.waitMs !== undefined;
        if (!waits && (each.kind !== 'once' || isOld)) expect(fromTuple(toTuple(each).slice(0, -1))).toBeNull();
        if (waits) expect(fromTuple([...toTuple(each).slice(0, -1), 1, null])).toBeNull();
        expect(fromTuple(toTuple(each).slice(1))).toBeNull();
        const item = { kind: 'expire', term: 1, items: [{ id: '5', deadlineMs: 1 }] } as const;
        const tuple = toTuple(item) as [string, number, unknown[][]];
        tuple[2][0]?.push(1);
        expect(fromTuple(tuple)).toBeNull();
      }),
    );
  });

  test('JL-69 a value of a wrong type in any place is refused', () => {
    const wrong: readonly unknown[] = [undefined, true, {}, new Uint8Array(1), 10n, -1, 0.5, 2 ** 53, Number.NaN, '\ud800', Symbol('x')];
    holdsForAll(
      fc.property(command, fc.constantFrom(...wrong), fc.nat(), (each, value, place) => {
        const tuple = toTuple(each);
        const all = [...places(tuple)];
        const [parent, at] = all[place % all.length] as readonly [unknown[], number, boolean];
        parent[at] = value;
        const read = fromTuple(tuple);
        // A compared number may be negative: it is compared, not believed.
        if (value === -1 && typeof parent[1] === 'string' && parent.length === 4) return;
        expect(read).toBeNull();
      }),
      500,
    );
  });

  test('JL-16 JL-17 a duration that is no whole number from 1 to 2^53 - 1 is refused', () => {
    for (const bad of [0, -1, 1.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, '10', null]) {
      expect(fromTuple(['claim', 'ns', 'm', 'l', 'h', bad])).toBeNull();
      expect(fromTuple(['extend', 'ns', 'm', 'l', 'h', bad, null])).toBeNull();
      expect(fromTuple(['grant', '5', bad])).toBeNull();
    }
    for (const good of [1, 2 ** 53 - 1]) expect(fromTuple(['claim', 'ns', 'm', 'l', 'h', good])).not.toBeNull();
  });

  test('JL-19 bad names are refused in every place of a name', () => {
    for (const bad of ['', 'a b', 'a.b', '#', '$', 'a\0', '\u3000', 'x'.repeat(257)]) {
      for (const at of [1, 2, 3, 4]) {
        const claim: unknown[] = ['claim', 'ns', 'm', 'l', 'h', 10];
        const pin: unknown[] = ['pin', 'ns', 'm', 'l', 'e'];
        claim[at] = bad;
        pin[at] = bad;
        expect([fromTuple(claim), fromTuple(pin)]).toEqual([null, null]);
      }
    }
  });

  test('a value beyond 64 KiB, a key of control characters, an assertion of nothing and an odd id are refused', () => {
    expect(fromTuple(['put', 'k', 'v'.repeat(65_536), null, [], null])).not.toBeNull();
    expect(fromTuple(['put', 'k', 'v'.repeat(65_537), null, [], null])).toBeNull();
    expect(fromTuple(['put', '\0ns\0m\0l', '', null, [], null])).toBeNull();
    expect(fromTuple(['delete', 'k', [['ns', 'm', 'l', 'h', null, null]], null])).not.toBeNull();
    expect(fromTuple(['delete', 'k', [['ns', 'm', 'l', null, null, 4]], null])).toBeNull();
    for (const id of ['', '01', '-1', '1.5', 5, '9223372036854775808']) expect(fromTuple(['revoke', id])).toBeNull();
  });
});

describe('junk in the log', () => {
  test('is refused, never thrown at, and changes nothing but the applied index', () => {
    holdsForAll(
      fc.property(junk, (tuple) => {
        fc.pre(fromTuple(tuple) === null);
        const log = new Log();
        log.claim(redis, alice, 10);
        log.pass(500);
        const before = dumped(log.state);
        log.state.takeChanges();
        expect(refusalIn(log.applyRaw(tuple)).code).toBe('invalid-argument');
        expect(dumped(log.state)).toBe(before);
        expect(log.state.changedCount).toBe(0);
        expect(log.state.appliedIndex).toBe(2);
      }),
      500,
    );
  });

  test('a command of an unknown kind is refused, and later entries still apply', () => {
    const state = new StateMachine({ vacated: () => undefined });
    expect(refusalIn(state.apply({ index: 1, term: 1, timeMs: 0 }, ['claim2', 'ns', 'm', 'l', 'h', 1])).code).toBe('invalid-argument');
    expect(state.apply({ index: 2, term: 1, timeMs: 0 }, ['claim', 'ns', 'm', 'l', 'h', 1]).kind).toBe('claim');
  });
});
