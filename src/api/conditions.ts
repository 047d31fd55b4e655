// What a write demands of the state it meets: assertions from body and `lease-if`, conditions from `if-match` and `if-none-match`.
import type { IncomingHttpHeaders } from 'node:http';
import { ASSERTIONS_MAX } from '../contract/limits.ts';
import { isName } from '../contract/names.ts';
import type { Assertion, Precondition } from '../lease/commands.ts';
import { invalidArgument } from './errors.ts';
import { decodePart } from './query.ts';

/** Checks what a schema cannot say of assertions: that each names a holder or a fence. */
export function checkAssertions(given: readonly AssertionInput[] | undefined): readonly Assertion[] {
  if (given === undefined) return [];
  for (const { holder, fence } of given) {
    if (holder === undefined && fence === undefined) throw invalidArgument('an assertion must have a holder or a fence');
  }
  // Absent fields are absent in what was parsed, too: JSON knows no undefined.
  return given as readonly Assertion[];
}

interface AssertionInput {
  readonly namespace: string;
  readonly model: string;
  readonly lease: string;
  readonly holder?: string | undefined;
  readonly fence?: number | undefined;
  readonly minIndex?: number | undefined;
}

/** All assertions of a write: the body's, then those of the header. */
export function readAssertions(headers: IncomingHttpHeaders, given: readonly AssertionInput[] | undefined): readonly Assertion[] {
  const fromBody = checkAssertions(given);
  const header = headers['lease-if'];
  if (header === undefined) return fromBody;
  const fromHeader = (Array.isArray(header) ? header.join(',') : header).split(',').map(readLeaseIf);
  if (fromBody.length + fromHeader.length > ASSERTIONS_MAX) throw invalidArgument(`a write takes at most ${ASSERTIONS_MAX} assertions`);
  return [...fromBody, ...fromHeader];
}

/** The condition on the key itself, or null without one. */
export function readPrecondition(headers: IncomingHttpHeaders): Precondition | null {
  const ifMatch = headers['if-match'];
  const ifNoneMatch = headers['if-none-match'];
  if (ifMatch !== undefined && ifNoneMatch !== undefined) throw invalidArgument('if-match and if-none-match exclude each other');
  if (ifMatch !== undefined) return { kind: 'mod-revision', revision: readIfMatch(ifMatch) };
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch.trim() !== '*') throw invalidArgument('if-none-match must be *');
    return { kind: 'absent' };
  }
  return null;
}

/** No key was ever last changed at this revision. */
const NEVER = 0;

// A weak tag never matches (RFC 9110, 8.8.3.2), so the strong one of a list is all that counts. A command carries one revision.
function readIfMatch(text: string): number {
  let strong: number | null = null;
  for (const tag of text.split(',')) {
    const match = /^(W\/)?"([0-9]{1,16})"$/.exec(tag.trim());
    const revision = Number(match?.[2]);
    if (match === null || !Number.isSafeInteger(revision) || (match[1] === undefined && strong !== null))
      throw invalidArgument('if-match must be one revision in double quotes, as the header etag of the key has it');
    if (match[1] === undefined) strong = revision;
  }
  return strong ?? NEVER;
}

// namespace/model/lease;holder=H;fence=N with percent-encoded parts, so that none of the signs between them can stand inside one.
function readLeaseIf(text: string): Assertion {
  const [path = '', ...fields] = text.split(';').map((piece) => piece.trim());
  const parts = path.split('/').map(readName);
  const [namespace, model, lease] = parts;
  if (parts.length !== 3 || namespace === undefined || model === undefined || lease === undefined) {
    throw invalidArgument('lease-if must begin with namespace/model/lease, percent-encoded');
  }
  let holder: string | null = null;
  let fence: number | null = null;
  for (const field of fields) {
    const cut = field.indexOf('=');
    const name = field.slice(0, Math.max(cut, 0)).trimEnd();
    const value = field.slice(cut + 1).trimStart();
    if (name === 'holder' && holder === null) holder = readName(value);
    else if (name === 'fence' && fence === null) fence = readFence(value);
    else throw invalidArgument('lease-if takes holder=… and fence=…, each once');
  }
  if (holder !== null && fence !== null) return { namespace, model, lease, holder, fence };
  if (holder !== null) return { namespace, model, lease, holder };
  if (fence !== null) return { namespace, model, lease, fence };
  throw invalidArgument('lease-if must have a holder or a fence');
}

function readName(text: string): string {
  const name = decodePart(text);
  if (name === null || !isName(name)) throw invalidArgument('lease-if has a name that is not valid');
  return name;
}

function readFence(text: string): number {
  const fence = /^(?:0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(fence)) throw invalidArgument('lease-if has a fence that is no log index');
  return fence;
}
