// The health frame: reports this node's health on every link at a fixed interval, and keeps the last report of each peer.
import { type Cancel, type Clock, HEALTH_ALARM_NAME, HEALTH_ALARMS_MAX, type NodeHealth, type Transport } from '../env.ts';
import type { NodeId } from '../raft/types.ts';

/** Between two reports on a link. Far below the silence limit of a link, so a working link is never silent for that long. */
export const HEALTH_INTERVAL_MS = 500;

/** The last report of a peer. */
export interface ReceivedHealth {
  readonly health: NodeHealth;
  /** The leader that the peer follows; 0 for none. */
  readonly leader: NodeId;
  /** When it arrived, in local time. */
  readonly atMs: number;
}

export class PeerHealth {
  readonly #clock: Clock;
  readonly #transport: Pick<Transport, 'send'>;
  readonly #local: () => NodeHealth;
  readonly #leader: () => NodeId;
  /** Peers with a link. */
  readonly #linked = new Set<NodeId>();
  readonly #received = new Map<NodeId, ReceivedHealth>();
  #timer: Cancel | null = null;

  constructor(clock: Clock, transport: Pick<Transport, 'send'>, local: () => NodeHealth, leader: () => NodeId) {
    this.#leader = leader;
    this.#clock = clock;
    this.#transport = transport;
    this.#local = local;
  }

  start(): void {
    this.#timer = this.#clock.after(HEALTH_INTERVAL_MS, () => {
      this.start();
      this.#sendTo(this.#linked);
    });
  }

  stop(): void {
    this.#timer?.();
    this.#timer = null;
  }

  /** A link to the peer stands: the peer receives a report at once. */
  up(peer: NodeId): void {
    this.#linked.add(peer);
    if (this.#timer !== null) this.#sendTo([peer]);
  }

  /** Discards the report: a peer without a link has no known health. */
  down(peer: NodeId): void {
    this.#linked.delete(peer);
    this.#received.delete(peer);
  }

  received(from: NodeId, health: NodeHealth, leader: NodeId): void {
    if (this.#linked.has(from)) this.#received.set(from, { health, leader, atMs: this.#clock.now() });
  }

  /** The last report of a peer over the present link; null if there was none. */
  of(peer: NodeId): ReceivedHealth | null {
    return this.#received.get(peer) ?? null;
  }

  #sendTo(peers: Iterable<NodeId>): void {
    let health: NodeHealth | null = null;
    for (const peer of peers) {
      health ??= encodable(this.#local());
      this.#transport.send(peer, { kind: 'health', health, leader: this.#leader() });
    }
  }
}

/** The same within the bounds of the frame: a peer disconnects on values outside them. */
function encodable(health: NodeHealth): NodeHealth {
  return {
    syncPendingMs: wholeNumber(health.syncPendingMs),
    syncP99Ms: wholeNumber(health.syncP99Ms),
    loopP99Ms: wholeNumber(health.loopP99Ms),
    freeBytes: wholeNumber(health.freeBytes),
    alarms: health.alarms.filter((name) => HEALTH_ALARM_NAME.test(name)).slice(0, HEALTH_ALARMS_MAX),
    stopping: health.stopping,
  };
}

function wholeNumber(value: number): number {
  return value > 0 ? Math.min(Math.round(value), Number.MAX_SAFE_INTEGER) : 0;
}
