// One run: a cluster, clients and a nemesis from one seed, judged by all properties; then everything is healed and must agree.
import type { NodeId } from '../../src/raft/types.ts';
import { DEFAULT_LIMITS } from '../../src/replica/config.ts';
import { Cluster, type EnvFault } from './cluster.ts';
import { type Convergence, convergence } from './convergence.ts';
import { describeTenure, type Fact } from './facts.ts';
import { LEASE_KEYS } from './intentions.ts';
import { Ledger } from './ledger.ts';
import { MemberHistory } from './member-history.ts';
import { Nemesis } from './nemesis.ts';
import { Operator } from './operator.ts';
import { drawPlan, type Fault, type Plan } from './plan.ts';
import { allProperties } from './properties/all.ts';
import { type Property, Violation } from './properties/property.ts';
import { SeededRandom } from './random.ts';
import { Scheduler } from './scheduler.ts';
import { type Print, Story } from './story.ts';
import { SimWatchers } from './watchers.ts';
import { type ApplyFault, witnessStateMachines } from './witness.ts';
import { describePlan } from './words.ts';
import { Workload } from './workload.ts';

export interface SimulationOptions {
  /** Given each line of the story. */
  readonly print?: Print;
  /** Names of properties that are left out. */
  readonly without?: readonly string[];
  /** Faults that a test plants. */
  readonly envFault?: EnvFault;
  readonly applyFault?: ApplyFault;
  /** Changes the drawn plan. */
  readonly replan?: (plan: Plan) => Plan;
}

export interface SimulationResult {
  readonly seed: number;
  /** Over everything that happened, in order. */
  readonly hash: string;
  /** Null when all properties held. */
  readonly violation: Violation | null;
  readonly virtualMs: number;
  readonly events: number;
  readonly entries: number;
  readonly applied: number;
  readonly failed: number;
  readonly reads: number;
  /** How often the members changed, as the log has it. */
  readonly memberChanges: number;
  /** What strangers said to nodes that had let them in. */
  readonly strangerFrames: number;
  /** How often each fault struck. */
  readonly strikes: ReadonlyMap<Fault, number>;
}

/** Runs one seed from beginning to end, synchronously. The same seed and options give the same result. */
export function simulate(seed: number, options: SimulationOptions = {}): SimulationResult {
  const random = new SeededRandom(seed);
  const drawn = drawPlan(random.fork());
  const plan = options.replan?.(drawn) ?? drawn;
  const story = new Story(options.print ?? null);
  const scheduler = new Scheduler();
  const ledger = new Ledger();
  const found: { violation: Violation | null } = { violation: null };
  let properties: readonly Property[] = [];
  const tell = (fact: Fact): void => {
    if (fact.kind === 'applied' && fact.application.command?.kind === 'expire') {
      const { index, changes, endedGrants, atMs } = fact.application;
      for (const { name, before } of changes) story.tell(atMs, 'log', `entry ${index}: ${name} of ${describeTenure(before)} runs out`);
      for (const id of endedGrants) story.tell(atMs, 'log', `entry ${index}: lease ${id} runs out`);
    }
    try {
      for (const property of properties) property.observe(fact);
    } catch (error) {
      // Kept here too: the code under test may catch it.
      if (error instanceof Violation) found.violation ??= error;
      throw error;
    }
  };
  const members = new MemberHistory(Array.from({ length: plan.nodes }, (_, place) => place + 1));
  const cluster = new Cluster(plan, scheduler, random.fork(), story, members, { tell, envFault: options.envFault ?? null });
  properties = allProperties(
    {
      get nowMs() {
        return scheduler.nowMs;
      },
      members,
      limits: { ...DEFAULT_LIMITS, ...plan.limits },
      ledger,
      fastestRate: plan.clocks.reduce((fastest, clock) => Math.max(fastest, clock.rate), 1),
      led: () => cluster.led,
      disk: (node: NodeId) => cluster.disk(node),
      hasHad: (node, index, term) => cluster.hasHad(node, index, term),
      term: (node: NodeId) => cluster.life(node)?.replica.term ?? 0,
      holds: (node, index, term) => cluster.holds(node, index, term),
    },
    options.without ?? [],
  );
  const workload = new Workload(plan, scheduler, random.fork(), story, cluster, ledger, { tell });
  const nemesisRandom = random.fork();
  const watchers = new SimWatchers(cluster, scheduler, random.fork(), { tell });
  const operator = new Operator(plan, scheduler, random.fork(), story, cluster, members);
  const nemesis = new Nemesis(plan, scheduler, nemesisRandom, story, cluster, operator);
  const unwitness = witnessStateMachines({
    get nowMs() {
      return scheduler.nowMs;
    },
    get running() {
      return cluster.running;
    },
    ledger,
    keys: LEASE_KEYS,
    fault: options.applyFault ?? null,
    tell,
  });
  const advance = (untilMs: number, stop?: () => boolean): void => {
    scheduler.runUntil(untilMs, () => found.violation !== null || (stop?.() ?? false));
    if (found.violation !== null) throw found.violation;
  };
  story.tell(0, 'plan', describePlan(plan));
  try {
    for (const id of cluster.ids) cluster.start(id);
    workload.start();
    nemesis.start();
    watchers.start();
    advance(plan.faultsMs);
    nemesis.heal();
    tell({ kind: 'healed' });
    const world: Convergence = { plan, scheduler, cluster, workload, ledger, members, operator, advance };
    convergence(world);
    watchers.finish();
    tell({ kind: 'finished' });
  } catch (error) {
    if (error instanceof Violation) found.violation ??= error;
    else found.violation ??= new Violation('no-bugs', error instanceof Error ? (error.stack ?? error.message) : String(error));
    story.tell(scheduler.nowMs, 'VIOLATION', found.violation.message);
  } finally {
    unwitness();
  }
  return {
    seed,
    hash: story.hash,
    violation: found.violation,
    virtualMs: scheduler.nowMs,
    events: scheduler.executed,
    entries: ledger.lastApplied,
    applied: workload.applied,
    failed: workload.failed,
    reads: workload.reads,
    strikes: nemesis.strikes,
    memberChanges: members.changes,
    strangerFrames: nemesis.strangerFrames,
  };
}
