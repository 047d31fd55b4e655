// What the route files share: the server's type, the service behind it, and what waits.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { Service } from '../replica/service.ts';
import type { Connections } from './connections.ts';
import type { LargeWork } from './large-work.ts';
import type { Waits } from './waits.ts';
import type { Watchers } from './watchers.ts';

/** A server whose handlers see bodies and paths typed by their schemas. */
export type ApiServer = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, FastifyBaseLogger, TypeBoxTypeProvider>;

/** What a handler works with. */
export interface Api {
  readonly service: Service;
  readonly waits: Waits;
  readonly watchers: Watchers;
  readonly connections: Connections;
  readonly largeWork: LargeWork;
}

/** The part of Fastify's request that is read outside of typed handlers. */
export interface ApiRequest {
  readonly raw: IncomingMessage;
  readonly query: unknown;
}

/** The part of Fastify's reply that answers need, whatever the route's own types. */
export interface ApiReply {
  readonly raw: ServerResponse;
  problemCode: string | null;
  code(status: number): unknown;
  header(name: string, value: string): unknown;
  send(payload?: unknown): unknown;
}
