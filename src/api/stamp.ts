// The headers that every answer carries: the four of the contract, and the one that keeps answers out of caches.
import type { Service } from '../replica/service.ts';
import type { ApiReply } from './api.ts';

/** No answer may come from a cache: it would tell the past as the present. */
export const NO_STORE = 'no-store';

/** Adds node, leader, term, and applied index as they are now, and forbids caches to keep the answer. */
export function stamp(service: Service, reply: ApiReply): void {
  const [node, leader, term, index] = stampValues(service);
  reply.header('leasehold-node', node);
  reply.header('leasehold-leader', leader);
  reply.header('leasehold-term', term);
  reply.header('leasehold-index', index);
  reply.header('cache-control', NO_STORE);
}

/** The four as text, in the order node, leader, term, index. */
export function stampValues(service: Service): readonly [node: string, leader: string, term: string, index: string] {
  return [service.node, service.leader, String(service.term), String(service.appliedIndex)];
}
