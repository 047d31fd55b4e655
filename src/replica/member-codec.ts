// Members, changes of members and their answers as plain data: in the log, in the image, and between nodes.
import type { Codec } from '../env.ts';
import type { NodeId } from '../raft/types.ts';
import type { MemberChange } from './service.ts';

/** One member, as the log tells it. */
export interface Member {
  readonly node: NodeId;
  readonly name: string;
  /** Where it listens for its peers. */
  readonly peer: string;
  /** Where it answers clients; empty while nobody has said. */
  readonly http: string;
  /** The random name of its data directory; null until it is known. */
  readonly disk: string | null;
  /** A learner that the leader makes a voter by itself once it has caught up. */
  readonly promote: boolean;
  /** Who leaves in the same step; 0 for nobody. */
  readonly replaces: NodeId;
}

/**
 * How the leader answers a node that asks for a change. `later`: not now, ask again while there is time, which is longer while leadership
 * `moves`; the reason is for people.
 */
export type MemberReply =
  | { readonly kind: 'done'; readonly member: Member; readonly voter: boolean; readonly created: boolean; readonly index: number }
  | { readonly kind: 'refused'; readonly code: 'conflict' | 'member-not-found'; readonly detail: string }
  | { readonly kind: 'later'; readonly detail: string; readonly moves: boolean };

export function memberTuple({ node, name, peer, http, disk, promote, replaces }: Member): unknown[] {
  return [node, name, peer, http, disk, promote, replaces];
}

/** Throws on anything that {@link memberTuple} did not make. */
export function memberOf(value: unknown): Member {
  const [node, name, peer, http, disk, promote, replaces] = list(value);
  return {
    node: whole(node),
    name: text(name),
    peer: text(peer),
    http: text(http),
    disk: textOrNull(disk),
    promote: promote === true,
    replaces: whole(replaces),
  };
}

/** The context of a configuration change: the members that it adds or tells more of. */
export function encodePuts(puts: readonly Member[], codec: Codec): Uint8Array {
  return codec.encode(puts.map(memberTuple));
}

/** What no node can read says nothing, on every node alike; it must not end one of them alone. */
export function decodePuts(context: Uint8Array | undefined, codec: Codec): readonly Member[] {
  if (context === undefined) return [];
  try {
    return list(codec.decode(context)).map(memberOf);
  } catch {
    return [];
  }
}

export function encodeChange(change: MemberChange, codec: Codec): Uint8Array {
  const { kind, id, force } = change;
  if (change.kind !== 'add') return codec.encode([kind, id, force]);
  return codec.encode([kind, id, force, change.peer, change.http, change.disk, change.replaces, change.promote]);
}

/** Null for what this release cannot read: a newer peer may ask for a kind of change that is not known here, and that must not end this node. */
export function decodeChange(bytes: Uint8Array, codec: Codec): MemberChange | null {
  try {
    return changeOf(codec.decode(bytes));
  } catch {
    return null;
  }
}

function changeOf(value: unknown): MemberChange {
  const [kind, name, forced, peer, http, disk, replaces, promote] = list(value);
  const id = text(name);
  const force = forced === true;
  switch (kind) {
    case 'add':
      return {
        kind,
        id,
        force,
        peer: text(peer),
        http: text(http),
        disk: textOrNull(disk),
        replaces: textOrNull(replaces),
        promote: promote === true,
      };
    case 'remove':
    case 'promote':
      return { kind, id, force };
    default:
      throw new Error(`no change of members is called ${String(kind)}`);
  }
}

export function encodeReply(reply: MemberReply, codec: Codec): Uint8Array {
  switch (reply.kind) {
    case 'done':
      return codec.encode([reply.kind, memberTuple(reply.member), reply.voter, reply.created, reply.index]);
    case 'refused':
      return codec.encode([reply.kind, reply.code, reply.detail]);
    case 'later':
      return codec.encode([reply.kind, reply.detail, reply.moves]);
  }
}

/** Null for what this release cannot read. */
export function decodeReply(bytes: Uint8Array, codec: Codec): MemberReply | null {
  try {
    return replyOf(codec.decode(bytes));
  } catch {
    return null;
  }
}

function replyOf(value: unknown): MemberReply {
  const [kind, second, third, fourth, fifth] = list(value);
  switch (kind) {
    case 'done':
      return { kind, member: memberOf(second), voter: third === true, created: fourth === true, index: whole(fifth) };
    case 'refused':
      return { kind, code: second === 'member-not-found' ? second : 'conflict', detail: text(third) };
    case 'later':
      return { kind, detail: text(second), moves: third === true };
    default:
      throw new Error(`no answer to a change of members is called ${String(kind)}`);
  }
}

export function list(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw new Error('not a list');
  return value;
}

export function whole(value: unknown): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) throw new Error('not a whole number');
  return value;
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw new Error('not a text');
  return value;
}

function textOrNull(value: unknown): string | null {
  return value === null ? null : text(value);
}
