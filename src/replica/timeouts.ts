// Ends what has waited too long on this node, each kind after its own time.
import type { ReplicaConfig, ReplicaLimits } from './config.ts';
import { LOG_FULL, NO_LEADER } from './failures.ts';
import type { Loop } from './loop.ts';
import type { Membership } from './membership.ts';
import type { Reads } from './reads.ts';
import type { Requests } from './requests.ts';

/** Called every few ticks. A read waits for a leader one election timeout longer than a change, since it can be asked for again meanwhile.
 * On a leader whose log is full, a change waits only for that. */
export function expireWaiting(
  { electionTimeoutMs }: ReplicaConfig,
  { leaderWaitMs, requestTimeoutMs }: ReplicaLimits,
  nowMs: number,
  { raft, cutter }: Pick<Loop, 'raft' | 'cutter'>,
  requests: Requests,
  membership: Membership,
  reads: Reads,
): void {
  requests.expire(nowMs, leaderWaitMs, requestTimeoutMs, raft.role === 'leader' && cutter.holdsProposals ? LOG_FULL : NO_LEADER);
  membership.expire();
  reads.expire(nowMs, electionTimeoutMs, leaderWaitMs + electionTimeoutMs, requestTimeoutMs);
}
