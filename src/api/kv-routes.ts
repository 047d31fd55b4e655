// The store: reading, listing, gated writing and deleting of keys.

import { PAGE_MAX_VALUE_BYTES, VALUE_MAX_BYTES } from '../contract/limits.ts';
import { isStoreKey, isStorePrefix, KEY_RULE, utf8Length } from '../contract/names.ts';
import { DeleteBody, KeyList, KeyPath, KeyReply, type KeyShape, PutBody } from '../contract/store.ts';
import type { KeyView, Outcome, Page } from '../lease/outcomes.ts';
import type { Service } from '../replica/service.ts';
import type { Api, ApiReply, ApiServer } from './api.ts';
import { readAssertions, readPrecondition } from './conditions.ts';
import { allowEmptyBody } from './empty-body.ts';
import { ApiError, invalidArgument } from './errors.ts';
import { readLimit, readText } from './query.ts';
import { change, changeQuietly, read, sendBody, sendKeyNotFound } from './reply.ts';

const KEY_URL = '/v1/kv/:key';

/** Registers the routes of the store. */
export function kvRoutes(server: ApiServer, api: Api): void {
  const { service } = api;

  server.put(KEY_URL, { schema: { params: KeyPath, body: PutBody, response: { 200: KeyReply } } }, (request, reply) => {
    const { value, lease, assert: given } = request.body;
    checkValueSize(value);
    const assert = readAssertions(request.headers, given);
    const precondition = readPrecondition(request.headers);
    change(api, reply, { kind: 'put', key: request.params.key, value, lease: lease ?? null, assert, precondition }, 'key', sendPut);
  });

  server.delete(KEY_URL, { schema: { params: KeyPath, body: DeleteBody }, preValidation: allowEmptyBody }, (request, reply) => {
    const assert = readAssertions(request.headers, request.body.assert);
    const precondition = readPrecondition(request.headers);
    changeQuietly(api, reply, { kind: 'delete', key: request.params.key, assert, precondition });
  });

  server.get(
    KEY_URL,
    { schema: { params: KeyPath, response: { 200: KeyReply } }, config: { query: ['consistency'] } },
    (request, reply) => {
      const { key } = request.params;
      read(api, request, reply, (view) => {
        const found = view.state.key(key);
        if (found === null) sendKeyNotFound(service, reply, key, view.index);
        else sendKey(service, reply, found, view.index);
      });
    },
  );

  const config = { query: ['prefix', 'limit', 'after', 'consistency'] };
  server.get('/v1/kv', { schema: { response: { 200: KeyList } }, config }, (request, reply) => {
    const limit = readLimit(request);
    const prefix = readText(request, 'prefix') ?? '';
    if (!isStorePrefix(prefix)) throw invalidArgument('prefix must be the beginning of a key');
    const after = readText(request, 'after');
    if (after !== null && !isStoreKey(after)) throw invalidArgument(`after must be a key, with ${KEY_RULE}`);
    read(api, request, reply, (view) => {
      const { items, next } = cutByBytes(view.state.keys(prefix, after, limit));
      const { revision } = view.state;
      const keys = items as KeyShape[];
      sendBody(service, reply, 200, next === null ? { keys, revision, index: view.index } : { keys, next, revision, index: view.index });
    });
  });
}

/** Throws a too-large error for a value beyond the limit. */
export function checkValueSize(value: string): void {
  if (value.length > VALUE_MAX_BYTES || utf8Length(value) > VALUE_MAX_BYTES) {
    throw new ApiError('too-large', `the value has more than ${VALUE_MAX_BYTES} bytes`);
  }
}

function sendPut(service: Service, reply: ApiReply, outcome: Extract<Outcome, { kind: 'key' }>, index: number): void {
  sendKey(service, reply, outcome.key, index);
}

function sendKey(service: Service, reply: ApiReply, found: KeyView, index: number): void {
  const { key, value, createRevision, modRevision, version, lease } = found;
  reply.header('etag', `"${modRevision}"`);
  sendBody(service, reply, 200, { key, value, createRevision, modRevision, version, lease, index } satisfies KeyReply);
}

// A thousand of the largest values would hold up the node while they are written: the page ends early instead.
function cutByBytes(page: Page<KeyView>): Page<KeyView> {
  let bytes = 0;
  for (const [at, item] of page.items.entries()) {
    bytes += item.value.length;
    if (bytes > PAGE_MAX_VALUE_BYTES && at + 1 < page.items.length) return { items: page.items.slice(0, at + 1), next: item.key };
  }
  return page;
}
