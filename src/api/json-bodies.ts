// Reads the JSON bodies of requests, large ones one per event-loop turn.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { LARGE_BODY_BYTES } from '../contract/limits.ts';
import { parseJson } from './body.ts';
import { ApiError } from './errors.ts';
import type { LargeWork } from './large-work.ts';

type Done = (error: Error | null, value?: unknown) => void;

/** Bytes of complete bodies that wait to be read on one node; a body beyond them is refused as overloaded. */
export const WAITING_BODIES_MAX_BYTES = 64 * 1024 * 1024;

/** Makes JSON the only media type that the server takes. */
export function readJsonBodies(fastify: FastifyInstance, largeWork: LargeWork): void {
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('application/json', { parseAs: 'buffer' }, (request, bytes: Buffer, done) => {
    const encoding = request.headers['content-encoding'];
    if (encoding !== undefined && encoding !== 'identity') {
      done(new ApiError('unsupported-media-type', 'the body must not be compressed'));
      return;
    }
    if (bytes.length < LARGE_BODY_BYTES) read(bytes, done);
    else readInTurn(largeWork, request, bytes, done);
  });
}

/**
 * Parses in one turn and validates and submits in another. The order of the requests of a connection stays the same: a request with such
 * a body is alone under way on its connection (see `Connections`).
 */
function readInTurn(largeWork: LargeWork, { raw }: FastifyRequest, bytes: Buffer, done: Done): void {
  try {
    largeWork.add(bytes.length, () => {
      // The caller has gone: nobody would learn what became of the request.
      if (raw.socket.destroyed) return;
      read(bytes, (error, value) => {
        try {
          largeWork.add(bytes.length, () => done(error, value));
        } catch (overloaded) {
          done(overloaded as Error);
        }
      });
    });
  } catch (overloaded) {
    done(overloaded as Error);
  }
}

function read(bytes: Buffer, done: Done): void {
  let value: unknown;
  try {
    value = bytes.length === 0 ? undefined : parseJson(bytes);
  } catch (error) {
    done(error as Error);
    return;
  }
  done(null, value);
}
