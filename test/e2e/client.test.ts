// The client on real processes: programs that block their event loop are told so, and what they write too late is refused.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TestCluster } from './cluster.ts';
import { endAll, Process, ROOT } from './processes.ts';

let cluster: TestCluster;
beforeAll(async () => {
  cluster = await TestCluster.start();
});
afterAll(endAll);

/** A program as a user would write it, on the built package; `block` stops the event loop as a long computation would. */
function program(text: string): Process {
  const head = `
    import { LeaseholdClient } from 'leasehold/client';
    const client = new LeaseholdClient({ endpoints: ${JSON.stringify(cluster.nodes.map(({ url }) => url))} });
    const block = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    const tell = (what) => console.log(JSON.stringify(what));
    const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  `;
  return new Process(process.execPath, ['--input-type=module', '-e', head + text], { cwd: ROOT });
}

async function told(text: string): Promise<unknown[]> {
  const { out, err, code } = await program(text).ended;
  expect(err).toBe('');
  expect(code).toBe(0);
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
}

test('a program blocked for longer than its lease is stopped by assertHeld before it does anything, and its gated write is refused', async () => {
  const lines = await told(`
    const lease = await client.claim('demo/main/blocked', { holder: 'sleeper', durationMs: 1000 });
    await client.kv.put('blocked', 'in time', { gates: [lease] });
    const gate = lease.gate();
    block(3000);
    try { lease.assertHeld(); tell('held'); } catch (error) { tell({ code: error.code, reason: error.reason, aborted: lease.signal.aborted }); }
    const rival = await client.claim('demo/main/blocked', { holder: 'rival', durationMs: 60000, waitMs: 20000 });
    try { await client.kv.put('blocked', 'too late', { gates: [gate] }); tell('written'); }
    catch ({ code, facts }) { tell({ code, holder: facts.holder, isNewer: facts.fence > gate.fence, isDecided: facts.index > gate.fence }); }
    tell((await client.kv.get('blocked')).value);
    await rival.release();
  `);
  expect(lines).toEqual([
    { code: 'not-held', reason: 'stalled', aborted: true },
    { code: 'assertion-failed', holder: 'rival', isNewer: true, isDecided: true },
    'in time',
  ]);
});

test('renewal in a worker thread keeps the lease of a blocked program, and stops when the program hangs for longer than it may', async () => {
  const lines = await told(`
    const lease = await client.claim('demo/main/worker', { holder: 'cruncher', durationMs: 1500, worker: { maxStallMs: 5000 } });
    block(4000);
    lease.assertHeld();
    const { holder, fence } = await client.get('demo/main/worker');
    tell({ holder, isSame: fence === lease.fence });
    await sleep(100);
    block(9000);
    try { lease.assertHeld(); tell('held'); } catch (error) { tell(error.reason); }
    await lease.release().catch(() => {});
  `);
  expect(lines).toEqual([{ holder: 'cruncher', isSame: true }, 'stalled']);
});

test('a lease that an operator ends aborts its holder with the reason, in the worker thread too', async () => {
  const holder = program(`
    const session = await client.session({ holder: 'w', ttlMs: 1500 });
    const one = await session.claim('demo/main/ended-one');
    const two = await client.claim('demo/main/ended-two', { holder: 'w', durationMs: 1500, worker: { maxStallMs: 5000 } });
    const abort = ({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(signal.reason)));
    const both = [abort(one), abort(two)];
    tell(session.id);
    for (const { reason, facts } of await Promise.all(both)) tell({ reason, index: typeof facts.index });
  `);
  await holder.says('"');
  const session = JSON.parse(holder.out.trim()) as string;
  expect((await cluster.nodes[0]?.request('DELETE', `/v1/lessor/leases/${session}`))?.status).toBe(204);
  expect((await cluster.nodes[1]?.request('DELETE', '/v1/leases/demo/main/ended-two?holder=w'))?.status).toBe(204);
  const { out, err } = await holder.ended;
  expect(err).toBe('');
  const [, one, two] = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { reason: string });
  expect(one?.reason).toBe('ended');
  expect(two?.reason).toBe('ended');
});

test('a held lease outlives the death of the leader', async () => {
  const leader = await cluster.agreed();
  const holder = program(`
    const lease = await client.claim('demo/main/outlives', { holder: 'w', durationMs: 3000 });
    tell(lease.fence);
    await sleep(6000);
    lease.assertHeld();
    tell((await client.get('demo/main/outlives')).fence);
    await lease.release();
  `);
  await holder.says(/\d/);
  await leader.end('SIGKILL');
  const { out, err, code } = await holder.ended;
  expect(err).toBe('');
  expect(code).toBe(0);
  expect(new Set(out.trim().split('\n')).size).toBe(1);
  leader.restart();
  await cluster.agreed();
});

test('a program that has released and closed ends by itself', async () => {
  const began = performance.now();
  await told(
    `
    const lease = await client.claim('demo/main/ends', { holder: 'w', durationMs: 60000, worker: { maxStallMs: 5000 } });
    await using session = await client.session({ holder: 'w', ttlMs: 60000 });
    await lease.release();
    await session.release();
    client.close();
    tell('done');
  `.replace('await using session', 'const session'),
  );
  expect(performance.now() - began).toBeLessThan(30_000);
});

test('what a closed client held ends when its time is up, renewed in a worker thread or not, and the program with it', async () => {
  const lines = await told(`
    const held = [];
    for (const [name, worker] of [['here', undefined], ['there', { maxStallMs: 60_000 }]])
      held.push(await client.claim('demo/main/closed-' + name, { holder: 'w', durationMs: 1500, worker }));
    const both = held.map(({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(signal.reason.reason))));
    client.close();
    setTimeout(() => process.exit(3), 15_000).unref();
    tell(await Promise.all(both));
  `);
  expect(lines).toEqual([['not-confirmed', 'not-confirmed']]);
});
