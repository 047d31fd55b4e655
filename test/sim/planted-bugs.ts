// Faults of the kind that systems like ours have had, planted through the seams, and the property that must find each.
import type { Clock, Env, LogStore } from '../../src/env.ts';
import { StateMachine } from '../../src/lease/state-machine.ts';
import { NONE } from '../../src/raft/types.ts';
import type { Plan } from './plan.ts';
import type { SimulationOptions } from './simulation.ts';

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
    options: { envFault: { recovered: (recovered) => ({ ...recovered, hardState: { ...recovered.hardState, vote: NONE } }) }, replan: manyCrashes },
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
    title: 'a node forgets the last entry of its log in a restart',
    property: 'leader-completeness',
    seeds: 300,
    options: { envFault: { recovered: (recovered) => ({ ...recovered, entries: recovered.entries.slice(0, -1) }) }, replan: manyCrashes, without: ['no-bugs'] },
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
    options: { applyFault: (apply, command, machine) => apply(withPresentDeadlines(command, machine)) },
  },
  {
    title: 'an assertion is compared on the holder only',
    property: 'gated-writes',
    seeds: 20,
    options: { applyFault: (apply, command) => apply(withoutFences(command)) },
  },
];

/** Short terms, and nodes that come back in the midst of them. */
function manyCrashes(plan: Plan): Plan {
  return { ...plan, nodes: 3, faults: ['crash-leader', 'crash-one', 'crash-one', 'isolate-one'], faultEveryMs: 100, clocks: plan.clocks.concat(plan.clocks, plan.clocks).slice(0, 3) };
}

/** Says that an append is durable as soon as it is asked for. */
function hasty(env: Env): LogStore {
  const { store } = env;
  return new Proxy(store, {
    get(target, name) {
      if (name === 'append') {
        const append: LogStore['append'] = (write, done) => {
          let isBusy = true;
          target.append(write, () => {
            isBusy = false;
          });
          const tell = (): void => {
            // One write at a time still: only the answer is early, by as long as the next write allows.
            if (isBusy && write.entries.length === 0) env.clock.soon(tell);
            else done();
          };
          env.clock.soon(tell);
        };
        return append;
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** Three milliseconds for every two. */
function hurried(clock: Clock): Clock {
  return { now: () => clock.now() * 1.5, after: (delayMs, run) => clock.after(delayMs, run), soon: (run) => clock.soon(run) };
}

/** `['expire', term, [[id, deadline], …]]` with the deadlines of now. */
function withPresentDeadlines(command: unknown, machine: StateMachine): unknown {
  if (!Array.isArray(command) || command[0] !== 'expire' || !Array.isArray(command[2])) return command;
  const deadlines = new Map(machine.due(Number.MAX_SAFE_INTEGER, 1_000).map((item) => [item.id, item.deadlineMs]));
  return [command[0], command[1], command[2].map(([id, deadlineMs]: [string, number]) => [id, deadlines.get(id) ?? deadlineMs])];
}

/** Removes the fence from every assertion that also has a holder: their place is known from the tuple of a put, delete or txn. */
function withoutFences(command: unknown): unknown {
  if (!Array.isArray(command)) return command;
  const place = command[0] === 'put' ? 4 : command[0] === 'delete' ? 2 : command[0] === 'txn' ? 1 : -1;
  const assertions: unknown = command[place];
  if (!Array.isArray(assertions)) return command;
  const weakened = assertions.map((assertion: unknown[]) => (assertion[3] === null ? assertion : assertion.map((field, at) => (at === 4 ? null : field))));
  return command.map((field: unknown, at) => (at === place ? weakened : field));
}
