// The simulated network: connections between pairs of nodes that stand, stall, break and come back, and what travels on them.
import type { PeerFrame, PeerInfo } from '../../src/env.ts';
import type { NodeId } from '../../src/raft/types.ts';
import { copyEntry } from './disk.ts';
import type { SeededRandom } from './random.ts';
import type { Scheduler } from './scheduler.ts';

/** How the network behaves; the nemesis changes it while the run goes on. Probabilities are for each frame. */
export interface NetworkMood {
  /** A frame travels between these many true milliseconds. */
  leastMs: number;
  mostMs: number;
  /** Only for `raft` frames: all others keep what a connection promises, order and no gaps. */
  loss: number;
  duplicate: number;
  reorder: number;
  /** A very old `raft` frame comes along, also one of an earlier connection or life of its sender. */
  replay: number;
  /** Frames that may wait in one direction before `send` says no. */
  queueFrames: number;
}

/** One end of the network: the transport of one life of one node. */
export interface Endpoint {
  readonly info: PeerInfo;
  /** Whether it tries to reach that node by itself. */
  dials(peer: NodeId): boolean;
  /** Why it turns a peer away for good; null when it does not. */
  objection(peer: PeerInfo): string | null;
  refused(by: NodeId, reason: string): void;
  /** Another process has taken its number. */
  displaced?(): void;
  up(peer: PeerInfo, epoch: number): void;
  down(peer: NodeId, epoch: number): void;
  /** `epoch` null: by whatever connection stands now. */
  frame(from: NodeId, epoch: number | null, frame: PeerFrame): void;
}

export interface NetworkObserver {
  sent(from: NodeId, to: NodeId, frame: PeerFrame, accepted: boolean): void;
}

interface Link {
  /** 0 while no connection stands. */
  epoch: number;
  dialing: boolean;
}

interface Direction {
  readonly link: Link;
  readonly from: NodeId;
  readonly to: NodeId;
  blocked: boolean;
  /** No connection can be made, as nothing arrives. */
  isHole: boolean;
  /** What a connection of this epoch is given never arrives. */
  deadEpoch: number;
  /** Held back while the direction is blocked, in order. */
  held: { readonly epoch: number; readonly frame: PeerFrame }[];
  inFlight: number;
  /** When the frame that was sent last arrives: later ones come no earlier. */
  lastArrivalMs: number;
  /** Old `raft` frames for {@link NetworkMood.replay}. */
  readonly old: PeerFrame[];
}

/** All connections. A frame of an old connection never arrives over a new one, but for replayed `raft` frames. */
export class Network {
  readonly mood: NetworkMood;
  readonly #scheduler: Scheduler;
  readonly #random: SeededRandom;
  readonly #observer: NetworkObserver;
  readonly #endpoints = new Map<NodeId, Endpoint>();
  readonly #disks = new Map<NodeId, string>();
  readonly #links = new Map<number, Link>();
  readonly #directions = new Map<number, Direction>();
  #epoch = 0;

  constructor(scheduler: Scheduler, random: SeededRandom, mood: NetworkMood, observer: NetworkObserver) {
    this.#scheduler = scheduler;
    this.#random = random;
    this.mood = mood;
    this.#observer = observer;
  }

  /** A transport has started: connections to all the others are tried. */
  join(endpoint: Endpoint): void {
    const node = endpoint.info.node;
    const before = this.#endpoints.get(node);
    if (before !== undefined) {
      before.displaced?.();
      this.leave(before, false);
    }
    this.#endpoints.set(node, endpoint);
    this.#disks.set(node, endpoint.info.disk);
    for (const other of this.#endpoints.keys()) if (other !== node) this.#dial(node, other);
  }

  /** An end knows other members than before: it tries to reach those that it has no connection to. */
  dialAll(endpoint: Endpoint): void {
    const node = endpoint.info.node;
    for (const other of this.#endpoints.keys()) if (other !== node) this.#dial(node, other);
  }

  /** The disk on which a node was started last. */
  diskOf(node: NodeId): string | undefined {
    return this.#disks.get(node);
  }

  /**
   * A process is gone, or has closed its transport. Its peers notice at once, or late when the whole machine went silent; `orderly`: behind
   * what was sent before.
   */
  leave(endpoint: Endpoint, silently: boolean, orderly = false): void {
    const node = endpoint.info.node;
    if (this.#endpoints.get(node) !== endpoint) return;
    this.#endpoints.delete(node);
    for (const other of this.#endpoints.keys()) this.#break(node, other, silently ? SILENCE_MOST_MS : NOTICE_MOST_MS, orderly);
  }

  /** Stops what travels from one node to another, without telling anybody. */
  block(from: NodeId, to: NodeId): void {
    this.#direction(from, to).blocked = true;
  }

  /** Lets it travel again; what was held back arrives if its connection still stands. */
  unblock(from: NodeId, to: NodeId): void {
    const direction = this.#direction(from, to);
    direction.blocked = false;
    const held = direction.held;
    direction.held = [];
    for (const { epoch, frame } of held) this.#travel(direction, epoch, frame, false);
    this.#dial(from, to);
  }

  unblockAll(): void {
    for (const direction of this.#directions.values()) if (direction.blocked) this.unblock(direction.from, direction.to);
  }

  /**
   * The connection of now stays up and delivers nothing from one node to another any more, for as long as it stands: after a long outage
   * TCP tries again only minutes later. `isHole`: until {@link Network.fillHoles} no new connection can be made either.
   */
  swallow(from: NodeId, to: NodeId, isHole: boolean): void {
    const direction = this.#direction(from, to);
    if (direction.link.epoch !== 0) direction.deadEpoch = direction.link.epoch;
    if (isHole) direction.isHole = true;
  }

  /** New connections can be made; the old ones stay as they are. */
  fillHoles(): void {
    for (const direction of this.#directions.values()) {
      if (!direction.isHole) continue;
      direction.isHole = false;
      this.#dial(direction.from, direction.to);
    }
  }

  /** One end has closed the connection, and has noted that itself; the other one hears of it only if anything still arrives there. */
  hangUp(one: NodeId, other: NodeId, epoch: number): void {
    const link = this.#link(one, other);
    if (link.epoch === epoch) {
      link.epoch = 0;
      this.#tellEnd(other, one, epoch, NOTICE_MOST_MS, false);
    }
    this.#dial(one, other);
  }

  /** Breaks the connection between two nodes, as a reset or a timeout does; each end notices on its own. */
  reset(one: NodeId, other: NodeId): void {
    this.#break(one, other, NOTICE_MOST_MS);
  }

  send(from: NodeId, to: NodeId, epoch: number, frame: PeerFrame): boolean {
    const direction = this.#direction(from, to);
    const accepted = direction.inFlight + direction.held.length < this.mood.queueFrames;
    this.#observer.sent(from, to, frame, accepted);
    if (!accepted) return false;
    // The connection is broken and its end has not been noticed here.
    if (direction.link.epoch !== epoch || direction.deadEpoch === epoch) return true;
    const copy = copyFrame(frame);
    if (copy.kind === 'raft') {
      if (this.#random.chance(this.mood.replay) && direction.old.length > 0) this.#replay(direction);
      if (direction.old.length < OLD_FRAMES_MOST) direction.old.push(copy);
      else direction.old[this.#random.below(OLD_FRAMES_MOST)] = copy;
      if (this.#random.chance(this.mood.loss)) return true;
      if (this.#random.chance(this.mood.duplicate)) this.#travel(direction, epoch, copy, true);
      this.#travel(direction, epoch, copy, this.#random.chance(this.mood.reorder));
    } else {
      this.#travel(direction, epoch, copy, false);
    }
    return true;
  }

  /** A frame arrives this very moment, if the connection delivers anything. */
  deliver(from: NodeId, to: NodeId, epoch: number, frame: PeerFrame): void {
    const direction = this.#direction(from, to);
    if (direction.blocked || direction.isHole || direction.link.epoch !== epoch || direction.deadEpoch === epoch) return;
    this.#endpoints.get(to)?.frame(from, epoch, frame);
  }

  #travel(direction: Direction, epoch: number, frame: PeerFrame, overtaken: boolean): void {
    if (direction.blocked) {
      direction.held.push({ epoch, frame });
      return;
    }
    const arrivalMs = this.#scheduler.nowMs + this.#delayMs() + (overtaken ? this.#random.between(0, REORDER_MOST_MS) : 0);
    const inOrderMs = overtaken ? arrivalMs : Math.max(arrivalMs, direction.lastArrivalMs);
    if (!overtaken) direction.lastArrivalMs = inOrderMs;
    direction.inFlight += 1;
    this.#scheduler.after(inOrderMs - this.#scheduler.nowMs, () => {
      direction.inFlight -= 1;
      if (direction.deadEpoch === epoch) return;
      if (direction.blocked) direction.held.push({ epoch, frame });
      else this.#endpoints.get(direction.to)?.frame(direction.from, epoch, frame);
    });
  }

  #replay(direction: Direction): void {
    const frame = this.#random.pick(direction.old);
    this.#scheduler.after(this.#delayMs() + this.#random.between(0, REORDER_MOST_MS), () => {
      if (direction.blocked || direction.isHole || direction.deadEpoch === direction.link.epoch) return;
      this.#endpoints.get(direction.to)?.frame(direction.from, null, frame);
    });
  }

  #dial(one: NodeId, other: NodeId): void {
    const link = this.#link(one, other);
    if (link.epoch !== 0 || link.dialing) return;
    link.dialing = true;
    this.#scheduler.after(this.#random.between(1, DIAL_MOST_MS), () => {
      link.dialing = false;
      const first = this.#endpoints.get(one);
      const second = this.#endpoints.get(other);
      if (first === undefined || second === undefined) return;
      if (!first.dials(other) && !second.dials(one)) return;
      const refusals = [
        { by: first, whom: second },
        { by: second, whom: first },
      ].flatMap(({ by, whom }) => {
        const reason = by.objection(whom.info);
        return reason === null ? [] : [() => whom.refused(by.info.node, reason)];
      });
      if (refusals.length > 0) {
        for (const tell of refusals) this.#scheduler.after(this.#delayMs(), tell);
        return;
      }
      if (!isOpen(this.#direction(one, other)) || !isOpen(this.#direction(other, one))) return;
      this.#epoch += 1;
      link.epoch = this.#epoch;
      // Frames of the new connection travel only behind the greeting, which is what `up` tells.
      this.#greet(first, second, link.epoch);
      this.#greet(second, first, link.epoch);
    });
  }

  #greet(endpoint: Endpoint, peer: Endpoint, epoch: number): void {
    const direction = this.#direction(peer.info.node, endpoint.info.node);
    const arrivalMs = Math.max(this.#scheduler.nowMs + this.#delayMs(), direction.lastArrivalMs);
    direction.lastArrivalMs = arrivalMs;
    this.#scheduler.after(arrivalMs - this.#scheduler.nowMs, () => endpoint.up(peer.info, epoch));
  }

  #break(one: NodeId, other: NodeId, noticeMostMs: number, isOrderly = false): void {
    const link = this.#link(one, other);
    const epoch = link.epoch;
    if (epoch !== 0) {
      link.epoch = 0;
      for (const [end, peer] of [
        [one, other],
        [other, one],
      ] as const) {
        this.#tellEnd(end, peer, epoch, noticeMostMs, isOrderly);
      }
    }
    this.#dial(one, other);
  }

  /** One end notices that the connection is broken, unless nothing arrives there: it has to find out by itself then. */
  #tellEnd(end: NodeId, peer: NodeId, epoch: number, noticeMostMs: number, isOrderly: boolean): void {
    const endpoint = this.#endpoints.get(end);
    const incoming = this.#direction(peer, end);
    incoming.held = [];
    // Either what is under way still arrives before the end is noticed, or the end overtakes it.
    const orderly = this.#random.chance(0.5) || isOrderly ? Math.max(0, incoming.lastArrivalMs - this.#scheduler.nowMs) : 0;
    const noticeMs = orderly + this.#random.between(0, noticeMostMs);
    if (incoming.isHole || incoming.deadEpoch === epoch) return;
    this.#scheduler.after(noticeMs, () => endpoint?.down(peer, epoch));
  }

  #link(one: NodeId, other: NodeId): Link {
    const name = pairNumber(Math.min(one, other), Math.max(one, other));
    let link = this.#links.get(name);
    if (link === undefined) {
      link = { epoch: 0, dialing: false };
      this.#links.set(name, link);
    }
    return link;
  }

  #direction(from: NodeId, to: NodeId): Direction {
    const name = pairNumber(from, to);
    let direction = this.#directions.get(name);
    if (direction === undefined) {
      direction = {
        link: this.#link(from, to),
        from,
        to,
        blocked: false,
        isHole: false,
        deadEpoch: -1,
        held: [],
        inFlight: 0,
        lastArrivalMs: 0,
        old: [],
      };
      this.#directions.set(name, direction);
    }
    return direction;
  }

  #delayMs(): number {
    return this.#random.between(this.mood.leastMs, this.mood.mostMs);
  }
}

/** Whether a connection can be made, as far as this direction goes. */
function isOpen({ blocked, isHole }: Direction): boolean {
  return !blocked && !isHole;
}

const DIAL_MOST_MS = 60;
const NOTICE_MOST_MS = 10;
const SILENCE_MOST_MS = 1_500;
const REORDER_MOST_MS = 60;
const OLD_FRAMES_MOST = 100;

/** Node ids of simulated clusters are small. */
function pairNumber(from: NodeId, to: NodeId): number {
  return from * 1_000 + to;
}

/** The frame with bytes of its own where its receiver or its sender writes into them later. */
function copyFrame(frame: PeerFrame): PeerFrame {
  if (frame.kind === 'forward') return { ...frame, commands: frame.commands.map((command) => command.slice()) };
  if (frame.kind === 'raft' && frame.message.kind === 'append' && frame.message.entries.length > 0) {
    return { kind: 'raft', message: { ...frame.message, entries: frame.message.entries.map(copyEntry) } };
  }
  return frame;
}
