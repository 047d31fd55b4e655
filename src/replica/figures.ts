// What a node tells of itself in numbers, for whoever watches it. Collected when asked for: a node that nobody asks pays for counting alone.
import type { NoRoom } from '../env.ts';
import type { StateMachine } from '../lease/state-machine.ts';
import type { Leadership } from './leadership.ts';
import type { Loop } from './loop.ts';
import type { PrimaryLessor } from './primary-lessor.ts';
import type { Requests } from './requests.ts';
import type { Room } from './room.ts';

/** Counts are since the start of the process. */
export interface Figures {
  readonly role: 'leader' | 'candidate' | 'follower' | 'learner';
  /** Elections in which this node stood. */
  readonly elections: number;
  /** Leaders that this node has seen, itself included. */
  readonly leaderChanges: number;
  /** Changes that this node has taken, and those of them that are under way. */
  readonly proposals: number;
  readonly pendingProposals: number;
  /** Images of the state: those that a peer has taken, those given up under way, those that this node took. */
  readonly images: { readonly sent: number; readonly failed: number; readonly received: number };
  /** Whether its lessor ends leases. */
  readonly isPrimary: boolean;
  /** By this node's account, in milliseconds. */
  readonly leaseTimeMs: number;
  /** As applied. Valid only during the call. */
  readonly state: StateMachine;
  /** Each resource of this node with a known limit, as this node counts it. */
  readonly room: readonly NoRoom[];
}

export function figuresOf(loop: Loop, leadership: Leadership, requests: Requests, lessor: PrimaryLessor, room: Room): Figures {
  const { raft, applier } = loop;
  const { role } = raft;
  const isLearner = role === 'follower' && raft.conf.learners.includes(raft.status().id);
  return {
    role: role === 'pre-candidate' ? 'candidate' : isLearner ? 'learner' : role,
    elections: leadership.elections,
    leaderChanges: leadership.leaderChanges,
    proposals: requests.taken,
    pendingProposals: requests.count,
    images: loop.images.counts,
    isPrimary: lessor.isPrimary,
    leaseTimeMs: lessor.now(),
    state: applier.state,
    room: room.usage(),
  };
}
