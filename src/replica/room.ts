// Decides before the log whether there is room for a command: quotas on claims, keys, sessions, encoded bytes, heap, and disk space.
import type { Clock, Codec, NoRoom, RoomProbe, RoomResource } from '../env.ts';
import { fromTuple } from '../lease/command-codec.ts';
import type { StateMachine } from '../lease/state-machine.ts';
import type { NodeId } from '../raft/types.ts';
import type { Alarms } from './alarms.ts';
import type { ReplicaLimits } from './config.ts';
import { open } from './envelope.ts';
import { type Growth, growthOf } from './growth.ts';
import type { PeerHealth } from './peer-health.ts';

/** Quotas of one node, which count while it leads. */
export interface RoomLimits {
  readonly maxClaims: number;
  readonly maxKeys: number;
  readonly maxSessions: number;
  /** Encoded bytes of the state, as `lease/occupancy.ts` counts them. */
  readonly maxStateBytes: number;
  /** Share of the claims that one namespace may have, above 0 and up to 1. */
  readonly namespaceShare: number;
  /** Free bytes of the disk below which nothing may grow. */
  readonly diskReserveBytes: number;
}

export const DEFAULT_ROOM: RoomLimits = {
  maxClaims: 1_000_000,
  maxKeys: 1_000_000,
  maxSessions: 1_000_000,
  maxStateBytes: 1 << 30,
  namespaceShare: 0.5,
  diskReserveBytes: 256 << 20,
};

/** Share of the heap limit that may be in use. */
const HEAP_SHARE = 0.85;
/** A condition that was raised clears at this share of its limit. */
const CLEARS_AT = 0.9;
/** A resource of which so much is in use is reported once. */
const WARNS_AT = 0.8;
/** Between two looks at heap and disk, in milliseconds. */
const PROBE_INTERVAL_MS = 100;

/** One resource: how much of it is in use, and whether growth is refused. */
export class Condition {
  used = 0;
  limit = Number.POSITIVE_INFINITY;
  isFull = false;

  /** Full from the limit on, until it has fallen to `clearsAt`. */
  update(used: number, limit: number, clearsAt = CLEARS_AT * limit): void {
    this.used = used;
    this.limit = limit;
    this.isFull = this.isFull ? used > clearsAt : used >= limit;
  }
}

/** What `Room` needs of the rest of the node. */
export interface RoomHost {
  state(): StateMachine;
  /** Called when 80% of a resource are in use. */
  warn(usage: NoRoom): void;
  /** The other voters. */
  peers(): readonly NodeId[];
}

type Counted = 'claims' | 'keys' | 'sessions' | 'state';
const COUNTED: readonly Counted[] = ['claims', 'keys', 'sessions', 'state'];

export class Room {
  readonly #limits: RoomLimits;
  readonly #probe: RoomProbe | null;
  readonly #clock: Pick<Clock, 'now'>;
  readonly #codec: Codec;
  readonly #alarms: Alarms;
  readonly #host: RoomHost;
  /** What one batch can add at most: so far below a limit a batch need not be looked at. */
  readonly #batch: Readonly<Record<Counted, number>>;
  readonly #share: number;
  readonly conditions = {
    claims: new Condition(),
    keys: new Condition(),
    sessions: new Condition(),
    state: new Condition(),
    heap: new Condition(),
    disk: new Condition(),
    disks: new Condition(),
  };
  #state: StateMachine | null = null;
  readonly #warned = new Set<RoomResource>();
  #peerHealth: Pick<PeerHealth, 'of'> | null = null;
  #probedAtMs = Number.NEGATIVE_INFINITY;
  /** What the commands of the present batch add. */
  #added: { readonly counts: Record<Counted, number>; readonly namespaces: Map<string, number> } = nothing();

  constructor(
    limits: RoomLimits,
    probe: RoomProbe | null,
    maxBatch: Pick<ReplicaLimits, 'maxBatchRequests' | 'maxBatchBytes'>,
    env: { readonly clock: Pick<Clock, 'now'>; readonly codec: Codec },
    alarms: Alarms,
    host: RoomHost,
  ) {
    this.#limits = limits;
    this.#probe = probe;
    this.#clock = env.clock;
    this.#codec = env.codec;
    this.#alarms = alarms;
    this.#host = host;
    // Own and forwarded requests are a batch each, and the batch before may not be applied yet.
    const requests = 4 * maxBatch.maxBatchRequests;
    this.#batch = { claims: requests, keys: requests, sessions: requests, state: 8 * maxBatch.maxBatchBytes };
    this.#share = Math.max(1, Math.floor(limits.maxClaims * limits.namespaceShare));
    // Before the records are read: each one is counted as it comes.
    this.#adopt(host.state());
  }

  /** Free bytes of this node's disk, 0 while they are not known. */
  get freeBytes(): number {
    return this.#probe?.disk()?.freeBytes ?? 0;
  }

  /** Compares everything with its limit, and raises and clears the alarms. Cheap enough for every turn. */
  look(): void {
    const state = this.#host.state();
    const { occupancy } = state;
    if (state !== this.#state) this.#adopt(state);
    const { claims, keys, sessions, state: bytes, heap, disk } = this.conditions;
    claims.update(occupancy.claims, this.#limits.maxClaims);
    keys.update(occupancy.keys, this.#limits.maxKeys);
    sessions.update(occupancy.sessions, this.#limits.maxSessions);
    bytes.update(occupancy.bytes, this.#limits.maxStateBytes);
    const nowMs = this.#clock.now();
    if (nowMs - this.#probedAtMs >= PROBE_INTERVAL_MS) {
      this.#probedAtMs = nowMs;
      this.#lookAtMachine();
      this.#warn();
    }
    this.#alarms.set('no-room', claims.isFull || keys.isFull || sessions.isFull || bytes.isFull || occupancy.hasFullNamespace);
    this.#alarms.set('memory', heap.isFull);
    this.#alarms.set('disk-low', disk.isFull);
  }

  /** Each resource with a known limit. */
  usage(): NoRoom[] {
    this.look();
    return this.#known();
  }

  #known(): NoRoom[] {
    const { claims, keys, sessions, state, heap, disk } = this.conditions;
    return Object.entries({ claims, keys, sessions, state, heap, disk }).flatMap(([name, { used, limit }]) =>
      Number.isFinite(limit) ? [{ resource: name as RoomResource, used, limit }] : [],
    );
  }

  /** Whether the commands of a batch must be looked at one by one, because a limit is near. */
  get isNear(): boolean {
    const { heap, disk, disks } = this.conditions;
    if (heap.isFull || disk.isFull || disks.isFull) return true;
    for (const name of COUNTED) {
      const { used, limit, isFull } = this.conditions[name];
      if (isFull || used + this.#batch[name] >= limit) return true;
    }
    const { occupancy } = this.#host.state();
    return occupancy.hasFullNamespace || (this.#limits.namespaceShare < 1 && this.#batch.claims >= this.#share);
  }

  /** Sets where the free bytes of the peers' disks come from. */
  watchPeers(health: Pick<PeerHealth, 'of'>): void {
    this.#peerHealth = health;
  }

  /** Begins a batch. The state must contain everything that is committed. */
  begin(): void {
    this.#added = nothing();
  }

  /** Why there is no room for the command, null if there is. What is admitted counts for the rest of the batch. */
  refusal(envelope: Uint8Array): NoRoom | null {
    const command = this.#read(envelope);
    const growth = command === null ? null : growthOf(command, this.#host.state());
    if (growth === null) return null;
    const refusal = this.#machineRefusal() ?? this.#countRefusal(growth) ?? this.#namespaceRefusal(growth);
    if (refusal === null) this.#add(growth);
    return refusal;
  }

  #read(envelope: Uint8Array): ReturnType<typeof fromTuple> {
    const opened = open(envelope);
    try {
      return opened === null ? null : fromTuple(this.#codec.decode(opened.command));
    } catch {
      // Applying it refuses it.
      return null;
    }
  }

  #machineRefusal(): NoRoom | null {
    for (const resource of ['heap', 'disk', 'disks'] as const) {
      const { used, limit, isFull } = this.conditions[resource];
      if (isFull) return { resource, used, limit };
    }
    return null;
  }

  #countRefusal(growth: Growth): NoRoom | null {
    for (const resource of COUNTED) {
      const more = growth[resource];
      if (more <= 0) continue;
      const { used, limit, isFull } = this.conditions[resource];
      const inUse = used + this.#added.counts[resource];
      // A single command may exceed the bytes by its own: a limit is the point from which on nothing grows.
      if (isFull || inUse >= limit) return { resource, used: inUse, limit };
    }
    return null;
  }

  #namespaceRefusal({ claims, namespace }: Growth): NoRoom | null {
    if (claims <= 0 || this.#limits.namespaceShare >= 1) return null;
    const { occupancy } = this.#host.state();
    const used = occupancy.claimsIn(namespace) + (this.#added.namespaces.get(namespace) ?? 0);
    if (!occupancy.isFull(namespace) && used < this.#share) return null;
    return { resource: 'namespace', used, limit: this.#share };
  }

  #add(growth: Growth): void {
    const { counts, namespaces } = this.#added;
    for (const name of COUNTED) counts[name] += Math.max(0, growth[name]);
    if (growth.claims > 0) namespaces.set(growth.namespace, (namespaces.get(growth.namespace) ?? 0) + growth.claims);
  }

  #adopt(state: StateMachine): void {
    this.#state = state;
    if (this.#limits.namespaceShare < 1) state.occupancy.setShare(this.#share);
  }

  /** Reports each resource once that passes the warning level. */
  #warn(): void {
    for (const { resource, used, limit } of this.#known()) {
      const share = limit > 0 ? used / limit : 1;
      if (share >= WARNS_AT && !this.#warned.has(resource)) {
        this.#warned.add(resource);
        this.#host.warn({ resource, used, limit });
      } else if (share < WARNS_AT * CLEARS_AT) {
        this.#warned.delete(resource);
      }
    }
  }

  #lookAtMachine(): void {
    const { heap, disk, disks } = this.conditions;
    const memory = this.#probe?.heap() ?? null;
    if (memory !== null) heap.update(memory.usedBytes, Math.floor(memory.limitBytes * HEAP_SHARE));
    const space = this.#probe?.disk() ?? null;
    const reserve = this.#limits.diskReserveBytes;
    if (space !== null) {
      const limit = Math.max(0, space.totalBytes - reserve);
      disk.update(space.totalBytes - space.freeBytes, limit, limit - 0.1 * reserve);
    }
    const peers = this.#host.peers();
    const isLow = (peer: NodeId): boolean => {
      const freeBytes = this.#peerHealth?.of(peer)?.health.freeBytes ?? 0;
      return freeBytes > 0 && freeBytes < reserve;
    };
    const low = peers.filter(isLow).length + (disk.isFull ? 1 : 0);
    const majority = Math.floor((peers.length + 1) / 2) + 1;
    disks.update(low, majority, majority - 1);
  }
}

function nothing(): { readonly counts: Record<Counted, number>; readonly namespaces: Map<string, number> } {
  return { counts: { claims: 0, keys: 0, sessions: 0, state: 0 }, namespaces: new Map() };
}

const RESOURCE_TEXTS: Readonly<Record<RoomResource, string>> = {
  claims: 'claims (--max-claims)',
  keys: 'keys (--max-keys)',
  sessions: 'sessions (--max-sessions)',
  state: 'encoded bytes of the state (--max-state)',
  namespace: 'claims in one namespace (--namespace-share of --max-claims)',
  heap: 'bytes of heap on the leader (85% of --max-old-space-size)',
  disk: "bytes of the leader's disk (its size without --disk-reserve)",
  disks: 'members whose disks have less free than --disk-reserve',
};

/** Says what there is no room for, and what can be done. */
export function noRoomDetail({ resource, used, limit }: NoRoom): string {
  return `There is no room: ${used} of ${limit} ${RESOURCE_TEXTS[resource]} are in use. Release or delete something, or raise the limit.`;
}
