// Callers that wait for their turn: each is told once, by the log; and whoever gives up leaves neither a place nor a tenure behind.
import { beforeEach, describe, expect, test } from 'vitest';
import { toTuple } from '../../src/lease/command-codec.ts';
import type { ClaimCommand, Command } from '../../src/lease/commands.ts';
import { StateMachine } from '../../src/lease/state-machine.ts';
import { ClaimWaits } from '../../src/replica/claim-waits.ts';
import type { Failure, Settled } from '../../src/replica/service.ts';
import { dumped, leaseKey, restored } from '../lease/log.ts';

const KEY = leaseKey('l');
const NO_LEADER: Failure = { definite: true, code: 'no-leader', detail: '' };
const STOPPING: Failure = { definite: true, code: 'stopping', detail: '' };
const LIFE = { node: 1, incarnation: 3 };

let nowMs: number;
let timers: Set<{ atMs: number; run: () => void }>;
let state: StateMachine;
let waits: ClaimWaits;
let told: Map<string, Settled[]>;
/** Set to fail what is submitted, or to keep it back. */
let failure: Failure | null;
let kept: (() => void)[] | null;
let ends: (() => void)[];

beforeEach(() => {
  nowMs = 0;
  timers = new Set();
  told = new Map();
  failure = null;
  kept = null;
  ends = [];
  state = newState();
  waits = new ClaimWaits({
    clock: {
      now: () => nowMs,
      soon: (run) => run(),
      after: (delayMs, run) => {
        const timer = { atMs: nowMs + delayMs, run };
        timers.add(timer);
        return () => timers.delete(timer);
      },
    },
    life: LIFE,
    submit: (command, settle) => {
      const carryOut = (): void => {
        if (failure !== null) settle({ kind: 'failed', failure });
        else settle(apply(command));
      };
      if (kept === null) carryOut();
      else kept.push(carryOut);
    },
  });
});

function newState(): StateMachine {
  return new StateMachine({
    vacated: () => undefined,
    turnEnded: (turn, index) => ends.push(() => waits.turnEnded(turn, index)),
  });
}

function apply(command: Command, origin = LIFE): Settled {
  const index = state.appliedIndex + 1;
  const outcome = state.apply({ index, term: 1, timeMs: nowMs, origin }, toTuple(command));
  for (const tell of ends.splice(0)) tell();
  return { kind: 'applied', index, outcome };
}

function release(): void {
  const all = kept ?? [];
  kept = null;
  for (const carryOut of all) carryOut();
}

function pass(ms: number): void {
  nowMs += ms;
  for (const timer of [...timers].sort((a, b) => a.atMs - b.atMs)) if (timer.atMs <= nowMs && timers.delete(timer)) timer.run();
}

const claimOf = (holder: string): ClaimCommand => ({ kind: 'claim', key: KEY, holder, durationMs: 1000 });
const letGo = (holder: string): Settled => apply({ kind: 'release', key: KEY, holder, fence: null });

function wait(holder: string, waitMs = 500): (failure: Failure | null) => void {
  told.set(holder, []);
  return waits.claim(claimOf(holder), waitMs, (settled) => told.get(holder)?.push(settled));
}

function statuses(holder: string): unknown[] {
  return (told.get(holder) ?? []).map((settled) => {
    if (settled.kind === 'failed') return settled.failure.code;
    return settled.outcome.kind === 'refused' ? settled.outcome.refusal.code : settled.outcome.kind;
  });
}

describe('a caller', () => {
  test('is told of its turn by the entry that brings it, and of nothing after', () => {
    apply(claimOf('a'));
    wait('b');
    wait('c');
    letGo('a');
    expect(told.get('b')).toMatchObject([{ kind: 'applied', index: 4, outcome: { kind: 'claim', claim: { fence: 4 }, created: true } }]);
    pass(10_000);
    expect(statuses('b')).toEqual(['claim']);
    expect(statuses('c')).toEqual(['claim-denied']);
    expect([state.waiting, waits.count, timers.size]).toEqual([0, 0, 0]);
  });

  test('whose turn comes while its time is up has the lease', () => {
    apply(claimOf('a'));
    wait('b');
    kept = [];
    pass(500);
    letGo('a');
    release();
    expect(statuses('b')).toEqual(['claim']);
    expect(waits.count).toBe(0);
  });

  test('that is dropped although its node lives asks again for the rest of its time', () => {
    apply(claimOf('a'));
    wait('b');
    wait('c');
    pass(300);
    apply({ kind: 'drop-waiters', ...LIFE });
    expect([state.waiting, statuses('b')]).toEqual([2, []]);
    pass(199);
    expect(statuses('b')).toEqual([]);
    pass(1);
    expect(statuses('b')).toEqual(['claim-denied']);
  });

  test('of another life or node is not confused with one of this', () => {
    apply(claimOf('a'));
    apply({ ...claimOf('x'), waitMs: 50 }, { node: 1, incarnation: 2 });
    apply({ ...claimOf('y'), waitMs: 50 }, { node: 2, incarnation: 3 });
    wait('b');
    apply({ kind: 'drop-waiters', node: 1, incarnation: 2 });
    apply({ kind: 'drop-waiters', node: 2, incarnation: 3 });
    expect(state.waiting).toBe(1);
    letGo('a');
    expect(statuses('b')).toEqual(['claim']);
  });
});

describe('a caller that hangs up', () => {
  test('leaves the queue, is told nothing, and nothing is left behind', () => {
    apply(claimOf('a'));
    const before = dumped(state);
    wait('b')(null);
    expect([dumped(state), waits.count, timers.size, statuses('b')]).toEqual([before, 0, 0, []]);
  });

  test('while its claim is under way leaves what came of it, place or tenure', () => {
    for (const holder of ['a', 'b']) {
      kept = [];
      const hangUp = wait(holder);
      hangUp(null);
      hangUp(null);
      release();
      expect([state.claim(KEY, nowMs), state.waiting, waits.count, statuses(holder)]).toEqual([
        holder === 'a' ? null : expect.anything(),
        0,
        0,
        [],
      ]);
      if (holder === 'a') apply(claimOf('holder'));
    }
  });

  test('while the turn comes gives the tenure back', () => {
    apply(claimOf('a'));
    const hangUp = wait('b');
    kept = [];
    hangUp(null);
    letGo('a');
    expect(state.claim(KEY, nowMs)?.holder).toBe('b');
    release();
    expect([state.claim(KEY, nowMs), statuses('b')]).toEqual([null, []]);
  });

  test('but not from under a repeat of its own that was answered meanwhile', () => {
    const hangUp = wait('b');
    apply(claimOf('b'));
    hangUp(null);
    expect(state.claim(KEY, nowMs)?.holder).toBe('b');
    kept = [];
    letGo('b');
    wait('b')(null);
    kept.splice(1, 0, () => apply(claimOf('b')));
    release();
    expect(state.claim(KEY, nowMs)?.holder).toBe('b');
  });

  test('while there is no leader leaves as soon as there is one', () => {
    apply(claimOf('a'));
    const hangUp = wait('b');
    failure = NO_LEADER;
    hangUp(null);
    pass(200);
    expect([state.waiting, waits.count]).toEqual([1, 1]);
    failure = null;
    pass(200);
    expect([state.waiting, waits.count, timers.size]).toEqual([0, 0, 0]);
  });

  test('ten thousand times leaves no waiter, timer or caller behind', () => {
    apply(claimOf('a'));
    const before = dumped(state);
    const hangUps = Array.from({ length: 10_000 }, (_, at) => wait(`h${at}`));
    expect([state.waiting, waits.count, timers.size]).toEqual([10_000, 10_000, 10_000]);
    for (const hangUp of hangUps) hangUp(null);
    expect([dumped(state), state.waiting, waits.count, timers.size]).toEqual([before, 0, 0, 0]);
  });
});

describe('a claim whose outcome became unknown', () => {
  test('leaves the queue when it turns up there', () => {
    apply(claimOf('a'));
    const { outcome } = apply({ ...claimOf('b'), waitMs: 500 }) as Extract<Settled, { kind: 'applied' }>;
    expect(state.waiting).toBe(1);
    waits.orphaned(outcome);
    expect(state.waiting).toBe(0);
  });

  test('is unknown also when the time is up and no leader can say which came first; and it leaves later', () => {
    apply(claimOf('a'));
    wait('b');
    failure = NO_LEADER;
    pass(500);
    expect(statuses('b')).toEqual(['outcome-unknown']);
    failure = null;
    pass(200);
    expect([state.waiting, waits.count]).toEqual([0, 0]);
  });
});

describe('when the state is replaced by a received one', () => {
  test('who was granted in it is told so, who still waits goes on, who is gone asks again, and who has no caller here leaves', () => {
    apply(claimOf('a'));
    wait('b');
    wait('c');
    const ghost = apply({ ...claimOf('ghost'), waitMs: 500 });
    const old = state;
    state = restored(old);
    apply({ kind: 'leave', ticket: 3, giveBack: true });
    letGo('a');
    // That was told to nobody: it is what another node applied.
    expect(statuses('b')).toEqual([]);
    state = restored(state);
    waits.stateReplaced(state);
    expect([statuses('b'), statuses('c')]).toEqual([['claim'], []]);
    expect(ghost).toMatchObject({ outcome: { kind: 'queued', ticket: 4 } });
    expect([state.waiting, state.waitingFor(KEY)]).toEqual([1, 1]);
    pass(500);
    expect(statuses('c')).toEqual(['claim-denied']);
  });
});

describe('when the node stops', () => {
  test('all are told so once they have surely left, also those whose claim is under way', () => {
    apply(claimOf('a'));
    wait('b');
    kept = [];
    wait('c');
    waits.stop(STOPPING);
    expect([statuses('b'), statuses('c')]).toEqual([[], []]);
    release();
    expect([statuses('b'), statuses('c'), state.waiting, waits.count]).toEqual([['stopping'], ['stopping'], 0, 0]);
  });

  test('whoever cannot leave any more has an unknown outcome', () => {
    apply(claimOf('a'));
    wait('b');
    wait('c');
    failure = NO_LEADER;
    waits.stop(STOPPING);
    expect(statuses('b')).toEqual(['outcome-unknown']);
    waits.halt();
    expect([statuses('b'), statuses('c'), waits.count, timers.size]).toEqual([['outcome-unknown'], ['outcome-unknown'], 0, 0]);
  });
});
