// The processes of a cluster on this machine: starts one per node, relays what they say, reports the ones that die, and breaks them on request.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../log.ts';
import type { NodeProcess } from './control.ts';
import { sentenceOf } from './log-lines.ts';

/**
 * Threads for disk writes and name lookups, if the environment does not set them. Node.js lets lookups that hang occupy half of them, and
 * reads the variable before a program could set it itself.
 */
const THREADS = '8';

/** One node's place: its addresses as `host:port`, and its own data directory. */
export interface NodePlace {
  readonly id: string;
  readonly http: string;
  readonly peer: string;
  readonly dataDir: string;
}

export interface LocalClusterOptions {
  /** The program that has the `node` command. */
  readonly script: string;
  readonly places: readonly NodePlace[];
  /** Flags for all nodes alike, beside those of their places. */
  readonly settings?: readonly string[];
  /** The nodes' environment; this process's own when absent. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Takes the nodes' own lines, word for word: those of standard output, and of standard error. */
  readonly relay: { out(line: string): void; err(line: string): void };
  /** Takes ours. */
  readonly log: Log;
  /** Told after a process came or went. */
  changed(): void;
  /** Told once, when every node has ended by itself. */
  allEnded(): void;
}

interface Slot {
  readonly place: NodePlace;
  child: ChildProcess | null;
  paused: boolean;
  /** Why the process is about to end; null when nobody asked for it. */
  asked: 'killed' | 'stopped' | null;
  lastWords: string;
  /** Settles when the process has ended. */
  gone: Promise<void>;
}

/** A node that has not stopped by then is killed, in milliseconds. */
const STOP_MS = 20_000;
/** How long a node that is started again is waited for, and between two looks, in milliseconds. */
const START_MS = 15_000;
const START_LOOK_MS = 50;
/** How long a node may take to hand leadership over, in milliseconds. */
const TRANSFER_MS = 10_000;

/** One process per node. */
export class LocalCluster {
  readonly #options: LocalClusterOptions;
  readonly #slots: ReadonlyMap<string, Slot>;
  readonly #members: string;
  #control: string | null = null;
  #stopping = false;

  constructor(options: LocalClusterOptions) {
    this.#options = options;
    this.#members = options.places.map((place) => `${place.id}=${place.peer}`).join(',');
    this.#slots = new Map(
      options.places.map((place) => [place.id, { place, child: null, paused: false, asked: null, lastWords: '', gone: Promise.resolve() }]),
    );
  }

  /** `control`: URL at which this process takes the orders of the nodes' dashboards. */
  start(control: string | null = null): void {
    this.#control = control;
    for (const slot of this.#slots.values()) this.#spawn(slot);
  }

  processes(): NodeProcess[] {
    return [...this.#slots.values()].map(({ place: { id, http, peer }, child, paused }) => ({
      id,
      pid: child?.pid ?? null,
      state: child === null ? 'down' : paused ? 'paused' : 'running',
      http,
      peer,
    }));
  }

  /** SIGKILL, as a crash of the process would be. Throws an `Error` for people, as all that follow do. */
  async kill(id: string): Promise<string> {
    const slot = this.#running(id);
    const pid = slot.child?.pid;
    slot.asked = 'killed';
    slot.child?.kill('SIGKILL');
    await slot.gone;
    return `${id} (pid ${pid}) is killed; bring it back with restart ${id}`;
  }

  /** SIGSTOP: the process stands still, its connections stay open. */
  pause(id: string): string {
    const slot = this.#running(id);
    if (slot.paused) throw new Error(`${id} is paused already`);
    slot.child?.kill('SIGSTOP');
    slot.paused = true;
    this.#options.changed();
    return `${id} (pid ${slot.child?.pid}) is paused; let it go on with resume ${id}`;
  }

  /** SIGCONT. */
  resume(id: string): string {
    const slot = this.#running(id);
    if (!slot.paused) throw new Error(`${id} is not paused`);
    slot.child?.kill('SIGCONT');
    slot.paused = false;
    this.#options.changed();
    return `${id} (pid ${slot.child?.pid}) goes on`;
  }

  /** Stops the node in order if it runs, and starts it again on its data. */
  async restart(id: string): Promise<string> {
    const slot = this.#slot(id);
    const before = slot.child?.pid;
    if (slot.child !== null) await this.#stop(slot);
    if (this.#stopping) throw new Error('the cluster is stopping');
    this.#spawn(slot);
    await this.#answers(slot);
    return `${id} is started again (pid ${slot.child?.pid}${before === undefined ? '' : `, was ${before}`})`;
  }

  /** Settles once the node answers at all, or has ended, or its time is up: whoever asked for it will speak to it next. */
  async #answers({ place, child }: Slot): Promise<void> {
    const url = `http://${place.http}/livez`;
    for (const untilMs = performance.now() + START_MS; performance.now() < untilMs && child?.exitCode === null; ) {
      const answer = await fetch(url, { signal: AbortSignal.timeout(START_MS) }).catch(() => null);
      if (answer !== null) return;
      await sleep(START_LOOK_MS);
    }
  }

  /** Has leadership handed to the node, by the first running node that answers. */
  async lead(id: string): Promise<string> {
    this.#running(id);
    const asked = [...this.#slots.values()].filter((slot) => slot.child !== null && !slot.paused);
    for (const { place } of asked) {
      const answer = await fetch(`http://${place.http}/v1/cluster/transfer`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ to: id }),
        signal: AbortSignal.timeout(TRANSFER_MS),
      }).catch(() => null);
      if (answer === null) continue;
      const said = (await answer.json()) as { leader?: string; term?: number; detail?: string };
      if (!answer.ok) throw new Error(said.detail ?? `it was refused (${answer.status})`);
      return `${said.leader} leads term ${said.term}`;
    }
    throw new Error('no node answers');
  }

  /** Stops every node in order, at once; settles when all have ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all([...this.#slots.values()].map((slot) => this.#stop(slot)));
  }

  /** Ends every node at once, without order. */
  killAll(): void {
    this.#stopping = true;
    for (const { child } of this.#slots.values()) child?.kill('SIGKILL');
  }

  #slot(id: string): Slot {
    const slot = this.#slots.get(id);
    if (slot === undefined) throw new Error(`there is no node ${JSON.stringify(id)} here: ${[...this.#slots.keys()].join(', ')}`);
    return slot;
  }

  #running(id: string): Slot {
    const slot = this.#slot(id);
    if (slot.child === null) throw new Error(`${id} does not run; bring it back with restart ${id}`);
    return slot;
  }

  async #stop(slot: Slot): Promise<void> {
    const { child } = slot;
    if (child === null) return;
    slot.asked ??= 'stopped';
    child.kill('SIGTERM');
    // A paused process takes the signal when it goes on.
    if (slot.paused) child.kill('SIGCONT');
    const late = setTimeout(() => {
      this.#options.log(`${slot.place.id} did not stop within ${STOP_MS / 1_000} s and is killed`, 'warn', { node: slot.place.id });
      child.kill('SIGKILL');
    }, STOP_MS);
    await slot.gone;
    clearTimeout(late);
  }

  #spawn(slot: Slot): void {
    const { id, http, peer, dataDir } = slot.place;
    const args = [this.#options.script, 'node', '--id', id, '--http', http, '--peer', peer, '--members', this.#members, '--data', dataDir];
    args.push(...(this.#options.settings ?? []));
    if (this.#control !== null) args.push('--control', this.#control);
    // Its own process group: Ctrl-C at the terminal reaches the cluster's process alone, which then stops the nodes in order.
    // The IPC channel closes when this process dies, however it dies, and the node stops then: no node is left behind.
    const child = spawn(process.execPath, args, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: { UV_THREADPOOL_SIZE: THREADS, ...(this.#options.env ?? process.env) },
    });
    slot.child = child;
    slot.paused = false;
    slot.asked = null;
    slot.lastWords = '';
    for (const [stream, relay] of [
      [child.stdout, (text: string) => this.#options.relay.out(text)],
      [child.stderr, (text: string) => this.#options.relay.err(text)],
    ] as const) {
      if (stream === null) continue;
      createInterface({ input: stream }).on('line', (text) => {
        // A trace's indented lines are not what a process wanted to say last.
        if (!text.startsWith(' ')) slot.lastWords = sentenceOf(text);
        relay(text);
      });
    }
    slot.gone = new Promise((resolve) => {
      child.once('error', (error) => {
        slot.lastWords = error.message;
        if (child.pid === undefined) resolve(this.#ended(slot, 'could not be started'));
      });
      // 'close' comes after the streams' last line, unlike 'exit'.
      child.once('close', (code, signal) =>
        resolve(this.#ended(slot, signal === null ? `ended with code ${code}` : `was ended by ${signal}`)),
      );
    });
    this.#options.changed();
  }

  #ended(slot: Slot, how: string): void {
    const { id } = slot.place;
    slot.child = null;
    slot.paused = false;
    if (slot.asked === 'killed') this.#options.log(`${id} was killed`, 'info', { node: id });
    if (slot.asked === null && !this.#stopping) {
      const others = this.processes().filter((node) => node.state !== 'down');
      const rest = others.length === 0 ? 'No node is left.' : `The cluster goes on with ${others.map((node) => node.id).join(', ')}.`;
      const words = slot.lastWords === '' ? 'It said nothing.' : `Its last words: ${slot.lastWords}`;
      this.#options.log(`${id} ${how}. ${words}\n${rest}`, 'warn', { node: id });
    }
    this.#options.changed();
    const slots = [...this.#slots.values()];
    if (!this.#stopping && slots.every((each) => each.child === null && each.asked === null)) this.#options.allEnded();
  }
}
