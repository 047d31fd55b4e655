// The twins of src/io keep the contracts of src/env.ts: the same suites as for the real ones, and what only a twin can show.
import { describe, expect, test } from 'vitest';
import type { PeerInfo, Transport } from '../../src/env.ts';
import { checksum } from '../../src/io/codec.ts';
import type { NodeId } from '../../src/raft/types.ts';
import { entriesOf, logStoreSuite } from '../io/log-store.suite.ts';
import { type TransportWorld, transportSuite } from '../io/transport.suite.ts';
import { SimClock } from './clock.ts';
import { SimDisk } from './disk.ts';
import { SimLogStore, type StoreObserver } from './log-store.ts';
import { Network } from './network.ts';
import { CALM_DISK, CALM_NETWORK } from './plan.ts';
import { Process } from './process.ts';
import { SeededRandom } from './random.ts';
import { Scheduler } from './scheduler.ts';
import { SimTransport } from './transport.ts';

const NOBODY: StoreObserver = { appending: () => {}, savingState: () => {} };
const enter = (run: () => void): void => run();

logStoreSuite({
  name: 'the simulated disk',
  checksum,
  async make() {
    const scheduler = new Scheduler();
    const disk = new SimDisk(checksum);
    const random = new SeededRandom(1);
    return {
      open: async () => new SimLogStore(disk, scheduler, new Process(scheduler, enter), random, { ...CALM_DISK }, NOBODY),
      run: () => scheduler.runUntil(scheduler.nowMs + 60_000),
      dispose: async () => {},
    };
  },
});

/** Nodes without anything but their transports. */
class SimWorld implements TransportWorld {
  readonly #scheduler = new Scheduler();
  readonly #network: Network;
  readonly #running = new Map<NodeId, { readonly process: Process; readonly transport: SimTransport }>();

  constructor(seed: number) {
    this.#network = new Network(this.#scheduler, new SeededRandom(seed), { ...CALM_NETWORK }, { sent: () => {} });
  }

  async open(node: NodeId): Promise<Transport> {
    const process = new Process(this.#scheduler, enter);
    const transport = new SimTransport(this.info(node), new Map(), this.#network, process, 300, () => {});
    transport.setMembers(
      [1, 2, 3].map((member) => ({ node: member, name: `n${member}`, peer: `n${member}:1`, disk: null })),
      3,
    );
    this.#running.set(node, { process, transport });
    return transport;
  }

  info(node: NodeId): PeerInfo {
    return { node, name: `n${node}`, http: `n${node}:http`, disk: `disk-${node}` };
  }

  kill(node: NodeId): void {
    const running = this.#running.get(node);
    running?.process.kill();
    running?.transport.crash(false);
  }

  reset(one: NodeId, other: NodeId): void {
    this.#network.reset(one, other);
  }

  block(from: NodeId, to: NodeId): void {
    this.#network.block(from, to);
  }

  unblock(from: NodeId, to: NodeId): void {
    this.#network.unblock(from, to);
  }

  async until(condition: () => boolean): Promise<boolean> {
    this.#scheduler.runUntil(this.#scheduler.nowMs + 15_000, condition);
    return condition();
  }

  async pass(delayMs: number): Promise<void> {
    this.#scheduler.runUntil(this.#scheduler.nowMs + delayMs);
  }

  async end(): Promise<void> {}
}

for (let seed = 1; seed <= 20; seed++) transportSuite(`simulated (seed ${seed})`, async () => new SimWorld(seed));

describe('a simulated disk', () => {
  test('keeps or loses a write that was under way in a crash, and never a part of it', () => {
    const found = new Set<string>();
    for (let seed = 1; seed <= 40; seed += 1) {
      const scheduler = new Scheduler();
      const disk = new SimDisk(checksum);
      const store = new SimLogStore(disk, scheduler, new Process(scheduler, enter), new SeededRandom(seed), { ...CALM_DISK }, NOBODY);
      store.append({ hardState: { term: 1, vote: 1, commit: 0 }, entries: entriesOf(1, 3, 1) }, () => {});
      store.crash();
      scheduler.runUntil(1_000);
      found.add(`${disk.hardState.term} ${disk.lastIndex}`);
    }
    expect([...found].sort()).toEqual(['0 0', '1 3']);
  });

  test('that fails once fails for good', () => {
    const scheduler = new Scheduler();
    const mood = { ...CALM_DISK, writesBeforeFailure: 1 };
    const store = new SimLogStore(new SimDisk(checksum), scheduler, new Process(scheduler, enter), new SeededRandom(1), mood, NOBODY);
    const errors: (string | undefined)[] = [];
    for (let index = 1; index <= 3; index += 1) {
      store.append({ hardState: null, entries: entriesOf(index, index, 1) }, (error) => errors.push(error?.message));
      scheduler.runUntil(scheduler.nowMs + 100);
    }
    expect(errors).toEqual([undefined, expect.stringContaining('EIO'), expect.stringContaining('EIO')]);
  });
});

describe('a simulated process', () => {
  test('runs nothing while it is paused, and everything late when it goes on', () => {
    const scheduler = new Scheduler();
    const process = new Process(scheduler, enter);
    const clock = new SimClock(scheduler, process, new SeededRandom(1), { zeroMs: 500, rate: 1, latenessMs: 0 });
    const seen: string[] = [];
    clock.after(10, () => seen.push(`timer at ${Math.floor(clock.now())}`));
    clock.after(20, () => seen.push('cancelled in time'))();
    scheduler.runUntil(5);
    process.pause();
    process.callWhenAwake(() => seen.push('frame'));
    scheduler.runUntil(100);
    expect(seen).toEqual([]);
    process.resume(true);
    scheduler.runUntil(100);
    expect(seen).toEqual(['timer at 600', 'frame']);
  });

  test('runs nothing after it was killed', () => {
    const scheduler = new Scheduler();
    const process = new Process(scheduler, enter);
    const seen: string[] = [];
    process.after(10, true, () => seen.push('timer'));
    process.kill();
    process.callWhenAwake(() => seen.push('frame'));
    scheduler.runUntil(100);
    expect(seen).toEqual([]);
  });

  test('never sees a timer early by its own clock, at any rate', () => {
    const random = new SeededRandom(3);
    for (let round = 0; round < 200; round += 1) {
      const scheduler = new Scheduler();
      const clock = new SimClock(scheduler, new Process(scheduler, enter), random, {
        zeroMs: random.between(0, 1e9),
        rate: random.between(0.9, 1.1),
        latenessMs: 0,
      });
      const startMs = clock.now();
      let firedMs = 0;
      clock.after(123.4, () => {
        firedMs = clock.now();
      });
      scheduler.runUntil(1_000);
      expect(firedMs - startMs).toBeGreaterThanOrEqual(123.4 - 1e-6);
    }
  });
});

describe('the scheduler', () => {
  test('runs events in order of time, and at one time in the order in which they were planned', () => {
    const scheduler = new Scheduler();
    const seen: number[] = [];
    for (const [name, delayMs] of [
      [1, 30],
      [2, 10],
      [3, 10],
      [4, 20],
      [5, 0],
    ] as const)
      scheduler.after(delayMs, () => seen.push(name));
    scheduler.after(10, () => seen.push(99))();
    scheduler.runUntil(1_000);
    expect(seen).toEqual([5, 2, 3, 4, 1]);
    expect(scheduler.nowMs).toBe(1_000);
  });
});

describe('the seeded generator', () => {
  test('gives the same draws for the same seed, and others for another', () => {
    const draws = (seed: number): number[] => {
      const random = new SeededRandom(seed);
      return Array.from({ length: 20 }, () => random.below(1_000_000));
    };
    expect(draws(42)).toEqual(draws(42));
    expect(draws(42)).not.toEqual(draws(43));
    expect(draws(42)).not.toEqual(draws(42 + 2 ** 40));
  });

  test('draws every value below a bound about equally often', () => {
    const random = new SeededRandom(5);
    const counts = new Array<number>(10).fill(0);
    for (let round = 0; round < 10_000; round += 1) {
      const drawn = random.below(10);
      counts[drawn] = (counts[drawn] ?? 0) + 1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(850);
    expect(Math.max(...counts)).toBeLessThan(1_150);
  });
});
