// The long work on a big state, step by step in one process, each step measured in processor time: what a turn of the event loop costs,
// garbage collection included, even on a machine that has other things to do. Waiting for disk and network is in `big-state.ts`.
import { parseArgs } from 'node:util';
import type { ImageMeta, LogStore } from '../../src/env.ts';
import { checksum, codec } from '../../src/io/codec.ts';
import { toTuple } from '../../src/lease/command-codec.ts';
import type { Command } from '../../src/lease/commands.ts';
import { StateMachine } from '../../src/lease/state-machine.ts';
import { MemoryStorage } from '../../src/raft/storage.ts';
import { EMPTY_CONF_STATE } from '../../src/raft/types.ts';
import { DEFAULT_LIMITS } from '../../src/replica/config.ts';
import { Roster } from '../../src/replica/roster.ts';
import { StateSaver } from '../../src/replica/state-saver.ts';
import { quantile } from '../load.ts';
import { describeMachine } from '../machine.ts';
import { figure, table } from '../table.ts';

const { values: options } = parseArgs({
  options: { leases: { type: 'string', default: '1000000' }, sessions: { type: 'boolean', default: false } },
});
const LEASES = Number(options.leases);
/** What a turn applies, `maxApplyBytes` of it, and what it restores, a piece of an image. */
const APPLIED_PER_TURN = 700;
const RESTORED_PER_TURN = 1_300;
const SESSIONS = 10;
/** What changes before the last save of each kind. */
const UNSAVED = 100_000;
const LIMIT_MS = 50;

const rows: string[][] = [];
const state = fresh();
let index = 0;

console.log(`${describeMachine()}\n`);
if (options.sessions) for (let id = 1; id <= SESSIONS; id++) apply({ kind: 'grant', id: String(id), ttlMs: 600_000 });
const heapBefore = heapUsed();
measure('apply claims', LEASES, APPLIED_PER_TURN, (number) => {
  const key = { namespace: 'big', model: `model-${number % 100}`, lease: `lease-${number}` };
  const holder = `holder-${number % 1000}`;
  apply(
    options.sessions
      ? { kind: 'claim-session', key, holder, session: String((number % SESSIONS) + 1) }
      : { kind: 'claim', key, holder, durationMs: 600_000 },
  );
});
const heapEach = (heapUsed() - heapBefore) / LEASES;
note(`save ${state.changedCount} changed records at once`, save());
const records = [...state.dump()].map(([name, content]) => ({ name, content: codec.encode(content) }));
const copy = fresh();
measure('restore the image', records.length, RESTORED_PER_TURN, (at) => {
  const { name, content } = records[at] as (typeof records)[number];
  copy.restore(name, codec.decode(content), checksum(name, content));
});
measure('end the restoring', 1, 1, () => copy.finishRestore(index));
if (!options.sessions) {
  measure('expire all, in batches', LEASES, DEFAULT_LIMITS.maxExpiryBatch, (number) => {
    if (number % DEFAULT_LIMITS.maxExpiryBatch !== 0) return;
    apply({ kind: 'expire', term: 1, items: state.due(1e9, DEFAULT_LIMITS.maxExpiryBatch) }, 1e9);
  });
  note(`save ${state.changedCount} ended claims at once`, save());
}

console.log(`\n${table(['work', 'turns', 'CPU s', 'a turn p50 ms', 'p99', 'longest'], rows)}\n`);
const worst = Math.max(...rows.map((row) => Number(row[5])));
console.log(
  `state-steps: ${worst <= LIMIT_MS ? 'held' : 'VIOLATED'}, no turn over ${worst} ms of processor time, ${figure(heapEach)} bytes of heap for a lease`,
);
process.exitCode = worst <= LIMIT_MS ? 0 : 1;

function fresh(): StateMachine {
  return new StateMachine({ vacated: () => undefined });
}

/** As a follower does it: encoded, decoded, applied. */
function apply(command: Command, timeMs = 1): void {
  index++;
  state.apply({ index, term: 1, timeMs }, codec.decode(codec.encode(toTuple(command))));
}

function measure(work: string, items: number, perTurn: number, each: (item: number) => void): void {
  const turns: number[] = [];
  for (let from = 0; from < items; from += perTurn) {
    const beforeMs = cpuMs();
    for (let at = from; at < Math.min(items, from + perTurn); at++) each(at);
    turns.push(cpuMs() - beforeMs);
    // As in a node, but for the last ones: those make one big save.
    if (state.changedCount > 1024 && from < items - UNSAVED) save();
  }
  note(work, turns);
}

/** Runs the turns that a save takes, up to the call of the store. */
function save(): number[] {
  const waiting: (() => void)[] = [];
  const store = { saveState: () => undefined } as unknown as LogStore;
  const none: ImageMeta = { index: 0, term: 0, conf: EMPTY_CONF_STATE, roster: new Uint8Array(0), count: 0, sum: 0 };
  const seams = { clock: { soon: (run: () => void) => void waiting.push(run) }, store, codec, checksum };
  const saver = new StateSaver(seams, new MemoryStorage(), none, DEFAULT_LIMITS, { saved: () => undefined, fatal: () => undefined });
  const turns: number[] = [];
  let run: (() => void) | undefined = () => saver.save(state, 1, { conf: EMPTY_CONF_STATE, roster: Roster.founded([]) }, () => undefined);
  for (; run !== undefined; run = waiting.shift()) {
    const beforeMs = cpuMs();
    run();
    turns.push(cpuMs() - beforeMs);
  }
  return turns;
}

function note(work: string, turns: number[]): void {
  const seconds = turns.reduce((sum, ms) => sum + ms, 0) / 1000;
  const count = turns.length;
  turns.sort((a, b) => a - b);
  rows.push([
    work,
    String(count),
    figure(seconds, 1),
    figure(quantile(turns, 0.5), 1),
    figure(quantile(turns, 0.99), 1),
    figure(quantile(turns, 1), 1),
  ]);
  console.log(rows.at(-1)?.join('  '));
}

/** All threads of this process: V8's helpers count too, so that a pause is never shown shorter than it was. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

function heapUsed(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}
