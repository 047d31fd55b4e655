// How a running `leasehold cluster` is spoken to: a Unix socket that takes one line of JSON and answers with one,
// and a file in the data directory that says where it is and which process is which node.
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** What may be asked of a running cluster. */
export type ControlRequest =
  | { readonly do: 'status' }
  | { readonly do: 'kill' | 'pause' | 'resume' | 'restart' | 'lead'; readonly node: string };

export interface ControlReply {
  readonly ok: boolean;
  /** For people: what was done, or why not. */
  readonly text: string;
}

/** A node as the cluster's process sees it. */
export interface NodeProcess {
  readonly id: string;
  /** Null while it does not run. */
  readonly pid: number | null;
  readonly state: 'running' | 'paused' | 'down';
  /** `host:port` */
  readonly http: string;
  readonly peer: string;
}

/** Content of `cluster.json` in the data directory of a running cluster. */
export interface ClusterFile {
  /** Of the process that started the nodes. */
  readonly pid: number;
  /** Path of the control socket. */
  readonly control: string;
  readonly nodes: readonly NodeProcess[];
}

const LINE_MAX_BYTES = 4_096;
const ANSWER_MS = 30_000;
/** A Unix socket's path must fit into 108 bytes with its closing zero. */
const SOCKET_PATH_MAX_BYTES = 107;

/** Where the cluster file of a data directory is. */
export function clusterFilePath(dataDir: string): string {
  return join(dataDir, 'cluster.json');
}

/** Null when there is none, or it is none of ours. */
export function readClusterFile(dataDir: string): ClusterFile | null {
  try {
    const content = JSON.parse(readFileSync(clusterFilePath(dataDir), 'utf8')) as ClusterFile;
    return typeof content.pid === 'number' && typeof content.control === 'string' && Array.isArray(content.nodes) ? content : null;
  } catch {
    return null;
  }
}

/** For the owner alone, as the socket is. */
export function writeClusterFile(dataDir: string, content: ClusterFile): void {
  writeFileSync(clusterFilePath(dataDir), `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
}

/** Asks the cluster that runs on `dataDir`. Throws an `Error` for people when none does or it does not answer. */
export async function askCluster(dataDir: string, request: ControlRequest): Promise<ControlReply> {
  const file = readClusterFile(dataDir);
  if (file === null) throw new Error(`no cluster runs on ${dataDir}: start one with leasehold cluster --data ${dataDir}`);
  try {
    return await askSocket(file.control, request);
  } catch (error) {
    throw new Error(`the cluster on ${dataDir} (pid ${file.pid}) does not answer, it has probably ended: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

function askSocket(path: string, request: ControlRequest): Promise<ControlReply> {
  return new Promise((settle, fail) => {
    const socket = createConnection(path, () => socket.write(`${JSON.stringify(request)}\n`));
    socket.setTimeout(ANSWER_MS, () => socket.destroy(new Error(`no answer within ${ANSWER_MS / 1_000} s`)));
    socket.on('error', fail);
    socket.on('close', () => fail(new Error('it closed the connection')));
    onLine(socket, (line) => {
      settle(JSON.parse(line) as ControlReply);
      socket.end();
    });
  });
}

/** A listening control socket. */
export interface ControlServer {
  readonly path: string;
  close(): void;
}

/**
 * Listens for the owner alone, in the data directory, or in a fresh directory of the system's temporary one where the path would be too long.
 * Throws when another cluster answers there; a socket left behind by one that ended is replaced.
 */
export async function serveControl(dataDir: string, handle: (request: ControlRequest) => Promise<ControlReply>): Promise<ControlServer> {
  const running = await askCluster(dataDir, { do: 'status' }).then(
    () => readClusterFile(dataDir),
    () => null,
  );
  if (running !== null)
    throw new Error(`a cluster runs on ${dataDir} already (pid ${running.pid}): stop that one, or give this one another --data`);
  const near = join(resolve(dataDir), 'control.sock');
  const far = Buffer.byteLength(near) > SOCKET_PATH_MAX_BYTES ? mkdtempSync(join(tmpdir(), 'leasehold-')) : null;
  const path = far === null ? near : join(far, 'control.sock');
  rmSync(path, { force: true });
  const server = createServer((socket) => {
    socket.on('error', () => socket.destroy());
    onLine(socket, (line) => {
      void answer(line, handle).then((reply) => socket.end(`${JSON.stringify(reply)}\n`));
    });
  });
  await listenForOwner(server, path);
  return {
    path,
    close: () => {
      server.close();
      rmSync(path, { force: true });
      if (far !== null) rmSync(far, { recursive: true, force: true });
    },
  };
}

async function answer(line: string, handle: (request: ControlRequest) => Promise<ControlReply>): Promise<ControlReply> {
  try {
    return await handle(JSON.parse(line) as ControlRequest);
  } catch (error) {
    return { ok: false, text: (error as Error).message };
  }
}

async function listenForOwner(server: Server, path: string): Promise<void> {
  const umask = process.umask(0o177);
  try {
    await new Promise<void>((settle, fail) => {
      server.once('error', fail);
      server.listen(path, settle);
    });
    chmodSync(path, 0o600);
  } finally {
    process.umask(umask);
  }
}

/** Calls `take` with the first line that comes, once; a longer one than any of ours ends the connection. */
function onLine(socket: Socket, take: (line: string) => void): void {
  let text = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    const taken = text.includes('\n');
    text += chunk;
    const end = text.indexOf('\n');
    if (!taken && end >= 0) take(text.slice(0, end));
    else if (text.length > LINE_MAX_BYTES) socket.destroy();
  });
}
