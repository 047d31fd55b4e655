// The checker of histories checked: hand-made histories that have an order, and others that have none.
import { describe, expect, test } from 'vitest';
import type { BareCommand, LeaseKey } from '../../src/lease/commands.ts';
import type { KeyView, Outcome } from '../../src/lease/outcomes.ts';
import type { Settled } from '../../src/replica/service.ts';
import { type Call, keyName, type Tenure } from './facts.ts';
import { History } from './linearizability/history.ts';
import { linearize, type Model, type Operation, type Verdict } from './linearizability/search.ts';
import { SeededRandom } from './random.ts';
import { canonical } from './witness.ts';

const NEVER = Number.POSITIVE_INFINITY;

describe('the search finds an order of a register', () => {
  const register: Model<number> = { initial: 0, key: String, drift: (state) => [state] };
  const write = (value: number, calledMs: number, returnedMs: number): Operation<number> => ({
    name: `write ${value}`,
    calledMs,
    returnedMs,
    hint: calledMs,
    step: () => [value],
  });
  const read = (value: number, calledMs: number, returnedMs: number): Operation<number> => ({
    name: `read ${value}`,
    calledMs,
    returnedMs,
    hint: calledMs,
    step: (state) => (state === value ? [state] : []),
  });
  const verdict = (...operations: Operation<number>[]): Verdict['kind'] => linearize(register, operations).kind;

  test('when nothing happened, and when one thing came after the other', () => {
    expect(verdict()).toBe('linearizable');
    expect(verdict(write(1, 0, 1), read(1, 2, 3), write(2, 4, 5), read(2, 6, 7))).toBe('linearizable');
  });

  test('not when a read shows what was overwritten before it began', () => {
    expect(verdict(write(1, 0, 1), write(2, 2, 3), read(1, 4, 5))).toBe('violated');
    expect(verdict(write(1, 0, 1), read(0, 2, 3))).toBe('violated');
  });

  test('when reads beside a write show the old and then the new value, but never the new and then the old', () => {
    expect(verdict(write(1, 0, 10), read(0, 1, 2), read(1, 3, 4))).toBe('linearizable');
    expect(verdict(write(1, 0, 10), read(1, 1, 2), read(0, 3, 4))).toBe('violated');
  });

  test('when a write without an answer takes effect late, never, or once, but not twice', () => {
    expect(verdict(write(1, 0, NEVER), read(0, 1, 2), read(0, 3, 4))).toBe('linearizable');
    expect(verdict(write(1, 0, NEVER), read(0, 1, 2), write(2, 3, 4), read(1, 5, 6))).toBe('linearizable');
    expect(verdict(write(1, 0, NEVER), read(1, 1, 2), write(2, 3, 4), read(1, 5, 6))).toBe('violated');
    expect(verdict(read(1, 1, 2), write(1, 3, NEVER))).toBe('violated');
  });

  test('whatever the hints say', () => {
    const operations = [write(1, 0, 10), write(2, 0, 10), write(3, 0, 10), read(2, 11, 12)];
    for (const hint of [0, 1, -1]) {
      const hinted = operations.map((operation, place) => ({ ...operation, hint: hint * place }));
      expect(linearize(register, hinted).kind).toBe('linearizable');
    }
  });

  test('and says how far it came when there is none', () => {
    expect(linearize(register, [write(1, 0, 1), read(1, 2, 3), read(7, 4, 5)])).toEqual({
      kind: 'violated',
      order: ['write 1', 'read 1'],
      states: ['1'],
      stuck: ['read 7'],
    });
  });

  test('or says that it gave up', () => {
    const operations = Array.from({ length: 30 }, (_, value) => write(value + 1, 0, 100)).concat(read(99, 101, 102));
    expect(linearize(register, operations, 1_000)).toEqual({ kind: 'undecided', tried: 1_001 });
  });

  test('exactly when trying all orders does, in random histories', () => {
    const random = new SeededRandom(11);
    const kinds = { linearizable: 0, violated: 0 };
    for (let round = 0; round < 2_000; round += 1) {
      const operations = Array.from({ length: 6 }, () => {
        const calledMs = random.below(12);
        const returnedMs = random.chance(0.2) ? NEVER : calledMs + 1 + random.below(6);
        // The answer of a read that never came shows nothing.
        const make = random.chance(0.5) && returnedMs !== NEVER ? read : write;
        return make(random.below(3), calledMs, returnedMs);
      });
      const expected = someOrder(operations, 0) ? 'linearizable' : 'violated';
      kinds[expected] += 1;
      expect(linearize(register, operations).kind, JSON.stringify(operations)).toBe(expected);
    }
    expect(Math.min(kinds.linearizable, kinds.violated)).toBeGreaterThan(300);
  });
});

/** Every order, tried one by one. */
function someOrder(left: readonly Operation<number>[], state: number): boolean {
  if (left.every(({ returnedMs }) => returnedMs === NEVER)) return true;
  return left.some((operation) => {
    if (left.some((other) => other !== operation && other.returnedMs < operation.calledMs)) return false;
    return operation.step(state).some((after) =>
      someOrder(
        left.filter((other) => other !== operation),
        after,
      ),
    );
  });
}

const LEASE: LeaseKey = { namespace: 'app', model: 'm1', lease: 'one' };

/** Whether a claim queues, and under which key something is asked for. */
type How = Pick<Call, 'waitMs' | 'requestKey'>;

/** A history told line by line. `to` null: no answer. */
class Told {
  readonly #history = new History(1, ['k1', 'k2']);
  #nextId = 0;

  call(
    command: BareCommand,
    from: number,
    to: number | null,
    answer: Outcome | 'failed' | 'unknown' = { kind: 'done' },
    how: How = { waitMs: null, requestKey: null },
  ): this {
    this.#nextId += 1;
    const base = { id: this.#nextId, client: 'c', node: 1, command, wanted: command, text: canonical(command), tag: null, ...how };
    const call: Call = { ...base, beganMs: from, firstBeganMs: from, floor: 0, settled: null };
    this.#history.observe({ kind: 'call-began', call }, from);
    if (to !== null) this.#history.observe({ kind: 'call-ended', call, settled: settledAs(answer, from) }, to);
    return this;
  }

  /** An attempt that gets a replayed outcome, first decided at index `replayed`. */
  replay(command: BareCommand, from: number, to: number, answer: Outcome, requestKey: string, replayed: number): this {
    this.#nextId += 1;
    const base = { id: this.#nextId, client: 'c', node: 1, command, wanted: command, text: canonical(command), tag: null, waitMs: null };
    const call: Call = { ...base, requestKey, beganMs: from, firstBeganMs: from, floor: 0, settled: null };
    this.#history.observe({ kind: 'call-began', call }, from);
    this.#history.observe({ kind: 'call-ended', call, settled: { kind: 'applied', index: from, outcome: answer, replayed } }, to);
    return this;
  }

  read(
    from: number,
    to: number,
    tenure: Tenure | null,
    shown: KeyView | null = null,
    consistency: 'linearizable' | 'stale' = 'linearizable',
  ): this {
    this.#nextId += 1;
    const read = { id: this.#nextId, client: 'r', node: 1, consistency, key: LEASE, storeKey: 'k1', beganMs: from, floor: 0 };
    this.#history.observe({ kind: 'read-ended', read, index: from, stateIndex: from, tenure, shown }, to);
    return this;
  }

  wait(from: number, to: number): this {
    this.#nextId += 1;
    const wait = { id: this.#nextId, client: 'w', node: 1, key: LEASE, beganMs: from, floor: 0, ended: null };
    this.#history.observe({ kind: 'wait-ended', wait, index: to, appliedIndex: to }, to);
    return this;
  }

  /** The objects whose history has no order. */
  disorders(): string[] {
    return this.#history.check().map(({ object }) => object);
  }
}

function settledAs(answer: Outcome | 'failed' | 'unknown', index: number): Settled {
  if (answer === 'failed') return { kind: 'failed', failure: { definite: true, code: 'no-leader', detail: '' } };
  if (answer === 'unknown') return { kind: 'failed', failure: { definite: false, code: 'outcome-unknown', detail: '' } };
  return { kind: 'applied', index, outcome: answer };
}

const claim = (holder: string, durationMs = 1_000): BareCommand => ({ kind: 'claim', key: LEASE, holder, durationMs });
const extend = (holder: string, durationMs = 1_000): BareCommand => ({ kind: 'extend', key: LEASE, holder, durationMs, fence: null });
const release = (holder: string): BareCommand => ({ kind: 'release', key: LEASE, holder, fence: null });
const claimed = (holder: string, fence: number, created: boolean, session: string | null = null): Outcome => ({
  kind: 'claim',
  claim: { ...LEASE, holder, fence, durationMs: 1_000, remainingMs: 1_000, session, pinnedBy: [] },
  created,
});
const denied = (holder: string, fence: number): Outcome => ({
  kind: 'refused',
  refusal: { code: 'claim-denied', holder, fence, remainingMs: 1 },
});
const held = (holder: string, fence: number, session: string | null = null): Tenure => ({ holder, fence, session, pinned: false });
const grant = (id: string, ttlMs: number): BareCommand => ({ kind: 'grant', id, ttlMs });
const granted = (id: string, ttlMs: number): Outcome => ({
  kind: 'grant',
  grant: { id, ttlMs, remainingMs: ttlMs, keyCount: 0, claimCount: 0, attachedIndex: 0 },
});
const lease = `lease ${keyName(LEASE)}`;

describe('a history of grants under one idempotency key', () => {
  const anyGrant: BareCommand = { kind: 'grant', id: null, ttlMs: 1_000 };
  const how: How = { waitMs: null, requestKey: 'r1' };

  test('has an order when only the replayed outcome of an unanswered grant names the lease', () => {
    const told = new Told()
      .call(anyGrant, 0, 10, 'unknown', how)
      .replay(anyGrant, 20, 30, granted('5', 1_000), 'r1', 5)
      .replay(anyGrant, 40, 50, granted('5', 1_000), 'r1', 5);
    expect(told.disorders()).toEqual([]);
  });

  test('has none when the replayed outcome names a lease that was revoked', () => {
    const told = new Told()
      .call(anyGrant, 0, 10, granted('5', 1_000), how)
      .call({ kind: 'revoke', id: '5' }, 20, 30)
      .replay(anyGrant, 40, 50, granted('5', 1_000), 'r1', 5);
    expect(told.disorders()).toEqual(['granted lease 5']);
  });
});

describe('a history of claims', () => {
  test('has an order when a lease is claimed, denied, released and claimed again', () => {
    const told = new Told()
      .call(claim('a'), 0, 10, claimed('a', 1, true))
      .call(claim('b'), 11, 20, denied('a', 1))
      .read(21, 22, held('a', 1))
      .call(release('a'), 23, 30)
      .wait(12, 31)
      .call(claim('b'), 32, 40, claimed('b', 5, true));
    expect(told.disorders()).toEqual([]);
  });

  test('has none when two are told that they have it', () => {
    const told = new Told().call(claim('a'), 0, 10, claimed('a', 1, true)).call(claim('b'), 11, 20, claimed('b', 2, true));
    expect(told.disorders()).toEqual([lease]);
  });

  test('has an order when the first tenure can have run out, counted from the beginning of its call', () => {
    const told = (atMs: number): string[] =>
      new Told()
        .call(claim('a', 1_000), 0, 500, claimed('a', 1, true))
        .call(claim('b'), atMs - 50, atMs, claimed('b', 2, true))
        .disorders();
    expect(told(999)).toEqual([lease]);
    expect(told(1_001)).toEqual([]);
  });

  test('has none when a lease is lost that was extended in time', () => {
    const told = new Told()
      .call(claim('a', 1_000), 0, 10, claimed('a', 1, true))
      .call(extend('a', 1_000), 900, 950, claimed('a', 1, false))
      .read(1_500, 1_600, null);
    expect(told.disorders()).toEqual([lease]);
  });

  test('has none when a tenure that is over is seen again, or a fence does not grow', () => {
    const over = new Told()
      .call(claim('a'), 0, 10, claimed('a', 1, true))
      .call(release('a'), 11, 20)
      .read(21, 22, held('a', 1));
    expect(over.disorders()).toEqual([lease]);
    const fence = new Told()
      .call(claim('a'), 0, 10, claimed('a', 7, true))
      .call(release('a'), 11, 20)
      .call(claim('a'), 21, 30, claimed('a', 7, true));
    expect(fence.disorders()).toEqual([lease]);
  });

  test('has an order when a claim without an answer turns out to be granted', () => {
    const told = new Told()
      .call(claim('a'), 0, 10, 'unknown')
      .call(claim('b'), 5, 20, claimed('b', 2, true))
      .call(release('b'), 21, 30)
      .call(claim('c'), 31, 40, denied('a', 9));
    expect(told.disorders()).toEqual([]);
  });

  test('has none when a claim that surely failed turns out to be granted', () => {
    const told = new Told().call(claim('a'), 0, 10, 'failed').call(claim('c'), 31, 40, denied('a', 9));
    expect(told.disorders()).toEqual([lease]);
  });

  test('has none when a pinned lease runs out', () => {
    const pin: BareCommand = { kind: 'pin', key: LEASE, entity: 'e' };
    const told = new Told()
      .call(claim('a', 100), 0, 10, claimed('a', 1, true))
      .call(pin, 11, 20)
      .wait(200, 300);
    expect(told.disorders()).toEqual([lease]);
  });

  test('has none when a stale read is passed off as a fresh one; one that says so is not looked at', () => {
    const told = (consistency: 'linearizable' | 'stale'): string[] =>
      new Told()
        .call(claim('a'), 0, 10, claimed('a', 1, true))
        .read(11, 12, null, null, consistency)
        .disorders();
    expect(told('linearizable')).toEqual([lease]);
    expect(told('stale')).toEqual([]);
  });

  test('has an order when a claim dies with its session, and none before that can have ended', () => {
    const bySession: BareCommand = { kind: 'claim-session', key: LEASE, holder: 'a', session: '9' };
    const told = (untilMs: number): string[] =>
      new Told()
        .call(grant('9', 500), 0, 5, granted('9', 500))
        .call(bySession, 6, 10, claimed('a', 1, true, '9'))
        .call({ kind: 'renew', id: '9' }, 300, 310, granted('9', 500))
        .read(untilMs - 10, untilMs, null)
        .disorders();
    expect(told(799)).toEqual([lease]);
    expect(told(801)).toEqual([]);
  });

  test('has an order when a session is revoked, and none when it is renewed after that', () => {
    const told = (): Told => new Told().call(grant('9', 500), 0, 5, granted('9', 500)).call({ kind: 'revoke', id: '9' }, 10, 20);
    expect(told().disorders()).toEqual([]);
    expect(told().call({ kind: 'renew', id: '9' }, 30, 40, granted('9', 500)).disorders()).toEqual(['granted lease 9']);
  });
});

const put = (value: string, extra: Partial<BareCommand & { readonly kind: 'put' }> = {}): BareCommand => ({
  kind: 'put',
  key: 'k1',
  value,
  lease: null,
  assert: [],
  precondition: null,
  ...extra,
});
const view = (value: string, createRevision: number, modRevision: number, version: number): KeyView => ({
  key: 'k1',
  value,
  createRevision,
  modRevision,
  version,
  lease: null,
});
const written = (value: string, createRevision: number, modRevision: number, version: number): Outcome => ({
  kind: 'key',
  key: view(value, createRevision, modRevision, version),
});
const remove: BareCommand = { kind: 'delete', key: 'k1', assert: [], precondition: null };

describe('a history of a key', () => {
  test('has an order when it is written, overwritten, read, deleted and made anew', () => {
    const told = new Told()
      .call(put('a'), 0, 5, written('a', 1, 1, 1))
      .call(put('b'), 6, 10, written('b', 1, 2, 2))
      .read(11, 12, null, view('b', 1, 2, 2))
      .call(remove, 13, 20)
      .read(21, 22, null, null)
      .call(put('c'), 23, 30, written('c', 4, 4, 1));
    expect(told.disorders()).toEqual([]);
  });

  test('has none when an acknowledged write is lost', () => {
    const told = new Told().call(put('a'), 0, 5, written('a', 1, 1, 1)).call(put('b'), 6, 10, written('b', 1, 2, 2));
    expect(told.read(11, 12, null, view('a', 1, 1, 1)).disorders()).toEqual(['key k1']);
  });

  test('has none when a write is applied twice', () => {
    const told = new Told().call(put('a'), 0, 5, written('a', 1, 1, 1)).call(put('b'), 6, 10, written('b', 1, 3, 3));
    expect(told.disorders()).toEqual(['key k1']);
  });

  test('has an order when a write without an answer is counted later, and none when it is counted twice', () => {
    const told = (version: number): string[] =>
      new Told()
        .call(put('a'), 0, 5, written('a', 1, 1, 1))
        .call(put('x'), 6, null)
        .call(put('b'), 20, 25, written('b', 1, 9, version))
        .disorders();
    expect(told(2)).toEqual([]);
    expect(told(3)).toEqual([]);
    expect(told(4)).toEqual(['key k1']);
  });

  test('has none when a write with if-none-match or if-match went through against its condition', () => {
    const absent = new Told()
      .call(put('a'), 0, 5, written('a', 1, 1, 1))
      .call(put('b', { precondition: { kind: 'absent' } }), 6, 10, written('b', 1, 2, 2));
    expect(absent.disorders()).toEqual(['key k1']);
    const told = (revision: number): string[] =>
      new Told()
        .call(put('a'), 0, 5, written('a', 1, 1, 1))
        .call(put('b', { precondition: { kind: 'mod-revision', revision } }), 6, 10, written('b', 1, 2, 2))
        .disorders();
    expect(told(1)).toEqual([]);
    expect(told(7)).toEqual(['key k1']);
  });

  test('has none when a gate let a write through that its holder had lost before', () => {
    const gated = put('g', { assert: [{ ...LEASE, holder: 'a', fence: 1 }] });
    const told = new Told()
      .call(claim('a'), 0, 5, claimed('a', 1, true))
      .call(release('a'), 6, 10)
      .call(gated, 11, 20, written('g', 3, 3, 1));
    expect(told.disorders()).toEqual([lease]);
    const inTime = new Told().call(claim('a'), 0, 5, claimed('a', 1, true)).call(release('a'), 6, 10);
    expect(inTime.call(gated, 9, 20, written('g', 3, 3, 1)).disorders()).toEqual([]);
  });

  test('of a transaction has an order by the branch that was taken', () => {
    const txn: BareCommand = {
      kind: 'txn',
      assert: [],
      compare: [{ key: 'k1', target: 'version', op: '>', value: 1 }],
      success: [{ kind: 'put', key: 'k1', value: 't', lease: null }],
      failure: [{ kind: 'delete-prefix', prefix: 'k' }],
    };
    const told = (): Told => new Told().call(put('a'), 0, 5, written('a', 1, 1, 1));
    const deleted: Outcome = { kind: 'txn', succeeded: false, results: [{ deleted: 1 }] };
    const succeeded: Outcome = { kind: 'txn', succeeded: true, results: [{ key: view('t', 1, 2, 2) }] };
    expect(told().call(txn, 6, 10, deleted).read(11, 12, null, null).disorders()).toEqual([]);
    expect(
      told()
        .call(txn, 6, 10, deleted)
        .read(11, 12, null, view('a', 1, 1, 1))
        .disorders(),
    ).toEqual(['key k1']);
    expect(told().call(txn, 6, 10, succeeded).disorders()).toEqual(['key k1']);
  });
});
