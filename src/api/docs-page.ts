// The OpenAPI document as a page for people: one HTML text without a script, so that it reads the same under the strictest policy and offline.
import { PROBLEMS } from '../contract/codes.ts';
import { DOCS_STYLE } from './docs-style.ts';

/** What the page reads of a schema. */
interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly format?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  /** One of these. */
  readonly anyOf?: readonly Schema[];
}

type Content = Readonly<Record<string, { readonly schema: Schema }>>;

interface Operation {
  readonly operationId: string;
  readonly summary: string;
  readonly tags: readonly string[];
  readonly parameters: readonly {
    readonly name: string;
    readonly in: string;
    readonly required?: boolean;
    readonly description?: string;
    readonly schema: Schema;
  }[];
  readonly requestBody?: { readonly required: boolean; readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly description?: string; readonly content?: Content }>>;
}

/** What the page reads of the document. */
export interface OpenApiDocument {
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** One row of a table: what it is called, what it takes, and a sentence. */
interface Row {
  readonly name: string;
  readonly kind: string;
  readonly isRequired: boolean;
  readonly text: string;
}

interface Call {
  readonly verb: string;
  readonly path: string;
  readonly operation: Operation;
}

/** The page: every operation of the document with its parameters, body and answers, then the codes of the errors. */
export function docsPage({ info, paths, components }: OpenApiDocument): string {
  const calls = Object.entries(paths).flatMap(([path, verbs]) =>
    Object.entries(verbs).map(([verb, operation]): Call => ({ verb: verb.toUpperCase(), path, operation })),
  );
  const groups = new Map<string, Call[]>();
  for (const call of calls) {
    const tag = call.operation.tags[0] ?? '';
    groups.set(tag, [...(groups.get(tag) ?? []), call]);
  }
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(info.title)}: the HTTP interface</title>
<style>${DOCS_STYLE}</style>
</head>
<body>
<header>
<h1>${escaped(info.title)} <small>HTTP interface ${escaped(info.version)}</small></h1>
<p>${escaped(info.description)}</p>
<p><a href="/openapi.json">/openapi.json</a> is the same for programs.</p>
</header>
<nav aria-label="Operations">
${[...groups].map(([tag, members]) => contents(tag, members)).join('\n')}
<h2><a href="#errors">errors</a></h2>
</nav>
<main>
${[...groups].map(([tag, members]) => `<h2 id="group-${escaped(tag)}">${escaped(tag)}</h2>\n${members.map(article).join('\n')}`).join('\n')}
<h2 id="errors">errors</h2>
${errors(components.schemas.Problem)}
</main>
</body>
</html>
`;
}

function contents(tag: string, calls: readonly Call[]): string {
  const links = calls.map(({ operation }) => `<li><a href="#${escaped(operation.operationId)}">${escaped(operation.operationId)}</a></li>`);
  return `<h2><a href="#group-${escaped(tag)}">${escaped(tag)}</a></h2>\n<ul>${links.join('')}</ul>`;
}

function article({ verb, path, operation }: Call): string {
  const { operationId, summary, parameters, requestBody, responses } = operation;
  return `<article id="${escaped(operationId)}">
<h3><b>${escaped(verb)}</b> <code>${escaped(path)}</code></h3>
<p>${escaped(summary)}.</p>
${(['path', 'query', 'header'] as const)
  .map((place) =>
    table(
      `In the ${place}`,
      parameters
        .filter((parameter) => parameter.in === place)
        .map((parameter) => row(parameter.name, parameter.required === true, parameter)),
    ),
  )
  .join('')}${requestBody === undefined ? '' : bodies(requestBody.required ? 'Body' : 'Body, which may be left out', requestBody.content)}
${answers(responses)}
</article>`;
}

/** Those of several statuses are told once where they are the same. */
function answers(responses: Operation['responses']): string {
  const statuses = new Map<string, string[]>();
  for (const [status, { content = null }] of Object.entries(responses)) {
    const key = JSON.stringify(content);
    // Every operation has the same one.
    if (status !== 'default') statuses.set(key, [...(statuses.get(key) ?? []), status]);
  }
  const told = [...statuses].map(([key, alike]) => {
    const title = `Answer ${alike.join(' or ')}`;
    const content = JSON.parse(key) as Content | null;
    return content === null ? `<h4>${escaped(title)}, empty</h4>\n` : bodies(title, content);
  });
  return `${told.join('')}<p class="quiet">Any other status is <a href="#errors">an error</a>.</p>`;
}

function bodies(title: string, content: Content): string {
  return Object.entries(content)
    .map(([mediaType, { schema }]) => {
      const rows = rowsOf(schema, '');
      const head = mediaType === 'application/json' ? title : `${title}, ${mediaType}`;
      return rows.length === 0 ? `<h4>${escaped(head)}</h4>\n` : table(head, rows);
    })
    .join('');
}

function errors(problem: Schema | undefined): string {
  const codes = Object.entries(PROBLEMS).map(([code, { status, title }]) => ({
    name: code,
    kind: `${status}`,
    isRequired: true,
    text: title,
  }));
  return `${table('Codes, with their status', codes)}${problem === undefined ? '' : table('Fields of an error', rowsOf(problem, ''))}`;
}

/** The fields of a schema, those of what it holds under their whole names: `assert[].holder`. */
function rowsOf({ properties, required, items, anyOf }: Schema, prefix: string): Row[] {
  if (items !== undefined) return rowsOf(items, `${prefix}[]`);
  if (anyOf !== undefined) return anyOf.flatMap((schema) => rowsOf(schema, prefix));
  return Object.entries(properties ?? {}).flatMap(([name, schema]) => {
    const whole = prefix === '' ? name : `${prefix}.${name}`;
    return [row(whole, required?.includes(name) === true, { schema }), ...rowsOf(schema, whole)];
  });
}

function row(name: string, isRequired: boolean, { description, schema }: { readonly description?: string; readonly schema: Schema }): Row {
  return { name, kind: kindOf(schema), isRequired, text: [description, schema.description].filter(Boolean).join(' ') };
}

/** What a value may be, in a few words. */
function kindOf(schema: Schema): string {
  const { type, items, anyOf, minimum, maximum, maxItems, minProperties, maxProperties } = schema;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' or ');
  if (anyOf !== undefined) return anyOf.map(kindOf).join(' or ');
  const range = minimum === undefined ? '' : ` from ${minimum}${maximum === undefined ? '' : ` to ${maximum}`}`;
  const many = maxItems === undefined ? '' : `, at most ${maxItems}`;
  const one = minProperties === 1 && maxProperties === 1 ? ' with exactly one of its fields' : '';
  const name = type === undefined ? 'any' : [type].flat().join(' or ');
  return items === undefined ? `${name}${range}${one}` : `array of ${kindOf(items)}${many}`;
}

function table(title: string, rows: readonly Row[]): string {
  if (rows.length === 0) return '';
  const lines = rows.map(
    ({ name, kind, isRequired, text }) =>
      `<tr><th scope="row"><code>${escaped(name)}</code></th><td>${escaped(kind)}${isRequired ? '' : ' <i>optional</i>'}</td><td>${escaped(text)}</td></tr>`,
  );
  return `<h4>${escaped(title)}</h4>\n<div class="wide"><table><tbody>\n${lines.join('\n')}\n</tbody></table></div>\n`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };

/** Text as it may stand between tags and in a quoted attribute. */
function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}
