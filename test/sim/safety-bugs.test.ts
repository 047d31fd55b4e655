// The field's bugs of the disk and of stale leaders (PROPERTIES.md 5.10 to 5.15): each as a simulation that holds, and as the bug, planted, that does not.
import { describe, expect, test, vi } from 'vitest';
import type { LogWrite } from '../../src/env.ts';
import { checksum } from '../../src/io/codec.ts';
import { DataDirectoryError } from '../../src/io/data-directory-error.ts';
import { entriesOf } from '../io/log-store.suite.ts';
import { batchBytes } from './database.ts';
import { DAMAGES, type Prepared, SimDisk } from './disk.ts';
import type { Plan } from './plan.ts';
import * as faults from './planted-faults.ts';
import { SeededRandom } from './random.ts';
import { type SimulationOptions, simulate } from './simulation.ts';

vi.setConfig({ testTimeout: 300_000 });

const FIRST_SEED = 500;

/** Every property holds in so many runs. */
function expectHolds(seeds: number, options: SimulationOptions): void {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + seeds; seed += 1) {
    const { violation } = simulate(seed, options);
    if (violation !== null) expect.fail(`seed ${seed}: ${violation.message}`);
  }
}

/** At least one of so many runs breaks the property. */
function expectFound(property: string, seeds: number, options: () => SimulationOptions): void {
  const others = new Set<string>();
  for (let seed = FIRST_SEED; seed < FIRST_SEED + seeds; seed += 1) {
    const { violation } = simulate(seed, options());
    if (violation?.property === property) return;
    if (violation !== null) others.add(violation.message.split('\n')[0] ?? '');
  }
  expect.fail(`${property} found nothing in ${seeds} runs; others found ${[...others].slice(0, 3).join('; ')}`);
}

/** All nodes fail at their write number `write`, and are started again when everything is healed. */
function failingAt(write: number, failure: 'EIO' | 'ENOSPC'): (plan: Plan) => Plan {
  return (plan) => ({
    ...plan,
    faults: [],
    faultsMs: 1_500,
    disk: { ...plan.disk, mostMs: 2, writesBeforeFailure: write, failure },
  });
}

describe('5.10 fsync errors', () => {
  test('5.10 the first failed write is final, whichever it is: what was acknowledged before it stays, and nothing is promised behind it', () => {
    for (let write = 0; write <= 24; write += 1) expectHolds(1, { replan: failingAt(write, 'EIO') });
    expectHolds(10, { replan: faults.failingDisks });
  });

  test('5.10 a node that goes on after a failed write is found', () => {
    expectFound('promises', 20, () => ({
      envFault: { env: (env) => ({ ...env, store: faults.forgiving(env) }) },
      replan: faults.failingDisks,
    }));
  });
});

describe('5.11 stalled disks and stale leaders', () => {
  test('5.11 a leader whose disk or process stalls for up to ten election timeouts ends no lease that others renewed, and keeps none from leading', () =>
    expectHolds(20, { replan: faults.stalledDisks }));

  test('5.11 an expiry that a stale leader decided, and nobody checks against a renewal, is found', () => {
    expectFound('never-early', 60, () => ({ applyFault: faults.expireRegardless, replan: faults.stalledDisks }));
  });
});

/** A disk with a log of ten entries in term 3, synced, and a write that was under way when the power went. */
function diskWith(write: LogWrite): { readonly disk: SimDisk; readonly under: Prepared } {
  const disk = new SimDisk(checksum, 'n1');
  disk.recover();
  disk.make(disk.append({ hardState: { term: 1, vote: 1, commit: 0 }, entries: entriesOf(1, 4, 1) }));
  disk.make(disk.append({ hardState: { term: 3, vote: 2, commit: 4 }, entries: entriesOf(5, 10, 3) }));
  return { disk, under: disk.append(write) };
}

function ends(disk: SimDisk): string {
  const { entries, hardState } = disk.recover().recovered;
  const last = entries.at(-1);
  return `${last?.index}/${last?.term} in term ${hardState.term}`;
}

describe('5.12 disks that are full, tear and rot', () => {
  test('5.12 a write that is torn at any byte is there as a whole or not at all', () => {
    const write: LogWrite = { hardState: { term: 4, vote: 1, commit: 4 }, entries: entriesOf(11, 13, 4) };
    const { length } = batchBytes(diskWith(write).under.changes);
    expect(length).toBeGreaterThan(100);
    for (let bytes = 0; bytes <= length; bytes += 1) {
      const { disk, under } = diskWith(write);
      disk.tear(under, bytes, length);
      expect(ends(disk), `torn at ${bytes} of ${length} bytes`).toBe(bytes < length ? '10/3 in term 3' : '13/4 in term 4');
    }
  });

  test('5.12 a node whose synced records were harmed has everything or takes no part, whatever was harmed', () => {
    const random = new SeededRandom(512);
    const seen = { whole: 0, refused: 0 };
    for (let round = 0; round < 1_000; round += 1) {
      const { disk } = diskWith({ hardState: null, entries: entriesOf(11, 11, 3) });
      disk.damage(random.pick(DAMAGES), random);
      try {
        const { shortfall } = disk.recover();
        expect(shortfall).toBe(null);
        seen.whole += 1;
      } catch (error) {
        if (!(error instanceof DataDirectoryError)) throw error;
        expect(error.code).toBe('damaged');
        expect(error.message).toContain('must not vote');
        seen.refused += 1;
      }
    }
    expect(seen.refused).toBeGreaterThan(300);
    expect(seen.whole).toBeGreaterThan(50);
  });

  test('5.12 a cluster outlives full disks at any write, torn ends and a rotten minority', () => {
    for (let write = 0; write <= 24; write += 1) expectHolds(1, { replan: failingAt(write, 'ENOSPC') });
    expectHolds(20, { replan: faults.rottenDisks });
  });

  test('5.12 a node that votes with a log that was shortened is found, by what it does too', () => {
    const options: SimulationOptions = { envFault: { reopened: faults.ignoreMark }, replan: faults.rottenDisks };
    expectFound('durable', 60, () => options);
    expectFound('leader-completeness', 300, () => ({ ...options, without: ['durable', 'promises', 'acknowledged', 'log-matching'] }));
  });
});

describe('5.13 amnesia', () => {
  test('5.13 a node that finds an old copy of its database, or its end gone, refuses to start, and the others go on without it', () => {
    const refused = new Set<number>();
    for (let seed = FIRST_SEED; seed < FIRST_SEED + 15; seed += 1) {
      const print = (line: string): void => {
        if (line.includes('REFUSES to start') && line.includes('is damaged')) refused.add(seed);
      };
      expect(simulate(seed, { replan: faults.rottenDisks, print }).violation).toBe(null);
    }
    expect(refused.size).toBeGreaterThan(3);
  });

  test('5.13 a node that was emptied and takes part under its old name is found', () => {
    expectFound('leader-completeness', 60, () => ({
      envFault: { reopened: (disk) => disk.wipe() },
      replan: faults.manyCrashes,
      without: ['promises', 'durable'],
    }));
  });
});

describe('5.14 truncation', () => {
  test('5.14 a truncation that is torn at any byte has happened with the write behind it, or not at all', () => {
    const write: LogWrite = { hardState: { term: 5, vote: 0, commit: 4 }, entries: entriesOf(3, 6, 5) };
    const { length } = batchBytes(diskWith(write).under.changes);
    for (let bytes = 0; bytes <= length; bytes += 1) {
      const { disk, under } = diskWith(write);
      disk.tear(under, bytes, length);
      expect(ends(disk), `torn at ${bytes} of ${length} bytes`).toBe(bytes < length ? '10/3 in term 3' : '6/5 in term 5');
    }
  });

  test('5.14 nodes that are killed while conflicting entries are replaced come back with one log or the other', () =>
    expectHolds(15, { replan: (plan) => ({ ...faults.manyCrashes(plan), disk: { ...plan.disk, mostMs: 50 } }) }));

  test('5.14 a truncation without the write behind it is found', () => {
    expectFound('no-bugs', 60, () => ({ envFault: { reopened: faults.tornApart }, replan: faults.manyCrashes }));
  });
});

describe('5.15 applied or acknowledged before it is durable', () => {
  const alone = (plan: Plan): Plan => ({
    ...plan,
    nodes: 1,
    clocks: plan.clocks.slice(0, 1),
    faults: ['crash-all'],
    faultEveryMs: 100,
  });

  test('5.15 what a client was told survives a loss of power of all nodes in that moment, of a lone one too', () => {
    expectHolds(10, { replan: alone });
    expectHolds(10, { replan: (plan) => ({ ...faults.manyCrashes(plan), faults: ['crash-all'] }) });
  });

  test('5.15 a lone node that acknowledges before its disk does is found', () => {
    expectFound('acknowledged', 10, () => ({ envFault: { env: (env) => ({ ...env, store: faults.hasty(env) }) }, replan: alone }));
  });

  test('5.15 an applied index that is stored apart from the data is found', () => {
    expectFound('state-machine-safety', 200, () => ({
      envFault: { recovered: faults.indexBehindData },
      replan: faults.tinyImages,
    }));
  });
});
