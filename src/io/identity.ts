// Whose data directory this is: cluster, node, the disk's own random name, and the disks on which the peers were last seen.
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { NodeId } from '../raft/types.ts';
import { DataDirectoryError, damaged } from './data-directory-error.ts';
import { createFile, replaceFile } from './durable-file.ts';

const FORMAT = 2;
/** Had no seat. */
const FORMAT_WITHOUT_SEAT = 1;

/** A node's place in its cluster. */
export interface Seat {
  /** The member's number in Raft. */
  readonly node: NodeId;
  /** Who the members were when the cluster was first started: where its log begins. */
  readonly founders: readonly { readonly node: NodeId; readonly name: string; readonly peer: string }[];
}

export interface Identity {
  /** Derived from the names of the founders; all nodes of a cluster have the same. Empty for a node that has not joined yet. */
  readonly cluster: string;
  /** The member's name. */
  readonly node: string;
  /** Drawn when the directory was formatted: another one under the same name has lost what that member promised. */
  readonly disk: string;
  /** False until the first synced write: what stands beside it is then a start that was not finished. */
  readonly formed: boolean;
  /** Null in a directory of an older version, and in that of a node that has not joined yet. */
  readonly seat: Seat | null;
  /** Disk by peer, in the order in which they were met. */
  readonly peers: readonly (readonly [name: string, disk: string])[];
}

/** The identity of a directory that has none, not written yet. */
export function newIdentity(cluster: string, node: string, seat: Seat | null = null): Identity {
  return { cluster, node, disk: randomBytes(12).toString('hex'), formed: false, seat, peers: [] };
}

/** The identity of `directory`, or null when it has none. Throws a `damaged` {@link DataDirectoryError} when it is altered. */
export async function readIdentity(directory: string): Promise<Identity | null> {
  let text: string;
  try {
    text = await readFile(identityPath(directory), 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  const identity = parse(text);
  // Written and read by the same rules, so a single changed byte shows.
  if (identity === null || render(identity) !== text) throw damaged(directory, 'its identity file is altered');
  return identity;
}

/** Gives `directory` its identity; false when it has one already. Durable when it settles. */
export async function createIdentity(directory: string, identity: Identity): Promise<boolean> {
  return createFile(identityPath(directory), Buffer.from(render(identity)));
}

/** Replaces the identity; for the process alone that has the database open. Durable when it settles. */
export async function writeIdentity(directory: string, identity: Identity): Promise<void> {
  await replaceFile(identityPath(directory), Buffer.from(render(identity)));
}

/** Throws unless `identity` is that of `node` in `cluster`. */
export function checkOwner(directory: string, identity: Identity, cluster: string, node: string): void {
  if (identity.cluster !== '' && identity.cluster !== cluster) {
    const message =
      `the data directory ${directory} belongs to another cluster (${identity.cluster}, this is ${cluster}): ` +
      'name the directory of this cluster, or start with the member list with which it was made';
    throw new DataDirectoryError('other-cluster', message);
  }
  if (identity.node !== node) {
    const message = `the data directory ${directory} belongs to node ${identity.node}, not to ${node}: give each node its own directory`;
    throw new DataDirectoryError('other-node', message);
  }
}

function identityPath(directory: string): string {
  return join(directory, 'identity');
}

function render(identity: Identity): string {
  const { cluster, node, disk, formed, seat, peers } = identity;
  const fields =
    seat === null
      ? { format: FORMAT_WITHOUT_SEAT, cluster, node, disk, formed, peers }
      : { format: FORMAT, cluster, node, disk, formed, seat: { node: seat.node, founders: seat.founders.map(founderFields) }, peers };
  return `${JSON.stringify({ ...fields, checksum: crc32(JSON.stringify(fields)) }, null, 2)}\n`;
}

function founderFields({ node, name, peer }: Seat['founders'][number]): unknown[] {
  return [node, name, peer];
}

function parse(text: string): Identity | null {
  try {
    const { cluster, node, disk, formed, seat, peers } = JSON.parse(text) as Record<string, unknown>;
    if (typeof cluster !== 'string' || typeof node !== 'string' || typeof disk !== 'string' || typeof formed !== 'boolean') return null;
    const isPeer = (peer: unknown) => Array.isArray(peer) && peer.length === 2 && peer.every((part) => typeof part === 'string');
    if (!Array.isArray(peers) || !peers.every(isPeer)) return null;
    return { cluster, node, disk, formed, seat: seat === undefined ? null : seatOf(seat), peers };
  } catch {
    return null;
  }
}

/** Throws on anything that {@link render} does not write. */
function seatOf(value: unknown): Seat {
  const { node, founders } = value as { node: unknown; founders: unknown };
  if (typeof node !== 'number' || !Array.isArray(founders)) throw new TypeError('no seat');
  return {
    node,
    founders: founders.map((founder: unknown) => {
      const [number, name, peer] = founder as unknown[];
      if (typeof number !== 'number' || typeof name !== 'string' || typeof peer !== 'string') throw new TypeError('no founder');
      return { node: number, name, peer };
    }),
  };
}
