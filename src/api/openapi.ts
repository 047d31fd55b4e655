// The OpenAPI document, made of the very schemas by which requests are judged.
import type { RouteOptions } from 'fastify';
import { PROBLEM_MEDIA_TYPE } from '../contract/codes.ts';
import { FORMATS } from '../contract/formats.ts';
import { PAGE_MAX_ITEMS, WAIT_MAX_MS } from '../contract/limits.ts';
import { ProblemShape } from '../contract/problem.ts';
import { meaningOf } from './meanings.ts';
import { METRICS_MEDIA_TYPE } from './metrics-text.ts';
import { isDashboard, operationOf } from './operations.ts';

const TITLE = 'Leasehold';
const VERSION = 'v1';
const INTRODUCTION = `Time-limited, exclusive, fenced leases. Any node takes any request. An answer below 400 is done; 429 and 503 were surely not
carried out; 504 may or may not be; every other error refuses. Parts of a path are percent-encoded. Query strings and bodies take nothing that
does not stand here.`;

type Json = Readonly<Record<string, unknown>>;

/** What stands in the query of some route, by name. */
const QUERY: Readonly<Record<string, { readonly description: string; readonly schema: Json }>> = {
  consistency: { description: 'How fresh the answer must be.', schema: { type: 'string', enum: ['linearizable', 'stale'] } },
  limit: { description: 'Most items on the page.', schema: { type: 'integer', minimum: 1, maximum: PAGE_MAX_ITEMS } },
  after: { description: 'The `next` of the page before.', schema: { type: 'string' } },
  key: {
    description: 'namespace/model/lease, parts percent-encoded; may be repeated.',
    schema: { type: 'array', items: { type: 'string' } },
  },
  holder: { description: 'Who holds it.', schema: { type: 'string', format: 'name' } },
  fence: { description: 'Of the tenure meant; any if absent.', schema: { type: 'integer', minimum: 0 } },
  timeoutMs: { description: 'How long to wait.', schema: { type: 'integer', minimum: 0, maximum: WAIT_MAX_MS } },
  prefix: { description: 'Only keys that begin so.', schema: { type: 'string', format: 'store-prefix' } },
  namespace: { description: 'Only claims of this namespace.', schema: { type: 'string', format: 'name' } },
  model: { description: 'Only claims of this model.', schema: { type: 'string', format: 'name' } },
  lease: { description: 'Only claims on leases of this name.', schema: { type: 'string', format: 'name' } },
  verbose: { description: 'Lists all checks. Takes no value.', schema: { type: 'string', enum: ['', 'true'] } },
  force: { description: 'Skips what guards availability.', schema: { type: 'string', enum: ['true', 'false'] } },
};

const HEADERS: Readonly<Record<string, string>> = {
  'idempotency-key': '1 to 256 visible ASCII characters: carried out once. A repeat gets the first answer as far as it is still true.',
  'idempotency-since': 'A leasehold-index seen before the first attempt under the key: 409 if its outcome might be forgotten.',
  'lease-if': 'namespace/model/lease;holder=H;fence=N: only while that is held. Several by comma.',
  'if-match': '"<modRevision>": only if the key was last changed there. A weak tag never matches.',
  'if-none-match': '*: only if there is no such key.',
  'last-event-id': 'Goes on after this event, <index>.<position>.',
};
const CHANGES = ['idempotency-key', 'idempotency-since'];
const HEADERS_OF: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(
    ['claim', 'extend', 'release', 'pin', 'unpin', 'grant', 'renew', 'revoke', 'attach', 'detach', 'txn', 'put', 'delete'].map((name) => [
      name,
      CHANGES,
    ]),
  ),
  watch: ['last-event-id'],
};
/** Answers that are no JSON. */
const TEXTS: Readonly<Record<string, string>> = { watch: 'text/event-stream', metrics: METRICS_MEDIA_TYPE, docs: 'text/html' };

/** Collects the routes as they are registered. */
export class OpenApi {
  readonly #paths: Record<string, Record<string, Json>> = {};

  /** Takes a route in. Throws when a query parameter of it is not described here. */
  add({ method, url, schema, config, preValidation }: RouteOptions): void {
    const [verb = ''] = [method].flat();
    if (verb === 'HEAD' || isDashboard(url)) return;
    const { name, summary } = operationOf(verb, url);
    const path = url.replace(/:(\w+)/g, '{$1}');
    const params = Object.entries((schema?.params as { properties?: Record<string, Json> } | undefined)?.properties ?? {});
    const answers = Object.entries((schema?.response ?? {}) as Record<string, unknown>);
    this.#paths[path] ??= {};
    (this.#paths[path] as Record<string, Json>)[verb.toLowerCase()] = {
      operationId: name,
      summary,
      tags: [url.split('/')[1] === 'v1' ? (url.split('/')[2] ?? '') : 'operation'],
      parameters: [
        ...params.map(([param, shape], _at, all) => ({
          name: param,
          in: 'path',
          required: true,
          description: meaningOf(
            param,
            all.map(([each]) => each),
          ),
          schema: shape,
        })),
        ...(config?.query ?? []).map((param) => ({
          name: param,
          in: 'query',
          required: name === 'release' && param === 'holder',
          ...queryOf(param),
        })),
        ...[...(HEADERS_OF[name] ?? []), ...(config?.conditions ?? [])].map((header) => ({
          name: header,
          in: 'header',
          description: HEADERS[header],
          schema: { type: 'string' },
        })),
      ],
      // A route that looks at the body before its schema does so to let it be absent.
      ...(schema?.body === undefined ? {} : { requestBody: { required: preValidation === undefined, content: json(schema.body) } }),
      responses: {
        ...(answers.length > 0 ? Object.fromEntries(answers.map(([status, shape]) => [status, answerOf(status, shape)])) : plain(name)),
        default: { $ref: '#/components/responses/Problem' },
      },
    };
  }

  /** The document. */
  toJSON(): Json {
    return {
      openapi: '3.1.0',
      info: { title: TITLE, version: VERSION, description: INTRODUCTION },
      paths: this.#paths,
      components: {
        responses: {
          Problem: {
            description: 'Why not, under a stable code.',
            content: { [PROBLEM_MEDIA_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
          },
        },
        schemas: { Problem: ProblemShape },
      },
    };
  }

  /** The document as text, each field with its meaning and each string format with its rule in words. Throws for a field that has none. */
  toString(): string {
    return JSON.stringify(this, (name, value: unknown) => {
      if (typeof value !== 'object' || value === null) return value;
      if (name === 'properties') return withMeanings(value as Readonly<Record<string, Json>>);
      const rule = ruleOf(value as Json);
      return rule === null || 'description' in value ? value : { ...value, description: `It ${rule}.` };
    });
  }
}

function withMeanings(fields: Readonly<Record<string, Json>>): Json {
  const names = Object.keys(fields);
  return Object.fromEntries(
    Object.entries(fields).map(([name, schema]) => {
      const rule = ruleOf(schema);
      return [name, { ...schema, description: `${meaningOf(name, names)}${rule === null ? '' : ` It ${rule}.`}` }];
    }),
  );
}

function ruleOf({ format }: Json): string | null {
  return FORMATS[String(format)]?.rule ?? null;
}

function queryOf(name: string): Json {
  const found = QUERY[name];
  if (found === undefined) throw new Error(`the query parameter ${name} is not described in api/openapi.ts`);
  return found;
}

function plain(name: string): Json {
  const mediaType = TEXTS[name];
  if (mediaType !== undefined) return { 200: { description: 'Done.', content: { [mediaType]: { schema: { type: 'string' } } } } };
  if (name === 'openapi') return { 200: { description: 'Done.', content: json({ type: 'object' }) } };
  return { 204: { description: 'Done.' } };
}

function answerOf(status: string, shape: unknown): Json {
  if (Number(status) < 400) return { description: 'Done.', content: json(shape) };
  return { description: 'Why not, under a stable code.', content: { [PROBLEM_MEDIA_TYPE]: { schema: shape } } };
}

function json(schema: unknown): Json {
  return { 'application/json': { schema } };
}
