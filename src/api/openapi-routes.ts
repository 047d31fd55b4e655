// GET /openapi.json and /docs: the contract, for programs that make clients of it and for people.
import { createHash } from 'node:crypto';
import type { Api, ApiServer } from './api.ts';
import { docsPage, type OpenApiDocument } from './docs-page.ts';
import { DOCS_STYLE } from './docs-style.ts';
import type { OpenApi } from './openapi.ts';
import { stamp } from './stamp.ts';

/** Lets in the page's own style sheet, known by its hash, and nothing else: no script, no picture, no other host. */
const DOCS_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(DOCS_STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Registers the routes; all routes must be in when one of these is first asked. */
export function openApiRoutes(server: ApiServer, { service }: Api, openApi: OpenApi): void {
  let document: Buffer | null = null;
  server.get('/openapi.json', (_request, reply) => {
    document ??= Buffer.from(String(openApi));
    stamp(service, reply);
    reply.header('content-type', 'application/json');
    reply.send(document);
  });

  let page: Buffer | null = null;
  server.get('/docs', (_request, reply) => {
    page ??= Buffer.from(docsPage(JSON.parse(String(openApi)) as OpenApiDocument));
    stamp(service, reply);
    reply.header('content-type', 'text/html; charset=utf-8');
    reply.header('content-security-policy', DOCS_POLICY);
    reply.header('x-content-type-options', 'nosniff');
    reply.header('referrer-policy', 'no-referrer');
    reply.header('cache-control', 'no-cache');
    reply.send(page);
  });
}
