// What one node is told at its start, after flags have been read and checked.
import { isUnspecifiedHost } from './contract/names.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** `host:port`; an IPv6 host stands in brackets. */
export function addressText({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The inverse of {@link addressText}; null for a text that is no address. */
export function addressOf(text: string): Address | null {
  const match = /^(\[[0-9a-fA-F:.]+\]|[^\s:/@[\]]+):(\d{1,5})$/.exec(text);
  const port = Number(match?.[2]);
  if (match?.[1] === undefined || !(port >= 1 && port <= 65_535)) return null;
  return { host: match[1].replace(/^\[|\]$/g, ''), port };
}

/** Whether others can find nothing at the address: it is the unspecified one. */
export function isUnspecified({ host }: Address): boolean {
  return isUnspecifiedHost(host);
}

export interface NodeConfig {
  /** The member's name, `n1`. */
  readonly id: string;
  /** Where it listens for clients. */
  readonly http: Address;
  /** Where it listens for its peers. */
  readonly peer: Address;
  /** Where clients find it, as it tells the other members. `http` if absent; null to tell none. */
  readonly advertiseHttp?: Address | null;
  /** Where its peers find it, as it tells a cluster that it joins. `peer` if absent. */
  readonly advertisePeer?: Address;
  /**
   * All members of a new cluster, itself included, numbered in Raft by the order of their names. They count at the first start; later
   * the log says who the members are. Empty for a node that joins, and possible for one that has been started before.
   */
  readonly members: readonly { readonly id: string; readonly peer: Address }[];
  /** URLs of nodes of a running cluster, any of which takes this one in at its first start. */
  readonly join?: readonly string[];
  /** Names without ports by which clients may call it, beside IP addresses, `localhost`, and the host of `http`. */
  readonly hostNames?: readonly string[];
  readonly dataDir: string;
  /** URL at which the process that started this node and its peers takes the dashboard's orders; without it the dashboard only shows. */
  readonly control?: string;
  /** Connections that clients may have at a time. 20,000 if absent. */
  readonly connectionsMax?: number;
  /** How long the node serves on after it was asked to stop, in milliseconds. 0 if absent. */
  readonly drainMs?: number;
  /** Milliseconds between two heartbeats, which is one tick. */
  readonly heartbeatMs: number;
  /** Least election timeout in milliseconds; each wait is drawn from [this, twice this). */
  readonly electionTimeoutMs: number;
  /** Quotas, in place of the usual ones. */
  readonly room?: Partial<RoomSettings>;
}

/** Quotas of a node, and its ballast file. Bytes; `namespaceShare` is a fraction. */
export interface RoomSettings {
  readonly maxClaims: number;
  readonly maxKeys: number;
  readonly maxSessions: number;
  readonly maxStateBytes: number;
  readonly namespaceShare: number;
  readonly diskReserveBytes: number;
  /** Size of a file that is deleted when the disk is full. Absent or 0: no such file. */
  readonly ballastBytes: number;
}

export const DEFAULT_TIMINGS = { heartbeatMs: 50, electionTimeoutMs: 500 } as const;

/** What a node tells the others of where clients find it; empty for nothing. */
export function advertisedHttp({ http, advertiseHttp }: NodeConfig): string {
  const told = advertiseHttp === undefined ? http : advertiseHttp;
  return told === null || isUnspecified(told) ? '' : addressText(told);
}
