// kill -9 at any moment: whatever the process had been told is durable is there, and nothing that it had not begun.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { codec } from '../../src/io/codec.ts';
import { openLogStore } from '../../src/io/log-store.ts';
import type { HardState, Index } from '../../src/raft/types.ts';
import { answered, shown } from './log-store.suite.ts';
import { newSeed, seeded } from './seeded.ts';

const KILLS = Number(process.env.KILLS ?? 6);
const CHILD = fileURLToPath(new URL('log-store.child.ts', import.meta.url));

interface Log {
  readonly entries: string[];
  readonly hardState: HardState;
}

type Event = ['opened'] | ['append', first: Index, last: Index, hardState: HardState] | ['appended'] | ['saved', index: Index];

test('a process that is killed while it writes finds everything acknowledged when it starts again', async () => {
  const { below } = seeded(newSeed('log-store-kill'));
  const directory = await mkdtemp(join(tmpdir(), 'log-store-kill-'));
  // Entry i of the log stands at i - 1, whether or not it is still on the disk.
  let log: Log = { entries: [], hardState: { term: 0, vote: 0, commit: 0 } };
  let saved = 0;
  let appends = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const seed = below(2 ** 31);
    const events = await runAndKill(directory, seed, below(300));
    let intended: Log | null = null;
    for (const event of events) {
      if (event[0] === 'append') intended = appended(log, event[1], event[2], event[3], seed);
      if (event[0] === 'saved') saved = event[1];
      if (event[0] === 'appended' && intended !== null) {
        log = intended;
        intended = null;
        appends++;
      }
    }
    const store = await openLogStore({ directory, cluster: 'c', node: 'n1', codec });
    const { recovered } = store;
    await answered((done) => store.readState(() => {}, done));
    await answered((done) => store.close(done));
    expect(recovered.image.index).toBeGreaterThanOrEqual(saved);
    saved = recovered.image.index;
    const { term, vote } = recovered.hardState;
    const found = { entries: shown(recovered.entries.filter((entry) => entry.index > saved)), term, vote };
    const options = [log, ...(intended === null ? [] : [intended])];
    const wanted = options.map(({ entries, hardState }) => ({ entries: entries.slice(saved), term: hardState.term, vote: hardState.vote }));
    expect(wanted, `after kill ${kill} with seed ${seed}, ${events.length} events`).toContainEqual(found);
    log = options[wanted.findIndex((option) => JSON.stringify(option) === JSON.stringify(found))] ?? log;
  }
  process.stdout.write(
    `log-store-kill: ${KILLS} kills, ${appends} appends acknowledged, log up to ${log.entries.length}, image at ${saved}\n`,
  );
  expect(appends).toBeGreaterThan(KILLS);
  await rm(directory, { recursive: true });
}, 120_000);

function appended(log: Log, first: Index, last: Index, hardState: HardState, seed: number): Log {
  const entries = log.entries.slice(0, first - 1);
  for (let index = first; index <= last; index++) entries.push(`${index}@${hardState.term}#${seed}`);
  return { entries, hardState };
}

/** Runs the child until `afterMs` after it has opened the store; answers what it told. */
function runAndKill(directory: string, seed: number, afterMs: number): Promise<Event[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', CHILD, directory, String(seed)], { stdio: ['ignore', 'pipe', 'pipe'] });
    const events: Event[] = [];
    let complaint = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      complaint += text;
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      // The last line may have been cut by the kill; then it was not told.
      if (!line.endsWith(']')) return;
      events.push(JSON.parse(line) as Event);
      if (events.length === 1) setTimeout(() => child.kill('SIGKILL'), afterMs);
    });
    child.on('close', (code, signal) =>
      signal === 'SIGKILL' ? resolve(events) : reject(new Error(`child ended with ${code}: ${complaint}`)),
    );
  });
}
