// What the package offers to programs: nodes to embed, the seeds' interfaces on them, and a lessor by itself.

export type { NodeConfig } from './config.ts';
export { DEFAULT_TIMINGS } from './config.ts';
export type { Clock } from './env.ts';
export { realClock } from './io/clock.ts';
export { ManualClock } from './io/manual-clock.ts';
export { MemoryDisk } from './io/memory-log-store.ts';
export type { Assertion, Compare, Precondition, TxnOp } from './lease/commands.ts';
export type { KeyView, TxnResult } from './lease/outcomes.ts';
export type { RetryPolicy } from './library/calls.ts';
export type { Checker, Token, TrapdoorOf } from './library/checker.ts';
export type { Claimer, Tenure } from './library/claimer.ts';
export {
  Aborted,
  AssertionFailed,
  BadArgument,
  ClaimDenied,
  Conflict,
  type ErrorFacts,
  Invalid,
  isAborted,
  isAssertionFailed,
  isBadArgument,
  isClaimDenied,
  isInvalid,
  isLeaseExists,
  isLeaseNotFound,
  isNoRoom,
  isNotHeld,
  isNotPrimary,
  isStopped,
  isTimeout,
  isWaitCancelled,
  KeyNotFound,
  LeaseError,
  LeaseExists,
  LeaseNotFound,
  NoRoom,
  NotHeld,
  NotPrimary,
  PreconditionFailed,
  Stopped,
  Timeout,
  WaitCancelled,
} from './library/errors.ts';
export { FakeLessor } from './library/fake-lessor.ts';
export {
  applicationLeadershipNamespace,
  type Key,
  KeyMap,
  Request,
  singularControllerNamespace,
  validateString,
} from './library/key.ts';
export type { KeyAt, KeyValue, Transaction, WriteConditions } from './library/key-value.ts';
export { type LeaseID, NoLease } from './library/lease-id.ts';
export { type Lease, type LeaseRecord, Lessor, type LessorBackend, type LessorOptions, type RangeDeleter } from './library/lessor.ts';
export type { LeaseManager, Manager, ManagerSettings } from './library/manager.ts';
export type { GrantedLease, LeaseWithItems, NodeLessor } from './library/node-lessor.ts';
export type { Pinner } from './library/pinner.ts';
export type { Reader } from './library/reader.ts';
export {
  applicationLeadershipSecretary,
  type Secretary,
  type SecretaryRules,
  secretaryOf,
  singularControllerSecretary,
} from './library/secretary.ts';
export type { Info, Store } from './library/store.ts';
export { type HeldFact, lockedTrapdoor, logTrapdoor, type Trapdoor } from './library/trapdoor.ts';
export type { Log, LogFields, LogLevel } from './log.ts';
export { type NodeEvents, type RunningNode, startNode } from './main.ts';
export { type MemoryNode, type MemoryNodeOptions, startMemoryNode } from './memory-node.ts';
