// What a name, a store key, a value and a lease id may look like, and what is wrong with one that may not. Imports nothing.

/** Longest name (namespace, model, lease, holder, entity) in bytes of UTF-8. */
export const nameMaxBytes = 256;
/** Longest key of the store in bytes of UTF-8. */
export const storeKeyMaxBytes = 1024;
/** Longest value of the store in bytes of UTF-8. */
export const valueMaxBytes = 64 * 1024;
/** Greatest lease id, 2^63 - 1. */
export const leaseIdMax = '9223372036854775807';

/** A sentence's end that says what is wrong ("must not be empty"), or null when nothing is. */
export type Problem = string | null;

const notWellFormed = 'must be well-formed Unicode';
const controlCharacter = 'must not contain control characters';
const whiteSpace = 'must not contain white space';

/**
 * Judges a name: 1 to 256 bytes, no white space of any kind, no control characters, none of `.` `#` `$`, no lone surrogates.
 * Zero-width spaces count as white space: two names that differ in one look the same.
 */
export function nameProblem(name: string): Problem {
  if (name.length === 0) return 'must not be empty';
  if (name.length > nameMaxBytes) return `must be at most ${nameMaxBytes} bytes long`;
  let bytes = 0;
  for (let at = 0; at < name.length; at += 1) {
    const code = name.charCodeAt(at);
    if (code < 0x80) {
      bytes += 1;
      if (code > 0x24 && code !== 0x2e && code !== 0x7f) continue;
      if (isWhiteSpace(code)) return whiteSpace;
      if (isControl(code)) return controlCharacter;
      if (code === 0x23 || code === 0x24 || code === 0x2e) return `must not contain "${String.fromCharCode(code)}"`;
      continue;
    }
    if (isWhiteSpace(code)) return whiteSpace;
    if (isControl(code)) return controlCharacter;
    const width = encodedWidth(name, at, code);
    if (width === 0) return notWellFormed;
    if (width === 4) at += 1;
    bytes += width;
  }
  return bytes > nameMaxBytes ? `must be at most ${nameMaxBytes} bytes long` : null;
}

/** Judges a key of the store: 1 to 1024 bytes, no control characters, no lone surrogates. */
export function storeKeyProblem(key: string): Problem {
  return key.length === 0 ? 'must not be empty' : storePrefixProblem(key);
}

/** Judges the beginning of store keys, which may be empty (all keys). */
export function storePrefixProblem(prefix: string): Problem {
  return textProblem(prefix, storeKeyMaxBytes, false);
}

/** Judges a value of the store: at most 64 KiB, no lone surrogates. */
export function valueProblem(value: string): Problem {
  return textProblem(value, valueMaxBytes, true);
}

/** Judges a caller's key: 1 to 256 characters of visible ASCII, for an operation of a batch its place behind a space. */
export function requestKeyProblem(key: string): Problem {
  return /^[\x21-\x7e]{1,256}(?: [0-9]{1,3})?$/.test(key) ? null : 'must have 1 to 256 characters of visible ASCII';
}

/** Judges a lease id: a decimal string from "1" to "9223372036854775807" without leading zeros. */
export function leaseIdProblem(id: string): Problem {
  const problem = `must be a decimal string from "1" to "${leaseIdMax}"`;
  if (id.length === 0 || id.length > leaseIdMax.length || id.charCodeAt(0) === 0x30) return problem;
  for (let at = 0; at < id.length; at += 1) {
    const code = id.charCodeAt(at);
    if (code < 0x30 || code > 0x39) return problem;
  }
  return id.length === leaseIdMax.length && id > leaseIdMax ? problem : null;
}

/** The order of decimal strings by their number: negative, zero or positive. */
export function compareLeaseIds(left: string, right: string): number {
  if (left.length !== right.length) return left.length - right.length;
  return left < right ? -1 : left > right ? 1 : 0;
}

function textProblem(text: string, maxBytes: number, controlsAllowed: boolean): Problem {
  const tooLong = `must be at most ${maxBytes} bytes long`;
  if (text.length > maxBytes) return tooLong;
  let bytes = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (!controlsAllowed && isControl(code)) return controlCharacter;
    const width = encodedWidth(text, at, code);
    if (width === 0) return notWellFormed;
    if (width === 4) at += 1;
    bytes += width;
  }
  return bytes > maxBytes ? tooLong : null;
}

/** Bytes of UTF-8 for the character that begins at `at`: 4 for one of two units, 0 for half of one. */
function encodedWidth(text: string, at: number, code: number): 0 | 1 | 2 | 3 | 4 {
  if (code < 0x80) return 1;
  if (code < 0x800) return 2;
  if (code < 0xd800 || code > 0xdfff) return 3;
  if (code > 0xdbff || at + 1 === text.length) return 0;
  const low = text.charCodeAt(at + 1);
  return low >= 0xdc00 && low <= 0xdfff ? 4 : 0;
}

/** General category Cc. */
function isControl(code: number): boolean {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f);
}

/** The property White_Space, and the three zero-width spaces that are not in it (U+180E, U+200B, U+FEFF). */
function isWhiteSpace(code: number): boolean {
  if (code <= 0x20) return code === 0x20 || (code >= 0x09 && code <= 0x0d);
  if (code < 0x1680) return code === 0x85 || code === 0xa0;
  if (code >= 0x2000 && code <= 0x200b) return true;
  return (
    code === 0x1680 ||
    code === 0x180e ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000 ||
    code === 0xfeff
  );
}
