// The four headers that every answer carries.
import type { Service } from '../replica/service.ts';
import type { ApiReply } from './api.ts';

/** Adds node, leader, term and applied index as they are now. */
export function stamp(service: Service, reply: ApiReply): void {
  const [node, leader, term, index] = stampValues(service);
  reply.header('leasehold-node', node);
  reply.header('leasehold-leader', leader);
  reply.header('leasehold-term', term);
  reply.header('leasehold-index', index);
}

/** The same as text, in the order node, leader, term, index. */
export function stampValues(service: Service): readonly [node: string, leader: string, term: string, index: string] {
  return [service.node, service.leader, String(service.term), String(service.appliedIndex)];
}
