// What one seed decides before a run: how many nodes, how fast, what may go wrong and how often.
import type { ReplicaLimits } from '../../src/replica/config.ts';
import type { RoomLimits } from '../../src/replica/room.ts';
import type { ClockOptions } from './clock.ts';
import type { DiskMood } from './log-store.ts';
import type { NetworkMood } from './network.ts';
import type { SeededRandom } from './random.ts';

/** What the nemesis can do. Each run draws which of them it does at all, so that rare mixtures come up too. */
export const FAULTS = [
  'crash-leader',
  'crash-one',
  'crash-all',
  'pause-leader',
  'pause-one',
  'isolate-leader',
  'isolate-one',
  'one-way',
  'split',
  'bridge',
  'reset',
  'slow-disk',
  'failing-disk',
  'full-disk',
  'corrupt-disk',
  'slow-network',
  'lossy-network',
  'transfer',
  'stop-one',
  'far-behind',
  'add-member',
  'remove-member',
  'remove-leader',
  'replace-member',
  'wipe-member',
  'hung-disk',
  'silent-links',
  'stranger',
  'low-disk',
] as const;

export type Fault = (typeof FAULTS)[number];

/** Only in some runs, as they change all that follows. */
const MEMBER_FAULTS: readonly Fault[] = ['add-member', 'remove-member', 'remove-leader', 'replace-member', 'wipe-member'];
/** Drawn after all others, so that runs found without them stay as they were. */
const LATE_FAULTS: readonly Fault[] = ['hung-disk', 'silent-links', 'stranger', 'low-disk'];
/** Of twenty, and none that a seed of seeds.txt draws. */
const SILENT_DRAWS: readonly number[] = [0, 1, 3, 6, 7, 9];
const STRANGER_DRAWS: readonly number[] = [0, 1, 2, 3, 4, 5];
const QUOTA_DRAWS: readonly number[] = [3, 4, 5, 6, 7, 9];
/** Nodes that a run can come to have; further ones keep perfect time. */
const CLOCKS = 12;

export interface Plan {
  readonly nodes: number;
  readonly clients: number;
  readonly heartbeatMs: number;
  readonly electionTimeoutMs: number;
  /** Length of the phase with faults, in true milliseconds. */
  readonly faultsMs: number;
  /** Mean true milliseconds between two faults. */
  readonly faultEveryMs: number;
  readonly faults: readonly Fault[];
  /** Whether raft frames come twice, late, or from the distant past all the time. */
  readonly isHostile: boolean;
  readonly limits: Partial<ReplicaLimits>;
  /** Null: none, and nobody looks how much the disks have left. */
  readonly quotas: Partial<RoomLimits> | null;
  /** The clock of each node, by its number minus one. */
  readonly clocks: readonly ClockOptions[];
  readonly network: NetworkMood;
  readonly disk: DiskMood;
  /** Least and most duration that clients ask for. */
  readonly leastDurationMs: number;
  readonly mostDurationMs: number;
}

export const CALM_DISK: DiskMood = {
  leastMs: 0.05,
  mostMs: 2,
  saveFactor: 1,
  writesBeforeFailure: Number.POSITIVE_INFINITY,
  failure: 'EIO',
  hangsUntilMs: 0,
};
export const CALM_NETWORK: NetworkMood = { leastMs: 0.05, mostMs: 3, loss: 0, duplicate: 0, reorder: 0, replay: 0, queueFrames: 4_096 };

/** Draws a plan. */
export function drawPlan(random: SeededRandom): Plan {
  return withShortTurns(random, drawLongTurns(random));
}

/** In some runs, an event-loop turn has time for one entry and one read, so entries that were committed together are applied in many turns. */
function withShortTurns(random: SeededRandom, plan: Plan): Plan {
  return random.chance(0.3) ? { ...plan, limits: { ...plan.limits, turnWorkMs: 0 } } : plan;
}

function drawLongTurns(random: SeededRandom): Plan {
  const nodes = random.pick([1, 3, 3, 3, 3, 3, 5, 5]);
  const heartbeatMs = random.pick([20, 30, 50]);
  const isHostile = random.chance(0.3);
  const drifts = random.chance(0.25);
  const wanted = FAULTS.filter((fault) => !MEMBER_FAULTS.includes(fault) && !LATE_FAULTS.includes(fault) && random.chance(0.35));
  const tiny = random.chance(0.6);
  const plan: Plan = {
    nodes,
    clients: 3 + random.below(4),
    heartbeatMs,
    electionTimeoutMs: heartbeatMs * random.pick([5, 8, 10]),
    faultsMs: random.between(4_000, 9_000),
    faultEveryMs: random.pick([250, 500, 1_000]),
    faults: wanted,
    isHostile,
    limits: {
      saveAfterEntries: tiny ? 1 + random.below(20) : 200,
      saveAfterRecords: tiny ? 1 + random.below(50) : 1_024,
      keepEvents: tiny ? 60 : 65_536,
      keepEntries: tiny ? random.below(10) : 50,
      mostKeptEntries: tiny ? 20 : 400,
      imagePieceBytes: random.pick([64, 512, 8_192]),
      ...expiryLimits(random.pick([1, 3, 512])),
      maxBatchRequests: random.pick([1, 4, 4_096]),
      maxApplyBytes: random.pick([1, 1_000, 1 << 18]),
      leaderWaitMs: random.pick([300, 1_000]),
      requestTimeoutMs: random.pick([1_000, 3_000]),
      ...(random.chance(0.1) ? { maxInboxRequests: 2, maxPendingRequests: 8 } : {}),
    },
    quotas: null,
    clocks: drawClocks(random, nodes, drifts),
    network: {
      ...CALM_NETWORK,
      ...(isHostile ? { loss: 0.02, duplicate: 0.05, reorder: 0.1, replay: 0.02 } : {}),
      ...(random.chance(0.1) ? { queueFrames: 8 } : {}),
    },
    disk: { ...CALM_DISK, mostMs: random.pick([1, 2, 2, 20, 50]) },
    leastDurationMs: random.pick([20, 300]),
    mostDurationMs: random.pick([800, 2_500]),
  };
  // Drawn last, and in this order: the runs of seeds.txt, which were found without it, stay as they were.
  if (!random.pick([true, false, false, true, false, true]))
    return withLateFaults(random, withBusyLoops(random, withBudgets(random, plan)));
  const changes = MEMBER_FAULTS.filter(() => random.chance(0.6));
  return withLateFaults(
    random,
    withBusyLoops(
      random,
      withBudgets(random, {
        ...plan,
        faults: [...plan.faults, ...changes, ...changes],
        clocks: [...plan.clocks, ...drawClocks(random, CLOCKS - nodes, drifts)],
      }),
    ),
  );
}

function withLateFaults(random: SeededRandom, plan: Plan): Plan {
  const late = ['hung-disk' as const].filter(() => random.chance(0.35));
  const silent: readonly Fault[] = SILENT_DRAWS.includes(random.below(20)) ? ['silent-links'] : [];
  const stranger: readonly Fault[] = STRANGER_DRAWS.includes(random.below(20)) ? ['stranger'] : [];
  const faults = [...plan.faults, ...late, ...silent, ...stranger];
  if (!QUOTA_DRAWS.includes(random.below(20))) return { ...plan, faults };
  return { ...plan, faults: [...faults, 'low-disk'], quotas: drawQuotas(random) };
}

/** Fewer of most things than the clients want, of which there are four leases and four keys. */
export function drawQuotas(random: SeededRandom): Partial<RoomLimits> {
  return {
    maxClaims: random.pick([1, 2, 3, 100]),
    maxKeys: random.pick([1, 2, 3, 100]),
    maxSessions: random.pick([1, 3, 100]),
    maxStateBytes: random.pick([600, 1_500, 1 << 30]),
    namespaceShare: random.pick([0.5, 1]),
  };
}

/** In some runs, bytes decide when state is saved, the log is compacted, and requests are refused. */
function withBudgets(random: SeededRandom, plan: Plan): Plan {
  const isTight = random.chance(0.3);
  const unit = random.pick([500, 1_500, 4_000]);
  const pending = random.pick([600, 3_000, 1 << 20]);
  const saveFactor = random.pick([1, 50, 500]);
  if (!isTight) return plan;
  const budgets = {
    saveAfterBytes: unit,
    keepBytes: random.pick([0, unit, 2 * unit]),
    mostKeptBytes: 2 * unit,
    maxUncommittedBytes: unit,
    maxInflightBytes: unit,
    maxLogBytes: 5 * unit,
    maxBatchBytes: unit / 2,
    maxPendingBytes: pending,
    maxInboxBytes: pending,
    imageWindowPieces: random.pick([1, 3]),
    imageSilenceMs: 3_000,
  };
  // Saves that take long let the log grow up to its limit.
  return { ...plan, limits: { ...plan.limits, ...budgets }, disk: { ...plan.disk, saveFactor } };
}

/** In some runs, event-loop turns begin late on all nodes. Messages that never meet otherwise then share one Ready. */
function withBusyLoops(random: SeededRandom, plan: Plan): Plan {
  const turnDelayMs = random.chance(0.25) ? random.pick([3, 15]) : 0;
  return turnDelayMs === 0 ? plan : { ...plan, clocks: plan.clocks.map((clock) => ({ ...clock, turnDelayMs })) };
}

function drawClocks(random: SeededRandom, count: number, drifts: boolean): ClockOptions[] {
  return Array.from({ length: count }, () => ({
    zeroMs: random.between(0, 1e9),
    rate: drifts ? random.between(0.95, 1.05) : 1,
    latenessMs: random.pick([0, 1, 5]),
  }));
}

/** With the small batches one entry also ends little of what ends together, so that much is left to later entries. */
function expiryLimits(maxExpiryBatch: number): { readonly maxExpiryBatch: number; readonly entryWorkMax: number } {
  return { maxExpiryBatch, entryWorkMax: maxExpiryBatch };
}
