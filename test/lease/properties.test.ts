// What holds for every log: random commands, time and restarts, measured by the model and by the promises of DESIGN 6.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { toTuple } from '../../src/lease/command-codec.ts';
import type { Command } from '../../src/lease/commands.ts';
import { claimIdOf } from '../../src/lease/lease-key.ts';
import type { ClaimView } from '../../src/lease/outcomes.ts';
import type { TurnEnd } from '../../src/lease/queueing.ts';
import { type ChangeSet, StateMachine } from '../../src/lease/state-machine.ts';
import type { Life } from '../../src/lease/waiters.ts';
import { command, junk, leaseKeys, storeKeys } from './arbitraries.ts';
import { dumped, restored } from './log.ts';
import { Model } from './model.ts';
import { holdsForAll } from './random.ts';

type Step =
  | { readonly kind: 'command'; readonly command: Command; readonly afterMs: number }
  /** The primary lessor proposes what is due. */
  | { readonly kind: 'sweep'; readonly afterMs: number; readonly limit: number }
  | { readonly kind: 'junk'; readonly junk: unknown; readonly afterMs: number };

/** Time may be stamped backwards a little, as by a leader that took over from one with a faster clock. */
const afterMs = fc.integer({ min: -3, max: 12 });
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('command' as const), command, afterMs }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('sweep' as const), afterMs, limit: fc.integer({ min: 1, max: 5 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('junk' as const), junk, afterMs }) },
);
const steps = fc.array(step, { maxLength: 60, size: 'max' });

interface Entry {
  readonly index: number;
  readonly term: number;
  readonly timeMs: number;
  readonly origin: Life;
  readonly tuple: unknown;
  /** What the tuple stands for, null for junk. */
  readonly command: Command | null;
}

/** Turns steps into log entries, asking the state for what is due. */
class Driver {
  index = 0;
  timeMs = 0;

  entry(step: Step, state: StateMachine): Entry {
    this.index += 1;
    this.timeMs = Math.max(0, this.timeMs + step.afterMs);
    const origin = { node: 1 + (this.index % 2), incarnation: 1 + Math.floor(this.index / 20) };
    const place = { index: this.index, term: 1, timeMs: this.timeMs, origin };
    if (step.kind === 'junk') return { ...place, tuple: step.junk, command: null };
    const each: Command = step.kind === 'command' ? step.command : { kind: 'expire', term: 1, items: state.due(this.timeMs, step.limit) };
    return { ...place, tuple: toTuple(each), command: each };
  }
}

/** How much each entry may end of what ends together: mostly so little that much is left to later entries. */
const entryWork = fc.constantFrom(1, 2, 3, 512);

/** The steps, and then sweeps until nothing is left that an entry has not done to its end. */
function* withSweeps(steps: readonly Step[], state: StateMachine): Generator<Step, void, undefined> {
  yield* steps;
  for (let left = 200; state.isUnfinished && left > 0; left -= 1) yield { kind: 'sweep', afterMs: 0, limit: 1 };
}

function claimsOf(state: StateMachine): ClaimView[] {
  return [...state.claims(null, null, 1000, state.timeMs).items];
}

/** Like `toEqual`, but cheap where both are written alike, as nearly always. */
function same(actual: unknown, expected: unknown): void {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) expect(actual).toEqual(expected);
}

test('every outcome, view and vacancy is the one that the model gives', () => {
  holdsForAll(
    fc.property(steps, entryWork, (all, work) => {
      const vacated: string[] = [];
      const ended: TurnEnd[] = [];
      const state = new StateMachine(
        { vacated: (key, index) => vacated.push(`${index} ${claimIdOf(key)}`), turnEnded: (turn) => ended.push(turn) },
        work,
      );
      const model = new Model();
      const driver = new Driver();
      for (const each of withSweeps(all, state)) {
        const entry = driver.entry(each, state);
        const outcome = state.apply(entry, entry.tuple);
        const done = { vacated: vacated.splice(0), tickets: new Set(ended.map(({ ticket }) => ticket)) };
        if (entry.command !== null) same(outcome, model.apply(entry, entry.command, done));
        else same(done, { vacated: [], tickets: new Set() });
        const nowMs = state.timeMs + 3;
        same([state.timeMs, state.revision, state.appliedIndex], [model.timeMs, model.revision, driver.index]);
        same(
          claimsOf(state),
          [...model.claims.keys()].sort().map((id) => model.claimView(id)),
        );
        for (const key of leaseKeys) {
          const id = claimIdOf(key);
          same(state.claim(key, nowMs), model.claims.has(id) ? model.claimView(id, nowMs) : null);
        }
        for (const key of storeKeys) same(state.key(key), model.keys.get(key) ?? null);
        const grants = state.grants(null, 1000, nowMs).items;
        same(
          grants,
          grants.map(({ id }) => model.grantView(id, nowMs)),
        );
        same(grants.length, model.leases.size);
        for (const { id } of grants) same(state.attachments(id, null, 100), { ...model.attachments(id), next: null });
        for (const later of [nowMs, nowMs + 20, 2 ** 53]) {
          const due = [...state.due(later, 1000)].sort((a, b) => (a.id < b.id ? -1 : 1));
          same(due, model.dueItems(later));
        }
        // Leases of one session end in the order of their keys, the model looks at them in the order of who waits.
        same(ended.splice(0).sort(byTicket), model.turnsEnded.splice(0).sort(byTicket));
        same(state.waiting, model.waiters.length);
        same([state.sizes.claims, state.sizes.grants], [model.claims.size, model.leases.size]);
        for (const key of leaseKeys) {
          const id = claimIdOf(key);
          same(state.waitingFor(key), model.waiters.filter((waiter) => waiter.id === id).length);
        }
      }
      same([state.isUnfinished, model.vacated.size, model.hidden.size], [false, 0, 0]);
      for (const { id } of model.waiters) expect(model.claims.has(id)).toBe(true);
      for (const { doomed } of model.waiters) expect(doomed).toBeUndefined();
    }),
    100,
  );
});

function byTicket(a: TurnEnd, b: TurnEnd): number {
  return a.ticket - b.ticket;
}

test('no tenure ends before its promise, fences grow with every tenure, and only a vacancy changes the holder', () => {
  holdsForAll(
    fc.property(steps, (all) => {
      const vacated = new Set<string>();
      const state = new StateMachine({ vacated: (key) => vacated.add(claimIdOf(key)) });
      const driver = new Driver();
      const greatestFence = new Map<string, number>();
      const promisedMs = new Map<string, number>();
      let before = new Map<string, ClaimView>();
      for (const each of all) {
        const entry = driver.entry(each, state);
        vacated.clear();
        state.apply(entry, entry.tuple);
        const now = new Map(claimsOf(state).map((claim) => [claimIdOf(claim), claim]));
        const asked = entry.command?.kind === 'once' ? entry.command.command : entry.command;
        const byWord = asked !== null && ['release', 'revoke', 'leave'].includes(asked.kind);
        for (const [id, old] of before) {
          if (now.get(id)?.fence === old.fence) continue;
          expect(vacated.has(id)).toBe(true);
          expect(old.pinnedBy.length === 0 || byWord).toBe(true);
          if (!byWord) expect(state.timeMs).toBeGreaterThan(promisedMs.get(id) as number);
        }
        for (const [id, claim] of now) {
          const old = before.get(id);
          if (old?.fence === claim.fence) expect(claim.holder).toBe(old.holder);
          else expect(claim.fence).toBeGreaterThan(greatestFence.get(id) ?? 0);
          greatestFence.set(id, claim.fence);
          // A claim that has lapsed keeps the promise that it had; one that moved to a lapsed session was promised nothing.
          if (old?.fence !== claim.fence || old.session !== claim.session) promisedMs.set(id, 0);
          if (claim.remainingMs !== null && claim.remainingMs > 0) promisedMs.set(id, state.timeMs + claim.remainingMs);
        }
        before = now;
        // The end of the tenure and the grant are one entry: nobody ever waits for a lease that is free.
        for (const key of leaseKeys) if (!now.has(claimIdOf(key))) expect(state.waitingFor(key)).toBe(0);
      }
    }),
    50,
  );
});

test('JL-68 an image taken at any point gives the same state, which behaves the same for every later command', () => {
  holdsForAll(
    fc.property(steps, fc.nat(60), fc.boolean(), entryWork, (all, point, reversed, work) => {
      const original = new StateMachine({ vacated: () => undefined }, work);
      let copy: StateMachine | null = null;
      const driver = new Driver();
      for (const [at, each] of all.entries()) {
        if (at === point) copy = restored(original, (names) => (reversed ? names.reverse() : names), undefined, work);
        if (at === point) expect(dumped(copy as StateMachine)).toBe(dumped(original));
        const entry = driver.entry(each, original);
        const outcome = original.apply(entry, entry.tuple);
        if (copy === null) continue;
        expect(copy.apply(entry, entry.tuple)).toEqual(outcome);
        expect(dumped(copy)).toBe(dumped(original));
        expect([copy.appliedIndex, copy.revision, copy.timeMs]).toEqual([original.appliedIndex, original.revision, original.timeMs]);
        expect(copy.nextDeadlineMs()).toBe(original.nextDeadlineMs());
        expect([copy.waiting, copy.sizes]).toEqual([original.waiting, original.sizes]);
        expect(new Set(copy.due(2 ** 53, 100).map((item) => item.id))).toEqual(new Set(original.due(2 ** 53, 100).map((item) => item.id)));
      }
    }),
    50,
  );
});

test('saving the changes again and again, in pieces between which the state goes on, gives what the state was when each save began', () => {
  const save = fc.record({
    at: fc.nat(59),
    pieceRecords: fc.integer({ min: 1, max: 12 }),
    entriesBetween: fc.nat(3),
    noteLate: fc.boolean(),
  });
  holdsForAll(
    fc.property(steps, fc.array(save, { maxLength: 8 }), entryWork, (all, saves, work) => {
      const state = new StateMachine({ vacated: () => undefined }, work);
      const disk = new Map<string, { content: string; checksum: number }>();
      const driver = new Driver();
      let checksum = 0;
      let saving: Saving | null = null;
      const begin = (plan: Omit<Saving, 'changes' | 'dump' | 'notes'>): void => {
        saving = { ...plan, changes: state.takeChanges(), dump: dumped(state), notes: [] };
      };
      /** Reads one piece; at the end the disk must hold what the state was when the save began. */
      const goOn = ({ changes, pieceRecords, noteLate, notes, dump }: Saving): void => {
        const piece = changes.next(pieceRecords);
        expect(piece.length).toBeLessThanOrEqual(pieceRecords);
        for (const { name, content, savedChecksum } of piece) {
          expect(savedChecksum).toBe(disk.get(name)?.checksum ?? null);
          // A checksum can be any number: here every third is 0.
          const saved = ++checksum % 3 === 0 ? 0 : checksum;
          if (content === null) disk.delete(name);
          else disk.set(name, { content: JSON.stringify(content), checksum: saved });
          const note = (): void => state.noteSaved(name, saved);
          if (content === null) continue;
          if (noteLate) notes.push(note);
          else note();
        }
        if (piece.length > 0) return;
        for (const note of notes) note();
        saving = null;
        const records = [...disk].map(([name, { content }]) => [name, JSON.parse(content)] as const);
        expect(JSON.stringify(records.sort(([a], [b]) => (a < b ? -1 : 1)))).toBe(dump);
      };
      for (const [at, each] of all.entries()) {
        const entry = driver.entry(each, state);
        state.apply(entry, entry.tuple);
        const plan = saves.find((one) => one.at === at);
        if (saving === null && plan !== undefined) begin(plan);
        if (saving !== null && at % ((saving as Saving).entriesBetween + 1) === 0) goOn(saving);
      }
      while (saving !== null) goOn(saving);
      const changed = state.changedCount;
      begin({ pieceRecords: 1, noteLate: false, entriesBetween: 0 });
      let pieces = 0;
      for (; saving !== null; pieces++) goOn(saving);
      expect(pieces).toBe(changed + 1);
      expect(state.changedCount).toBe(0);
    }),
    200,
  );
});

interface Saving {
  readonly changes: ChangeSet;
  readonly pieceRecords: number;
  readonly entriesBetween: number;
  readonly noteLate: boolean;
  /** The whole state when the save began. */
  readonly dump: string;
  readonly notes: (() => void)[];
}

test('a repeat of one’s own claim is never denied', () => {
  holdsForAll(
    fc.property(steps, (all) => {
      const state = new StateMachine({ vacated: () => undefined });
      const driver = new Driver();
      for (const each of all) {
        const entry = driver.entry(each, state);
        state.apply(entry, entry.tuple);
        for (const key of leaseKeys) {
          const claim = state.claim(key, 0);
          if (claim === null) continue;
          driver.index += 1;
          const again = { kind: 'claim', key, holder: claim.holder, durationMs: 1 } as const;
          const outcome = state.apply({ index: driver.index, term: 1, timeMs: 0 }, toTuple(again));
          if (claim.session === null) expect(outcome).toMatchObject({ kind: 'claim', created: false, claim: { fence: claim.fence } });
          else expect(outcome).toMatchObject({ refusal: { code: 'conflict' } });
        }
      }
    }),
    50,
  );
});
