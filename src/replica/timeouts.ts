// Ends what has waited too long on this node, each kind after its own time.
import type { ReplicaConfig, ReplicaLimits } from './config.ts';
import type { Membership } from './membership.ts';
import type { Reads } from './reads.ts';
import type { Requests } from './requests.ts';

/** Called every few ticks. A read waits for a leader one election timeout longer than a change, since it can be asked for again meanwhile. */
export function expireWaiting(
  { electionTimeoutMs }: ReplicaConfig,
  { leaderWaitMs, requestTimeoutMs }: ReplicaLimits,
  nowMs: number,
  requests: Requests,
  membership: Membership,
  reads: Reads,
): void {
  requests.expire(nowMs, leaderWaitMs, requestTimeoutMs);
  membership.expire();
  reads.expire(nowMs, electionTimeoutMs, leaderWaitMs + electionTimeoutMs, requestTimeoutMs);
}
