// Serves a request only under the names of the node, so that no page can reach it through a name of its own (DNS rebinding).
import type { IncomingMessage } from 'node:http';
import { isIPv4, isIPv6 } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { ApiError, invalidArgument } from './errors.ts';

/** Accepted values of the header that are remembered, ports included. */
const REMEMBERED_MAX = 64;

/** The names of one node: every IP address, `localhost`, and those that are configured. */
export class HostNames {
  readonly #names: ReadonlySet<string>;
  readonly #accepted = new Set<string>();

  /** `names` are hosts without ports, in any case. */
  constructor(names: readonly string[]) {
    this.#names = new Set(['localhost', ...names.map(canonical)]);
  }

  /** Whether `host`, as the header has it, with or without a port, is a name of the node. */
  accepts(host: string): boolean {
    if (this.#accepted.has(host)) return true;
    if (!this.#isName(host)) return false;
    if (this.#accepted.size < REMEMBERED_MAX) this.#accepted.add(host);
    return true;
  }

  #isName(host: string): boolean {
    const match = /^(?:\[([0-9a-f:.]{2,45})\]|([^\s:/@[\]]{1,255}))(?::\d{0,5})?$/i.exec(host);
    if (match === null) return false;
    const [, v6, name = ''] = match;
    return v6 === undefined ? isIPv4(name) || this.#names.has(canonical(name)) : isIPv6(v6);
  }
}

/**
 * Refuses, before anything else is looked at, what was sent to another host: a page of `evil.example` can have that name resolve to the
 * address of the node, and is then of one origin with it. Reads are refused as well.
 */
export function refuseMisdirected(fastify: FastifyInstance, names: HostNames): void {
  fastify.addHook('onRequest', ({ raw }, reply, done) => {
    const isFit = names.accepts(raw.headers.host ?? '') && hasOneHost(raw) && raw.url?.charCodeAt(0) === SLASH;
    const fault = isFit ? undefined : faultOf(raw, names);
    // What follows on the connection is for the same host.
    if (fault !== undefined) reply.header('connection', 'close');
    done(fault);
  });
}

const SLASH = 0x2f;

/** Node keeps the first of several headers and says nothing of the others. */
function hasOneHost({ rawHeaders }: IncomingMessage): boolean {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] as string;
    if (name.length === 4 && name.toLowerCase() === 'host') count++;
  }
  return count === 1;
}

/** Undefined if the request is fit after all. */
function faultOf(raw: IncomingMessage, names: HostNames): Error | undefined {
  const { host } = raw.headers;
  // HTTP/1.0 knows no such header. Checkers of load balancers still speak it; browsers, which rebinding is about, do not.
  if (host === undefined) return raw.httpVersionMinor === 0 ? undefined : invalidArgument('the header Host is missing');
  if (!hasOneHost(raw)) return invalidArgument('the header Host stands more than once');
  // The host in the target counts in place of the header (RFC 9112, 3.2.2). A target of * names no host.
  const target = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i.exec(raw.url ?? '')?.[1] ?? host;
  for (const each of [host, target]) {
    if (!names.accepts(each))
      return new ApiError(
        'misdirected',
        `${JSON.stringify(each.slice(0, 64))} is not a name of this node: use its IP address, localhost, or a name that --host-names gives it`,
      );
  }
  return undefined;
}

/** In lower case and without the dot that ends a fully qualified name. */
function canonical(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}
