// `leasehold/client`: what a program that uses a cluster imports. Needs nothing beyond what Node or a browser has.
export { type ClaimOptions, type ClientOptions, LeaseholdClient } from './client.ts';
export { type FailureClass, LeaseholdError, LeaseLostError, type LossReason } from './errors.ts';
export { type GateAssertion, HeldLease } from './held-lease.ts';
export type { Assertion, PutOptions, ReadOptions, WriteOptions } from './kv.ts';
export type { LeaseName } from './names.ts';
export { Session, type SessionClaimOptions } from './session.ts';
export type { WatchEvent, WatchOptions } from './watch.ts';
