// A cluster of one for tests of the API: the real state machine behind the Service interface, with lease time that the test moves.

import { realClock } from '../../src/io/clock.ts';
import { toTuple } from '../../src/lease/command-codec.ts';
import type { Command, LeaseKey } from '../../src/lease/commands.ts';
import { StateMachine } from '../../src/lease/state-machine.ts';
import { Alarms } from '../../src/replica/alarms.ts';
import { ClaimWaits } from '../../src/replica/claim-waits.ts';
import { EventLog } from '../../src/replica/event-log.ts';
import type { Figures } from '../../src/replica/figures.ts';
import {
  appliedAs,
  type ClusterStatus,
  type Failure,
  type Founders,
  type MemberChange,
  type MemberResult,
  type NodeCondition,
  type ReadResult,
  type Service,
  type Settled,
} from '../../src/replica/service.ts';

interface Watcher {
  readonly key: LeaseKey;
  readonly vacant: (index: number) => void;
  readonly failed: (failure: Failure) => void;
}

/** Few enough that a test can outrun them. */
export const EVENTS_KEPT = 4_096;
const EVENT_BYTES_KEPT = 8 << 20;
const LIFE = { node: 1, incarnation: 1 };

/** What `transfer` answers. */
export type TransferResult = Parameters<Parameters<Service['transfer']>[1]>[0];

/** Applies each command as an entry of its own, in order, at the time that the test has set. */
export class LocalService implements Service {
  readonly node = 'n1';
  leader = 'n1';
  term = 3;
  /** Set to let every change and every linearizable read fail with it. */
  failure: Failure | null = null;
  /** Set to keep changes unsettled until `release` is called. */
  held = false;
  transferResult: TransferResult = { ok: true, leader: 'n2', term: 4 };
  /** Whom the last transfer named. */
  transferredTo: string | null = null;
  memberResult: MemberResult = {
    ok: true,
    member: { id: 'n4', number: 4, peer: '127.0.0.1:7904', http: '', voter: false, created: true },
    index: 9,
  };
  /** The last change of members that was asked for. */
  memberChange: MemberChange | null = null;
  readonly founders: Founders = [{ number: 1, id: 'n1', peer: '127.0.0.1:7901' }];
  /** Commands in the order in which they were applied. */
  readonly applied: Command[] = [];
  readonly alarms = new Alarms();
  readonly events = new EventLog(EVENTS_KEPT, EVENT_BYTES_KEPT);
  readonly #state: StateMachine;
  readonly #watchers = new Set<Watcher>();
  readonly #vacated: { key: LeaseKey; index: number }[] = [];
  readonly #turns: (() => void)[] = [];
  readonly #claimWaits: ClaimWaits;
  #waiting: (() => void)[] = [];
  #nowMs = 0;

  constructor() {
    this.#state = new StateMachine({
      vacated: (key, index) => this.#vacated.push({ key, index }),
      event: (event) => this.events.append(event),
      turnEnded: (turn, index) => this.#turns.push(() => this.#claimWaits.turnEnded(turn, index)),
    });
    this.#claimWaits = new ClaimWaits({
      clock: realClock,
      life: LIFE,
      submit: (command, settle) => this.submit(command, settle),
    });
  }

  get appliedIndex(): number {
    return this.#state.appliedIndex;
  }

  /** How many changes are kept back. */
  get heldCount(): number {
    return this.#waiting.length;
  }

  /** How many wait for a vacancy. */
  get watcherCount(): number {
    return this.#watchers.size;
  }

  /** How many claims wait: in the state, and as callers of this node. */
  get waitingCounts(): readonly [inState: number, here: number] {
    return [this.#state.waiting, this.#claimWaits.count];
  }

  claimInTurn(...asked: Parameters<Service['claimInTurn']>): (failure: Failure | null) => void {
    return this.#claimWaits.claim(...asked);
  }

  submit(command: Command, settle: (settled: Settled) => void): void {
    if (this.failure !== null) {
      settle({ kind: 'failed', failure: this.failure });
      return;
    }
    const carryOut = (): void => settle(this.#apply(command));
    if (this.held) this.#waiting.push(carryOut);
    else carryOut();
  }

  /** Applies what was held back. */
  release(): void {
    this.held = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const carryOut of waiting) carryOut();
  }

  read(consistency: 'linearizable' | 'stale', answer: (result: ReadResult) => void): void {
    if (consistency === 'linearizable' && this.failure !== null) answer({ kind: 'failed', failure: this.failure });
    else answer({ kind: 'view', view: { state: this.#state, index: this.#state.appliedIndex, nowMs: this.#nowMs } });
  }

  waitVacant(key: LeaseKey, vacant: (index: number) => void, failed: (failure: Failure) => void): () => void {
    if (this.#state.claim(key, this.#nowMs) === null) {
      vacant(this.#state.appliedIndex);
      return () => undefined;
    }
    const watcher: Watcher = { key, vacant, failed };
    this.#watchers.add(watcher);
    return () => {
      this.#watchers.delete(watcher);
    };
  }

  /** Fails all who wait for a vacancy. */
  failWatchers(failure: Failure): void {
    const watchers = [...this.#watchers];
    this.#watchers.clear();
    for (const watcher of watchers) watcher.failed(failure);
  }

  /** Moves lease time on and lets go what is due. */
  advance(byMs: number): void {
    this.#nowMs += byMs;
    const items = this.#state.due(this.#nowMs, 1000);
    if (items.length > 0) this.#apply({ kind: 'expire', term: this.term, items });
  }

  /** Everything that the state machine holds, to see that nothing changed. */
  dump(): string {
    return JSON.stringify([...this.#state.dump()]);
  }

  status(): ClusterStatus {
    const self = {
      voter: true,
      matchIndex: this.appliedIndex,
      appliedIndex: this.appliedIndex,
      lastContactMs: 0,
      reachable: true,
      snapshot: null,
      alarms: this.alarms.active(),
    };
    return {
      node: this.node,
      leader: this.leader === '' ? null : this.leader,
      term: this.term,
      commitIndex: this.appliedIndex,
      appliedIndex: this.appliedIndex,
      members: [
        { id: 'n1', http: '127.0.0.1:7801', peer: '127.0.0.1:7901', role: 'leader', ...self },
        {
          id: 'n2',
          http: '',
          peer: '127.0.0.1:7902',
          role: 'follower',
          ...self,
          appliedIndex: null,
          lastContactMs: null,
          reachable: false,
          alarms: null,
          snapshot: { sentRecords: 430, records: 1_000, percent: 43 },
        },
      ],
      alarms: this.alarms.active(),
    };
  }

  figures(): Figures {
    return {
      role: 'leader',
      elections: 1,
      leaderChanges: 1,
      proposals: this.applied.length,
      pendingProposals: this.heldCount,
      images: { sent: 0, failed: 0, received: 0 },
      isPrimary: true,
      leaseTimeMs: this.#nowMs,
      state: this.#state,
      room: [{ resource: 'claims', used: 3, limit: 10 }],
    };
  }

  /** What {@link condition} tells. */
  readonly conditionNow = { isStopping: false, syncPendingMs: 0, applyLag: 0 };

  condition(): NodeCondition {
    return this.conditionNow;
  }

  transfer(to: string | null, done: (result: TransferResult) => void): void {
    this.transferredTo = to;
    done(this.transferResult);
  }

  changeMembers(change: MemberChange, done: (result: MemberResult) => void): void {
    this.memberChange = change;
    done(this.memberResult);
  }

  #apply(command: Command): Settled {
    const index = this.#state.appliedIndex + 1;
    const outcome = this.#state.apply({ index, term: this.term, timeMs: this.#nowMs, origin: LIFE }, toTuple(command));
    this.applied.push(command);
    // After the answer, as on a real node: whoever waits may call back at once.
    queueMicrotask(() => {
      this.events.tell();
      this.#tellVacancies();
    });
    for (const tell of this.#turns.splice(0)) tell();
    return appliedAs(index, outcome);
  }

  #tellVacancies(): void {
    for (const { key, index } of this.#vacated.splice(0)) {
      for (const watcher of [...this.#watchers]) {
        const { namespace, model, lease } = watcher.key;
        if (namespace !== key.namespace || model !== key.model || lease !== key.lease) continue;
        if (this.#watchers.delete(watcher)) watcher.vacant(index);
      }
    }
  }
}
