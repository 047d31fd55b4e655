// Disks that hang or are slow and starved event loops, on whole nodes in virtual time: who leads, who is served, and what it is like afterwards.
import { describe, expect, test } from 'vitest';
import type { Settled } from '../../src/replica/service.ts';
import { Calm } from './calm.ts';

/** From the hang to the next acknowledged claim elsewhere. */
const SERVICE_GAP_MAX_MS = 2_500;

/** Claims on every node that is up, again and again, until it is stopped. */
class Load {
  readonly calm: Calm;
  /** When each claim was acknowledged, and by which node it was taken. */
  readonly acknowledged: { readonly atMs: number; readonly node: number; readonly tookMs: number }[] = [];
  readonly failed: { readonly atMs: number; readonly node: number; readonly tookMs: number; readonly code: string }[] = [];
  #count = 0;
  #isRunning = true;

  constructor(calm: Calm) {
    this.calm = calm;
    this.#next();
  }

  stop(): void {
    this.#isRunning = false;
  }

  #next(): void {
    const { scheduler, cluster } = this.calm;
    for (const node of cluster.up) {
      const life = cluster.life(node);
      if (life === null || life.process.paused) continue;
      const sinceMs = scheduler.nowMs;
      this.#count += 1;
      const key = { namespace: 'ns', model: 'm', lease: `l${this.#count}` };
      const settle = (settled: Settled): void => {
        const fact = { atMs: scheduler.nowMs, node, tookMs: scheduler.nowMs - sinceMs };
        if (settled.kind === 'applied') this.acknowledged.push(fact);
        else this.failed.push({ ...fact, code: settled.failure.code });
      };
      life.process.call(() => life.replica.submit({ kind: 'claim', key, holder: 'h', durationMs: 60_000 }, settle));
    }
    scheduler.after(50, () => this.#isRunning && this.#next());
  }

  /** How long after `sinceMs` a claim was acknowledged by a node other than `except`. */
  gapAfter(sinceMs: number, except: number): number {
    const next = this.acknowledged.find(({ atMs, node }) => atMs > sinceMs && node !== except);
    return (next?.atMs ?? Number.POSITIVE_INFINITY) - sinceMs;
  }
}

function hang(calm: Calm, id: number, ms: number): void {
  calm.cluster.mood(id).hangsUntilMs = calm.scheduler.nowMs + ms;
}

const alarmsOf = (calm: Calm, id: number) => calm.cluster.life(id)?.replica.alarms.active();
const termsOf = (calm: Calm) => calm.cluster.up.map((id) => calm.cluster.life(id)?.replica.term);

describe.each([1, 2, 3])('seed %i', (seed) => {
  test('a leader whose disk hangs hands over within 2.5 s, and is a follower after the thaw, without an election', () => {
    const calm = new Calm([1, 2, 3], {}, seed);
    const leader = calm.leader();
    const load = new Load(calm);
    calm.pass(2_000);
    const hungMs = calm.scheduler.nowMs;
    hang(calm, leader, 9_000);
    calm.pass(1_100);
    expect(alarmsOf(calm, leader)).toEqual(['disk-stall']);
    calm.pass(7_000);
    expect(load.gapAfter(hungMs, leader)).toBeLessThan(SERVICE_GAP_MAX_MS);
    const heir = calm.cluster.leader;
    expect(heir).not.toBe(leader);
    const [term] = termsOf(calm);
    // A call through the hung node ends, and says that its outcome is not known.
    const through = load.failed.filter(({ node, atMs }) => node === leader && atMs > hungMs + 2_000);
    expect(through.length).toBeGreaterThan(10);
    for (const { tookMs } of through) expect(tookMs).toBeLessThanOrEqual(5_000);
    calm.pass(5_000);
    expect(calm.cluster.leader).toBe(heir);
    expect(termsOf(calm)).toEqual([term, term, term]);
    expect(alarmsOf(calm, leader)).toEqual([]);
    load.stop();
    calm.pass(1_000);
    expect(new Set([1, 2, 3].map((id) => calm.cluster.life(id)?.replica.appliedIndex)).size).toBe(1);
    // It takes requests like any other.
    expect(load.acknowledged.at(-1)?.atMs).toBeGreaterThan(hungMs + 13_000);
    expect(load.acknowledged.some(({ node, atMs }) => node === leader && atMs > hungMs + 10_000)).toBe(true);
  });

  test('when all disks hang nobody hands over, all raise the alarm, and claims go on after the thaw', () => {
    const calm = new Calm([1, 2, 3], {}, seed);
    const leader = calm.leader();
    const load = new Load(calm);
    calm.pass(2_000);
    const [term] = termsOf(calm);
    // One after the other, the leader first: its followers have acknowledged all that it had appended.
    for (const [place, id] of [leader, ...calm.cluster.ids.filter((id) => id !== leader)].entries()) {
      hang(calm, id, 5_000 - place * 40);
      calm.pass(40);
    }
    calm.pass(4_000);
    expect(calm.cluster.ids.map((id) => alarmsOf(calm, id))).toEqual([['disk-stall'], ['disk-stall'], ['disk-stall']]);
    expect([calm.cluster.leader, ...termsOf(calm)]).toEqual([leader, term, term, term]);
    calm.pass(1_000);
    const thawedMs = calm.scheduler.nowMs;
    calm.pass(4_000);
    expect(load.gapAfter(thawedMs, 0)).toBeLessThan(2_000);
    expect([calm.cluster.leader, ...termsOf(calm)]).toEqual([leader, term, term, term]);
  });

  test('a follower whose disk hangs for long harms nobody', () => {
    const calm = new Calm([1, 2, 3], {}, seed);
    const leader = calm.leader();
    const follower = calm.cluster.ids.find((id) => id !== leader) ?? 0;
    const load = new Load(calm);
    calm.pass(2_000);
    const [term] = termsOf(calm);
    hang(calm, follower, 20_000);
    const hungMs = calm.scheduler.nowMs;
    calm.pass(20_000);
    const during = load.acknowledged.filter(({ atMs, node }) => node !== follower && atMs > hungMs);
    expect(during.length).toBeGreaterThan(700);
    expect(Math.max(...during.map(({ tookMs }) => tookMs))).toBeLessThan(100);
    expect(load.failed.filter(({ node }) => node !== follower)).toEqual([]);
    load.stop();
    calm.pass(5_000);
    expect([calm.cluster.leader, ...termsOf(calm)]).toEqual([leader, term, term, term]);
    expect(new Set([1, 2, 3].map((id) => calm.cluster.life(id)?.replica.appliedIndex)).size).toBe(1);
  });

  test('a transfer from a hanging disk that does not arrive ends in a step-down, and another node leads', () => {
    const calm = new Calm([1, 2, 3], {}, seed);
    const leader = calm.leader();
    const load = new Load(calm);
    calm.pass(2_000);
    const [term = 0] = termsOf(calm);
    const hungMs = calm.scheduler.nowMs;
    hang(calm, leader, 8_000);
    // The order to stand for election is lost, and nothing else.
    for (const id of calm.cluster.ids) {
      const transport = calm.cluster.life(id)?.transport;
      const send = transport?.send.bind(transport);
      if (transport === undefined || send === undefined) throw new Error(`n${id} is down`);
      transport.send = (to, frame) => (frame.kind === 'raft' && frame.message.kind === 'timeout-now') || send(to, frame);
    }
    calm.pass(1_700);
    expect(calm.cluster.life(leader)?.replica.raftStatus().role).toBe('follower');
    calm.pass(2_000);
    expect(calm.cluster.leader).not.toBe(leader);
    expect(load.gapAfter(hungMs, leader)).toBeLessThan(4_000);
    const [newTerm] = termsOf(calm);
    expect(newTerm).toBeGreaterThan(term);
    calm.pass(8_000);
    expect(termsOf(calm)).toEqual([newTerm, newTerm, newTerm]);
  });
});

test('a node whose disk hangs stands for no election, and does once it works again', () => {
  const calm = new Calm([1, 2, 3]);
  const leader = calm.leader();
  const [one = 0, other = 0] = calm.cluster.ids.filter((id) => id !== leader);
  const load = new Load(calm);
  calm.pass(1_000);
  hang(calm, one, 10_000);
  calm.pass(1_000);
  load.stop();
  const elections = () => calm.cluster.life(one)?.replica.figures().elections;
  const before = elections();
  calm.cluster.crash(leader, false);
  calm.cluster.crash(other, false);
  calm.pass(8_000);
  expect(elections()).toBe(before);
  expect(calm.cluster.life(one)?.replica.raftStatus().role).toBe('follower');
  calm.pass(2_000);
  calm.cluster.start(other);
  calm.pass(5_000);
  expect(calm.cluster.leader).not.toBeNull();
});

test('a disk that hangs is found on an idle node as well', () => {
  const calm = new Calm([1, 2, 3]);
  const leader = calm.leader();
  calm.pass(20_000);
  for (const id of calm.cluster.ids) hang(calm, id, 10_000);
  calm.pass(8_000);
  expect(calm.cluster.ids.map((id) => alarmsOf(calm, id))).toEqual([['disk-stall'], ['disk-stall'], ['disk-stall']]);
  calm.pass(3_000);
  expect(calm.cluster.ids.map((id) => alarmsOf(calm, id))).toEqual([[], [], []]);
  expect(calm.cluster.leader).toBe(leader);
});

test('a leader with slow syncs hands over once within a minute, and leadership stays', () => {
  const calm = new Calm([1, 2, 3]);
  const leader = calm.leader();
  new Load(calm);
  calm.pass(2_000);
  const [term = 0] = termsOf(calm);
  Object.assign(calm.cluster.mood(leader), { leastMs: 290, mostMs: 310 });
  calm.pass(60_000);
  expect(calm.cluster.leader).not.toBe(leader);
  expect(termsOf(calm)).toEqual([term + 1, term + 1, term + 1]);
  calm.pass(20_000);
  expect(termsOf(calm)).toEqual([term + 1, term + 1, term + 1]);
});

test('slow syncs on all disks are no reason to hand over', () => {
  const calm = new Calm([1, 2, 3]);
  const leader = calm.leader();
  new Load(calm);
  for (const id of calm.cluster.ids) Object.assign(calm.cluster.mood(id), { leastMs: 290, mostMs: 310 });
  const [term] = termsOf(calm);
  calm.pass(45_000);
  expect([calm.cluster.leader, ...termsOf(calm)]).toEqual([leader, term, term, term]);
});

test('a leader whose event loop is starved hands over within 15 s, once', () => {
  const calm = new Calm([1, 2, 3]);
  const leader = calm.leader();
  calm.pass(12_000);
  const [term = 0] = termsOf(calm);
  const starve = (): void => {
    calm.cluster.pause(leader);
    calm.scheduler.after(300, () => {
      calm.cluster.resume(leader);
      calm.scheduler.after(100, starve);
    });
  };
  starve();
  calm.pass(15_000);
  expect(calm.cluster.leader).not.toBe(leader);
  expect(termsOf(calm)).toEqual([term + 1, term + 1, term + 1]);
  calm.pass(20_000);
  expect(termsOf(calm)).toEqual([term + 1, term + 1, term + 1]);
});

test('a leader that was stopped once for 400 ms keeps leadership', () => {
  const calm = new Calm([1, 2, 3]);
  const leader = calm.leader();
  new Load(calm);
  calm.pass(31_000);
  const [term] = termsOf(calm);
  calm.cluster.pause(leader);
  calm.pass(400);
  calm.cluster.resume(leader);
  calm.pass(20_000);
  expect([calm.cluster.leader, ...termsOf(calm)]).toEqual([leader, term, term, term]);
});
