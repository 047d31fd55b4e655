// The store: reading, listing, gated writing and deleting of keys.

import { PAGE_MAX_VALUE_BYTES, VALUE_MAX_BYTES } from '../contract/limits.ts';
import { isStoreKey, isStorePrefix, KEY_RULE, utf8Length } from '../contract/names.ts';
import { DeleteBody, KeyList, KeyPath, KeyReply, type KeyShape, PutBody } from '../contract/store.ts';
import type { Assertion, Precondition } from '../lease/commands.ts';
import type { KeyView, Outcome, Page } from '../lease/outcomes.ts';
import { type Answer, sendAnswer } from './answer.ts';
import type { Api, ApiServer } from './api.ts';
import { KEY_CONDITIONS } from './condition-headers.ts';
import { readAssertions, readPrecondition } from './conditions.ts';
import { allowEmptyBody } from './empty-body.ts';
import { ApiError, invalidArgument } from './errors.ts';
import { readLimit, readText } from './query.ts';
import { acceptDone, type Change, change, keyNotFound, outcomeOf, read, sendBody } from './reply.ts';

const KEY_URL = '/v1/kv/:key';

/** Registers the routes of the store. */
export function kvRoutes(server: ApiServer, api: Api): void {
  const { service } = api;

  const writing = { conditions: KEY_CONDITIONS };
  server.put(KEY_URL, { schema: { params: KeyPath, body: PutBody, response: { 200: KeyReply } }, config: writing }, (request, reply) => {
    const assert = readAssertions(request.headers, request.body.assert);
    change(api, request, reply, putChange(request.params.key, request.body, assert, readPrecondition(request.headers)));
  });

  const deleting = { schema: { params: KeyPath, body: DeleteBody }, preValidation: allowEmptyBody, config: writing };
  server.delete(KEY_URL, deleting, (request, reply) => {
    const assert = readAssertions(request.headers, request.body.assert);
    change(api, request, reply, deleteChange(request.params.key, assert, readPrecondition(request.headers)));
  });

  server.get(
    KEY_URL,
    { schema: { params: KeyPath, response: { 200: KeyReply } }, config: { query: ['consistency'] } },
    (request, reply) => {
      const { key } = request.params;
      read(api, request, reply, (view) => {
        const found = view.state.key(key);
        sendAnswer(service, reply, found === null ? keyNotFound(key, view.index) : keyAnswer(found, view.index));
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

/** A put, as its body tells it. Throws a too-large error for a value beyond the limit. */
export function putChange(
  key: string,
  { value, lease }: { readonly value: string; readonly lease?: string | undefined },
  assert: readonly Assertion[],
  precondition: Precondition | null,
): Change {
  checkValueSize(value);
  return { command: { kind: 'put', key, value, lease: lease ?? null, assert, precondition }, accept: acceptPut };
}

/** A deletion. */
export function deleteChange(key: string, assert: readonly Assertion[], precondition: Precondition | null): Change {
  return { command: { kind: 'delete', key, assert, precondition }, accept: acceptDone };
}

/** Throws a too-large error for a value beyond the limit. */
export function checkValueSize(value: string): void {
  if (value.length > VALUE_MAX_BYTES || utf8Length(value) > VALUE_MAX_BYTES) {
    throw new ApiError('too-large', `the value has more than ${VALUE_MAX_BYTES} bytes`);
  }
}

function acceptPut(outcome: Outcome, index: number): Answer {
  return keyAnswer(outcomeOf(outcome, 'key').key, index);
}

function keyAnswer(found: KeyView, index: number): Answer {
  const { key, value, createRevision, modRevision, version, lease } = found;
  const body: KeyReply = { key, value, createRevision, modRevision, version, lease, index };
  return { status: 200, body, headers: { etag: `"${modRevision}"` } };
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
