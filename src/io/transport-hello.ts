// How two nodes introduce themselves, and the reasons for which one turns the other away.
import { addressOf, isUnspecified } from '../config.ts';
import type { Codec, MemberAddress, PeerInfo } from '../env.ts';
import type { NodeId } from '../raft/types.ts';
import { MalformedBytesError } from './bytes.ts';
import { frameOf } from './frame.ts';

/** Changes when a node of the old form could misunderstand the new one. */
export const PROTOCOL_VERSION = 3;
/** Greatest frame before both sides know each other. */
export const GREETING_MAX_BYTES = 4_096;
/** How far the number of a newer member can be above the greatest known here: so many members were added while this node was away. */
const NUMBER_AHEAD_MAX = 65_536;
const TEXT_MAX_LENGTH = 512;

/** The kind bytes of an introduction. They stay the same in every version of the protocol, and so does the first field of a hello. */
export const GREETING_KINDS = { hello: 1, ready: 2, refused: 3 } as const;

export interface Hello {
  readonly version: number;
  readonly cluster: string;
  readonly peer: PeerInfo;
  /** The number that the sender takes the receiver for. */
  readonly expected: NodeId;
  /** Drawn anew by every process: tells a restarted peer from one that merely connects again. */
  readonly instance: string;
  /** How often the sender has dialled the receiver by now. An attempt that is not younger than what stands is out of date. */
  readonly dial: number;
}

/** Who is expected at the other end, and what this node knows of its cluster. */
export interface Circle {
  readonly self: PeerInfo;
  readonly cluster: string;
  /** All others that are members. */
  readonly members: readonly MemberAddress[];
  /** The greatest number that any member ever had, as far as this node knows. A stranger above it may be a newer member. */
  readonly greatest: NodeId;
}

export type RefusalCode = 'version' | 'cluster' | 'removed' | 'number' | 'directory';

/** Why a peer is turned away, in words for the people there. No retry mends any of these. */
export interface Refusal {
  readonly code: RefusalCode;
  readonly text: string;
}

export function helloFrame(hello: Hello, codec: Codec): Buffer {
  const { version, cluster, peer, expected, instance, dial } = hello;
  const fields = [version, cluster, peer.node, peer.name, peer.http, peer.disk, expected, instance, dial];
  return frameOf(GREETING_KINDS.hello, codec.encode(fields));
}

/** Throws on anything that is no hello. One of another version is answered with nothing but that version. */
export function readHello(body: Uint8Array, codec: Codec): Hello | { readonly version: number; readonly cluster: null } {
  const fields = codec.decode(body);
  if (!Array.isArray(fields)) throw new MalformedBytesError('a hello that is not a list');
  const [version, cluster, node, name, http, disk, expected, instance, dial] = fields as unknown[];
  if (version !== PROTOCOL_VERSION) return { version: whole(version), cluster: null };
  if (fields.length !== 9) throw new MalformedBytesError(`a hello of ${fields.length} fields`);
  return {
    version,
    cluster: text(cluster),
    peer: { node: whole(node), name: text(name), http: reachable(text(http)), disk: text(disk) },
    expected: whole(expected),
    instance: text(instance),
    dial: whole(dial),
  };
}

export function readyFrame(): Buffer {
  return frameOf(GREETING_KINDS.ready, new Uint8Array(0));
}

export function refusedFrame(refusal: Refusal, codec: Codec): Buffer {
  return frameOf(GREETING_KINDS.refused, codec.encode([refusal.code, refusal.text]));
}

/** Throws on anything that is no refusal. The text is fit to be printed: it has no control characters. */
export function readRefusal(body: Uint8Array, codec: Codec): Refusal {
  const fields = codec.decode(body);
  if (!Array.isArray(fields) || fields.length !== 2) throw new MalformedBytesError('a refusal of another form');
  const code = fields[0] as unknown;
  if (code !== 'version' && code !== 'cluster' && code !== 'removed' && code !== 'number' && code !== 'directory') {
    throw new MalformedBytesError('a refusal for no known reason');
  }
  return { code, text: text(fields[1]).replaceAll(/\p{Cc}/gu, ' ') };
}

/** Why `hello` is not that of a peer of this cluster; null when it is. `dialled` is whom this node called, null when it was called. */
export function objection(hello: ReturnType<typeof readHello>, circle: Circle, dialled: NodeId | null): Refusal | null {
  const { self, cluster, members, greatest } = circle;
  if (hello.cluster === null) {
    return {
      code: 'version',
      text: `${self.name} speaks version ${PROTOCOL_VERSION} of the protocol between nodes, the other side version ${hello.version}; run the same release on both`,
    };
  }
  const { node, name } = hello.peer;
  if (hello.cluster !== cluster) {
    return {
      code: 'cluster',
      text: `${self.name} belongs to cluster ${cluster}, ${name} to cluster ${hello.cluster}; check the members' addresses and the data directories`,
    };
  }
  if (name === self.name) {
    return { code: 'number', text: `${name} met a node that calls itself ${name} too; check the members' addresses` };
  }
  if (node < 1 || node > greatest + NUMBER_AHEAD_MAX) {
    return {
      code: 'number',
      text: `${name} calls itself number ${node}, and ${self.name} knows no number near that; check the members' addresses`,
    };
  }
  const member = members.find((known) => known.node === node);
  if (member === undefined && node <= greatest) {
    const present = members.find((known) => known.name === name);
    return {
      code: 'removed',
      text:
        `${name} (number ${node}) is no member of the cluster any more, ${self.name} says` +
        `${present === undefined ? '' : `; ${name} is number ${present.node} now`}. Its data directory is of no use to it: ` +
        'to bring the node back, give it an empty one and let it join anew (leasehold node … --join URL)',
    };
  }
  if (member !== undefined && member.name !== name) {
    return {
      code: 'number',
      text: `${name} calls itself number ${node}, but ${self.name} knows that number as ${member.name}; check the members' addresses`,
    };
  }
  if (hello.expected !== self.node || (dialled !== null && dialled !== node)) {
    return {
      code: 'number',
      text: `${name} (number ${node}) and ${self.name} (number ${self.node}) met where one expected somebody else; check the members' addresses`,
    };
  }
  if (member !== undefined && member.disk !== null && member.disk !== hello.peer.disk) return directoryRefusal(name, self.name);
  return null;
}

/** What a peer is told whose data directory is not the one that is known for its name. */
export function directoryRefusal(name: string, self: string): Refusal {
  return {
    code: 'directory',
    text: `${name} is known to ${self} with another data directory; its own was emptied or replaced. Restore the old one; or remove the member (leasehold member remove ${name}) and let it join anew as a new one, with an empty directory (leasehold node … --join URL)`,
  };
}

function whole(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw new MalformedBytesError('not a whole number');
  return value;
}

/** An address at which nobody is found is none: it must not take the place of a good one. */
function reachable(address: string): string {
  const read = addressOf(address);
  return read === null || isUnspecified(read) ? '' : address;
}

function text(value: unknown): string {
  if (typeof value !== 'string' || value.length > TEXT_MAX_LENGTH) throw new MalformedBytesError('not a short text');
  return value;
}
