// The lists of claims: all, those of one model, or those that the query names.
import { ClaimList } from '../contract/claims.ts';
import { ScopePath } from '../contract/shapes.ts';
import type { LeaseKey } from '../lease/commands.ts';
import type { Scope } from '../lease/lease-key.ts';
import type { ClaimView } from '../lease/outcomes.ts';
import type { ReadView } from '../replica/service.ts';
import type { Api, ApiReply, ApiRequest, ApiServer } from './api.ts';
import { notACursor, readClaimCursor, readCursor, writeCursor } from './cursors.ts';
import { claimBody } from './lease-routes.ts';
import { readLimit, readNameLists, readText } from './query.ts';
import { read, sendBody } from './reply.ts';

/** Registers the lists of claims. */
export function leaseListRoutes(server: ApiServer, api: Api): void {
  const config = { query: ['limit', 'after', 'key', 'consistency'] };
  server.get('/v1/leases', { schema: { response: { 200: ClaimList } }, config }, (request, reply) => {
    listClaims(api, request, reply, null);
  });
  server.get('/v1/leases/:namespace/:model', { schema: { params: ScopePath, response: { 200: ClaimList } }, config }, (request, reply) => {
    listClaims(api, request, reply, { namespace: request.params.namespace, model: request.params.model });
  });
}

interface ClaimPage {
  readonly claims: readonly ClaimView[];
  /** The cursor of the next page, null on the last one. */
  readonly next: string | null;
}

function listClaims(api: Api, request: ApiRequest, reply: ApiReply, scope: Scope | null): void {
  const limit = readLimit(request);
  const keys = readKeys(request, scope);
  const after = readText(request, 'after');
  const page = keys === null ? pageOfAll(scope, after, limit) : pageOfKeys(keys, after, limit);
  read(api, request, reply, (view) => {
    const { claims, next } = page(view);
    const leases = claims.map((claim) => claimBody(claim, view.index));
    const body: ClaimList = next === null ? { leases, index: view.index } : { leases, next, index: view.index };
    sendBody(api.service, reply, 200, body);
  });
}

function pageOfAll(scope: Scope | null, after: string | null, limit: number): (view: ReadView) => ClaimPage {
  const place = after === null ? null : readClaimCursor(after, scope);
  return ({ state, nowMs }) => {
    const { items, next } = state.claims(scope, place, limit, nowMs);
    return { claims: items, next: next === null ? null : writeCursor(next) };
  };
}

// The request brings its keys along on every page, so a place among them says where the next one starts.
function pageOfKeys(keys: readonly LeaseKey[], after: string | null, limit: number): (view: ReadView) => ClaimPage {
  const start = after === null ? 0 : Number(readCursor(after));
  if (!(Number.isSafeInteger(start) && start >= 0 && start <= keys.length)) throw notACursor();
  return ({ state, nowMs }) => {
    const claims: ClaimView[] = [];
    let at = start;
    for (const key of keys.slice(start)) {
      if (claims.length === limit) break;
      at++;
      const claim = state.claim(key, nowMs);
      if (claim !== null) claims.push(claim);
    }
    return { claims, next: at < keys.length ? writeCursor(String(at)) : null };
  };
}

// The wanted keys, each once and in order, or null when all are wanted.
function readKeys(request: ApiRequest, scope: Scope | null): readonly LeaseKey[] | null {
  const lists = readNameLists(request, 'key', 3);
  if (lists.length === 0) return null;
  const keys = new Map<string, LeaseKey>();
  for (const [namespace = '', model = '', lease = ''] of lists) {
    if (scope !== null && (namespace !== scope.namespace || model !== scope.model)) continue;
    keys.set(JSON.stringify([namespace, model, lease]), { namespace, model, lease });
  }
  return [...keys.values()].sort(compareKeys);
}

function compareKeys(a: LeaseKey, b: LeaseKey): number {
  return compareTexts(a.namespace, b.namespace) || compareTexts(a.model, b.model) || compareTexts(a.lease, b.lease);
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
