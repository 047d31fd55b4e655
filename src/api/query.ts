// Query strings, read strictly: a name that the route does not know, a repeated or a malformed value is an error.
import { PAGE_MAX_ITEMS } from '../contract/limits.ts';
import { isName, NAME_RULE } from '../contract/names.ts';
import type { ApiRequest } from './api.ts';
import { invalidArgument } from './errors.ts';

/** A query string: each name with its values in order, once as they were sent and once decoded. Null when it cannot be decoded. */
export interface Query {
  readonly parameters: ReadonlyMap<string, readonly QueryValue[]> | null;
}

interface QueryValue {
  readonly raw: string;
  readonly text: string;
}

const NOTHING: Query = { parameters: new Map() };

/** Parses what stands behind the `?`. Never throws: the router calls this where nobody would catch it. */
export function parseQuery(source: string): Query {
  if (source === '') return NOTHING;
  const parameters = new Map<string, QueryValue[]>();
  for (const piece of source.split('&')) {
    if (piece === '') continue;
    const cut = piece.indexOf('=');
    const raw = cut < 0 ? '' : piece.slice(cut + 1);
    const name = decodeForm(cut < 0 ? piece : piece.slice(0, cut));
    const text = decodeForm(raw);
    if (name === null || text === null) return { parameters: null };
    const values = parameters.get(name);
    if (values === undefined) parameters.set(name, [{ raw, text }]);
    else values.push({ raw, text });
  }
  return { parameters };
}

/** Throws unless the query is well formed and has none but the `known` names. */
export function checkQuery(query: unknown, known: readonly string[]): void {
  if (query === NOTHING) return;
  for (const name of all(query).keys()) {
    if (!known.includes(name)) {
      const takes = known.length === 0 ? 'no parameter' : `only ${known.join(', ')}`;
      throw invalidArgument(`the query has an unknown parameter ${JSON.stringify(name.slice(0, 64))}: this call takes ${takes}`);
    }
  }
}

/** The value of a parameter that may stand once, or null when it is not there. */
export function readText(request: ApiRequest, name: string): string | null {
  const values = all(request.query).get(name);
  if (values === undefined) return null;
  if (values.length > 1) throw invalidArgument(`${name} stands more than once in the query`);
  return values[0]?.text ?? null;
}

/** An integer parameter from `least` to `most`, in decimal digits, or null when it is not there. */
export function readInteger(request: ApiRequest, name: string, least: number, most: number): number | null {
  const text = readText(request, name);
  if (text === null) return null;
  const value = /^(?:0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : Number.NaN;
  if (!(value >= least && value <= most)) throw invalidArgument(`${name} must be an integer from ${least} to ${most}`);
  return value;
}

/** How fresh a read must be. */
export function readConsistency(request: ApiRequest): 'linearizable' | 'stale' {
  const text = readText(request, 'consistency');
  if (text === null || text === 'linearizable') return 'linearizable';
  if (text === 'stale') return 'stale';
  throw invalidArgument('consistency must be linearizable or stale');
}

/** How many items a page may have. */
export function readLimit(request: ApiRequest): number {
  return readInteger(request, 'limit', 1, PAGE_MAX_ITEMS) ?? PAGE_MAX_ITEMS;
}

/**
 * The names in the values of a repeatable parameter whose text is `parts` percent-encoded names with slashes between. Each is valid
 * after all decoding.
 */
export function readNameLists(request: ApiRequest, parameter: string, parts: number): readonly (readonly string[])[] {
  return (all(request.query).get(parameter) ?? []).map(({ raw, text }) => {
    // Some clients encode the whole value once more, slashes and all; others write the slashes as they are.
    const isWhole = !raw.includes('/');
    const names = (isWhole ? text : raw).split('/').map(decodePart);
    if (names.length !== parts || names.includes(null))
      throw invalidArgument(`${parameter} must have ${parts} percent-encoded parts with '/' between`);
    for (const name of names as string[]) {
      // A part between plain slashes that is encoded twice: what it names must be valid by either reading.
      const otherwise = isWhole ? name : (decodePart(name) ?? name);
      if (!isName(name) || !isName(otherwise))
        throw invalidArgument(`${parameter} has a part that is not a name: each must have ${NAME_RULE}`);
    }
    return names as string[];
  });
}

/** Decodes percent-encoding once; null when it is malformed. */
export function decodePart(text: string): string | null {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

function decodeForm(text: string): string | null {
  return decodePart(text.includes('+') ? text.replaceAll('+', ' ') : text);
}

function all(query: unknown): ReadonlyMap<string, readonly QueryValue[]> {
  const { parameters } = query as Query;
  if (parameters === null) throw invalidArgument('the query is not valid percent-encoded UTF-8');
  return parameters;
}
