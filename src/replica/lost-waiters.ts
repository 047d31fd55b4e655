// Finds waiters whose node is gone, so that nobody is granted a lease who cannot be told of it.
import type { Command } from '../lease/commands.ts';
import type { StateMachine } from '../lease/state-machine.ts';
import type { Life } from '../lease/waiters.ts';
import type { NodeId } from '../raft/types.ts';

/** So many times the limit for a node that is connected: it may only stand still, and whoever waits there would lose its place for that. */
const CONNECTED_FACTOR = 5;

export interface LostWaitersHost {
  /** This life of this node. */
  readonly life: Life;
  /** The primary alone judges others. */
  readonly lessor: { readonly isPrimary: boolean };
  /** When a node was last heard, in local time; null for never, or while there is no connection to it. */
  readonly view: { heardMs(node: NodeId): number | null };
  state(): StateMachine;
  /** Proposes a drop; `done` when it was applied or surely never will be. */
  propose(command: Command, done: () => void): void;
}

/** Looked at once a tick, so a process that was stopped itself counts one tick and not the time for which it heard nobody. */
export class LostWaiters {
  readonly #host: LostWaitersHost;
  readonly #silentTicksMax: number;
  /** For nodes at which claims wait: when each was last heard, and for how many ticks it has not been heard since. */
  readonly #silence = new Map<NodeId, { heardMs: number | null; ticks: number }>();
  readonly #dropping = new Set<string>();

  /** A node without a connection counts as gone after so many ticks in which it was not heard. */
  constructor(host: LostWaitersHost, silentTicksMax: number) {
    this.#host = host;
    this.#silentTicksMax = silentTicksMax;
  }

  tick(): void {
    const lives = this.#host.state().waitingLives();
    if (lives.length === 0) {
      this.#silence.clear();
      return;
    }
    const { life } = this.#host;
    const silent = this.#host.lessor.isPrimary ? this.#silentNodes(lives) : none;
    for (const each of lives) {
      const isPast = each.node === life.node && each.incarnation < life.incarnation;
      if (isPast || silent.has(each.node)) this.#drop(each);
    }
  }

  #silentNodes(lives: readonly Life[]): ReadonlySet<NodeId> {
    const silent = new Set<NodeId>();
    const nodes = new Set(lives.map(({ node }) => node));
    nodes.delete(this.#host.life.node);
    for (const node of this.#silence.keys()) if (!nodes.has(node)) this.#silence.delete(node);
    for (const node of nodes) {
      const heardMs = this.#host.view.heardMs(node);
      const known = this.#silence.get(node);
      const ticks = known === undefined || (heardMs !== null && heardMs !== known.heardMs) ? 0 : known.ticks + 1;
      this.#silence.set(node, { heardMs, ticks });
      if (ticks >= this.#silentTicksMax * (heardMs === null ? 1 : CONNECTED_FACTOR)) silent.add(node);
    }
    return silent;
  }

  #drop({ node, incarnation }: Life): void {
    const name = `${node}/${incarnation}`;
    if (this.#dropping.has(name)) return;
    this.#dropping.add(name);
    this.#host.propose({ kind: 'drop-waiters', node, incarnation }, () => this.#dropping.delete(name));
  }
}

const none: ReadonlySet<NodeId> = new Set();
