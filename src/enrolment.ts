// Which place a node has in which cluster: by its data directory, else by the list of a new cluster, else by asking a running one.
import { createHash } from 'node:crypto';
import { HttpCaller } from './client/http.ts';
import { addressText, advertisedHttp, type NodeConfig } from './config.ts';
import { type AddMemberBody, MEMBER_PATH, type MemberReply } from './contract/cluster.ts';
import { checkOwner, type Seat } from './io/identity.ts';
import { reserveDirectory } from './io/log-store.ts';
import type { NodeId } from './raft/types.ts';

/** How long a newcomer goes on asking while no node takes the call, in milliseconds. */
const JOIN_PATIENCE_MS = 15_000;

export interface Enrolment {
  /** What the data directory is checked against: the founders' names alone, so that a cluster may move to other addresses with its data. */
  readonly directoryCluster: string;
  /**
   * What a peer is checked against: names and addresses, so that two young clusters of the same names, whose addresses got crossed,
   * do not take each other's nodes for their own. Later each node knows the other's data directory as well.
   */
  readonly networkCluster: string;
  readonly seat: Seat;
  /** Founders that the flags put elsewhere than at the first start: the operator has moved them. */
  readonly moved: ReadonlyMap<NodeId, string>;
}

/**
 * Finds out by the directory, which has it from its first start on; or makes it up. Throws an `Error` whose message says what to do;
 * when a running cluster refuses to take the node in, its cause is the `LeaseholdError`.
 */
export async function enrol(config: NodeConfig): Promise<Enrolment> {
  const { id, members, join = [], dataDir } = config;
  const known = await reserveDirectory(dataDir, id);
  // Before anybody is asked: a cluster that has taken a node in by mistake goes on counting with it.
  checkOwner(dataDir, known, known.cluster, id);
  const fromFlags = members.length === 0 ? null : foundingSeat(id, members);
  if (known.seat !== null) return enrolment(known.seat, movedFounders(known.seat, fromFlags));
  if (fromFlags !== null) return enrolment(fromFlags, new Map());
  if (known.formed)
    throw new Error(
      `the data directory ${dataDir} was made by an older version: start ${id} once more with the --members of its first start`,
    );
  if (join.length === 0)
    throw new Error(`the data directory ${dataDir} is new: give --members for a new cluster, or --join URL for one that runs`);
  return enrolment(await askToJoin(config, known.disk), new Map());
}

function enrolment(seat: Seat, moved: ReadonlyMap<NodeId, string>): Enrolment {
  return {
    directoryCluster: digest(seat.founders.map(({ name }) => name)),
    networkCluster: digest(seat.founders.map(({ name, peer }) => [name, peer])),
    seat,
    moved,
  };
}

/** The first members of a cluster are numbered in the order of their names, the same on every node. */
function foundingSeat(id: string, members: NodeConfig['members']): Seat {
  const founders = [...members]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map((member, position) => ({ node: position + 1, name: member.id, peer: addressText(member.peer) }));
  const self = founders.find((founder) => founder.name === id);
  if (self === undefined) throw new Error(`${id} is not among the members ${founders.map((founder) => founder.name).join(', ')}`);
  return { node: self.node, founders };
}

/** Flags as they were at the first start say nothing: the log may have moved on. Others are the operator's word. */
function movedFounders({ founders }: Seat, flags: Seat | null): Map<NodeId, string> {
  const moved = new Map<NodeId, string>();
  for (const { node, name, peer } of founders) {
    const now = flags?.founders.find((founder) => founder.name === name);
    if (now !== undefined && now.peer !== peer) moved.set(node, now.peer);
  }
  return moved;
}

async function askToJoin(config: NodeConfig, disk: string): Promise<Seat> {
  const { id, peer, advertisePeer, join = [] } = config;
  const http = advertisedHttp(config);
  const caller = new HttpCaller({ endpoints: join, patienceMs: JOIN_PATIENCE_MS });
  try {
    const body: AddMemberBody = { id, peer: addressText(advertisePeer ?? peer), ...(http === '' ? {} : { http }), disk };
    const reply = await caller.call({ method: 'POST', path: MEMBER_PATH, body: { ...body }, effect: 'repeatable' });
    const { number, founders } = reply.body as MemberReply;
    return { node: number, founders: founders.map((founder) => ({ node: founder.number, name: founder.id, peer: founder.peer })) };
  } catch (error) {
    throw new Error(`${join.join(', ')} did not take ${id} in: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  } finally {
    await caller.close();
  }
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32);
}

/** What `--members` is refused for: it speaks of another cluster than the data directory. */
export function checkFlags(config: NodeConfig, { seat }: Enrolment, namesOfTheLog: readonly string[]): void {
  const known = new Set([...seat.founders.map(({ name }) => name), ...namesOfTheLog]);
  const strangers = config.members.filter((member) => !known.has(member.id)).map((member) => member.id);
  if (strangers.length === 0) return;
  throw new Error(
    `the data directory ${config.dataDir} belongs to a cluster of ${[...known].join(', ')}, but --members names ${strangers.join(', ')}: ` +
      'name the directory of this cluster, or leave --members away; a new member is added by: leasehold node … --join URL',
  );
}
