// Reads the values of flags and arguments: durations, addresses, members, lease names, endpoints. Each throws `UsageError` with what would do.
import { Option } from 'commander';
import type { LeaseName } from '../client/names.ts';
import { type Address, addressOf, addressText, isUnspecified } from '../config.ts';

/** The command line is wrong in a way that its writer can mend; the message says how. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  /** By this, commander knows it for a bad value and says whose. */
  readonly code = 'commander.invalidArgument';
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** `15s`, `500ms`, `1.5m`, `2h`, `1d` or a plain number of milliseconds. Whole milliseconds from 0 to 2^53-1. */
export function durationMs(text: string): number {
  const match = /^(\d{1,16}(?:\.\d{1,6})?)(ms|s|m|h|d)?$/.exec(text);
  const ms = match === null ? Number.NaN : Number(match[1]) * (UNIT_MS[match[2] ?? 'ms'] ?? 1);
  const rounded = Math.round(ms);
  if (!Number.isSafeInteger(rounded))
    throw new UsageError(`"${text}" is no duration: write 500ms, 15s, 2m, 1h, or a number of milliseconds`);
  return rounded;
}

/** A duration of at least so many milliseconds. */
export function durationFrom(leastMs: number): (text: string) => number {
  return (text) => {
    const ms = durationMs(text);
    if (ms < leastMs) throw new UsageError(`"${text}" is too short: ${leastMs}ms is the least`);
    return ms;
  };
}

/** A flag that takes a duration and has a default, `written` as a user would. */
export function durationOption(flags: string, description: string, written: string): Option {
  return new Option(flags, description).argParser(durationMs).default(durationMs(written), written);
}

/** A whole number in [least, most]. */
export function integerIn(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= least && value <= most)) throw new UsageError(`"${text}" must be a whole number from ${least} to ${most}`);
    return value;
  };
}

/** One of a few words. */
export function oneOf<Word extends string>(words: readonly Word[]): (text: string) => Word {
  return (text) => {
    const word = words.find((each) => each === text);
    if (word === undefined) throw new UsageError(`"${text}" is none of ${words.join(', ')}`);
    return word;
  };
}

/** A directory's name. */
export function directory(text: string): string {
  if (text === '') throw new UsageError('a directory has a name');
  return text;
}

const BYTE_UNITS: Readonly<Record<string, number>> = { '': 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 };

/** A number of bytes: `256MiB`, `1GiB`, or digits alone. */
export function byteSize(text: string): number {
  const match = /^(\d{1,15})(KiB|MiB|GiB|TiB|)$/.exec(text);
  const bytes = Number(match?.[1]) * (BYTE_UNITS[match?.[2] ?? ''] ?? Number.NaN);
  if (!Number.isSafeInteger(bytes)) throw new UsageError(`"${text}" is not a valid size: write 64KiB, 256MiB, 1GiB, or a number of bytes`);
  return bytes;
}

/** A share in percent, `50%`, from 1% to 100%; as a fraction. */
export function percent(text: string): number {
  const share = Number(/^(\d{1,3})%$/.exec(text)?.[1]);
  if (!(share >= 1 && share <= 100)) throw new UsageError(`"${text}" is not a valid share: write 1% to 100%`);
  return share / 100;
}

/** A TCP port that can be named. */
export const port = integerIn(1, 65_535);

/** A log index, such as a fence. */
export const index = integerIn(0, Number.MAX_SAFE_INTEGER);

/** `host:port`; the host may be a name, an IPv4 address or an IPv6 address in brackets. */
export function address(text: string): Address {
  const read = addressOf(text);
  if (read === null) throw new UsageError(`"${text}" is no address: write host:port, as in 127.0.0.1:7801`);
  return read;
}

/** `n1,leases.example`: host names without ports, from a `Host` header. */
export function hostNames(text: string): string[] {
  return text.split(',').map((part) => {
    const name = part.trim();
    if (!/^[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,253})$/.test(name))
      throw new UsageError(`"${part}" is not a valid host name: write a name without a port, as in leases.example`);
    return name;
  });
}

/** An address that others are told: not the unspecified one, at which nobody finds anything. */
export function advertised(text: string): Address {
  const read = address(text);
  if (isUnspecified(read))
    throw new UsageError(`"${text}" cannot be reached from elsewhere: write an address at which others find this node`);
  return read;
}

/** A member's name. */
export function memberId(text: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/.test(text))
    throw new UsageError(`"${text}" is no node id: letters, digits, - and _, at most 63 of them, as in n1`);
  return text;
}

/** `n1=host:port,n2=host:port,…`; no id and no address twice. */
export function members(text: string): { readonly id: string; readonly peer: Address }[] {
  const list = text.split(',').map((part) => {
    const cut = part.indexOf('=');
    if (cut < 1) throw new UsageError(`"${part}" is no member: write id=host:port, as in n1=127.0.0.1:7901`);
    return { id: memberId(part.slice(0, cut).trim()), peer: advertised(part.slice(cut + 1).trim()) };
  });
  for (const key of [(member: (typeof list)[number]) => member.id, (member: (typeof list)[number]) => addressText(member.peer)]) {
    const seen = new Set<string>();
    for (const member of list) {
      if (seen.has(key(member))) throw new UsageError(`${key(member)} is named twice`);
      seen.add(key(member));
    }
  }
  return list;
}

/** `NAMESPACE/MODEL/LEASE`; the lease is the rest after the second slash and may contain more of them. Finer rules are the server's. */
export function leaseName(text: string): LeaseName {
  const first = text.indexOf('/');
  const second = text.indexOf('/', first + 1);
  if (first < 1 || second < first + 2 || second === text.length - 1)
    throw new UsageError(`"${text}" is no lease: write NAMESPACE/MODEL/LEASE, as in demo/main/leader`);
  return { namespace: text.slice(0, first), model: text.slice(first + 1, second), lease: text.slice(second + 1) };
}

/** `NAMESPACE/MODEL`. */
export function modelName(text: string): { readonly namespace: string; readonly model: string } {
  const parts = text.split('/');
  if (parts.length !== 2 || parts.includes('')) throw new UsageError(`"${text}" is no model: write NAMESPACE/MODEL, as in demo/main`);
  return { namespace: parts[0] ?? '', model: parts[1] ?? '' };
}

/** The three nodes of `leasehold cluster` with its default ports. */
export const DEFAULT_ENDPOINTS = ['http://127.0.0.1:7801', 'http://127.0.0.1:7802', 'http://127.0.0.1:7803'];

/** `URL[,URL…]`; a bare `host:port` is taken for http. */
export function endpoints(text: string): string[] {
  return text.split(',').map((part) => {
    const trimmed = part.trim();
    const written = trimmed.includes('://') ? trimmed : `http://${trimmed}`;
    const url = URL.canParse(written) ? new URL(written) : null;
    if (trimmed === '' || url === null || !/^https?:$/.test(url.protocol) || url.search !== '' || url.hash !== '')
      throw new UsageError(`"${part}" is no endpoint: write http://host:port, as in http://127.0.0.1:7801`);
    return url.href.replace(/\/$/, '');
  });
}
