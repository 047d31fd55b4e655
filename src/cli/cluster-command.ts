// `leasehold cluster`: a whole cluster on this machine, one process per node, until Ctrl-C.
import { mkdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { type ControlReply, type ControlRequest, clusterFilePath, serveControl, writeClusterFile } from './control.ts';
import { serveButtons } from './control-http.ts';
import { EXIT } from './exit-codes.ts';
import { LocalCluster, type NodePlace } from './local-cluster.ts';
import type { Finish, Io } from './session.ts';
import { integerIn, port, UsageError } from './values.ts';

const HOST = '127.0.0.1';
const NODES_MAX = 9;

interface Flags {
  readonly nodes: number;
  readonly data: string;
  readonly httpPort: number;
  readonly peerPort: number;
}

/** Adds `cluster` to `program`. */
export function addClusterCommand(program: Command, io: Io, finish: Finish): void {
  const command = program
    .command('cluster')
    .description('run a whole cluster on this machine, one process per node, until Ctrl-C')
    .option('--nodes <n>', 'how many nodes', integerIn(1, NODES_MAX), 3)
    .option('--data <dir>', 'where their data is, a directory for each in it', './data')
    .option('--http-port <port>', 'of the first node, for clients; the others count up', port, 7801)
    .option('--peer-port <port>', 'of the first node, for its peers; the others count up', port, 7901);
  command.action(async () => finish(await runCluster(command.opts<Flags>(), io)));
}

async function runCluster(flags: Flags, io: Io): Promise<number> {
  const places = placesOf(flags);
  try {
    await checkPorts(places);
    mkdirSync(flags.data, { recursive: true });
  } catch (error) {
    io.err(`leasehold: ${(error as Error).message}`);
    return EXIT.refused;
  }

  return await new Promise<number>((end) => {
    const cluster = new LocalCluster({
      script: fileURLToPath(new URL('./main.js', import.meta.url)),
      places,
      line: io.out,
      warning: io.err,
      changed: () => save(),
      allEnded: () => close(EXIT.refused),
    });
    let control: Awaited<ReturnType<typeof serveControl>> | null = null;
    let buttons: Awaited<ReturnType<typeof serveButtons>> | null = null;
    const save = () => {
      if (control !== null) writeClusterFile(flags.data, { pid: process.pid, control: control.path, nodes: cluster.processes() });
    };
    const close = (code: number) => {
      buttons?.close();
      control?.close();
      if (control !== null) rmSync(clusterFilePath(flags.data), { force: true });
      end(code);
    };
    stopOnSignal(cluster, io, close);
    const listen = async () => {
      control = await serveControl(flags.data, (request) => carryOut(cluster, request));
      buttons = await serveButtons(places, cluster, (request) => carryOut(cluster, request));
      return buttons.url;
    };
    listen().then(
      (url) => {
        cluster.start(url);
        for (const text of greeting(places, flags.data)) io.out(text);
      },
      (error: Error) => {
        io.err(`leasehold: ${error.message}`);
        close(EXIT.refused);
      },
    );
  });
}

/** The nodes' names, ports and directories. Throws `UsageError` when the ports do not fit. */
function placesOf({ nodes, data, httpPort, peerPort }: Flags): NodePlace[] {
  if (Math.max(httpPort, peerPort) + nodes - 1 > 65_535)
    throw new UsageError(`${nodes} ports counted up from there go beyond 65535: give lower ones`);
  if (Math.abs(httpPort - peerPort) < nodes)
    throw new UsageError(`--http-port ${httpPort} and --peer-port ${peerPort} overlap: ${nodes} ports are needed from each on`);
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
function stopOnSignal(cluster: LocalCluster, io: Io, close: (code: number) => void): void {
  let stopping = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (stopping) {
        cluster.killAll();
        return;
      }
      stopping = true;
      io.out('stopping; once more to end at once');
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
