// A call's abort follows signals that outlive it, and leaves nothing behind on them.
import { getEventListeners } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { LeaseholdClient } from '../../src/client/index.ts';
import { LinkedAbort } from '../../src/client/linked-abort.ts';

const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

test('many that follow one signal share one listener, all hear of its end with its reason, and none is left once they are unlinked', () => {
  const outer = new AbortController();
  const links = Array.from({ length: 50 }, () => new LinkedAbort(outer.signal, undefined));
  expect(listeners(outer.signal)).toBe(1);
  for (const link of links.slice(0, 49)) link.unlink();
  expect(listeners(outer.signal)).toBe(1);
  const [last] = links.slice(-1);
  const late = new LinkedAbort(outer.signal);
  outer.abort('enough');
  for (const link of [last, late])
    expect(link).toMatchObject({ isAborted: true, reason: 'enough', signal: { aborted: true, reason: 'enough' } });
  for (const link of links.slice(0, 49)) expect(link.signal.aborted).toBe(false);
  last?.unlink();
  late.unlink();
  expect(listeners(outer.signal)).toBe(0);
});

test('one that is unlinked twice takes nobody else away', () => {
  const outer = new AbortController();
  const [one, other] = [new LinkedAbort(outer.signal), new LinkedAbort(outer.signal)];
  one.unlink();
  one.unlink();
  outer.abort();
  expect(one.signal.aborted).toBe(false);
  expect(other.signal.aborted).toBe(true);
});

test('a program with many calls under way, on one client and under one signal, is not warned of a leak', async () => {
  const warnings: Error[] = [];
  const warn = (warning: Error): number => warnings.push(warning);
  process.on('warning', warn);
  onTestFinished(() => {
    process.off('warning', warn);
  });
  const client = new LeaseholdClient({
    endpoints: ['http://127.0.0.1:9'],
    fetch: () => new Promise((_resolve, reject) => setTimeout(reject, 50, new Error('nobody there'))),
  });
  const { signal } = new AbortController();
  const calls = await Promise.allSettled(Array.from({ length: 30 }, () => client.kv.get('a', { signal })));
  expect(calls.every(({ status }) => status === 'rejected')).toBe(true);
  await new Promise((resolve) => setImmediate(resolve));
  expect(warnings).toEqual([]);
  expect(listeners(signal)).toBe(0);
  client.close();
});

test('a program with many watches that wait for a cluster to come back is not warned of a leak', async () => {
  const warnings: Error[] = [];
  const warn = (warning: Error): number => warnings.push(warning);
  process.on('warning', warn);
  onTestFinished(() => {
    process.off('warning', warn);
  });
  const client = new LeaseholdClient({ endpoints: ['http://127.0.0.1:9'], fetch: () => Promise.reject(new TypeError('nobody there')) });
  const over = new AbortController();
  const watches = Array.from({ length: 30 }, () => client.watch({ signal: over.signal }).next());
  await new Promise((resolve) => setTimeout(resolve, 50));
  const waiting = listeners(over.signal);
  over.abort('enough');
  expect((await Promise.allSettled(watches)).every((end) => end.status === 'rejected' && end.reason === 'enough')).toBe(true);
  expect(waiting).toBe(1);
  expect(warnings).toEqual([]);
  expect(listeners(over.signal)).toBe(0);
  client.close();
});
