// Transactions and the trapdoor: one entry, all or nothing, gated by who holds which lease when it is applied.
import { describe, expect, test } from 'vitest';
import type { Assertion, Compare, TxnOp } from '../../src/lease/commands.ts';
import { TXN_DELETED_KEYS_MAX, TXN_READ_KEYS_MAX, TXN_READ_MAX_CHARACTERS } from '../../src/lease/limits.ts';
import type { Outcome } from '../../src/lease/outcomes.ts';
import { alice, bob, dumped, Log, redis, refusalIn, resultsIn } from './log.ts';

interface Parts {
  readonly assert?: Assertion[];
  readonly compare?: Compare[];
  readonly success?: TxnOp[];
  readonly failure?: TxnOp[];
}

function txn(log: Log, parts: Parts): Outcome {
  return log.apply({ kind: 'txn', assert: [], compare: [], success: [], failure: [], ...parts });
}

const put = (key: string, value: string, lease: string | null = null): TxnOp => ({ kind: 'put', key, value, lease });

describe('the trapdoor', () => {
  test('a write gated by its holder and fence is applied while the tenure lasts, extensions included', () => {
    const log = new Log();
    const { fence } = log.claim(redis, alice, 100);
    log.extend(redis, alice, 900);
    expect(log.put('key', 'value', null, { assert: [{ ...redis, holder: alice, fence }] }).kind).toBe('key');
  });

  test('JL-49 a write checked before the lease passed to another is refused with who holds it, and writes nothing', () => {
    const log = new Log();
    const { fence } = log.claim(redis, alice, 100);
    const assert = [{ ...redis, holder: alice, fence, minIndex: 1 }];
    log.expireAfter(101);
    expect(refusalIn(log.put('key', '', null, { assert }))).toEqual({
      code: 'assertion-failed',
      failed: assert[0],
      holder: null,
      fence: null,
    });
    log.claim(redis, bob, 100);
    expect(refusalIn(log.put('key', '', null, { assert }))).toEqual({
      code: 'assertion-failed',
      failed: assert[0],
      holder: bob,
      fence: 4,
    });
    expect(refusalIn(txn(log, { assert, success: [put('key', '')] })).code).toBe('assertion-failed');
    expect(log.state.key('key')).toBeNull();
  });

  test('a holder that lost the lease and regained it fails with the old fence, passes without one', () => {
    const log = new Log();
    const { fence } = log.claim(redis, alice, 100);
    log.release(redis, alice);
    log.claim(redis, alice, 100);
    expect(refusalIn(log.put('key', '', null, { assert: [{ ...redis, holder: alice, fence }] })).code).toBe('assertion-failed');
    expect(log.put('key', '', null, { assert: [{ ...redis, holder: alice }] }).kind).toBe('key');
  });

  test('a fence decides without a holder', () => {
    const log = new Log();
    const { fence } = log.claim(redis, alice, 100);
    expect(log.put('key', '', null, { assert: [{ ...redis, fence }] }).kind).toBe('key');
    expect(refusalIn(log.put('key', '', null, { assert: [{ ...redis, fence: fence + 1 }] })).code).toBe('assertion-failed');
  });

  test('a lapsed tenure whose expiry is not applied yet still opens the gate', () => {
    const log = new Log();
    const { fence } = log.claim(redis, alice, 100);
    log.pass(5000);
    expect(log.put('key', '', null, { assert: [{ ...redis, holder: alice, fence }] }).kind).toBe('key');
  });

  test('all assertions must hold, and the refusal repeats the first that does not', () => {
    const log = new Log();
    log.claim(redis, alice, 100);
    const assert = [
      { ...redis, holder: alice },
      { ...redis, holder: bob },
      { ...redis, fence: 9 },
    ];
    expect(refusalIn(log.delete('key', { assert }))).toMatchObject({ failed: { ...redis, holder: bob }, holder: alice, fence: 1 });
  });
});

describe('transactions', () => {
  test('comparisons choose the branch, and all operations of it are one revision', () => {
    const log = new Log();
    log.put('a', '1');
    const compare: Compare[] = [{ key: 'a', target: 'value', op: '=', value: '1' }];
    const parts = { compare, success: [put('a', '2'), put('b', '2')], failure: [{ kind: 'get', key: 'a' } as const] };
    expect(txn(log, parts)).toMatchObject({ kind: 'txn', succeeded: true });
    expect(log.state.keys('', null, 10).items.map((view) => view.modRevision)).toEqual([2, 2]);
    const second = txn(log, parts);
    expect(second).toMatchObject({ kind: 'txn', succeeded: false, results: [{ keys: [{ key: 'a', value: '2' }] }] });
    expect(log.state.revision).toBe(2);
  });

  test('later operations see earlier ones', () => {
    const log = new Log();
    log.put('x/1', 'old');
    const results = resultsIn(
      txn(log, {
        success: [
          { kind: 'delete', key: 'x/1' },
          { kind: 'delete', key: 'x/1' },
          put('x/1', 'new'),
          put('x/1', 'newer'),
          put('x/2', ''),
          { kind: 'get', key: 'x/1' },
          { kind: 'get', key: 'x/3' },
          { kind: 'get-prefix', prefix: 'x/' },
          { kind: 'delete-prefix', prefix: 'x/' },
          { kind: 'get-prefix', prefix: '' },
        ],
      }),
    );
    const one = { key: 'x/1', value: 'newer', createRevision: 2, modRevision: 2, version: 2, lease: null };
    const two = { key: 'x/2', value: '', createRevision: 2, modRevision: 2, version: 1, lease: null };
    expect(results).toEqual([
      { deleted: 1 },
      { deleted: 0 },
      { key: { ...one, value: 'new', version: 1 } },
      { key: one },
      { key: two },
      { keys: [one] },
      { keys: [] },
      { keys: [one, two] },
      { deleted: 2 },
      { keys: [] },
    ]);
  });

  test('one put on a missing lease refuses all and changes nothing, but only in the branch that is taken', () => {
    const log = new Log();
    log.put('a', '1');
    const before = dumped(log.state);
    const success: TxnOp[] = [put('a', '2'), { kind: 'delete', key: 'a' }, put('b', '', '8')];
    expect(refusalIn(txn(log, { success }))).toEqual({ code: 'lease-not-found', id: '8' });
    expect(dumped(log.state)).toBe(before);
    expect(txn(log, { success: [], failure: success }).kind).toBe('txn');
  });

  test('one that would read or delete more than an entry may is refused as too large, and writes nothing', () => {
    const log = new Log();
    const big = 'x'.repeat(60_000);
    const fits = Math.floor(TXN_READ_MAX_CHARACTERS / big.length);
    log.put('big', big);
    const all: TxnOp = { kind: 'get-prefix', prefix: '' };
    const bigs: TxnOp[] = new Array(fits).fill({ kind: 'get', key: 'big' });
    expect(resultsIn(txn(log, { success: bigs }))).toHaveLength(fits);
    const before = dumped(log.state);
    expect(refusalIn(txn(log, { success: [put('new', ''), ...bigs, all] })).code).toBe('too-large');
    // What it writes itself counts as well.
    const written: TxnOp[] = [put('y1', big), put('y2', big), ...new Array(fits).fill({ kind: 'get-prefix', prefix: 'y' })];
    expect(refusalIn(txn(log, { success: written })).code).toBe('too-large');
    expect(dumped(log.state)).toBe(before);
    for (let at = 0; at < TXN_READ_KEYS_MAX; at += 1) log.put(`k${at}`, '');
    const some: TxnOp = { kind: 'get-prefix', prefix: 'k' };
    expect(resultsIn(txn(log, { success: [some] }))[0]).toHaveProperty('keys.length', TXN_READ_KEYS_MAX);
    expect(refusalIn(txn(log, { success: [some, { kind: 'get', key: 'no such' }] })).code).toBe('too-large');
    const drop: TxnOp = { kind: 'delete-prefix', prefix: 'k' };
    const times = TXN_DELETED_KEYS_MAX / TXN_READ_KEYS_MAX;
    expect(refusalIn(txn(log, { success: new Array(times + 1).fill(drop) })).code).toBe('too-large');
    expect(resultsIn(txn(log, { success: [drop] }))).toEqual([{ deleted: TXN_READ_KEYS_MAX }]);
  });

  test('a transaction that changes no key moves no revision', () => {
    const log = new Log();
    log.put('a', '1');
    txn(log, {
      success: [
        { kind: 'get', key: 'a' },
        { kind: 'delete', key: 'b' },
      ],
    });
    expect(log.state.revision).toBe(1);
  });

  test('assertions are judged before comparisons', () => {
    const log = new Log();
    const compare: Compare[] = [{ key: 'a', target: 'version', op: '>', value: 0 }];
    expect(refusalIn(txn(log, { assert: [{ ...redis, holder: alice }], compare })).code).toBe('assertion-failed');
  });

  test('an absent key has 0 for every number and "0" for its lease, and equals no value', () => {
    const log = new Log();
    const truths: [Compare['target'], Compare['op'], number | string, boolean][] = [
      ['create', '=', 0, true],
      ['mod', '<', 1, true],
      ['version', '>', 0, false],
      ['version', '!=', 1, true],
      ['lease', '=', '0', true],
      ['lease', '!=', '0', false],
      ['value', '=', '', false],
      ['value', '!=', '', true],
      ['value', '<', 'x', false],
      ['value', '>', '', false],
    ];
    for (const [target, op, value, succeeded] of truths) {
      expect(txn(log, { compare: [{ key: 'none', target, op, value }] })).toMatchObject({ succeeded });
    }
  });

  test('a key is compared by its revisions, version, value, and by its lease as a number', () => {
    const log = new Log();
    log.grant('10', 100);
    log.put('key', 'm', '10');
    log.put('key', 'm', '10');
    const truths: [Compare['target'], Compare['op'], number | string, boolean][] = [
      ['create', '=', 2, true],
      ['create', '<', 2, false],
      ['mod', '>', 2, true],
      ['version', '=', 2, true],
      ['version', '!=', 2, false],
      ['lease', '>', '9', true],
      ['lease', '<', '100', true],
      ['lease', '=', '10', true],
      ['value', '=', 'm', true],
      ['value', '<', 'n', true],
      ['value', '>', 'n', false],
    ];
    for (const [target, op, value, succeeded] of truths) {
      expect(txn(log, { compare: [{ key: 'key', target, op, value }] })).toMatchObject({ succeeded });
    }
  });
});
