// JSON bodies, read strictly: UTF-8, no field twice, bounded in depth, fields, and items.
import { isAscii, isUtf8 } from 'node:buffer';
import { BODY_MAX_DEPTH, BODY_MAX_FIELDS, BODY_MAX_ITEMS, OBJECT_MAX_FIELDS } from '../contract/limits.ts';
import { ApiError, invalidArgument } from './errors.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const MINUS = 0x2d;
const ZERO = 0x30;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Byte steps in a string before each native search: most strings are shorter, and a call costs as much. */
const STEPS_IN_STRING = 32;

/** Fields of each open object or list, by depth. Shared: a scan runs to its end within one call. */
const fieldsAt = new Uint32Array(BODY_MAX_DEPTH + 1);

/**
 * The value that `bytes` tell.
 *
 * @throws ApiError invalid-argument on anything but one JSON text in UTF-8 within the limits of depth and of fields of one object, and
 * too-large on more fields or list items than any call takes.
 */
export function parseJson(bytes: Buffer): unknown {
  const members = countMembers(bytes);
  const ascii = isAscii(bytes);
  if (!ascii && !isUtf8(bytes)) throw invalidArgument('the body is not valid UTF-8');
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString(ascii ? 'latin1' : 'utf8'));
  } catch {
    throw invalidArgument('the body is not valid JSON');
  }
  // JSON.parse silently keeps the last of two equal names; every member that was written must still be there.
  if (keptMembers(value) !== members) throw invalidArgument('the body has a field twice');
  return value;
}

/**
 * The number of members (fields of objects): colons outside of strings. Runs before JSON.parse, whose cost per distinct name is
 * hundreds of times that of a byte, so that nothing beyond the limits is ever built. Each limit ends the scan where it is passed.
 */
function countMembers(bytes: Buffer): number {
  let members = 0;
  let commas = 0;
  let depth = 0;
  fieldsAt[0] = 0;
  for (let at = 0; at < bytes.length; at++) {
    switch (bytes[at]) {
      case QUOTE:
        at = endOfString(bytes, at + 1);
        break;
      case COLON:
        members++;
        fieldsAt[depth] = (fieldsAt[depth] as number) + 1;
        if ((fieldsAt[depth] as number) > OBJECT_MAX_FIELDS)
          throw invalidArgument(`an object in the body has more than ${OBJECT_MAX_FIELDS} fields`);
        if (members > BODY_MAX_FIELDS) throw new ApiError('too-large', `the body has more than ${BODY_MAX_FIELDS} fields`);
        break;
      case COMMA:
        // Those between fields are among them, and fewer than the fields.
        commas++;
        if (commas - members > BODY_MAX_ITEMS) throw new ApiError('too-large', `the body has more than ${BODY_MAX_ITEMS} items in lists`);
        break;
      case MINUS:
        // JavaScript has a zero of its own for it, which is neither less than 0 nor the same everywhere.
        if (bytes[at + 1] === ZERO) throw invalidArgument('the body has a negative zero');
        break;
      case OPEN_BRACKET:
      case OPEN_BRACE:
        depth++;
        if (depth > BODY_MAX_DEPTH) throw invalidArgument(`the body is nested deeper than ${BODY_MAX_DEPTH} levels`);
        fieldsAt[depth] = 0;
        break;
      case CLOSE_BRACKET:
      case CLOSE_BRACE:
        depth--;
        if (depth < 0) throw invalidArgument('the body is not valid JSON');
    }
  }
  return members;
}

/** The place of the quote that ends the string whose first character is at `start`, or the end of the bytes. */
function endOfString(bytes: Buffer, start: number): number {
  let at = start;
  while (at < bytes.length) {
    for (const near = Math.min(bytes.length, at + STEPS_IN_STRING); at < near; at++) {
      const byte = bytes[at];
      if (byte === QUOTE) return at;
      // What is escaped cannot end the string; nothing but ASCII can be.
      if (byte === BACKSLASH) at++;
    }
    const quote = bytes.indexOf(QUOTE, at);
    if (quote < 0) return bytes.length;
    let backslashes = 0;
    while (quote - 1 - backslashes >= at && bytes[quote - 1 - backslashes] === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return quote;
    at = quote + 1;
  }
  return bytes.length;
}

function keptMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const children = Object.values(value);
  let members = Array.isArray(value) ? 0 : children.length;
  for (const child of children) if (typeof child === 'object') members += keptMembers(child);
  return members;
}
