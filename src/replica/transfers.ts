// Leadership handed over on request, and who waits to hear how it went.
import type { Cancel, Clock } from '../env.ts';
import type { RawNode } from '../raft/raw-node.ts';
import { NONE, type NodeId } from '../raft/types.ts';
import type { ClusterView } from './cluster-view.ts';

export type TransferResult =
  | { readonly ok: true; readonly leader: string; readonly term: number }
  | { readonly ok: false; readonly code: 'member-not-found' | 'no-leader' | 'conflict'; readonly detail: string };

interface WaitingTransfer {
  readonly target: NodeId;
  readonly done: (result: TransferResult) => void;
  readonly timer: Cancel;
}

export class Transfers {
  readonly #clock: Clock;
  readonly #timeoutMs: number;
  readonly #view: ClusterView;
  readonly #raft: RawNode;
  readonly #wake: () => void;
  readonly #waiting = new Set<WaitingTransfer>();

  constructor(clock: Clock, timeoutMs: number, view: ClusterView, raft: RawNode, wake: () => void) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#view = view;
    this.#raft = raft;
    this.#wake = wake;
  }

  /** `to` null: the follower whose log is furthest, or on a follower that follower itself. */
  start(to: string | null, done: (result: TransferResult) => void): void {
    const { leader, term } = this.#raft;
    if (leader === NONE) {
      done({ ok: false, code: 'no-leader', detail: 'No leader is known, so there is nothing to hand over.' });
      return;
    }
    const target = to === null ? this.#bestTarget() : this.#view.nodeOf(to);
    if (target === undefined) {
      done(
        to === null
          ? { ok: false, code: 'conflict', detail: 'No other voter can be reached.' }
          : { ok: false, code: 'member-not-found', detail: `${to} is no member of this cluster.` },
      );
      return;
    }
    if (target === leader) {
      done({ ok: true, leader: this.#view.nameOf(leader), term });
      return;
    }
    if (!this.#raft.conf.voters.includes(target)) {
      done({ ok: false, code: 'conflict', detail: `${this.#view.nameOf(target)} is no voter, so it cannot lead.` });
      return;
    }
    const waiting: WaitingTransfer = {
      target,
      done,
      timer: this.#clock.after(this.#timeoutMs, () => {
        this.#waiting.delete(waiting);
        done({
          ok: false,
          code: 'conflict',
          detail: `${this.#view.nameOf(target)} did not take over in time; is it running and up to date?`,
        });
      }),
    };
    this.#waiting.add(waiting);
    this.#raft.transferLeader(target);
    this.#wake();
  }

  /** Who leads has changed. A transfer that ended with another leader has failed. */
  leaderIs(leader: NodeId): void {
    if (leader === NONE) return;
    for (const waiting of [...this.#waiting]) {
      waiting.timer();
      this.#waiting.delete(waiting);
      const name = this.#view.nameOf(leader);
      waiting.done(
        leader === waiting.target
          ? { ok: true, leader: name, term: this.#raft.term }
          : { ok: false, code: 'conflict', detail: `${name} was elected instead.` },
      );
    }
  }

  /** A target that is gone will not take over. */
  peerLost(peer: NodeId): void {
    for (const waiting of [...this.#waiting]) {
      if (waiting.target !== peer) continue;
      waiting.timer();
      this.#waiting.delete(waiting);
      waiting.done({ ok: false, code: 'conflict', detail: `${this.#view.nameOf(peer)} was lost while it was to take over.` });
    }
  }

  failAll(): void {
    for (const waiting of [...this.#waiting]) {
      waiting.timer();
      waiting.done({ ok: false, code: 'no-leader', detail: 'This node is stopping.' });
    }
    this.#waiting.clear();
  }

  #bestTarget(): NodeId | undefined {
    const { progress, conf, id } = this.#raft.status();
    if (progress === null) return id;
    let best: NodeId | undefined;
    for (const node of conf.voters) {
      if (node === id || !this.#view.isHeard(node, this.#timeoutMs)) continue;
      if (best === undefined || (progress.get(node)?.match ?? 0) > (progress.get(best)?.match ?? 0)) best = node;
    }
    return best;
  }
}
