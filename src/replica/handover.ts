// Fast handover: a leader whose connection closes is very likely dead, so its followers stand for election at once instead of waiting.
import type { Cancel, Clock, Random } from '../env.ts';
import type { RawNode } from '../raft/raw-node.ts';
import { NONE } from '../raft/types.ts';

/** Between two followers' attempts, so that they do not split the vote: more than an election takes here. */
const RANK_STEP_MS = 60;
const JITTER_MS = 20;
/** Between one follower's attempts while nobody leads. After the last one the ordinary election timeout decides. */
const RETRY_MS = 150;
const MAX_ATTEMPTS = 4;

/** PreVote keeps it safe where only the connection broke: nodes that still hear the leader do not answer. */
export class Handover {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #raft: Pick<RawNode, 'leader' | 'campaign'>;
  readonly #wake: () => void;
  #timer: Cancel | null = null;

  constructor(clock: Clock, random: Random, raft: Pick<RawNode, 'leader' | 'campaign'>, wake: () => void) {
    this.#clock = clock;
    this.#random = random;
    this.#raft = raft;
    this.#wake = wake;
  }

  /** The leader's connection closed and it has been forgotten. `rank` is this node's place among the voters that remain. */
  leaderLost(rank: number): void {
    this.#attempt(rank * RANK_STEP_MS, 1);
  }

  /** Somebody leads. */
  stop(): void {
    this.#timer?.();
    this.#timer = null;
  }

  #attempt(delayMs: number, count: number): void {
    this.stop();
    this.#timer = this.#clock.after(delayMs + this.#random.below(JITTER_MS), () => {
      this.#timer = null;
      if (this.#raft.leader !== NONE) return;
      this.#raft.campaign();
      this.#wake();
      if (count < MAX_ATTEMPTS) this.#attempt(RETRY_MS + this.#random.below(RETRY_MS), count + 1);
    });
  }
}
