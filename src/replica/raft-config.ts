// The one way in which Leasehold sets up Raft. Each policy is explained where it is kept, in `src/raft`.
import type { Env } from '../env.ts';
import type { RaftConfig } from '../raft/config.ts';
import type { Storage } from '../raft/storage.ts';
import type { ReplicaConfig, ReplicaLimits } from './config.ts';

const MAX_BYTES_PER_MESSAGE = 1 << 20;
const MAX_INFLIGHT_MESSAGES = 256;

export function raftConfig(env: Env, config: ReplicaConfig, limits: ReplicaLimits, storage: Storage): RaftConfig {
  return {
    id: config.node,
    heartbeatTicks: 1,
    electionTicks: Math.max(2, Math.round(config.electionTimeoutMs / config.heartbeatMs)),
    storage,
    random: (bound) => env.random.below(bound),
    applied: env.store.recovered.image.index,
    asyncStorageWrites: true,
    preVote: true,
    checkQuorum: true,
    maxBytesPerMessage: MAX_BYTES_PER_MESSAGE,
    maxApplyingBytes: limits.maxApplyBytes,
    maxUncommittedBytes: limits.maxUncommittedBytes,
    inflights: { maxMessages: MAX_INFLIGHT_MESSAGES, maxBytes: limits.maxInflightBytes },
    forwardProposals: false,
    stepDownOnRemoval: true,
    validateConfChanges: true,
    answerCommitNotices: false,
    readOnly: 'safe',
    ...(config.trace === undefined ? {} : { trace: config.trace }),
  };
}
