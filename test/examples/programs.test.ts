// The example programs, with what they are for: the leader dies or is paused, the job's first copy dies, a holder of the semaphore is stopped.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { LeaseholdClient, type WatchEvent, type WatchOptions } from '../../src/client/index.ts';
import { TestCluster } from '../e2e/cluster.ts';
import { endAll, Process, ROOT, until } from '../e2e/processes.ts';

/** For the work of a slow machine, on top of what is due, in milliseconds. */
const SLACK_MS = 10_000;

let cluster: TestCluster;
let client: LeaseholdClient;
const copies: Process[] = [];

beforeAll(async () => {
  cluster = await TestCluster.start();
  client = new LeaseholdClient({ endpoints: cluster.nodes.map(({ url }) => url) });
});
afterEach(() => {
  for (const copy of copies.splice(0)) if (!copy.hasEnded) copy.child.kill('SIGKILL');
});
afterAll(async () => {
  client?.close();
  await endAll();
});

/** Starts a copy of a program. */
function start(program: string, ...argv: string[]): Process {
  const copy = new Process(process.execPath, [join(ROOT, 'test/examples', program), ...argv], {
    env: { LEASEHOLD_ENDPOINT: cluster.endpoints },
  });
  copies.push(copy);
  return copy;
}

/** What happens from now on, in the order of the log. */
async function watch(what: WatchOptions): Promise<{ readonly events: readonly WatchEvent[]; stop(): void }> {
  const events: WatchEvent[] = [];
  const stopped = new AbortController();
  const { commitIndex } = await client.cluster();
  void (async () => {
    for await (const event of client.watch({ ...what, after: `${commitIndex}.1000000`, signal: stopped.signal })) events.push(event);
  })().catch(() => {});
  return { events, stop: () => stopped.abort() };
}

const fenceIn = (text: string): number => Number(/fence (\d+)/.exec(text)?.[1]);

describe('leader-election.mjs', () => {
  const LEASE_MS = 5_000;

  test('one leads; when it is killed the other takes over once the lease ends, and not before', async () => {
    const one = start('leader-election.mjs', 'one');
    await one.says(/one leads/);
    const two = start('leader-election.mjs', 'two');
    await until(async () => (await readLine()).includes('one, beat'), 'a beat of one');
    // In line, and silent for longer than a lease lasts.
    await sleep(LEASE_MS + 1_000);
    expect(two.out).toBe('');
    const { remainingMs } = (await client.get('demo/main/leadership')) as { remainingMs: number };
    one.child.kill('SIGKILL');
    const killed = performance.now();
    await two.says(/two leads/);
    const tookMs = performance.now() - killed;
    // One renewal may still have been on its way.
    expect(tookMs).toBeLessThan(LEASE_MS + SLACK_MS);
    expect(tookMs).toBeGreaterThan(Math.min(remainingMs, LEASE_MS * (2 / 3)) - 500);
    expect(fenceIn(two.out)).toBeGreaterThan(fenceIn(one.out));
    await until(async () => (await readLine()).startsWith('two, beat'), 'a beat of two');
  });

  test('one that stops in order is followed at once', async () => {
    const one = start('leader-election.mjs', 'one');
    await one.says(/one leads/);
    const two = start('leader-election.mjs', 'two');
    await sleep(1_500);
    one.child.kill('SIGTERM');
    expect(await one.ended).toMatchObject({ code: 0, out: expect.stringMatching(/one stops\n$/) });
    const stopped = performance.now();
    await two.says(/two leads/);
    expect(performance.now() - stopped).toBeLessThan(LEASE_MS / 2);
  });

  test('one that was paused past its lease does nothing more as the leader, says why, and leads again after the other', async () => {
    const one = start('leader-election.mjs', 'one');
    await one.says(/one leads/);
    const two = start('leader-election.mjs', 'two');
    await sleep(1_500);
    one.child.kill('SIGSTOP');
    await two.says(/two leads/);
    const writes = await watch({ prefix: 'demo/leadership' });
    one.child.kill('SIGCONT');
    await one.says(/one does not lead: demo\/main\/leadership \(one, fence \d+\) may be held no longer: this program did not run/);
    expect(one.out.match(/one leads/g)).toHaveLength(1);
    await until(() => writes.events.length >= 5, 'five writes of the new leader');
    writes.stop();
    // Whatever was written since the other leads was written by the other.
    for (const event of writes.events) expect(event).toMatchObject({ type: 'put', value: expect.stringMatching(/^two, beat/) });
    two.child.kill('SIGTERM');
    await one.says(/one leads[\s\S]*one leads/);
  });

  async function readLine(): Promise<string> {
    return (await client.kv.get('demo/leadership'))?.value ?? '';
  }
});

describe('cron-once.mjs', () => {
  test('of two copies one does the job, and the second does nothing', async () => {
    const both = [start('cron-once.mjs', 'monday', 'a'), start('cron-once.mjs', 'monday', 'b')];
    const ended = await Promise.all(both.map((copy) => copy.ended));
    for (const { code, err } of ended) expect({ code, err }).toEqual({ code: 0, err: '' });
    const said = ended.map(({ out }) => out);
    const name = /^(\S+): begins monday\n\S+: has done monday$/m.exec(said.join(''))?.[1];
    const [worker, idle] = said[0]?.includes('begins') ? said : said.toReversed();
    expect(worker).toBe(`${name}: begins monday\n${name}: has done monday\n`);
    expect(idle).toMatch(new RegExp(`^\\S+: nothing to do, ${name} has done monday\n$`));
    const { keys } = await client.kv.list('cron/nightly/monday/');
    expect(keys).toHaveLength(11);
    // Written once each, and all by the same copy.
    for (const key of keys) expect(key).toMatchObject({ value: name, version: 1 });
  });

  test('the job of a copy that dies in the middle is done by another, and recorded once', async () => {
    const first = start('cron-once.mjs', 'tuesday', 'first');
    await until(async () => (await client.kv.get('cron/nightly/tuesday/step-3')) !== null, 'the third step');
    const [second, third] = [start('cron-once.mjs', 'tuesday', 'second'), start('cron-once.mjs', 'tuesday', 'third')];
    first.child.kill('SIGKILL');
    const ended = await Promise.all([second.ended, third.ended]);
    expect(ended.map(({ code }) => code)).toEqual([0, 0]);
    const all = ended.map(({ out }) => out).join('');
    expect(all.match(/begins tuesday/g)).toHaveLength(1);
    expect(all.match(/: has done tuesday/g)).toHaveLength(1);
    expect(all.match(/nothing to do/g)).toHaveLength(1);
    expect(await client.kv.get('cron/nightly/tuesday/done')).toMatchObject({ version: 1 });
    // The first steps twice, by the first and by the one that began anew.
    expect(await client.kv.get('cron/nightly/tuesday/step-1')).toMatchObject({ version: 2 });
  });

  test('a copy that was paused past its lease gives up, and leaves the record of the one that replaced it', async () => {
    const first = start('cron-once.mjs', 'wednesday', 'first');
    await until(async () => (await client.kv.get('cron/nightly/wednesday/step-3')) !== null, 'the third step');
    first.child.kill('SIGSTOP');
    const second = await start('cron-once.mjs', 'wednesday', 'second').ended;
    expect(second.out).toMatch(/has done wednesday\n$/);
    first.child.kill('SIGCONT');
    const { code, out } = await first.ended;
    expect(code).toBe(1);
    expect(out).toMatch(/gives up wednesday: cron\/prod\/nightly \(first-\d+, fence \d+\) may be held no longer/);
    const { keys } = await client.kv.list('cron/nightly/wednesday/');
    for (const { value } of keys) expect(value).toMatch(/^second-/);
  });
});

describe('semaphore.mjs', () => {
  const PERMITS = 2;

  test('never more than two of five are in, while one of them is paused for longer than its lease, and all get in', async () => {
    const seen = await watch({ namespace: 'pool' });
    const names = ['a', 'b', 'c', 'd', 'e'];
    const running = names.map((name) => start('semaphore.mjs', name, String(PERMITS)));
    const paused = await pauseInside(running);
    const others = running.filter((copy) => copy !== paused);
    await Promise.all(others.map((copy) => copy.ended));
    paused.child.kill('SIGCONT');
    const ended = await Promise.all(running.map((copy) => copy.ended));
    for (const { code, err } of ended) expect({ code, err }).toEqual({ code: 0, err: '' });
    for (const [at, { out }] of ended.entries()) expect(out.match(/is in by permit-[12]/g), names[at]).toHaveLength(3);
    expect(ended[running.indexOf(paused)]?.out).toMatch(/was put out: pool\/prod\/permit-[12] .* may be held no longer/);

    await until(() => seen.events.filter(({ type }) => type === 'released').length === 14, 'fourteen leases to have been given back');
    seen.stop();
    const held = new Set<string>();
    let most = 0;
    for (const event of seen.events) {
      const { type, lease, holder } = event as { type: string; lease: string; holder: string };
      if (type === 'claimed') {
        expect(held.size, `${holder} came in by ${lease} beside ${[...held]}`).toBeLessThan(PERMITS);
        held.add(lease);
      } else if (['released', 'expired', 'revoked'].includes(type)) held.delete(lease);
      most = Math.max(most, held.size);
    }
    expect(most).toBe(PERMITS);
    expect(held.size).toBe(0);
    expect(seen.events.filter(({ type }) => type === 'expired')).toHaveLength(1);
  });

  test('with one lease more, three are in: so it is the leases that count', async () => {
    const seen = await watch({ namespace: 'pool' });
    const running = ['a', 'b', 'c'].map((name) => start('semaphore.mjs', name, String(PERMITS + 1), '6'));
    await Promise.all(running.map((copy) => copy.ended));
    await until(() => seen.events.filter(({ type }) => type === 'released').length === 18, 'all leases to have been given back');
    seen.stop();
    const held = new Set<string>();
    let most = 0;
    for (const event of seen.events) {
      const { type, lease } = event as { type: string; lease: string };
      if (type === 'claimed') held.add(lease);
      else if (type === 'released') held.delete(lease);
      most = Math.max(most, held.size);
    }
    expect(most).toBe(PERMITS + 1);
  });

  /** Stops one that is in; one that went out meanwhile goes on, and another is tried. */
  async function pauseInside(running: readonly Process[]): Promise<Process> {
    const isIn = (copy: Process): boolean => /is in by permit-[12]\n$/.test(copy.out);
    for (;;) {
      await until(() => running.some(isIn), 'somebody to be in');
      const copy = running.find(isIn) as Process;
      copy.child.kill('SIGSTOP');
      // What it had said before comes out yet.
      await sleep(200);
      if (isIn(copy)) return copy;
      copy.child.kill('SIGCONT');
    }
  }
});
