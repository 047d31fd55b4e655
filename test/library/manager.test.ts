// The manager and its brokers over a service that the test lets fail.
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { isAborted, isBadArgument, isStopped, isTimeout, isWaitCancelled, ManualClock } from '../../src/index.ts';
import { LeaseManager } from '../../src/library/manager.ts';
import type { Failure } from '../../src/replica/service.ts';
import { LocalService } from '../api/local-service.ts';
import { errorOf, startManual } from './manual.ts';

const NO_LEADER: Failure = { definite: true, code: 'no-leader', detail: 'no leader' };
const UNKNOWN: Failure = { definite: false, code: 'outcome-unknown', detail: 'lost' };
const random = { below: () => 0 };

function start() {
  const service = new LocalService();
  const clock = new ManualClock();
  const manager = new LeaseManager({ service, clock, random });
  return { service, clock, manager, claimer: manager.claimer('demo', 'main') };
}

describe('claiming without a leader', () => {
  test('is tried again with growing pauses, at most ten times, and ends in a timeout, after which the manager goes on', async () => {
    const { service, clock, claimer } = start();
    service.failure = NO_LEADER;
    const tries: number[] = [];
    const submit = service.submit.bind(service);
    service.submit = (command, settle) => {
      tries.push(clock.now());
      submit(command, settle);
    };
    const failed = errorOf(claimer.claim('l', 'alice', 1_000));
    await clock.advance(60_000);
    const error = await failed;
    expect(isTimeout(error)).toBe(true);
    expect(error).toMatchObject({ definite: true });
    expect(tries).toHaveLength(10);
    const pauses = tries.slice(1).map((at, position) => at - (tries[position] ?? 0));
    for (const [position, pause] of pauses.slice(1).entries()) expect(pause).toBeGreaterThan(pauses[position] ?? 0);
    service.failure = null;
    expect(await claimer.claim('l', 'alice', 1_000)).toMatchObject({ isNew: true });
  });

  test('succeeds as soon as there is one', async () => {
    const { service, clock, claimer } = start();
    service.failure = UNKNOWN;
    const claimed = claimer.claim('l', 'alice', 1_000);
    await clock.advance(100);
    service.failure = null;
    await clock.advance(1_000);
    expect(await claimed).toMatchObject({ holder: 'alice' });
  });

  test('is of unknown outcome if a single try was, also when the node stops meanwhile, or the manager', async () => {
    for (const stops of ['node', 'manager'] as const) {
      const { service, clock, manager, claimer } = start();
      service.failure = UNKNOWN;
      const failed = errorOf(claimer.claim('l', 'alice', 1_000));
      await clock.advance(10);
      if (stops === 'node') service.failure = { definite: true, code: 'stopping', detail: 'the node is stopping' };
      else manager.stop();
      await clock.advance(60_000);
      expect(await failed).toMatchObject({ code: 'stopping', definite: false });
    }
  });

  test('is of unknown outcome if a single try was', async () => {
    const { service, clock, claimer } = start();
    service.failure = UNKNOWN;
    const failed = errorOf(claimer.claim('l', 'alice', 1_000));
    await clock.advance(10);
    service.failure = NO_LEADER;
    await clock.advance(60_000);
    expect(await failed).toMatchObject({ code: 'timeout', definite: false });
  });

  test('ends with the signal, or with the manager, in the middle of a pause and leaves no timer', async () => {
    for (const how of ['signal', 'stop'] as const) {
      const { service, clock, manager, claimer } = start();
      service.failure = NO_LEADER;
      const controller = new AbortController();
      const failed = errorOf(claimer.claim('l', 'alice', 1_000, controller.signal));
      await clock.advance(10);
      if (how === 'signal') controller.abort();
      else manager.stop();
      const error = await failed;
      expect(how === 'signal' ? isAborted(error) : isStopped(error)).toBe(true);
      expect(clock.timerCount).toBe(0);
    }
  });
});

describe('waiting', () => {
  test('is cancelled by the signal, before and while it lasts, and leaves nothing behind', async () => {
    const { service, claimer } = start();
    await claimer.claim('l', 'alice', 1_000);
    expect(isWaitCancelled(await errorOf(claimer.waitUntilExpired('l', AbortSignal.abort())))).toBe(true);
    const controller = new AbortController();
    const waits = Array.from({ length: 100 }, () => errorOf(claimer.waitUntilExpired('l', controller.signal)));
    await turn();
    expect(service.watcherCount).toBe(100);
    controller.abort();
    for (const error of await Promise.all(waits)) expect(isWaitCancelled(error)).toBe(true);
    expect(service.watcherCount).toBe(0);
  });

  test('ends with the manager', async () => {
    const { service, manager, claimer } = start();
    await claimer.claim('l', 'alice', 1_000);
    const failed = errorOf(claimer.waitUntilExpired('l'));
    await turn();
    manager.stop();
    expect(isStopped(await failed)).toBe(true);
    expect(service.watcherCount).toBe(0);
  });
});

describe('checking', () => {
  test('with a key at attempt 0 costs no barrier while it is held, one if it seems not to be, and one from attempt 1 on', async () => {
    const { service, manager, claimer } = start();
    const { fence } = await claimer.claim('l', 'alice', 1_000);
    let barriers = 0;
    const read = service.read.bind(service);
    service.read = (consistency, answer) => {
      if (consistency === 'linearizable') barriers += 1;
      read(consistency, answer);
    };
    const checker = manager.checker('demo', 'main');
    await checker.token('l', 'alice').check(0, []);
    expect(barriers).toBe(0);
    await errorOf(checker.token('l', 'bob').check(0, []));
    expect(barriers).toBe(1);
    await checker.token('l', 'alice').check(1, []);
    expect(barriers).toBe(2);
    await checker.token('l', 'alice').check();
    expect(barriers).toBe(3);
    await checker.token('l', 'alice', fence).check(0, []);
    await expect(checker.token('l', 'alice', fence + 1).check(0, [])).rejects.toMatchObject({
      code: 'not-held',
      facts: { holder: 'alice', fence },
    });
  });

  test('takes no attempt but a whole number from 0 on, and no list that cannot be changed', async () => {
    const { manager, claimer } = start();
    await claimer.claim('l', 'alice', 1_000);
    const token = manager.checker('demo', 'main').token('l', 'alice');
    for (const attempt of [-1, 0.5, Number.NaN]) expect(isBadArgument(await errorOf(token.check(attempt, [])))).toBe(true);
    for (const key of [{}, 'list', 1, Object.freeze([])]) expect(isBadArgument(await errorOf(token.check(0, key)))).toBe(true);
  });
});

test('a plain claim on one that lives by a session is a conflict that says which session to renew', async () => {
  const { node } = await startManual();
  const claimer = node.manager.claimer('demo', 'main');
  await claimer.claim('l', 'alice', 1_000);
  await expect(claimer.claim('l', 'alice', -5)).rejects.toMatchObject({ code: 'invalid-argument' });
  const service = new LocalService();
  service.submit({ kind: 'grant', id: '7', ttlMs: 1_000 }, () => {});
  service.submit({ kind: 'claim-session', key: { namespace: 'demo', model: 'main', lease: 's' }, holder: 'alice', session: '7' }, () => {});
  const manager = new LeaseManager({ service, clock: new ManualClock(), random });
  await expect(manager.claimer('demo', 'main').claim('s', 'alice', 1_000)).rejects.toMatchObject({ code: 'conflict' });
});
