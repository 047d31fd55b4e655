// Twin of src/io/transport.ts: one node's end of the simulated network.
import type { MemberAddress, PeerFrame, PeerInfo, Transport, TransportEvents } from '../../src/env.ts';
import { Silence, silenceMaxMs, sweepIntervalMs } from '../../src/io/silence.ts';
import { TRANSPORT_LIMITS } from '../../src/io/transport-limits.ts';
import type { NodeId } from '../../src/raft/types.ts';
import type { Endpoint, Network } from './network.ts';
import type { Process } from './process.ts';

/** A connection as one process knows it: `silence` counts as the real one does. */
interface Standing {
  readonly epoch: number;
  readonly silence: Silence;
}

/** Lives as long as one process. */
export class SimTransport implements Transport, Endpoint {
  readonly info: PeerInfo;
  /** A connection without a received frame for this long is closed. */
  silenceMaxMs: number;
  /** On which disk each peer was first met, by its number; outlives the process. */
  readonly #peerDisks: Map<NodeId, string>;
  readonly #network: Network;
  readonly #process: Process;
  readonly #delivered: (from: NodeId, frame: PeerFrame) => void;
  /** The connection that stands to each peer. */
  readonly #standing = new Map<NodeId, Standing>();
  #members: readonly MemberAddress[] = [];
  #greatest: NodeId = 0;
  #events: TransportEvents | null = null;
  #closed = false;

  constructor(
    info: PeerInfo,
    peerDisks: Map<NodeId, string>,
    network: Network,
    process: Process,
    electionTimeoutMs: number,
    delivered: (from: NodeId, frame: PeerFrame) => void,
  ) {
    this.silenceMaxMs = silenceMaxMs(TRANSPORT_LIMITS.silenceMaxMs, electionTimeoutMs);
    this.info = info;
    this.#peerDisks = peerDisks;
    this.#network = network;
    this.#process = process;
    this.#delivered = delivered;
  }

  /** Peers to which a connection stands. */
  get linked(): NodeId[] {
    return [...this.#standing.keys()];
  }

  start(events: TransportEvents): void {
    if (this.#events !== null) throw new Error('transport: started twice');
    this.#events = events;
    this.#network.join(this);
    this.#sweepLater();
  }

  setMembers(members: readonly MemberAddress[], greatest: NodeId): void {
    const before = this.#members;
    this.#members = members;
    this.#greatest = greatest;
    if (this.#events === null || this.#closed) return;
    for (const peer of [...this.#standing.keys()]) {
      const member = members.find((known) => known.node === peer);
      const wasMember = before.some((known) => known.node === peer);
      if (member === undefined ? peer > greatest : member.disk === null ? wasMember : this.#network.diskOf(peer) === member.disk) continue;
      // What was sent already still arrives there; it is told at its next attempt why this was the last.
      this.#standing.delete(peer);
      this.#network.reset(this.info.node, peer);
      this.#events?.down(peer);
    }
    this.#network.dialAll(this);
  }

  /** A member is dialled; a stranger with a greater number than is known here may come by itself. */
  dials(peer: NodeId): boolean {
    return this.#members.some((member) => member.node === peer);
  }

  objection(peer: PeerInfo): string | null {
    const member = this.#members.find((known) => known.node === peer.node);
    const met = this.#peerDisks.get(peer.node) ?? peer.disk;
    this.#peerDisks.set(peer.node, met);
    if (member === undefined) return peer.node > this.#greatest ? null : `${peer.name} (number ${peer.node}) is no member any more`;
    // Where the log does not tell the disk, the first one counts that was met here.
    return (member.disk ?? met) === peer.disk ? null : `${peer.name} is known with another data directory`;
  }

  refused(by: NodeId, reason: string): void {
    this.#process.callWhenAwake(() => {
      if (!this.#closed) this.#events?.refused(by, reason);
    });
  }

  send(to: NodeId, frame: PeerFrame): boolean {
    const standing = this.#standing.get(to);
    if (standing === undefined || this.#closed) return false;
    return this.#network.send(this.info.node, to, standing.epoch, frame);
  }

  close(done: () => void): void {
    this.#closed = true;
    this.#process.after(0, false, () => {
      this.#network.leave(this, false, true);
      done();
    });
  }

  /** The process is gone. `silently`: nobody tells its peers. */
  crash(silently: boolean): void {
    this.#network.leave(this, silently);
  }

  up(peer: PeerInfo, epoch: number): void {
    this.#process.callWhenAwake(() => {
      if (this.#closed) return;
      if (this.#standing.has(peer.node)) this.#events?.down(peer.node);
      this.#standing.set(peer.node, { epoch, silence: new Silence() });
      this.#events?.up(peer);
    });
  }

  down(peer: NodeId, epoch: number): void {
    this.#process.callWhenAwake(() => {
      if (this.#closed || this.#standing.get(peer)?.epoch !== epoch) return;
      this.#standing.delete(peer);
      this.#events?.down(peer);
    });
  }

  frame(from: NodeId, epoch: number | null, frame: PeerFrame): void {
    this.#process.callWhenAwake(() => {
      const standing = this.#standing.get(from);
      if (this.#closed || standing === undefined || (epoch !== null && epoch !== standing.epoch)) return;
      standing.silence.end();
      this.#delivered(from, frame);
      this.#events?.frame(from, frame);
    });
  }

  #sweepLater(): void {
    const sweepMs = sweepIntervalMs({ ...TRANSPORT_LIMITS, silenceMaxMs: this.silenceMaxMs });
    this.#process.after(sweepMs, true, () => {
      if (this.#closed) return;
      for (const [peer, { epoch, silence }] of [...this.#standing]) {
        if (!silence.sweep(sweepMs, this.silenceMaxMs)) continue;
        this.#standing.delete(peer);
        this.#events?.down(peer);
        this.#network.hangUp(this.info.node, peer, epoch);
      }
      this.#sweepLater();
    });
  }
}
