// Faults of the kind that systems like ours have had, planted through the seams, and the property that must find each.
import type { Clock, Env, LogStore, LogWrite } from '../../src/env.ts';
import type { Outcome } from '../../src/lease/outcomes.ts';
import { NONE } from '../../src/raft/types.ts';
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
  return new Proxy(store, {
    get(target, name) {
      if (name === 'append') return append;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
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
