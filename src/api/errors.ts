// Every error on its way out: the one error class of the API, and the translation of Fastify's own errors, as problem bodies.
import { type Server, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { InvariantError } from '../assert.ts';
import { PROBLEM_MEDIA_TYPE, type ProblemCode } from '../contract/codes.ts';
import { FORMATS } from '../contract/formats.ts';
import { BODY_MAX_BYTES } from '../contract/limits.ts';
import type { Log } from '../log.ts';
import type { Service } from '../replica/service.ts';
import { type ProblemFacts, problemAnswer, problemBody, sendAnswer } from './answer.ts';
import type { ApiReply } from './api.ts';
import { NO_STORE, stampValues } from './stamp.ts';

/** How long the last answer on a connection may take to be read, in milliseconds. */
const LINGER_MS = 2_000;

/** Ends a request with a problem. Thrown by handlers and by what they call before anything was submitted. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: ProblemCode;
  readonly facts: ProblemFacts;
  /** The problem happened surely before the log: nothing was changed and nothing will be. */
  readonly definite = true;

  constructor(code: ProblemCode, detail: string, facts: ProblemFacts = {}) {
    super(detail);
    this.code = code;
    this.facts = facts;
  }
}

/** The error for an argument that is not valid; `detail` names it. */
export function invalidArgument(detail: string): ApiError {
  return new ApiError('invalid-argument', detail);
}

/** Sends a problem. */
export function sendProblem(
  service: Service,
  reply: ApiReply,
  code: ProblemCode,
  detail: string,
  facts: ProblemFacts = {},
  options: { readonly status?: number } = {},
): void {
  sendAnswer(service, reply, problemAnswer(code, detail, facts, options));
}

/**
 * Sends whatever was thrown: an {@link ApiError}, one of Fastify's errors, or a fault of ours, which is told to `log` and to nobody else.
 * `bodyMaxBytes` is the limit of the route that was asked.
 */
export function sendError(service: Service, reply: ApiReply, error: unknown, log: Log, bodyMaxBytes: number = BODY_MAX_BYTES): void {
  // A broken invariant must end the process; Fastify has caught it, so it is thrown anew where nobody catches.
  if (error instanceof InvariantError)
    queueMicrotask(() => {
      throw error;
    });
  if (error instanceof ApiError) {
    sendProblem(service, reply, error.code, error.message, error.facts);
    return;
  }
  const translated = translate(error, bodyMaxBytes);
  if (translated.code === 'internal')
    log(`request failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`, 'error', {});
  sendProblem(service, reply, translated.code, translated.detail);
}

/** Answers on a socket whose request could not even be read, and closes it. */
export function answerUnreadable(service: Service, error: { readonly code?: string }, socket: Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const { status, code, detail } = unreadable(error.code ?? '');
  const body = JSON.stringify(problemBody(code, status, detail, {}));
  const [node, leader, term, index] = stampValues(service);
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\ncache-control: ${NO_STORE}\r\n` +
      `leasehold-node: ${node}\r\nleasehold-leader: ${leader}\r\nleasehold-term: ${term}\r\nleasehold-index: ${index}\r\n` +
      `content-type: ${PROBLEM_MEDIA_TYPE}\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
  // A client that neither reads nor closes must not keep the connection.
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}

/** In place of an error's code: a request for a tunnel. */
const CONNECT = 'CONNECT';

/** Answers in our form what Node would answer in its own, or not at all. */
export function answerOddRequests(service: Service, server: Server): void {
  server.on('connect', (_request, socket) => answerUnreadable(service, { code: CONNECT }, socket));
  server.on('checkExpectation', (_request, response) => {
    const { status, body } = problemAnswer('invalid-argument', 'of the header Expect, only 100-continue is known');
    const [node, leader, term, index] = stampValues(service);
    response.writeHead(status, {
      ...{ 'leasehold-node': node, 'leasehold-leader': leader, 'leasehold-term': term, 'leasehold-index': index },
      ...{ 'cache-control': NO_STORE, 'content-type': PROBLEM_MEDIA_TYPE, connection: 'close' },
    });
    response.end(JSON.stringify(body));
  });
}

function unreadable(nodeCode: string): { status: number; code: ProblemCode; detail: string } {
  switch (nodeCode) {
    case 'HPE_HEADER_OVERFLOW':
      return { status: 431, code: 'too-large', detail: 'the request line and headers are too large' };
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return { status: 413, code: 'too-large', detail: 'the chunk extensions are too large' };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { status: 408, code: 'wait-timeout', detail: 'the request did not arrive in time' };
    case CONNECT:
      return { status: 405, code: 'method-not-allowed', detail: 'the node is not a proxy' };
    default:
      return { status: 400, code: 'invalid-argument', detail: 'the request is not HTTP/1.1' };
  }
}

// Fastify's errors, by their stable codes. What it calls a bad request of another kind stays one; anything else is our fault.
function translate(error: unknown, bodyMaxBytes: number): { code: ProblemCode; detail: string } {
  if (!(error instanceof Error)) return { code: 'internal', detail: 'the request failed inside the node' };
  const { code, statusCode, validation, validationContext } = error as FastifyFault;
  if (validation !== undefined) return { code: 'invalid-argument', detail: validationDetail(validation[0], validationContext ?? 'body') };
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return { code: 'too-large', detail: `the body has more than ${bodyMaxBytes} bytes` };
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return { code: 'unsupported-media-type', detail: 'the body must be sent as application/json' };
    case 'FST_ERR_BAD_URL':
      return { code: 'invalid-argument', detail: 'the path is not valid percent-encoded UTF-8' };
    case 'FST_ERR_MAX_PARAM_LENGTH':
      return { code: 'invalid-argument', detail: 'a part of the path is too long' };
    case 'FST_ERR_NOT_FOUND':
      return { code: 'not-found', detail: 'there is no such path' };
  }
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return { code: 'invalid-argument', detail: error.message };
  return { code: 'internal', detail: 'the request failed inside the node' };
}

interface FastifyFault {
  readonly code?: string;
  readonly statusCode?: number;
  readonly validation?: readonly ValidationFault[];
  readonly validationContext?: string;
}

/** One fault as Ajv tells it. */
export interface ValidationFault {
  readonly keyword: string;
  readonly instancePath: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message?: string;
}

/** Says what Ajv found wrong. */
export function validationDetail(fault: ValidationFault | undefined, context: string): string {
  if (fault === undefined) return `${context} is not valid`;
  const where = fault.instancePath === '' ? `the ${context}` : fault.instancePath.slice(1).replaceAll('/', '.');
  if (fault.keyword === 'format') return `${where} ${FORMATS[String(fault.params.format)]?.rule ?? 'is not valid'}`;
  if (fault.keyword === 'additionalProperties')
    return `${where} has an unknown field ${JSON.stringify(String(fault.params.additionalProperty).slice(0, 64))}`;
  return `${where} ${fault.message ?? 'is not valid'}`;
}
