// JSON bodies, read strictly: UTF-8, no field twice, a bounded depth.
import { isUtf8 } from 'node:buffer';
import { BODY_MAX_DEPTH } from '../contract/limits.ts';
import { invalidArgument } from './errors.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const MINUS = 0x2d;
const ZERO = 0x30;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** The value that `bytes` tell. Throws an invalid-argument error on anything but one JSON text in UTF-8. */
export function parseJson(bytes: Buffer): unknown {
  const { members, ascii } = scan(bytes);
  if (!ascii && !isUtf8(bytes)) throw invalidArgument('the body is not valid UTF-8');
  let value: unknown;
  try {
    value = JSON.parse(ascii ? bytes.toString('latin1') : bytes.toString('utf8'));
  } catch {
    throw invalidArgument('the body is not valid JSON');
  }
  // JSON.parse silently keeps the last of two equal names; every member that was written must still be there.
  if (keptMembers(value) !== members) throw invalidArgument('the body has a field twice');
  return value;
}

// Colons outside of strings are members. Runs before JSON.parse so that nothing deeper than the limit is ever built.
function scan(bytes: Buffer): { readonly members: number; readonly ascii: boolean } {
  let members = 0;
  let depth = 0;
  let seen = 0;
  let inString = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] ?? 0;
    seen |= byte;
    if (inString) {
      if (byte === QUOTE) inString = false;
      // What is escaped cannot end the string; nothing but ASCII can be.
      else if (byte === BACKSLASH) at++;
      continue;
    }
    switch (byte) {
      case QUOTE:
        inString = true;
        break;
      case COLON:
        members++;
        break;
      case MINUS:
        // JavaScript has a zero of its own for it, which is neither less than 0 nor the same everywhere.
        if (bytes[at + 1] === ZERO) throw invalidArgument('the body has a negative zero');
        break;
      case OPEN_BRACKET:
      case OPEN_BRACE:
        depth++;
        if (depth > BODY_MAX_DEPTH) throw invalidArgument(`the body is nested deeper than ${BODY_MAX_DEPTH} levels`);
        break;
      case CLOSE_BRACKET:
      case CLOSE_BRACE:
        depth--;
    }
  }
  return { members, ascii: seen < 0x80 };
}

function keptMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const children = Object.values(value);
  let members = Array.isArray(value) ? 0 : children.length;
  for (const child of children) if (typeof child === 'object') members += keptMembers(child);
  return members;
}
