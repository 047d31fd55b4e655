// Lease ids as 64-bit integers. A bigint, because etcd's LeaseID is an int64, and a number would silently round the ids beyond 2^53.
import { leaseIdProblem } from '../lease/names.ts';
import { LeaseNotFound } from './errors.ts';

/** Names a granted lease. In a cluster from 1 to 2^63 - 1; over HTTP the same as a decimal string. */
export type LeaseID = bigint;

/** No lease: what a key that lives by none has, and never granted (etcd NoLease). */
export const NoLease: LeaseID = 0n;

/** The id as the log knows it. Throws {@link LeaseNotFound} for one that no lease of a cluster can have. */
export function idText(id: LeaseID): string {
  const text = String(id);
  if (leaseIdProblem(text) !== null) throw new LeaseNotFound(`there is no lease ${text}`);
  return text;
}
