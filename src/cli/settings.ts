// Every setting of `leasehold node` and `leasehold cluster`, a line each: its flag, environment variable, key in the file, help, and row in `config print`.
import { type Address, DEFAULT_TIMINGS } from '../config.ts';
import { LOG_LEVELS, type LogLevel } from '../log.ts';
import {
  address,
  advertised,
  byteSize,
  directory,
  durationFrom,
  endpoints,
  hostNames,
  integerIn,
  memberId,
  members,
  oneOf,
  percent,
  port,
} from './values.ts';

/** One setting, whose value may come from a flag, the environment or the file, always as text. */
export interface Setting<Value> {
  /** What stands for its value in help: `<duration>`. */
  readonly argument: string;
  readonly help: string;
  /** Throws `UsageError` with what would do. */
  read(text: string): Value;
  /** As a user would write it; null where there is none. */
  readonly byDefault: string | null;
  /** Without a default, and nothing goes without it. */
  readonly isRequired: boolean;
}

/** Settings by name, in the order in which they are shown. */
export type SettingTable = Readonly<Record<string, Setting<unknown>>>;

/** The values of a table; `undefined` for a setting that has none and needs none. */
export type SettingValues<Table extends SettingTable> = {
  readonly [Name in keyof Table]: Table[Name] extends Setting<infer Value> ? Value : never;
};

/** How lines are written: for people, or for programs, an object of JSON each. */
export const LOG_FORMATS = ['text', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

const MOST_NODES = 9;
const QUOTA = integerIn(1, Number.MAX_SAFE_INTEGER);

/** Of both commands; a cluster hands them to its nodes. */
export const SHARED_SETTINGS = {
  heartbeat: preset('<duration>', 'between two heartbeats of the leader', durationFrom(1), `${DEFAULT_TIMINGS.heartbeatMs}ms`),
  electionTimeout: preset(
    '<duration>',
    'least silence after which a leader counts as lost',
    durationFrom(1),
    `${DEFAULT_TIMINGS.electionTimeoutMs}ms`,
  ),
  maxClaims: preset('<n>', 'claims from which on the leader refuses new ones with no-room', QUOTA, '1000000'),
  maxKeys: preset('<n>', 'the same for keys of the store', QUOTA, '1000000'),
  maxSessions: preset('<n>', 'the same for sessions', QUOTA, '1000000'),
  maxState: preset('<size>', 'the same for the encoded bytes of claims, keys, and sessions', byteSize, '1GiB'),
  namespaceShare: preset('<percent>', 'share of --max-claims that one namespace can take', percent, '50%'),
  diskReserve: preset('<size>', 'free disk space below which nothing grows', byteSize, '256MiB'),
  ballast: preset('<size>', 'file that is deleted when the disk is full, so that the node can start again', byteSize, '64MiB'),
  logFormat: preset<LogFormat>('<format>', 'of its lines: text for people, json for programs', oneOf(LOG_FORMATS), 'text'),
  logLevel: preset<LogLevel>('<level>', `the least that is told: ${LOG_LEVELS.join(', ')}`, oneOf(LOG_LEVELS), 'info'),
};

export const NODE_SETTINGS = {
  id: required('<id>', 'its name', memberId),
  http: required('<host:port>', 'where it answers clients', address),
  peer: required('<host:port>', 'where it listens for its peers', address),
  advertiseHttp: optional<Address>('<host:port>', 'where clients find it, as the other members tell them: --http unless given', advertised),
  advertisePeer: optional<Address>(
    '<host:port>',
    'where its peers find it, as it tells a cluster that it joins: --peer unless given; --members says it otherwise',
    advertised,
  ),
  members: optional<{ readonly id: string; readonly peer: Address }[]>(
    '<list>',
    'all members of a new cluster, itself included: n1=host:port,n2=host:port,n3=host:port',
    members,
  ),
  join: optional<string[]>(
    '<urls>',
    'nodes of a running cluster, which takes this one in, unless it is among --members: URL[,URL…]',
    endpoints,
  ),
  hostNames: optional<string[]>(
    '<names>',
    'names by which clients may call it, beside its IP addresses, localhost, and the hosts of --http and --advertise-http: n1,leases.example',
    hostNames,
  ),
  data: required('<dir>', 'its data directory, for no other node and no other use', directory),
  drain: preset(
    '<duration>',
    'on SIGTERM, how long it goes on serving after it has handed leadership over and its /readyz is 503',
    durationFrom(0),
    '0s',
  ),
  ...SHARED_SETTINGS,
};

export const CLUSTER_SETTINGS = {
  nodes: preset('<n>', 'how many nodes', integerIn(1, MOST_NODES), '3'),
  data: preset('<dir>', 'where their data is, a directory for each in it', directory, './data'),
  httpPort: preset('<port>', 'of the first node, for clients; the others count up', port, '7801'),
  peerPort: preset('<port>', 'of the first node, for its peers; the others count up', port, '7901'),
  ...SHARED_SETTINGS,
};

/** The tables by the command that has them. */
export const SETTINGS_OF = { node: NODE_SETTINGS, cluster: CLUSTER_SETTINGS } as const;
export type ConfiguredCommand = keyof typeof SETTINGS_OF;

function required<Value>(argument: string, help: string, read: (text: string) => Value): Setting<Value> {
  return { argument, help, read, byDefault: null, isRequired: true };
}

function optional<Value>(argument: string, help: string, read: (text: string) => Value): Setting<Value | undefined> {
  return { argument, help, read, byDefault: null, isRequired: false };
}

function preset<Value>(argument: string, help: string, read: (text: string) => Value, byDefault: string): Setting<Value> {
  return { argument, help, read, byDefault, isRequired: false };
}

/** `electionTimeout` as a key of the file: `election-timeout`. */
export function keyOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `electionTimeout` as a flag: `--election-timeout`. */
export function flagOf(name: string): string {
  return `--${keyOf(name)}`;
}

/** `electionTimeout` as a variable: `LEASEHOLD_ELECTION_TIMEOUT`. */
export function variableOf(name: string): string {
  return `LEASEHOLD_${keyOf(name).replaceAll('-', '_').toUpperCase()}`;
}
