// Builds a real node from its configuration; the one file that knows everybody.
import { createHash } from 'node:crypto';
import { createServer } from './api/server.ts';
import type { Address, NodeConfig } from './config.ts';
import type { Env } from './env.ts';
import { realClock } from './io/clock.ts';
import { checksum, codec } from './io/codec.ts';
import { openLogStore } from './io/log-store.ts';
import { realRandom } from './io/random.ts';
import { openTransport } from './io/transport.ts';
import { type Embedded, embed } from './library/embedded.ts';
import type { ManagerSettings } from './library/manager.ts';
import type { ReplicaEvent } from './replica/config.ts';
import { Replica } from './replica/replica.ts';

export { LoopDelay } from './io/loop-delay.ts';

export interface NodeEvents {
  /** One line for people, when a role changes: "n2 leads term 5 after 84 ms without a leader". */
  line(text: string): void;
}

/** A node, with the library on it for the program that started it. */
export interface RunningNode extends Embedded {
  /** Settles with the error that ended the node by itself (a failed disk, a refusal by the cluster), never otherwise. */
  readonly failed: Promise<Error>;
  /** Hands leadership over, answers or fails what waits, flushes, closes. */
  stop(): Promise<void>;
}

/** Starts a node; `settings` are those of the manager on it. Throws an `Error` whose message says what to do when the data directory, a port or the configuration is not fit. */
export async function startNode(
  config: NodeConfig,
  events: NodeEvents = { line: () => {} },
  settings: ManagerSettings = {},
): Promise<RunningNode> {
  const members = numberMembers(config);
  const self = members.find((member) => member.name === config.id);
  if (self === undefined) throw new Error(`${config.id} is not among the members ${members.map((member) => member.name).join(', ')}`);
  const http = addressText(config.http);

  // What has been opened is closed again, last first, when a later step fails or the node ends.
  const opened: (() => Promise<void>)[] = [];
  const closeAll = async () => {
    for (const close of opened.splice(0).reverse()) await close();
  };
  try {
    const store = await openLogStore({ directory: config.dataDir, cluster: directoryCluster(members), node: config.id, codec, checksum });
    opened.push(() => settled((done) => store.close(done)));
    const transport = await openTransport({
      self: { node: self.node, name: config.id, http },
      cluster: networkCluster(members),
      disk: store.disk,
      listen: config.peer,
      peers: members.filter((member) => member !== self).map(({ node, name, address }) => ({ node, name, address })),
      vetPeer: async (name, disk) => (await store.rememberPeer(name, disk)) !== 'different',
      clock: realClock,
      random: realRandom(),
      codec,
    });
    opened.push(() => settled((done) => transport.close(() => done())));

    const env: Env = { clock: realClock, random: realRandom(), store, transport, codec, checksum };
    let fail: (error: Error) => void = () => {};
    const failed = new Promise<Error>((resolve) => {
      fail = resolve;
    });
    const replica = new Replica(env, {
      node: self.node,
      name: config.id,
      http,
      members: members.map(({ node, name, address }) => ({ node, name, peer: addressText(address) })),
      heartbeatMs: config.heartbeatMs,
      electionTimeoutMs: config.electionTimeoutMs,
      onEvent: teller(config.id, events),
      onFatal: (error) => fail(error),
    });
    // Bound before the node takes part, so that a port in use is found while nothing has been promised.
    const server = createServer({ service: replica, log: (line) => events.line(`${config.id}: ${line}`) });
    await server.listen({ host: config.http.host, port: config.http.port }).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'EADDRINUSE'
        ? new Error(
            `port ${config.http.port} on ${config.http.host} is in use: stop the program that listens there, or give another --http`,
          )
        : new Error(`cannot listen on ${http}: ${error.message}`, { cause: error });
    });
    opened.push(() => server.close().then(() => {}));
    await settled((done) => replica.start(done));
    // From here on the replica closes its own transport and store.
    opened.splice(0, 2);
    const embedded = embed(replica, realClock, env.random, settings);
    return {
      ...embedded,
      failed,
      stop: async () => {
        embedded.manager.stop();
        await closeInOrder(replica, closeAll);
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

/** Leadership goes first, while requests are still answered; then nobody new is let in; then the disk is closed. */
async function closeInOrder(replica: Replica, closeServer: () => Promise<void>): Promise<void> {
  const stopped = new Promise<void>((resolve) => replica.stop(resolve));
  await closeServer();
  await stopped;
}

interface NumberedMember {
  readonly node: number;
  readonly name: string;
  readonly address: Address;
}

/** The first members of a cluster are numbered in the order of their names, the same on every node. */
function numberMembers(config: NodeConfig): NumberedMember[] {
  return [...config.members]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map((member, position) => ({ node: position + 1, name: member.id, address: member.peer }));
}

/** What a data directory is checked against: the names alone, so that a cluster may move to other addresses with its data. */
function directoryCluster(members: readonly NumberedMember[]): string {
  return digest(members.map((member) => member.name));
}

/**
 * What a peer is checked against: names and addresses, so that two young clusters of the same names, whose addresses got crossed,
 * do not take each other's nodes for their own. Later each node knows the other's data directory as well.
 */
function networkCluster(members: readonly NumberedMember[]): string {
  return digest(members.map((member) => [member.name, addressText(member.address)]));
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32);
}

/** Puts what an operator wants to see into lines; that nobody leads is news only where somebody did. */
function teller(id: string, { line }: NodeEvents): (event: ReplicaEvent) => void {
  let knewLeader = false;
  return (event) => {
    if (event.kind === 'image-received') {
      line(`${id} took over the state at ${event.index} (${event.records} records): it was too far behind for the log`);
    } else if (event.role === 'leader') {
      line(`${id} leads term ${event.term} after ${Math.round(event.leaderlessMs ?? 0)} ms without a leader`);
    } else if (event.leader !== '') {
      line(`${id} follows ${event.leader} in term ${event.term}`);
    } else if (knewLeader) {
      line(`${id} knows no leader in term ${event.term}`);
    }
    knewLeader = event.kind === 'role' ? event.leader !== '' : knewLeader;
  };
}

function addressText({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

function settled(run: (done: (error?: Error) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => run((error) => (error === undefined ? resolve() : reject(error))));
}
