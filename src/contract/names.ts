// The rules for the strings that callers choose: names, keys of the store, values and lease ids.
import { KEY_MAX_BYTES, NAME_MAX_BYTES } from './limits.ts';

/** What a name must be, for people. */
export const NAME_RULE = `1 to ${NAME_MAX_BYTES} bytes without white space, control characters, '.', '#' or '$'`;

/** What a key of the store must be, for people. */
export const KEY_RULE = `1 to ${KEY_MAX_BYTES} bytes without control characters`;

/** What a lease id must be, for people. */
export const LEASE_ID_RULE = 'a decimal string from "1" to "9223372036854775807"';

/** What a node's id must be, for people. */
export const MEMBER_ID_RULE = 'letters, digits, - and _, at most 63 of them, beginning with a letter or digit';

/** What an address must be, for people. */
export const ADDRESS_RULE = 'host:port at which others find it (not 0.0.0.0 or [::]), an IPv6 host in brackets, at most 255 characters';

const LEASE_ID_MAX = '9223372036854775807';

/** Length of `text` in UTF-8 bytes, or -1 when it holds half a surrogate pair and so has no UTF-8 form. */
export function utf8Length(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x80) continue;
    if (code < 0x800) {
      bytes += 1;
    } else if (code < 0xd800 || code > 0xdfff) {
      bytes += 2;
    } else {
      const low = text.charCodeAt(at + 1);
      if (code > 0xdbff || !(low >= 0xdc00 && low <= 0xdfff)) return -1;
      bytes += 2;
      at++;
    }
  }
  return bytes;
}

/** Whether `text` follows the general rule for namespaces, models, leases, holders and entities. */
export function isName(text: string): boolean {
  if (text.length === 0 || text.length > NAME_MAX_BYTES) return false;
  for (let at = 0; at < text.length; at++) {
    if (isForbiddenInName(text.charCodeAt(at))) return false;
  }
  return fits(text, NAME_MAX_BYTES);
}

/** Whether `text` can be a key of the store. */
export function isStoreKey(text: string): boolean {
  return text.length > 0 && isStorePrefix(text);
}

/** Whether `text` can begin a key of the store; the empty prefix begins every key. */
export function isStorePrefix(text: string): boolean {
  if (text.length > KEY_MAX_BYTES) return false;
  for (let at = 0; at < text.length; at++) {
    if (isControl(text.charCodeAt(at))) return false;
  }
  return fits(text, KEY_MAX_BYTES);
}

/** Whether `text` is a granted lease's id in its one canonical form: no sign, no leading zero. */
export function isLeaseId(text: string): boolean {
  return text !== '0' && isLeaseIdOrNone(text);
}

/** The same, or "0", which never names a lease and stands for none. */
export function isLeaseIdOrNone(text: string): boolean {
  if (text.length === 0 || text.length > LEASE_ID_MAX.length) return false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x30 || code > 0x39) return false;
  }
  if (text.length > 1 && text.startsWith('0')) return false;
  return text.length < LEASE_ID_MAX.length || text <= LEASE_ID_MAX;
}

/** Whether `text` can be a node's id. */
export function isMemberId(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/.test(text);
}

/**
 * Whether `host` is the unspecified address, which means every interface of one machine and nothing on another. In any form that a
 * system takes: `0.0.0.0`, `0`, `::`, `::ffff:0.0.0.0`. Brackets may stand around IPv6.
 */
export function isUnspecifiedHost(host: string): boolean {
  const url = `http://${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}`;
  return URL.canParse(url) && ['0.0.0.0', '[::]', '[::ffff:0:0]'].includes(new URL(url).hostname);
}

/** Whether `text` is `host:port` and others can find something there. */
export function isReachableAddress(text: string): boolean {
  return isAddress(text) && !isUnspecifiedHost(text.slice(0, text.lastIndexOf(':')));
}

/** Whether `text` is `host:port`. */
export function isAddress(text: string): boolean {
  const port = Number(/^(?:\[[0-9a-fA-F:.]+\]|[^\s:/@[\]]+):(\d{1,5})$/.exec(text)?.[1]);
  return text.length <= 255 && port >= 1 && port <= 65_535;
}

function fits(text: string, maxBytes: number): boolean {
  const bytes = utf8Length(text);
  return bytes >= 0 && bytes <= maxBytes;
}

function isControl(code: number): boolean {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f);
}

// Control characters, the white space of Unicode with the zero-width spaces beside it (two names that differ in one look the same),
// and the three signs.
function isForbiddenInName(code: number): boolean {
  if (code <= 0xa0) return code <= 0x20 || code >= 0x7f || code === 0x23 || code === 0x24 || code === 0x2e;
  return (
    code === 0x1680 ||
    code === 0x180e ||
    (code >= 0x2000 && code <= 0x200b) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000 ||
    code === 0xfeff
  );
}

/** Whether a text may stand in the header `idempotency-key`. */
export function isRequestKey(text: string): boolean {
  return /^[\x21-\x7e]{1,256}$/.test(text);
}

/** The rule for it, as the end of a sentence that begins with "must have". */
export const REQUEST_KEY_RULE = '1 to 256 characters of visible ASCII';
