// GET /docs: every call of the contract stands on the page, nothing of it can be read as markup, and it lets in nothing from anywhere.
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { docsPage, type OpenApiDocument } from '../../src/api/docs-page.ts';
import { PROBLEMS } from '../../src/contract/codes.ts';
import { start } from './harness.ts';

async function read() {
  const { call } = start();
  const { body } = await call('GET', '/openapi.json');
  return { document: body as unknown as OpenApiDocument, answer: await call('GET', '/docs') };
}

/** The articles of the page by their id. */
function articles(html: string): Map<string, string> {
  return new Map([...html.matchAll(/<article id="([^"]*)">(.*?)<\/article>/gs)].map(([, id = '', text = '']) => [id, text]));
}

test('it is a page of the node that was asked', async () => {
  const { answer } = await read();
  expect(answer).toMatchObject({ status: 200, headers: { 'content-type': 'text/html; charset=utf-8', 'leasehold-node': 'n1' } });
  expect(answer.text).toMatch(/^<!doctype html>/);
});

test('each operation of /openapi.json has an article with its path, its parameters, its body’s fields and its answers', async () => {
  const { document, answer } = await read();
  const found = articles(answer.text);
  const ids = new Set<string>();
  for (const [path, verbs] of Object.entries(document.paths)) {
    for (const [verb, { operationId, summary, parameters, requestBody, responses }] of Object.entries(verbs)) {
      ids.add(operationId);
      const text = found.get(operationId) ?? '';
      expect(text, operationId).toContain(`<b>${verb.toUpperCase()}</b> <code>${path}</code>`);
      expect(text, operationId).toContain(summary);
      const fields = Object.keys(requestBody?.content['application/json']?.schema.properties ?? {});
      for (const name of [...parameters.map((parameter) => parameter.name), ...fields])
        expect(text, `${name} of ${operationId}`).toContain(`<code>${name}</code>`);
      for (const status of Object.keys(responses))
        expect(text, operationId).toMatch(status === 'default' ? /#errors/ : new RegExp(`<h4>Answer [^<]*\\b${status}\\b`));
      expect(answer.text).toContain(`<a href="#${operationId}">`);
    }
  }
  expect([...found.keys()].sort()).toEqual([...ids].sort());
});

test('a field says what it takes, whether it may be left out, and what it is held by', async () => {
  const text = articles((await read()).answer.text).get('claim') ?? '';
  const row = (name: string) => new RegExp(`<tr><th scope="row"><code>${name}</code></th>.*`).exec(text)?.[0];
  expect(row('holder')).toMatch(/<td>string<\/td><td>Who claims or holds the lease.* It must have 1 to 256 bytes/);
  expect(row('durationMs')).toContain('integer from 1 to 9007199254740991 <i>optional</i>');
  const put = articles((await read()).answer.text).get('put') ?? '';
  expect(put).toContain('<code>assert[].holder</code>');
  expect(text.match(/<h4>Answer/g)).toHaveLength(1);
  expect(text).toContain('<h4>Answer 200 or 201</h4>');
});

test('every code of the contract stands there with its status', async () => {
  const { text } = (await read()).answer;
  for (const [code, { status, title }] of Object.entries(PROBLEMS))
    expect(text).toContain(`<code>${code}</code></th><td>${status}</td><td>${title}</td>`);
});

test('the policy lets in the style sheet on the page, by its hash, and no script, no picture and no other host', async () => {
  const { answer } = await read();
  const [, style = ''] = /<style>(.*?)<\/style>/s.exec(answer.text) ?? [];
  const hash = createHash('sha256').update(style).digest('base64');
  expect(answer.headers['content-security-policy']).toBe(
    `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  );
  expect(answer.text).not.toMatch(/<script|\son\w+=|\sstyle=|url\(|@import|src=/);
  for (const [, target = ''] of answer.text.matchAll(/href="([^"]*)"/g)) expect(target).toMatch(/^[#/](?!\/)/);
});

test('what stands in the document is text on the page, whatever it looks like', () => {
  const nasty = '<script>alert("1")</script>&\'';
  const operation = {
    operationId: nasty,
    summary: nasty,
    tags: [nasty],
    parameters: [],
    responses: { [nasty]: { content: { [nasty]: { schema: { properties: { [nasty]: { enum: [nasty] } } } } } } },
  };
  const html = docsPage({
    info: { title: nasty, version: nasty, description: nasty },
    paths: { [nasty]: { [nasty]: operation } },
    components: { schemas: { Problem: { properties: { [nasty]: { const: nasty, description: nasty } } } } },
  });
  expect(html).not.toContain('<script');
  expect(html).not.toContain(nasty);
  expect(html.match(/&lt;script&gt;alert\((&quot;|\\&quot;)1/g)?.length).toBeGreaterThan(10);
});

test('it takes no other method and no query', async () => {
  const { call } = start();
  expect(await call('POST', '/docs', { body: {} })).toMatchObject({ status: 405 });
  expect(await call('GET', '/docs?x=1')).toMatchObject({ status: 400 });
});
