// Faults to plant: what a node, its disk, its clock, its network or its state machine does wrong.
import type { Clock, Env, LogStore, LogWrite, PeerInfo, Recovered } from '../../src/env.ts';
import { fromTuple, toTuple } from '../../src/lease/command-codec.ts';
import type { Assertion, BareCommand, TxnOp } from '../../src/lease/commands.ts';
import type { KeyView, Outcome } from '../../src/lease/outcomes.ts';
import type { EntryContext, StateMachine } from '../../src/lease/state-machine.ts';
import type { NodeId } from '../../src/raft/types.ts';
import type { Service } from '../../src/replica/service.ts';
import type { EnvFault } from './cluster.ts';
import type { SimDisk } from './disk.ts';
import { keyName } from './facts.ts';
import { LEASE_KEYS } from './intentions.ts';
import type { Plan } from './plan.ts';
import type { SimTransport } from './transport.ts';
import { type ApplyFault, tenureIn } from './witness.ts';

// ---------------------------------------------------------------- plans

function only(plan: Plan, faults: Plan['faults'], faultEveryMs: number): Plan {
  const nodes = Math.max(3, plan.nodes);
  const clocks = plan.clocks.concat(plan.clocks, plan.clocks).slice(0, nodes);
  return { ...plan, nodes, faults, faultEveryMs, clocks };
}

/** Short terms, and nodes that come back in the midst of them. */
export function manyCrashes(plan: Plan): Plan {
  return { ...only(plan, ['crash-leader', 'crash-one', 'crash-one', 'isolate-one'], 100), nodes: 3 };
}

/** Candidates that meet voters which have just come back. */
export function manyElections(plan: Plan): Plan {
  return { ...manyCrashes(plan), faults: ['crash-leader', 'crash-one'], faultEveryMs: 30, heartbeatMs: 20, electionTimeoutMs: 100 };
}

/** Disks that rot while a node is down, fill, and tear what was under way. */
export function rottenDisks(plan: Plan): Plan {
  return only(plan, ['corrupt-disk', 'crash-one', 'full-disk', 'isolate-one'], 300);
}

/** Writes that fail once and for all. */
export function failingDisks(plan: Plan): Plan {
  return only(plan, ['failing-disk', 'full-disk', 'crash-all'], 200);
}

/** Disks that stall for up to ten election timeouts, under leaders that are stopped and cut off. */
export function stalledDisks(plan: Plan): Plan {
  return only(plan, ['slow-disk', 'slow-disk', 'pause-leader', 'isolate-leader', 'transfer'], 250);
}

/** The state is saved all the time, and the log cut right behind it. */
export function tinyImages(plan: Plan): Plan {
  const limits = { ...plan.limits, saveAfterEntries: 2, saveAfterRecords: 2, keepEntries: 0 };
  return { ...only(plan, ['crash-all', 'crash-one', 'far-behind'], 150), limits };
}

/** Nodes that are far behind receive the state, and the power fails at once after. */
export function imagesWithoutPower(plan: Plan): Plan {
  const limits = { ...plan.limits, saveAfterEntries: 4, saveAfterRecords: 4, keepEntries: 0, imagePieceBytes: 64 };
  return { ...only(plan, ['far-behind', 'crash-all'], 120), limits };
}

/** Members that come and go all the time, on nodes that begin their lives from saved states. */
export function changingMembers(plan: Plan): Plan {
  const limits = { ...plan.limits, saveAfterEntries: 2, saveAfterRecords: 2, keepEntries: 0 };
  return { ...only(plan, ['add-member', 'remove-member', 'replace-member', 'crash-one'], 150), limits };
}

/** Nodes that lose their disks, under leaders that are lost. */
export function wipedDisks(plan: Plan): Plan {
  return { ...only(plan, ['wipe-member', 'wipe-member', 'add-member', 'crash-leader', 'isolate-one'], 200), nodes: 3 };
}

/** Connections that deliver nothing, and hardly anything else. */
export function silentLinks(plan: Plan): Plan {
  return only(plan, ['silent-links', 'silent-links', 'crash-one'], 500);
}

/** Strangers, about nodes that lose sight of each other. */
export function strangersAbout(plan: Plan): Plan {
  return only(plan, ['stranger', 'stranger', 'isolate-one', 'one-way', 'split', 'crash-one', 'remove-member', 'add-member'], 400);
}

/** Quotas that are reached at once, and disks that run low. */
export function tightQuotas(plan: Plan): Plan {
  const quotas = { maxClaims: 2, maxKeys: 2, maxSessions: 1, maxStateBytes: 1_500, namespaceShare: 1 };
  return { ...only(plan, ['low-disk', 'low-disk', 'low-disk', 'crash-leader', 'isolate-leader', 'transfer'], 300), quotas };
}

// ---------------------------------------------------------------- disk, clock and state machine

/** Says that an append is durable as soon as it is asked for. */
export function hasty(env: Env): LogStore {
  const { store } = env;
  const waiting: LogWrite[] = [];
  let isBusy = false;
  const next = (): void => {
    const write = waiting.shift();
    isBusy = write !== undefined;
    // One write at a time still; only the answer is early.
    if (write !== undefined) store.append(write, next);
  };
  const append: LogStore['append'] = (write, done) => {
    waiting.push(write);
    if (!isBusy) next();
    env.clock.soon(() => done());
  };
  return bent(store, 'append', append);
}

/** Three milliseconds for every two. */
export function hurried(clock: Clock): Clock {
  return { now: () => clock.now() * 1.5, after: (delayMs, run) => clock.after(delayMs, run), soon: (run) => clock.soon(run) };
}

/** Ends what an expiry names even if it was renewed since: takes the deadlines of now for those that were seen, and the time to fit. */
export function expireRegardless(...[apply, entry, command, machine]: Parameters<ApplyFault>): Outcome {
  if (!Array.isArray(command) || command[0] !== 'expire' || !Array.isArray(command[2])) return apply(entry, command);
  const present = new Map(machine.due(Number.MAX_SAFE_INTEGER, 1_000).map((item) => [item.id, item.deadlineMs]));
  const items: [string, number][] = command[2].map(([id, deadlineMs]: [string, number]) => [id, present.get(id) ?? deadlineMs]);
  const timeMs = items.reduce((latest, [, deadlineMs]) => Math.max(latest, deadlineMs + 1), entry.timeMs);
  return apply({ ...entry, timeMs }, [command[0], command[1], items]);
}

/** Answers reads of the store from what it has read before. */
export function rememberedKeys(service: Service): Service {
  const remembered = new Map<string, KeyView | null>();
  const state = (real: StateMachine): StateMachine =>
    bent(real, 'key', (key: string): KeyView | null => {
      const shown = real.key(key);
      const before = remembered.get(key);
      remembered.set(key, shown);
      return before === undefined ? shown : before;
    });
  const read: Service['read'] = (consistency, answer) =>
    service.read(consistency, (result) =>
      answer(result.kind === 'failed' ? result : { kind: 'view', view: { ...result.view, state: state(result.view.state) } }),
    );
  return bent(service, 'read', read);
}

/** Answers a put as the next write of its key, and writes nothing. */
export function forgetfulPut(...[apply, entry, tuple, machine]: Parameters<ApplyFault>): Outcome {
  const put = twentiethPut(entry, tuple);
  if (put === null) return apply(entry, tuple);
  const { key, value, lease, assert } = put;
  const before = machine.key(key);
  const outcome = apply(entry, toTuple({ kind: 'txn', assert, compare: [], success: [], failure: [] }));
  if (outcome.kind === 'refused') return outcome;
  const { createRevision, version } = before ?? { createRevision: entry.index, version: 0 };
  return { kind: 'key', key: { key, value, createRevision, modRevision: entry.index, version: version + 1, lease } };
}

/** Writes it twice in one entry. */
export function doublePut(...[apply, entry, tuple]: Parameters<ApplyFault>): Outcome {
  const put = twentiethPut(entry, tuple);
  if (put === null) return apply(entry, tuple);
  const { key, value, lease, assert } = put;
  const op: TxnOp = { kind: 'put', key, value, lease };
  const outcome = apply(entry, toTuple({ kind: 'txn', assert, compare: [], success: [op, op], failure: [] }));
  const last = outcome.kind === 'txn' ? outcome.results[1] : undefined;
  return last !== undefined && 'key' in last && last.key !== null ? { kind: 'key', key: last.key } : outcome;
}

function twentiethPut(entry: EntryContext, tuple: unknown): (BareCommand & { readonly kind: 'put' }) | null {
  const command = entry.index % 20 === 0 ? fromTuple(tuple) : null;
  return command?.kind === 'put' && command.lease === null && command.precondition === null ? command : null;
}

/** `target` with another `name`. Methods run on the target itself, which may have private fields. */
function bent<Target extends object, Name extends keyof Target>(target: Target, name: Name, replacement: Target[Name]): Target {
  return new Proxy(target, {
    get(_, wanted) {
      if (wanted === name) return replacement;
      const value: unknown = Reflect.get(target, wanted, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** Removes the fence from every assertion that also has a holder: their place is known from the tuple of a put, delete or txn. */
export function withoutFences(command: unknown): unknown {
  if (!Array.isArray(command)) return command;
  const place = command[0] === 'put' ? 4 : command[0] === 'delete' ? 2 : command[0] === 'txn' ? 1 : -1;
  const assertions: unknown = command[place];
  if (!Array.isArray(assertions)) return command;
  const weakened = assertions.map((assertion: unknown[]) =>
    assertion[3] === null ? assertion : assertion.map((field, at) => (at === 4 ? null : field)),
  );
  return command.map((field: unknown, at) => (at === place ? weakened : field));
}

// ---------------------------------------------------------------- disk

/** Says that a saved state is durable as soon as it is asked for, so that the log behind it is cut too early. */
export function hastySave(env: Env): LogStore {
  const { store } = env;
  let isBusy = false;
  const saveState: LogStore['saveState'] = (meta, records, done) => {
    if (!isBusy) {
      isBusy = true;
      store.saveState(meta, records, () => {
        isBusy = false;
      });
    }
    env.clock.soon(() => done());
  };
  return bent(store, 'saveState', saveState);
}

/** Tries again after a failed write, and believes the success that the second attempt reports: the pages of the first are gone. */
export function forgiving(env: Env): LogStore {
  const { store } = env;
  return bent(store, 'append', (write, done) => store.append(write, () => done()));
}

/** Believes a database that ends earlier than the mark says. */
export function ignoreMark(disk: SimDisk): void {
  disk.ignoresMark = true;
}

/** Syncs neither the pieces of an image nor compactions, and relies on the synced writes after them. */
export function syncLess(disk: SimDisk): void {
  disk.syncsLess = true;
}

/** Does what a batch says piece by piece: torn, its first half is there. */
export function tornApart(disk: SimDisk): void {
  disk.database.isAtomic = false;
}

/** The applied index is not in the batch of the data: it is one behind them. */
export function indexBehindData(recovered: Recovered): Recovered {
  const { image, entries, precedingTerm } = recovered;
  const first = entries[0]?.index ?? 0;
  if (image.index <= 1 || first === 0 || first > image.index) return recovered;
  const term = first === image.index ? precedingTerm : entries[image.index - 1 - first]?.term;
  return term === undefined ? recovered : { ...recovered, image: { ...image, index: image.index - 1, term } };
}

// ---------------------------------------------------------------- network and service

/** Keeps a connection however long nothing arrives. */
export function patient(env: Env): Env['transport'] {
  return Object.assign(env.transport as SimTransport, { silenceMaxMs: Number.MAX_SAFE_INTEGER });
}

/** Answers every read from its own state. */
export function withoutQuorum(service: Service): Service {
  return bent(service, 'read', (_, answer) => service.read('stale', answer));
}

/** Ends a wait after a while, whoever has the lease. */
export function wokenByTimer(): Required<Pick<EnvFault, 'env' | 'service'>> {
  const clocks = new Map<string, Clock>();
  const wake = (service: Service): Service =>
    bent(service, 'waitVacant', (key, vacant, failed) => {
      let isOver = false;
      const once = (end: () => void): void => {
        if (!isOver) end();
        isOver = true;
      };
      const cancel = service.waitVacant(
        key,
        (index) => once(() => vacant(index)),
        (failure) => once(() => failed(failure)),
      );
      clocks.get(service.node)?.after(200, () => once(() => vacant(service.appliedIndex)));
      return () => once(cancel);
    });
  return {
    env: (env, node) => {
      clocks.set(`n${node}`, env.clock);
      return env;
    },
    service: wake,
  };
}

// ---------------------------------------------------------------- state machine

/** Ends by expiry only what is over by the node's own clock, which begins with its process. */
export function byOwnClock(): { readonly env: Required<EnvFault>['env']; readonly apply: ApplyFault } {
  const clocks = new Map<NodeId, () => number>();
  return {
    env: (env, node) => {
      const beganMs = env.clock.now();
      clocks.set(node, () => env.clock.now() - beganMs);
      return env;
    },
    apply: (apply, entry, tuple, _, node) => {
      const command = fromTuple(tuple);
      if (command?.kind !== 'expire') return apply(entry, tuple);
      const nowMs = clocks.get(node)?.() ?? 0;
      return apply(entry, toTuple({ ...command, items: command.items.filter(({ deadlineMs }) => deadlineMs < nowMs) }));
    },
  };
}

/** Counts fences in memory, from the start of the process on. */
export function countedFences(): ApplyFault {
  const counted = new WeakMap<StateMachine, number>();
  return (apply, entry, tuple, machine) => {
    const outcome = apply(entry, tuple);
    if (outcome.kind !== 'claim' || !outcome.created) return outcome;
    const fence = (counted.get(machine) ?? 0) + 1;
    counted.set(machine, fence);
    return { ...outcome, claim: { ...outcome.claim, fence } };
  };
}

/** Decides an assertion by who held the lease some entries ago, when the write was received, and not again. */
export function checkedOnReceipt(): ApplyFault {
  const earlier = new Map<number, ReadonlyMap<string, ReturnType<typeof tenureIn>>>();
  return (apply, entry, tuple, machine) => {
    earlier.set(entry.index, new Map(LEASE_KEYS.map((key) => [keyName(key), tenureIn(machine, key)])));
    const command = fromTuple(tuple);
    const then = earlier.get(entry.index - 3);
    if (command === null || !('assert' in command) || then === undefined) return apply(entry, tuple);
    const held = command.assert.every((assertion) => heldBy(assertion, then.get(keyName(assertion)) ?? null));
    return apply(entry, held ? toTuple({ ...command, assert: [] }) : tuple);
  };
}

function heldBy({ holder, fence }: Assertion, tenure: ReturnType<typeof tenureIn>): boolean {
  return tenure !== null && (holder === undefined || holder === tenure.holder) && (fence === undefined || fence === tenure.fence);
}

// ---------------------------------------------------------------- members

/** Goes by the members of the first start, whatever the saved state says. */
export function foundersOnly(recovered: Recovered): Recovered {
  const { image } = recovered;
  if (image.index === 0) return recovered;
  const conf = { ...image.conf, voters: [1, 2, 3], votersOutgoing: [], learners: [], learnersNext: [] };
  return { ...recovered, image: { ...image, conf, roster: new Uint8Array() } };
}

/** Turns no peer away, whatever disk it comes with. */
export function welcoming(env: Env): Env['transport'] {
  const transport = env.transport as SimTransport;
  const objection = transport.objection.bind(transport);
  return Object.assign(transport, {
    objection: (peer: PeerInfo) => {
      objection(peer);
      return null;
    },
  });
}
