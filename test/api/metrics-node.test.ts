// The metrics of a real node: log, elections, disk, event loop and watches move as they should.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startNode } from '../../src/main.ts';
import { freePorts } from '../e2e/processes.ts';
import { readExposition } from './exposition.ts';

test('a real node tells of its log, its leadership, its disk, its event loop and its watchers', async () => {
  const port = await freePorts(2);
  const dataDir = mkdtempSync(join(tmpdir(), 'leasehold-metrics-'));
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }));
  const [http, peer] = [port, port + 1].map((each) => ({ host: '127.0.0.1', port: each }));
  if (http === undefined || peer === undefined) throw new Error('no ports');
  const node = await startNode({
    id: 'n1',
    http,
    peer,
    members: [{ id: 'n1', peer }],
    join: [],
    dataDir,
    heartbeatMs: 20,
    electionTimeoutMs: 100,
  });
  onTestFinished(() => node.stop());
  const base = `http://127.0.0.1:${port}`;
  const scrape = async () => readExposition(await (await fetch(`${base}/metrics`)).text()).values;
  const claim = async (lease: string, durationMs: number) => {
    const body = JSON.stringify({ holder: 'alice', durationMs });
    const answer = await fetch(`${base}/v1/leases/ns/m/${lease}`, { method: 'PUT', headers: { 'content-type': 'application/json' }, body });
    expect(answer.status).toBe(201);
  };

  await claim('first', 60_000);
  const before = await scrape();
  expect(before.get('leasehold_raft_role{role="leader"}')).toBe(1);
  expect(before.get('leasehold_raft_role{role="follower"}')).toBe(0);
  expect(before.get('leasehold_raft_has_leader')).toBe(1);
  expect(before.get('leasehold_lessor_is_primary')).toBe(1);
  expect(before.get('leasehold_raft_elections_total')).toBe(1);
  expect(before.get('leasehold_raft_leader_changes_total')).toBe(1);
  expect(before.get('leasehold_raft_term')).toBeGreaterThan(0);
  expect(before.get('leasehold_peers')).toBe(0);

  const hangUp = new AbortController();
  const watch = await fetch(`${base}/v1/watch`, { signal: hangUp.signal });
  await claim('second', 1);
  await expect.poll(async () => (await scrape()).get('leasehold_events_total{type="expired"}'), { timeout: 10_000 }).toBe(1);
  const after = await scrape();
  expect(after.get('leasehold_watchers')).toBe(1);
  expect(after.get('leasehold_lessor_expiry_lateness_seconds_count')).toBe(1);
  for (const name of [
    'leasehold_raft_commit_index',
    'leasehold_raft_applied_index',
    'leasehold_raft_proposals_total',
    'leasehold_disk_sync_duration_seconds_count',
    'leasehold_disk_sync_duration_seconds_sum',
    'leasehold_eventloop_delay_seconds_count',
    'leasehold_http_request_duration_seconds_count{operation="claim",outcome="done"}',
    'process_cpu_seconds_total',
  ]) {
    expect(after.get(name), name).toBeGreaterThan(before.get(name) ?? Number.POSITIVE_INFINITY);
  }
  hangUp.abort();
  await watch.text().catch(() => undefined);
  await expect.poll(async () => (await scrape()).get('leasehold_watchers'), { timeout: 10_000 }).toBe(0);
  const ends = [...(await scrape()).keys()].filter((series) => series.includes('operation="watch"'));
  expect(ends).toEqual([]);
});
