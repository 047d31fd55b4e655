// After the faults: a leader within bounds, every call answered, every lapsed lease gone, every node in the same state.
import type { Cluster } from './cluster.ts';
import { keyName } from './facts.ts';
import { LEASE_KEYS } from './intentions.ts';
import type { Ledger } from './ledger.ts';
import { type MemberHistory, membersOf } from './member-history.ts';
import type { Operator } from './operator.ts';
import type { Plan } from './plan.ts';
import { Violation } from './properties/property.ts';
import type { Scheduler } from './scheduler.ts';
import { hashState } from './witness.ts';
import type { Workload } from './workload.ts';

export interface Convergence {
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  readonly cluster: Cluster;
  readonly workload: Workload;
  readonly ledger: Ledger;
  readonly members: MemberHistory;
  readonly operator: Operator;
  /** Lets time pass until then, or until `stop`; throws the violation that was found on the way. */
  advance(untilMs: number, stop?: () => boolean): void;
}

/** Everything has been healed just now. Throws a {@link Violation} of `convergence`. */
export function convergence(world: Convergence): void {
  const { plan, scheduler, cluster, workload } = world;
  const boundMs = ELECTIONS_MOST * 2 * plan.electionTimeoutMs;
  const healedMs = scheduler.nowMs;
  // While the clients go on: somebody leads, and their calls are applied.
  if (plan.faults.includes('silent-links'))
    until(world, SILENCE_BOUND_MS, 'no call is applied, with links that were silent', () => workload.lastAppliedMs > healedMs);
  until(world, boundMs, 'no leader', () => cluster.leader !== null);
  until(world, boundMs + CALL_BOUND_MS, 'no call is applied', () => workload.lastAppliedMs > healedMs);
  settleMembers(world, boundMs + CALL_BOUND_MS);
  world.advance(scheduler.nowMs + AFTER_MS);
  workload.stop();
  until(
    world,
    CALL_BOUND_MS,
    'a call is not answered',
    () => workload.owed().length === 0,
    () => workload.owed().join('; '),
  );
  unpinEverything(world);
  const slowest = plan.clocks.reduce((least, { rate }) => Math.min(least, rate), 1);
  const endMs = plan.mostDurationMs / slowest + 2 * 2 * plan.electionTimeoutMs + DURATION_SLACK_MS;
  const state = () => cluster.life(cluster.leader ?? cluster.able[0] ?? 0)?.replica.state;
  until(
    world,
    endMs,
    'a lapsed lease does not end',
    () => {
      const machine = state();
      return (
        machine !== undefined && LEASE_KEYS.every((key) => machine.claim(key, 0) === null) && machine.grants(null, 1, 0).items.length === 0
      );
    },
    () => JSON.stringify([LEASE_KEYS.map((key) => state()?.claim(key, 0)), state()?.grants(null, 10, 0)]),
  );
  until(
    world,
    boundMs + IMAGE_BOUND_MS,
    'nodes do not catch up',
    () => new Set(cluster.able.map((id) => cluster.life(id)?.replica.appliedIndex)).size === 1,
    () => JSON.stringify(cluster.able.map((id) => cluster.life(id)?.replica.appliedIndex ?? null)),
  );
  until(
    world,
    boundMs,
    'a wait is not answered though nobody holds anything',
    () => workload.waiting().length === 0,
    () => workload.waiting().join('; '),
  );
  compareStates(world);
}

function until(world: Convergence, boundMs: number, complaint: string, condition: () => boolean, detail: () => string = () => ''): void {
  const { scheduler } = world;
  const startMs = scheduler.nowMs;
  // Looked at now and then, not after every event.
  while (!condition()) {
    if (scheduler.nowMs >= startMs + boundMs) fail(`${complaint} within ${boundMs.toFixed(0)} ms after ${startMs.toFixed(3)} ${detail()}`);
    world.advance(scheduler.nowMs + LOOK_EVERY_MS);
  }
}

/** Every change is answered, every newcomer that runs votes, whoever was to be replaced is gone, and the removed have ended. */
function settleMembers(world: Convergence, boundMs: number): void {
  const { cluster, members, operator } = world;
  until(
    world,
    boundMs,
    'a change of members is not answered',
    () => operator.owed.length === 0,
    () => operator.owed.join('; '),
  );
  until(
    world,
    boundMs + IMAGE_BOUND_MS,
    'a member does not get to vote',
    () => members.newest.conf.votersOutgoing.length === 0 && cluster.able.every((id) => members.newest.conf.voters.includes(id)),
    () => JSON.stringify(members.newest),
  );
  until(
    world,
    boundMs,
    'a removed node does not end',
    () => strangers(world).length === 0,
    () => JSON.stringify(strangers(world)),
  );
}

/** Nodes that run, are no members or were wiped and run under their old number, and know somebody who could tell them so. */
function strangers({ cluster, members }: Convergence): number[] {
  const present = membersOf(members.newest.conf);
  return cluster.up.filter((id) => {
    if (!cluster.isOutcast(id) && present.includes(id)) return false;
    // By number: a member that came back after a wipe has its old name, and is nobody that this node has ever heard of.
    const conf = cluster.life(id)?.replica.raftStatus().conf;
    const known = conf === undefined ? [] : membersOf(conf);
    return known.some((member) => member !== id && present.includes(member) && cluster.able.includes(member));
  });
}

/** Asks until it is done: the answer to one unpin may be lost in a change of the leader. */
function unpinEverything(world: Convergence): void {
  const { cluster, workload } = world;
  const pins = () => cluster.life(cluster.leader ?? cluster.able[0] ?? 0)?.replica.state.pins(null) ?? [];
  for (let round = 0; pins().length > 0; round += 1) {
    if (round >= 10) fail(`still pinned after ${round} rounds: ${JSON.stringify(pins())}`);
    let waiting = 0;
    for (const pin of pins()) {
      const key = LEASE_KEYS.find((candidate) => keyName(candidate) === keyName(pin));
      if (key === undefined) fail(`a pin on a lease that nobody speaks of: ${JSON.stringify(pin)}`);
      for (const entity of pin.entities) {
        waiting += 1;
        workload.ask(cluster.leader ?? cluster.able[0] ?? 0, { kind: 'unpin', key, entity }, () => {
          waiting -= 1;
        });
      }
    }
    until(world, CALL_BOUND_MS, 'an unpin is not answered', () => waiting === 0);
    world.advance(world.scheduler.nowMs + AFTER_MS);
  }
}

function compareStates({ cluster, ledger }: Convergence): void {
  const states = cluster.able.map((id) => cluster.life(id)?.replica.state);
  const hashes = states.map((machine) => (machine === undefined ? 'down' : hashState(machine)));
  if (new Set(hashes).size !== 1) fail(`nodes at ${states[0]?.appliedIndex} differ: ${hashes.join(' ')}`);
  const index = states[0]?.appliedIndex ?? 0;
  if (index < ledger.acknowledged) fail(`all nodes are at ${index}, but ${ledger.acknowledged} was acknowledged`);
}

function fail(what: string): never {
  throw new Violation('convergence', what);
}

/** RELIABILITY 6, I14: a leader within so many election timeouts, an overdue lease gone within two; each of them up to twice the configured one. */
const ELECTIONS_MOST = 10;
const CALL_BOUND_MS = 6_000;
/** Links that deliver nothing are closed and made again, and a leader is elected over them. */
const SILENCE_BOUND_MS = 5_000;
/** A state image whose answer was lost is sent again only after a while. */
const IMAGE_BOUND_MS = 6_000;
const AFTER_MS = 300;
/** Leases in small batches, one group commit after the other. */
const DURATION_SLACK_MS = 500;
const LOOK_EVERY_MS = 10;
