// What a request was about and how it ended, for those who tell of it: the log, and the traces.
import type { FastifyReply, FastifyRequest } from 'fastify';

declare module 'fastify' {
  interface FastifyReply {
    /** The code of the problem that the answer is, null for another answer and while there is none. */
    problemCode: string | null;
  }
}

/** A request whose path no route has, or that could not be read as far as that. */
const NO_OPERATION = 'none';

/** The operation by the name that it has in metrics. */
export function operationNameOf(request: FastifyRequest): string {
  return request.routeOptions.config.operation ?? NO_OPERATION;
}

/** The lease that its path names, as `namespace/model/lease`; undefined for none. */
export function leaseNameOf(request: FastifyRequest): string | undefined {
  const { namespace, model, lease } = (request.params ?? {}) as { namespace?: string; model?: string; lease?: string };
  return lease === undefined ? undefined : `${namespace}/${model}/${lease}`;
}

/** The term and the index that the answer told its caller; undefined for a watch, which tells them without a reply of Fastify's. */
export function stampedOn(reply: FastifyReply): { readonly term: number | undefined; readonly index: number | undefined } {
  return { term: numberIn(reply.getHeader('leasehold-term')), index: numberIn(reply.getHeader('leasehold-index')) };
}

function numberIn(header: string | number | string[] | undefined): number | undefined {
  return header === undefined ? undefined : Number(header);
}
