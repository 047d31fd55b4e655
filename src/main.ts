// Builds a real node from its configuration; the one file that knows everybody.
import { setTimeout as sleep } from 'node:timers/promises';
import { readDashboardPages } from './api/dashboard-pages.ts';
import { createServer } from './api/server.ts';
import { addressText, advertisedHttp, type NodeConfig } from './config.ts';
import { checkFlags, type Enrolment, enrol } from './enrolment.ts';
import type { Env, LogStore } from './env.ts';
import { dropBallast } from './io/ballast.ts';
import { realClock } from './io/clock.ts';
import { checksum, codec } from './io/codec.ts';
import { isFull } from './io/data-directory-error.ts';
import { openLogStore } from './io/log-store.ts';
import { LoopDelay } from './io/loop-delay.ts';
import { realRandom } from './io/random.ts';
import { checkStartSpace, RealRoomProbe, type RoomProbeOptions } from './io/room-probe.ts';
import { silenceMaxMs } from './io/silence.ts';
import { openTransport } from './io/transport.ts';
import { TRANSPORT_LIMITS } from './io/transport-limits.ts';
import { type Embedded, embed } from './library/embedded.ts';
import type { ManagerSettings } from './library/manager.ts';
import { isTold, type Log, type LogFields, type LogLevel } from './log.ts';
import type { ReplicaEvent } from './replica/config.ts';
import { decodePuts } from './replica/member-codec.ts';
import { Replica } from './replica/replica.ts';
import { DEFAULT_ROOM } from './replica/room.ts';
import { Roster } from './replica/roster.ts';

export type { LoopDelay } from './io/loop-delay.ts';

export interface NodeEvents {
  /** The least that is told; `debug` has a line for each request. Default: `info`. */
  readonly level?: LogLevel;
  /** Takes a line when a role changes ("n2 leads term 5 after 84 ms without a leader") or something fails, and what it is about as fields. */
  readonly line: Log;
  /** Once, before the node reads its state: what measures how long its event loop is held up. */
  measuring?(loopDelay: LoopDelay): void;
}

/** A node, with the library on it for the program that started it. */
export interface RunningNode extends Embedded {
  /** Settles with the error that ended the node by itself (a failed disk, a refusal by the cluster), never otherwise. */
  readonly failed: Promise<Error>;
  /** Hands leadership over and stays not ready for `drainMs` milliseconds, while all calls are still served. `stop` follows. */
  drain(drainMs: number): Promise<void>;
  /** Hands leadership over, answers or fails what waits, flushes, closes. */
  stop(): Promise<void>;
}

/** Starts a node; `settings` are those of the manager on it. Throws an `Error` whose message says what to do when the data directory, a port or the configuration is not fit. */
export async function startNode(
  config: NodeConfig,
  events: NodeEvents = { line: () => {} },
  settings: ManagerSettings = {},
): Promise<RunningNode> {
  const roomOptions = roomOptionsOf(config);
  await checkStartSpace(config.dataDir);
  const place = await enrol(config);
  const { seat, directoryCluster, networkCluster } = place;

  // What has been opened is closed again, last first, when a later step fails or the node ends.
  const opened: (() => Promise<void>)[] = [];
  const closeAll = async () => {
    for (const close of opened.splice(0).reverse()) await close();
  };
  try {
    const store = await openLogStore({ directory: config.dataDir, cluster: directoryCluster, node: config.id, seat, codec, checksum });
    opened.push(() => settled((done) => store.close(done)));
    checkFlags(config, place, namesIn(store, place));
    const self = { node: seat.node, name: config.id, http: advertisedHttp(config), disk: store.disk };
    const transport = await openTransport({
      self,
      cluster: networkCluster,
      listen: config.peer,
      // Newer members have told the log on which disk they are, before they met anybody.
      vetPeer: async (name, disk, node) =>
        !seat.founders.some((founder) => founder.node === node) || (await store.rememberPeer(name, disk)) !== 'different',
      clock: realClock,
      random: realRandom(),
      codec,
      limits: { silenceMaxMs: silenceMaxMs(TRANSPORT_LIMITS.silenceMaxMs, config.electionTimeoutMs) },
    });
    opened.push(() => settled((done) => transport.close(() => done())));

    const loopDelay = new LoopDelay();
    opened.push(async () => loopDelay.stop());
    events.measuring?.(loopDelay);
    const room = await RealRoomProbe.open(roomOptions);
    opened.push(() => room.stop());
    const env: Env = { clock: realClock, random: realRandom(), store, transport, codec, checksum, room };
    let fail: (error: Error) => void = () => {};
    const failed = new Promise<Error>((resolve) => {
      fail = resolve;
    });
    const log: Log = (text, level, fields) => {
      if (isTold(level, events.level ?? 'info')) events.line(text, level, { node: config.id, ...fields });
    };
    const replica: Replica = new Replica(env, {
      ...self,
      founders: seat.founders,
      peerAddresses: place.moved,
      heartbeatMs: config.heartbeatMs,
      electionTimeoutMs: config.electionTimeoutMs,
      room: config.room ?? {},
      onEvent: teller(config.id, (text, fields) => log(text, 'info', { index: replica.appliedIndex, ...fields })),
      onFatal: (error) => {
        room.failed(error);
        fail(error);
      },
    });
    let draining = false;
    // Bound before the node takes part, so that a port in use is found while nothing has been promised.
    const server = createServer({
      service: replica,
      log: (text, level, fields) => log(`${config.id}: ${text}`, level, { term: replica.term, index: replica.appliedIndex, ...fields }),
      logRequests: isTold('debug', events.level ?? 'info'),
      dashboard: { pages: readDashboardPages(), control: config.control ?? null },
      hostNames: [config.http.host, ...(config.advertiseHttp ? [config.advertiseHttp.host] : []), ...(config.hostNames ?? [])],
      isDraining: () => draining,
      ...(config.connectionsMax === undefined ? {} : { limits: { connectionsMax: config.connectionsMax } }),
      gauges: { loopDelay: loopDelay.all, diskSync: store.syncs },
    });
    await server.listen({ host: config.http.host, port: config.http.port }).catch((error: NodeJS.ErrnoException) => {
      throw error.code === 'EADDRINUSE'
        ? new Error(
            `port ${config.http.port} on ${config.http.host} is in use: stop the program that listens there, or give another --http`,
          )
        : new Error(`cannot listen on ${addressText(config.http)}: ${error.message}`, { cause: error });
    });
    opened.push(() => server.close().then(() => {}));
    await settled((done) => replica.start(done));
    // From here on the replica closes its own transport and store.
    opened.splice(0, 2);
    const embedded = embed(replica, realClock, env.random, settings);
    return {
      ...embedded,
      failed,
      drain: async (drainMs) => {
        draining = true;
        await handOverFor(replica, drainMs);
      },
      stop: async () => {
        embedded.manager.stop();
        await closeInOrder(replica, closeAll);
      },
    };
  } catch (error) {
    await closeAll();
    if (isFull(error)) dropBallast(config.dataDir);
    throw error;
  }
}

function roomOptionsOf({ dataDir, room }: NodeConfig): RoomProbeOptions {
  return {
    directory: dataDir,
    diskReserveBytes: room?.diskReserveBytes ?? DEFAULT_ROOM.diskReserveBytes,
    ballastBytes: room?.ballastBytes ?? 0,
  };
}

/** Between two looks at whether a node that drains leads, in milliseconds. */
const HAND_OVER_LOOK_MS = 200;

/** Hands leadership over, and again whenever it comes back or the transfer fails, until the time is up. */
async function handOverFor(replica: Replica, drainMs: number): Promise<void> {
  const untilMs = performance.now() + drainMs;
  for (let leftMs = drainMs; leftMs > 0; leftMs = untilMs - performance.now()) {
    if (replica.leader === replica.node) replica.transfer(null, () => {});
    await sleep(Math.min(leftMs, HAND_OVER_LOOK_MS));
  }
}

/** Leadership goes first, while requests are still answered; then nobody new is let in; then the disk is closed. */
async function closeInOrder(replica: Replica, closeServer: () => Promise<void>): Promise<void> {
  const stopped = new Promise<void>((resolve) => replica.stop(resolve));
  await closeServer();
  await stopped;
}

/** Every name that the saved list of members, or a change of it in the log, has. */
function namesIn({ recovered }: LogStore, { seat }: Enrolment): string[] {
  const { members, leaving } = Roster.decode(recovered.image.roster, seat.founders, codec);
  const added = recovered.entries.flatMap((entry) => (entry.kind === 'conf-change' ? decodePuts(entry.change.context, codec) : []));
  return [...members, ...leaving, ...added].map((member) => member.name);
}

/** Puts what an operator wants to see into lines; that nobody leads is news only where somebody did. */
function teller(id: string, tell: (text: string, fields: LogFields) => void): (event: ReplicaEvent) => void {
  let knewLeader = false;
  return (event) => {
    if (event.kind === 'image-received') {
      const { index, records } = event;
      tell(`${id} took over the state at ${index} (${records} records): it was too far behind for the log`, { index, records });
      return;
    }
    if (event.kind === 'handover') {
      const { to, reason, syncPendingMs, syncP99Ms, loopP99Ms } = event;
      const cause = {
        'disk-stall': `its disk has not finished a write for ${Math.round(syncPendingMs)} ms`,
        'disk-slow': `99% of its syncs take up to ${syncP99Ms} ms`,
        'loop-starved': `its event loop is up to ${loopP99Ms} ms late`,
      }[reason];
      const facts = { to, reason, syncPendingMs: Math.round(syncPendingMs), syncP99Ms, loopP99Ms };
      tell(`${id} ${to === null ? 'steps down: the transfer did not complete' : `transfers leadership to ${to}`}: ${cause}`, facts);
      return;
    }
    if (event.kind === 'room') {
      const { resource, used, limit } = event;
      tell(`${id} has little room left: ${used} of ${limit} of ${resource} are in use`, { resource, used, limit });
      return;
    }
    if (event.kind === 'alarm') {
      const { alarm, isActive } = event;
      tell(`${id} ${isActive ? 'raises' : 'clears'} the alarm ${alarm}`, { alarm, state: isActive ? 'active' : 'cleared' });
      return;
    }
    const { role, term, leader } = event;
    const leaderlessMs = Math.round(event.leaderlessMs ?? 0);
    if (role === 'leader') tell(`${id} leads term ${term} after ${leaderlessMs} ms without a leader`, { term, role, leader, leaderlessMs });
    else if (leader !== '') tell(`${id} follows ${leader} in term ${term}`, { term, role, leader });
    else if (knewLeader) tell(`${id} knows no leader in term ${term}`, { term, role, leader: null });
    knewLeader = leader !== '';
  };
}

function settled(run: (done: (error?: Error) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => run((error) => (error === undefined ? resolve() : reject(error))));
}
