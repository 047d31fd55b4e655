// The mistakes that systems like ours have made (RELIABILITY 8, PROPERTIES 5), planted through the seams, and the property that must find each.
import type { Recovered } from '../../src/env.ts';
import { NONE } from '../../src/raft/types.ts';
import * as faults from './planted-faults.ts';
import type { SimulationOptions } from './simulation.ts';

export interface PlantedBug {
  /** What the node does wrong, as a sentence. */
  readonly title: string;
  /** The property that finds it. */
  readonly property: string;
  /** Within so many seeds, counted from 1. */
  readonly seeds: number;
  /** Made anew for each seed: some faults remember. */
  readonly options: () => SimulationOptions;
}

/** What needs a line of `src` to be wrong (a leader that skips its no-op, commit by counting, a read's context used again, …) is planted by the mutants instead. */
export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    title: 'a node acknowledges before its disk does',
    property: 'promises',
    seeds: 10,
    options: () => ({ envFault: { env: (env) => ({ ...env, store: faults.hasty(env) }) } }),
  },
  {
    title: 'a node forgets its vote in a restart',
    property: 'promises',
    seeds: 300,
    options: () => ({ envFault: { recovered: forgetVote }, replan: faults.manyCrashes }),
  },
  {
    title: 'a node forgets its vote in a restart, and nobody looks at votes',
    property: 'election-safety',
    seeds: 300,
    options: () => ({ envFault: { recovered: forgetVote }, replan: faults.manyElections, without: ['promises'] }),
  },
  {
    title: 'a disk loses the last entry of its log in a restart',
    property: 'leader-completeness',
    seeds: 300,
    options: () => ({ envFault: { reopened: (disk) => disk.loseLast() }, replan: faults.manyCrashes }),
  },
  {
    title: 'a log that ends before the mark is believed',
    property: 'durable',
    seeds: 100,
    options: () => ({ envFault: { reopened: faults.ignoreMark }, replan: faults.rottenDisks }),
  },
  {
    title: 'a failed write is tried again, and its success believed',
    property: 'promises',
    seeds: 100,
    options: () => ({ envFault: { env: (env) => ({ ...env, store: faults.forgiving(env) }) }, replan: faults.failingDisks }),
  },
  {
    title: 'a write that truncates the log is not atomic',
    property: 'no-bugs',
    seeds: 100,
    options: () => ({ envFault: { reopened: faults.tornApart }, replan: faults.manyCrashes }),
  },
  {
    title: 'the pieces of an image and compactions are not synced, though LevelDB may change its log file behind them',
    property: 'no-bugs',
    seeds: 100,
    options: () => ({ envFault: { reopened: faults.syncLess }, replan: faults.imagesWithoutPower }),
  },
  {
    title: 'a state counts as saved before it is durable',
    property: 'no-bugs',
    seeds: 100,
    options: () => ({ envFault: { env: (env) => ({ ...env, store: faults.hastySave(env) }) }, replan: faults.tinyImages }),
  },
  {
    title: 'the applied index is stored apart from the data',
    property: 'state-machine-safety',
    seeds: 100,
    options: () => ({ envFault: { recovered: faults.indexBehindData }, replan: faults.tinyImages }),
  },
  {
    title: 'a read is answered without a quorum',
    property: 'linearizable-reads',
    seeds: 20,
    options: () => ({ envFault: { service: faults.withoutQuorum } }),
  },
  {
    title: 'a wait is ended by a timer',
    property: 'waiters',
    seeds: 20,
    options: () => ({ envFault: faults.wokenByTimer() }),
  },
  {
    title: 'the clock of a leader runs fast',
    property: 'never-early',
    seeds: 20,
    options: () => ({ envFault: { env: (env) => ({ ...env, clock: faults.hurried(env.clock) }) }, without: ['lease-time'] }),
  },
  {
    title: 'an expiry does not look whether the lease was renewed meanwhile',
    property: 'never-early',
    seeds: 100,
    options: () => ({ applyFault: faults.expireRegardless }),
  },
  {
    title: 'an expiry is decided by each node by its own clock',
    property: 'state-machine-safety',
    seeds: 20,
    options: () => {
      const { env, apply } = faults.byOwnClock();
      return { envFault: { env }, applyFault: apply };
    },
  },
  {
    title: 'fences are counted in memory',
    property: 'never-resurrected',
    seeds: 20,
    options: () => ({ applyFault: faults.countedFences() }),
  },
  {
    title: 'an assertion is compared on the holder only',
    property: 'gated-writes',
    seeds: 20,
    options: () => ({ applyFault: (apply, entry, command) => apply(entry, faults.withoutFences(command)) }),
  },
  {
    title: 'an assertion is checked when the write is received instead of when it is applied',
    property: 'gated-writes',
    seeds: 20,
    options: () => ({ applyFault: faults.checkedOnReceipt() }),
  },
  {
    title: 'a key is read as it was at the last read of it, under an index of now',
    property: 'linearizability',
    seeds: 10,
    options: () => ({ envFault: { service: faults.rememberedKeys } }),
  },
  {
    title: 'every twentieth put is answered and forgotten by all nodes alike',
    property: 'linearizability',
    seeds: 10,
    options: () => ({ applyFault: faults.forgetfulPut }),
  },
  {
    title: 'every twentieth put is carried out twice by all nodes alike',
    property: 'linearizability',
    seeds: 10,
    options: () => ({ applyFault: faults.doublePut }),
  },
  {
    title: 'a node goes by the members of the first start after a restart',
    property: 'same-members',
    seeds: 20,
    options: () => ({ envFault: { recovered: faults.foundersOnly }, replan: (plan) => ({ ...faults.changingMembers(plan), nodes: 3 }) }),
  },
  {
    title: 'a node that has lost its disk is taken back under its old number',
    property: 'leader-completeness',
    seeds: 60,
    options: () => ({ envFault: { env: (env) => ({ ...env, transport: faults.welcoming(env) }) }, replan: faults.wipedDisks }),
  },
  {
    title: 'links have no silence rule',
    property: 'convergence',
    seeds: 20,
    options: () => ({ envFault: { env: (env) => ({ ...env, transport: faults.patient(env) }) }, replan: faults.silentLinks }),
  },
];

function forgetVote(recovered: Recovered): Recovered {
  return { ...recovered, hardState: { ...recovered.hardState, vote: NONE } };
}
