// Faults of the kind that systems like ours have had, planted through the seams, and the property that must find each.
import type { Clock, Env, LogStore, LogWrite } from '../../src/env.ts';
import { fromTuple, toTuple } from '../../src/lease/command-codec.ts';
import type { Command, TxnOp } from '../../src/lease/commands.ts';
import type { KeyView, Outcome } from '../../src/lease/outcomes.ts';
import type { EntryContext, StateMachine } from '../../src/lease/state-machine.ts';
import { NONE } from '../../src/raft/types.ts';
import type { Service } from '../../src/replica/service.ts';
import type { Plan } from './plan.ts';
import type { SimulationOptions } from './simulation.ts';
import type { ApplyFault } from './witness.ts';

export interface PlantedBug {
  /** What the node does wrong, as a sentence. */
  readonly title: string;
  /** The property that finds it. */
  readonly property: string;
  /** Within so many seeds, counted from 1. */
  readonly seeds: number;
  readonly options: SimulationOptions;
}

export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    title: 'a node forgets its vote in a restart',
    property: 'promises',
    seeds: 300,
    options: {
      envFault: { recovered: (recovered) => ({ ...recovered, hardState: { ...recovered.hardState, vote: NONE } }) },
      replan: manyCrashes,
    },
  },
  {
    title: 'a node forgets its vote in a restart, and nobody looks at votes',
    property: 'election-safety',
    seeds: 2_000,
    options: {
      envFault: { recovered: (recovered) => ({ ...recovered, hardState: { ...recovered.hardState, vote: NONE } }) },
      replan: manyCrashes,
      without: ['promises'],
    },
  },
  {
    title: 'a disk loses the last entry of its log in a restart',
    property: 'leader-completeness',
    seeds: 300,
    options: { envFault: { reopened: (disk) => disk.loseLast() }, replan: manyCrashes },
  },
  {
    title: 'a node acknowledges before its disk does',
    property: 'promises',
    seeds: 10,
    options: { envFault: { env: (env) => ({ ...env, store: hasty(env) }) } },
  },
  {
    title: 'the clock of a leader runs fast',
    property: 'never-early',
    seeds: 20,
    options: { envFault: { env: (env) => ({ ...env, clock: hurried(env.clock) }) }, without: ['lease-time'] },
  },
  {
    title: 'an expiry does not look whether the lease was renewed meanwhile',
    property: 'never-early',
    seeds: 100,
    options: { applyFault: expireRegardless },
  },
  {
    title: 'an assertion is compared on the holder only',
    property: 'gated-writes',
    seeds: 20,
    options: { applyFault: (apply, entry, command) => apply(entry, withoutFences(command)) },
  },
  {
    title: 'a key is read as it was at the last read of it, under an index of now',
    property: 'linearizability',
    seeds: 10,
    options: { envFault: { service: rememberedKeys } },
  },
  {
    title: 'every twentieth put is answered and forgotten by all nodes alike',
    property: 'linearizability',
    seeds: 10,
    options: { applyFault: forgetfulPut },
  },
  {
    title: 'every twentieth put is carried out twice by all nodes alike',
    property: 'linearizability',
    seeds: 10,
    options: { applyFault: doublePut },
  },
];

/** Short terms, and nodes that come back in the midst of them. */
function manyCrashes(plan: Plan): Plan {
  return {
    ...plan,
    nodes: 3,
    faults: ['crash-leader', 'crash-one', 'crash-one', 'isolate-one'],
    faultEveryMs: 100,
    clocks: plan.clocks.concat(plan.clocks, plan.clocks).slice(0, 3),
  };
}

/** Says that an append is durable as soon as it is asked for. */
function hasty(env: Env): LogStore {
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
function hurried(clock: Clock): Clock {
  return { now: () => clock.now() * 1.5, after: (delayMs, run) => clock.after(delayMs, run), soon: (run) => clock.soon(run) };
}

/** Ends what an expiry names even if it was renewed since: takes the deadlines of now for those that were seen, and the time to fit. */
function expireRegardless(...[apply, entry, command, machine]: Parameters<ApplyFault>): Outcome {
  if (!Array.isArray(command) || command[0] !== 'expire' || !Array.isArray(command[2])) return apply(entry, command);
  const present = new Map(machine.due(Number.MAX_SAFE_INTEGER, 1_000).map((item) => [item.id, item.deadlineMs]));
  const items: [string, number][] = command[2].map(([id, deadlineMs]: [string, number]) => [id, present.get(id) ?? deadlineMs]);
  const timeMs = items.reduce((latest, [, deadlineMs]) => Math.max(latest, deadlineMs + 1), entry.timeMs);
  return apply({ ...entry, timeMs }, [command[0], command[1], items]);
}

/** Answers reads of the store from what it has read before. */
function rememberedKeys(service: Service): Service {
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
function forgetfulPut(...[apply, entry, tuple, machine]: Parameters<ApplyFault>): Outcome {
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
function doublePut(...[apply, entry, tuple]: Parameters<ApplyFault>): Outcome {
  const put = twentiethPut(entry, tuple);
  if (put === null) return apply(entry, tuple);
  const { key, value, lease, assert } = put;
  const op: TxnOp = { kind: 'put', key, value, lease };
  const outcome = apply(entry, toTuple({ kind: 'txn', assert, compare: [], success: [op, op], failure: [] }));
  const last = outcome.kind === 'txn' ? outcome.results[1] : undefined;
  return last !== undefined && 'key' in last && last.key !== null ? { kind: 'key', key: last.key } : outcome;
}

function twentiethPut(entry: EntryContext, tuple: unknown): (Command & { readonly kind: 'put' }) | null {
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
function withoutFences(command: unknown): unknown {
  if (!Array.isArray(command)) return command;
  const place = command[0] === 'put' ? 4 : command[0] === 'delete' ? 2 : command[0] === 'txn' ? 1 : -1;
  const assertions: unknown = command[place];
  if (!Array.isArray(assertions)) return command;
  const weakened = assertions.map((assertion: unknown[]) =>
    assertion[3] === null ? assertion : assertion.map((field, at) => (at === 4 ? null : field)),
  );
  return command.map((field: unknown, at) => (at === place ? weakened : field));
}
