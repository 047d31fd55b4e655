// Random commands over a few names, so that they meet; and random junk.
import fc from 'fast-check';
import type { Assertion, BareCommand, Command, Compare, ExpireItem, LeaseKey, Precondition, TxnOp } from '../../src/lease/commands.ts';
import { claimIdOf } from '../../src/lease/lease-key.ts';

export const leaseKeys: readonly LeaseKey[] = ['a', 'b', 'c/1'].flatMap((lease) =>
  ['m', 'n'].map((model) => ({ namespace: 'ns', model, lease })),
);
export const holders = ['alice', 'bob', 'carol'];
export const storeKeys = ['k', 'k/1', 'k/2', 'z'];
const ids = ['1', '2', '3', '12', '20', '30', '0'];

const key = fc.constantFrom(...leaseKeys);
const holder = fc.constantFrom(...holders);
const id = fc.constantFrom(...ids);
const idOrNull = fc.option(id, { freq: 2 });
const durationMs = fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 30 }) }, { weight: 1, arbitrary: fc.constant(2 ** 53 - 1) });
/** Mostly of an entry that may have begun a tenure. */
const index = fc.integer({ min: 0, max: 60 });
const storeKey = fc.constantFrom(...storeKeys);
const prefix = fc.constantFrom('', 'k', 'k/', 'q');
const value = fc.constantFrom('', 'v', 'w', '😀');

const assertion: fc.Arbitrary<Assertion> = fc
  .record({ key, holder: fc.option(holder, { nil: undefined }), fence: fc.option(index, { nil: undefined, freq: 2 }) })
  .map(({ key, holder, fence }) => ({
    ...key,
    ...(holder === undefined && fence !== undefined ? {} : { holder: holder ?? 'alice' }),
    ...(fence === undefined ? {} : { fence, minIndex: fence }),
  }));
const asserted = fc.array(assertion, { maxLength: 1 });
const precondition: fc.Arbitrary<Precondition | null> = fc.oneof(
  { weight: 4, arbitrary: fc.constant(null) },
  { weight: 1, arbitrary: fc.constant({ kind: 'absent' } as const) },
  { weight: 1, arbitrary: index.map((revision) => ({ kind: 'mod-revision', revision }) as const) },
);
const op = fc.constantFrom('=' as const, '!=' as const, '<' as const, '>' as const);
const compare: fc.Arbitrary<Compare> = fc.oneof(
  fc.record({ key: storeKey, target: fc.constantFrom('create' as const, 'mod' as const, 'version' as const), op, value: index }),
  fc.record({ key: storeKey, target: fc.constant('value' as const), op, value }),
  fc.record({ key: storeKey, target: fc.constant('lease' as const), op, value: id }),
);
const txnOp: fc.Arbitrary<TxnOp> = fc.oneof(
  fc.record({ kind: fc.constant('put' as const), key: storeKey, value, lease: idOrNull }),
  fc.record({ kind: fc.constantFrom('delete' as const, 'get' as const), key: storeKey }),
  fc.record({ kind: fc.constantFrom('delete-prefix' as const, 'get-prefix' as const), prefix }),
);
const expireItem: fc.Arbitrary<ExpireItem> = fc.record({
  id: fc.oneof(id, key.map(claimIdOf)),
  deadlineMs: fc.integer({ min: 0, max: 300 }),
});

const waitMs = fc.oneof({ weight: 4, arbitrary: fc.integer({ min: 1, max: 200 }) }, { weight: 1, arbitrary: fc.constant(300_000) });

/** A command that a caller may send under a key of its own. */
const callersCommand: fc.Arbitrary<BareCommand> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('claim' as const), key, holder, durationMs, waitMs }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('claim-session' as const), key, holder, session: id, waitMs }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('claim' as const), key, holder, durationMs }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('claim-session' as const), key, holder, session: id }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('extend' as const), key, holder, durationMs, fence: fc.option(index, { freq: 2 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('release' as const), key, holder, fence: fc.option(index, { freq: 2 }) }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constantFrom('pin' as const, 'unpin' as const), key, entity: fc.constantFrom('e1', 'e2') }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('grant' as const), id: idOrNull, ttlMs: durationMs }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('revoke' as const), id }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('renew' as const), id }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('attach' as const, 'detach' as const), id, key: storeKey }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('put' as const), key: storeKey, value, lease: idOrNull, assert: asserted, precondition }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), key: storeKey, assert: asserted, precondition }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('txn' as const),
      assert: asserted,
      compare: fc.array(compare, { maxLength: 2 }),
      success: fc.array(txnOp, { maxLength: 4 }),
      failure: fc.array(txnOp, { maxLength: 4 }),
    }),
  },
);

const requestKey = fc.constantFrom('r1', 'r2', 'r2 7', '~');

/** Any valid command. */
export const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 30, arbitrary: callersCommand },
  {
    weight: 12,
    arbitrary: fc.record(
      {
        kind: fc.constant('once' as const),
        key: requestKey,
        command: callersCommand,
        since: fc.option(fc.nat(60), { freq: 3 }),
      },
      { requiredKeys: ['kind', 'key', 'command'] },
    ),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('leave' as const), ticket: index, giveBack: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('lead' as const),
      term: fc.constantFrom(1, 2),
      node: fc.constantFrom('n1', 'n2'),
      leaderlessMs: fc.option(fc.nat(1_000), { freq: 2 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('drop-waiters' as const),
      node: fc.constantFrom(1, 2),
      incarnation: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('expire' as const),
      term: fc.constantFrom(1, 2),
      items: fc.array(expireItem, { maxLength: 3 }),
    }),
  },
);

/** Things that may come out of a codec, most of them no commands. */
export const junk: fc.Arbitrary<unknown> = fc.oneof(
  fc.anything({ maxDepth: 3, withBigInt: true, withMap: true, withDate: true, withTypedArray: true, withSparseArray: true }),
  fc.array(
    fc.oneof(
      fc.constantFrom<unknown>(
        'claim',
        'put',
        'txn',
        'expire',
        'grant',
        'leave',
        'drop-waiters',
        'once',
        'a',
        '1',
        '',
        '\0',
        1,
        0,
        -1,
        0.5,
        2 ** 53,
        Number.NaN,
        null,
        undefined,
      ),
      fc.array(fc.anything({ maxDepth: 1 }), { maxLength: 2 }),
    ),
    { maxLength: 8 },
  ),
);
