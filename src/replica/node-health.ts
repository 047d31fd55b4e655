// Measures this node's disk and event loop, and acts on it: alarms, no candidacy while the disk hangs, leadership given up in time.
import type { Clock, NodeHealth } from '../env.ts';
import { NONE, type NodeId } from '../raft/types.ts';
import { ALARMS, type Alarm, type Alarms } from './alarms.ts';
import type { ClusterView } from './cluster-view.ts';
import type { ReplicaConfig } from './config.ts';
import { hangLimitMs, LeaderHealth, type OwnVitals, type VoterVitals } from './leader-health.ts';
import type { Loop } from './loop.ts';
import { HEALTH_INTERVAL_MS, type PeerHealth } from './peer-health.ts';
import { PercentileWindow } from './percentile-window.ts';

const LOOP_WINDOW_MS = 10_000;
/** A disk that was idle for so long is written to, so that one that hangs is found before somebody needs it. */
const PROBE_IDLE_MS = 5_000;
/** A report that is older counts as none. Three are missing by then. */
const REPORT_MAX_AGE_MS = 3 * HEALTH_INTERVAL_MS;

export class NodeHealthMonitor {
  readonly #clock: Clock;
  readonly #config: ReplicaConfig;
  readonly #loop: Loop;
  readonly #view: ClusterView;
  readonly #alarms: Alarms;
  readonly #leader: LeaderHealth;
  readonly #delays = new PercentileWindow(LOOP_WINDOW_MS);
  #tickedMs: number | null = null;
  /** An entry was appended since the own disk began to hang: the acknowledgements of it tell whose disk works. */
  #hasAppendedTest = false;

  constructor(clock: Clock, config: ReplicaConfig, loop: Loop, view: ClusterView, alarms: Alarms) {
    this.#clock = clock;
    this.#config = config;
    this.#loop = loop;
    this.#view = view;
    this.#alarms = alarms;
    this.#leader = new LeaderHealth(config.electionTimeoutMs);
  }

  /** Age of the oldest unfinished sync of this node, in milliseconds. */
  get syncPendingMs(): number {
    return this.#loop.writer.watch.pendingMs;
  }

  /** What this node reports to its peers. */
  local(freeBytes: number, stopping: boolean): NodeHealth {
    const { syncPendingMs, syncP99Ms, loopP99Ms } = this.#own();
    return { syncPendingMs, syncP99Ms, loopP99Ms, freeBytes, alarms: this.#alarms.active(), stopping };
  }

  /** The active alarms of a member: this node's own, or those of the peer's last report; null if there is none. */
  alarmsOf(node: NodeId, peers: PeerHealth): readonly Alarm[] | null {
    if (node === this.#config.node) return this.#alarms.active();
    const reported = peers.of(node)?.health.alarms;
    return reported === undefined ? null : ALARMS.filter((alarm) => reported.includes(alarm));
  }

  /** Every heartbeat interval. */
  tick(peers: PeerHealth): void {
    const nowMs = this.#clock.now();
    const { electionTimeoutMs, heartbeatMs } = this.#config;
    const { raft, writer } = this.#loop;
    if (this.#tickedMs !== null) this.#delays.observe(nowMs, nowMs - this.#tickedMs - heartbeatMs);
    this.#tickedMs = nowMs;
    writer.watch.tick(electionTimeoutMs / 2);
    if (writer.watch.idleMs >= PROBE_IDLE_MS) writer.probe();
    const { pendingMs } = writer.watch;
    this.#alarms.set('disk-stall', pendingMs >= hangLimitMs(electionTimeoutMs));
    raft.abstain(pendingMs > electionTimeoutMs);
    if (raft.role === 'leader') this.#lead(nowMs, peers);
    else this.#leader.follows();
    if (raft.role !== 'leader' || pendingMs < electionTimeoutMs) this.#hasAppendedTest = false;
  }

  #lead(nowMs: number, peers: PeerHealth): void {
    const { raft } = this.#loop;
    const own = this.#own();
    if (own.syncPendingMs >= this.#config.electionTimeoutMs) this.#appendTest();
    const decision = this.#leader.decide(nowMs, own, this.#voters(nowMs, peers));
    if (decision.kind === 'none') return;
    if (decision.kind === 'transfer') raft.transferLeader(decision.to);
    else raft.stepDown();
    this.#config.onEvent?.({
      kind: 'handover',
      to: decision.kind === 'transfer' ? this.#view.nameOf(decision.to) : null,
      reason: decision.kind === 'transfer' ? decision.reason : 'disk-stall',
      ...own,
    });
    this.#loop.wake();
  }

  /** Appends an empty entry. Not behind a change of members, for the same reason as requests. */
  #appendTest(): void {
    const { raft } = this.#loop;
    if (this.#hasAppendedTest || raft.mayBeChangingMembers) return;
    this.#hasAppendedTest = raft.propose([new Uint8Array(0)]) === 'ok';
    this.#loop.wake();
  }

  #own(): OwnVitals {
    const nowMs = this.#clock.now();
    const { watch } = this.#loop.writer;
    return {
      syncPendingMs: watch.pendingMs,
      syncP99Ms: watch.p99Ms,
      loopP99Ms: this.#delays.p99(nowMs),
      isSyncMeasured: watch.isMeasured,
      isLoopMeasured: this.#delays.isFilled(nowMs),
    };
  }

  /** The other voters with a recent report. */
  #voters(nowMs: number, peers: PeerHealth): VoterVitals[] {
    const { lastIndex } = this.#loop.raft;
    const { progress, conf, commit } = this.#loop.raft.status();
    return conf.voters.flatMap((node) => {
      const report = peers.of(node);
      if (node === this.#config.node || report === null || report.health.stopping || nowMs - report.atMs > REPORT_MAX_AGE_MS) return [];
      const { syncPendingMs, syncP99Ms, loopP99Ms } = report.health;
      const match = progress?.get(node)?.match ?? NONE;
      const silentMs = nowMs - (this.#view.heardMs(node) ?? Number.NEGATIVE_INFINITY);
      return [{ node, syncPendingMs, syncP99Ms, loopP99Ms, silentMs, hasCommitted: match >= commit, hasLast: match >= lastIndex }];
    });
  }
}
