// `leasehold cluster`: a whole cluster on this machine, one process per node, until Ctrl-C.
import { mkdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import type { Log } from '../log.ts';
import { type ControlReply, type ControlRequest, clusterFilePath, serveControl, writeClusterFile } from './control.ts';
import { serveButtons } from './control-http.ts';
import { checkTimings, EffectiveSettings, flagsOf, withoutSettings, withSettings } from './effective-settings.ts';
import { EXIT } from './exit-codes.ts';
import { LocalCluster, type NodePlace } from './local-cluster.ts';
import { logLines } from './log-lines.ts';
import type { Finish, Io } from './session.ts';
import { SHARED_SETTINGS } from './settings.ts';
import { UsageError } from './values.ts';

const HOST = '127.0.0.1';

/** Adds `cluster` to `program`. */
export function addClusterCommand(program: Command, io: Io, finish: Finish): void {
  const command = program.command('cluster').description('run a whole cluster on this machine, one process per node, until Ctrl-C');
  withSettings(command, 'cluster');
  command.action(async () => finish(await runCluster(new EffectiveSettings('cluster', command.opts(), io.env), io)));
}

async function runCluster(settings: EffectiveSettings<'cluster'>, io: Io): Promise<number> {
  const { data, logFormat, logLevel } = settings.values();
  const places = placesOf(settings);
  const log = await logLines(io, logFormat, logLevel);
  const complain = (error: unknown): void => log(`leasehold: ${(error as Error).message}`, 'error', {});
  try {
    await checkPorts(places);
    mkdirSync(data, { recursive: true });
  } catch (error) {
    complain(error);
    return EXIT.refused;
  }

  return await new Promise<number>((end) => {
    const cluster = new LocalCluster({
      script: fileURLToPath(new URL('./main.js', import.meta.url)),
      places,
      settings: flagsOf(Object.keys(SHARED_SETTINGS), settings.origins),
      env: withoutSettings(io.env),
      relay: io,
      log,
      changed: () => save(),
      allEnded: () => close(EXIT.refused),
    });
    let control: Awaited<ReturnType<typeof serveControl>> | null = null;
    let buttons: Awaited<ReturnType<typeof serveButtons>> | null = null;
    const save = () => {
      if (control !== null) writeClusterFile(data, { pid: process.pid, control: control.path, nodes: cluster.processes() });
    };
    const close = (code: number) => {
      buttons?.close();
      control?.close();
      if (control !== null) rmSync(clusterFilePath(data), { force: true });
      end(code);
    };
    stopOnSignal(cluster, log, close);
    const listen = async () => {
      control = await serveControl(data, (request) => carryOut(cluster, request));
      buttons = await serveButtons(places, cluster, (request) => carryOut(cluster, request));
      return buttons.url;
    };
    listen().then(
      (url) => {
        cluster.start(url);
        for (const text of greeting(places, data)) log(text, 'info', {});
      },
      (error: Error) => {
        complain(error);
        close(EXIT.refused);
      },
    );
  });
}

/** The nodes' names, ports and directories. Throws `UsageError` when the settings do not fit together. */
export function placesOf(settings: EffectiveSettings<'cluster'>): NodePlace[] {
  const { nodes, data, httpPort, peerPort, heartbeat, electionTimeout } = settings.values();
  const written = settings.written.bind(settings);
  checkTimings(heartbeat, electionTimeout, written);
  if (Math.max(httpPort, peerPort) + nodes - 1 > 65_535)
    throw new UsageError(`${nodes} ports counted up from there go beyond 65535: give lower ones`);
  if (Math.abs(httpPort - peerPort) < nodes)
    throw new UsageError(`${written('httpPort')} and ${written('peerPort')} overlap: ${nodes} ports are needed from each on`);
  return Array.from({ length: nodes }, (_, position) => ({
    id: `n${position + 1}`,
    http: `${HOST}:${httpPort + position}`,
    peer: `${HOST}:${peerPort + position}`,
    dataDir: join(data, `n${position + 1}`),
  }));
}

/** Throws an `Error` that names the port in use, before anything is spawned. */
async function checkPorts(places: readonly NodePlace[]): Promise<void> {
  for (const { id, http, peer } of places) {
    for (const [at, flag] of [
      [http, '--http-port'],
      [peer, '--peer-port'],
    ] as const) {
      const code = await new Promise<string | null>((settle) => {
        const probe = createServer()
          .once('error', (error: NodeJS.ErrnoException) => settle(error.code ?? error.message))
          .listen(Number(at.slice(HOST.length + 1)), HOST, () => probe.close(() => settle(null)));
      });
      const why = code === 'EADDRINUSE' ? 'is in use' : `cannot be listened on (${code})`;
      if (code !== null) throw new Error(`${at}, meant for ${id}, ${why}: stop what has it (another cluster?), or give another ${flag}`);
    }
  }
}

/** The first signal stops the nodes in order, a second one kills them. */
function stopOnSignal(cluster: LocalCluster, log: Log, close: (code: number) => void): void {
  let stopping = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (stopping) {
        cluster.killAll();
        return;
      }
      stopping = true;
      log('stopping; once more to end at once', 'info', {});
      void cluster.stop().then(() => close(EXIT.done));
    });
  }
  process.on('exit', () => cluster.killAll());
}

async function carryOut(cluster: LocalCluster, request: ControlRequest): Promise<ControlReply> {
  switch (request.do) {
    case 'status':
      return {
        ok: true,
        text: cluster
          .processes()
          .map((node) => `${node.id}  ${node.state.padEnd(7)}  ${node.pid === null ? '' : `pid ${node.pid}, `}http://${node.http}`)
          .join('\n'),
      };
    case 'kill':
      return { ok: true, text: await cluster.kill(request.node) };
    case 'pause':
      return { ok: true, text: cluster.pause(request.node) };
    case 'resume':
      return { ok: true, text: cluster.resume(request.node) };
    case 'restart':
      return { ok: true, text: await cluster.restart(request.node) };
    case 'lead':
      return { ok: true, text: await cluster.lead(request.node) };
    default:
      return {
        ok: false,
        text: `what is ${JSON.stringify((request as { do: unknown }).do)}? There are status, kill, pause, resume, restart and lead`,
      };
  }
}

function greeting(places: readonly NodePlace[], data: string): string[] {
  const first = places[0]?.http ?? '';
  return [
    `Leasehold: ${places.length === 1 ? 'one node' : `${places.length} nodes`}, data in ${data}`,
    ...places.map((place) => `  ${place.id}  http://${place.http}`),
    `See it, and break it: open http://${first} in a browser`,
    'Claim a lease for a minute (any node takes it), and see who has it:',
    `  curl -X PUT http://${first}/v1/leases/demo/main/leader -H 'content-type: application/json' -d '{"holder":"me","durationMs":60000}'`,
    `  curl http://${first}/v1/leases/demo/main/leader`,
    `Break it here: npm run chaos -- kill n1${data === './data' ? '' : ` --data ${data}`}    Stop it: Ctrl-C`,
  ];
}
