// Whole nodes in virtual time: rules that only show when loop, disk and network are together.
import { expect, test } from 'vitest';
import type { Command } from '../../src/lease/commands.ts';
import type { ReadResult, Settled } from '../../src/replica/service.ts';
import { Calm } from './calm.ts';

const claim = (lease: string): Command => ({
  kind: 'claim',
  key: { namespace: 'ns', model: 'm', lease },
  holder: 'h',
  durationMs: 1_000,
});

test('a leader that is cut off answers no read, though it does not know yet that it is', () => {
  const calm = new Calm([1, 2, 3]);
  const leader = calm.leader();
  for (const other of calm.cluster.ids.filter((id) => id !== leader)) {
    calm.cluster.network.block(leader, other);
    calm.cluster.network.block(other, leader);
  }
  const answers: ReadResult[] = [];
  calm.in(leader, (replica) => replica.read('linearizable', (result) => answers.push(result)));
  calm.pass(100);
  calm.in(leader, (replica) => expect(replica.raftStatus().role).toBe('leader'));
  expect(answers).toEqual([]);
  calm.pass(20_000);
  expect(answers).toMatchObject([{ kind: 'failed', failure: { definite: true, code: 'no-leader' } }]);
});

test('who waits for a lease is woken by a received state in which it is free, though its end was in the log that was jumped over', () => {
  const calm = new Calm([1, 2, 3], { saveAfterEntries: 1, keepEntries: 0, mostKeptEntries: 0 });
  const leader = calm.leader();
  const [away = 0, other = 0] = calm.cluster.ids.filter((id) => id !== leader);
  const key = { namespace: 'ns', model: 'm', lease: 'l' };
  const submit = (command: Command): void => calm.in(leader, (replica) => replica.submit(command, () => {}));
  submit({ ...claim('l'), durationMs: 60_000 } as Command);
  calm.pass(500);
  const woken: number[] = [];
  calm.in(away, (replica) =>
    replica.waitVacant(
      key,
      (index) => woken.push(index),
      () => {},
    ),
  );
  calm.pass(500);
  expect(woken).toEqual([]);
  for (const node of [leader, other]) {
    calm.cluster.network.block(node, away);
    calm.cluster.network.block(away, node);
    // What is on its way is lost as well, else the follower would get all of it later.
    calm.cluster.network.reset(node, away);
  }
  submit({ kind: 'release', key, holder: 'h', fence: null });
  for (let n = 0; n < 50; n += 1) {
    submit(claim(`other-${n}`));
    calm.pass(50);
  }
  for (const node of [leader, other]) {
    calm.cluster.network.unblock(node, away);
    calm.cluster.network.unblock(away, node);
  }
  calm.pass(10_000);
  expect(calm.lines.some((line) => line.includes('gets image '))).toBe(true);
  expect(woken).toEqual([expect.any(Number)]);
});

test('what keeps a lease is let in when what wants a new one is refused for load', () => {
  const calm = new Calm([1], { maxPendingRequests: 8, leaderWaitMs: 1_000 });
  const ends: string[] = [];
  const submit = (name: string, command: Command): void => {
    calm.in(1, (replica) =>
      replica.submit(command, (settled: Settled) =>
        ends.push(`${name} ${settled.kind === 'failed' ? settled.failure.code : settled.kind}`),
      ),
    );
  };
  for (let n = 1; n <= 8; n += 1) submit(`claim ${n}`, claim(`l${n}`));
  expect(ends).toEqual(['claim 8 overloaded']);
  submit('renewal', { kind: 'renew', id: '7' });
  submit('renewal', { kind: 'renew', id: '7' });
  expect(ends.slice(1)).toEqual(['renewal overloaded']);
  calm.pass(5_000);
  expect(ends.slice(2).toSorted()).toEqual([...[1, 2, 3, 4, 5, 6, 7].map((n) => `claim ${n} no-leader`), 'renewal no-leader']);
});

test('claims that wait at living nodes keep their order when the leader dies, and those of a node that dies are passed over', () => {
  const calm = new Calm([1, 2, 3]);
  const leader = calm.leader();
  const [a, b] = calm.cluster.ids.filter((id) => id !== leader) as [number, number];
  const told: string[] = [];
  const key = { namespace: 'ns', model: 'm', lease: 'l' };
  const wait = (node: number, holder: string): void => {
    calm.in(node, (replica) =>
      replica.claimInTurn({ kind: 'claim', key, holder, durationMs: 600_000 }, 300_000, (settled) =>
        told.push(`${holder} ${settled.kind === 'failed' ? settled.failure.code : settled.outcome.kind}`),
      ),
    );
    calm.pass(500);
  };
  const letGo = (holder: string): void => {
    calm.in(a, (replica) => replica.submit({ kind: 'release', key, holder, fence: null }, () => {}));
    calm.pass(500);
  };
  wait(a, 'first');
  wait(leader, 'lost');
  wait(a, 'second');
  wait(b, 'third');
  wait(a, 'fourth');
  expect(told).toEqual(['first claim']);
  calm.cluster.crash(leader, false);
  calm.pass(10_000, () => calm.cluster.leader !== null && calm.cluster.leader !== leader);
  // The new leader finds that nothing was heard of the old one, and drops who waited there.
  calm.pass(5_000);
  letGo('first');
  letGo('second');
  expect(told).toEqual(['first claim', 'second claim', 'third claim']);
  letGo('third');
  letGo('fourth');
  expect(told).toEqual(['first claim', 'second claim', 'third claim', 'fourth claim']);
  calm.in(a, (replica) => expect([replica.state.waiting, replica.state.claim(key, 0)]).toEqual([0, null]));
});

test('a thousand denied claims at each node leave the log as it is; behind an acknowledged release the next claim is granted everywhere', () => {
  const calm = new Calm([1, 2, 3]);
  const leader = calm.leader();
  const settled: Settled[] = [];
  const submit = (node: number, command: Command, inOrder?: boolean): void =>
    calm.in(node, (replica) => replica.submit(command, (each) => settled.push(each), inOrder));
  const lastIndex = (): number => {
    let index = 0;
    calm.in(leader, (replica) => {
      index = replica.status().commitIndex;
    });
    return index;
  };
  submit(leader, { ...claim('l'), durationMs: 600_000 } as Command);
  calm.pass(500);
  settled.length = 0;
  const before = lastIndex();
  for (const node of calm.cluster.ids) for (let at = 0; at < 1_000; at += 1) submit(node, { ...claim('l'), holder: `h${at}` } as Command);
  calm.pass(500);
  expect(settled.length).toBe(3_000);
  for (const each of settled) expect(each).toMatchObject({ index: before, outcome: { refusal: { code: 'claim-denied', holder: 'h' } } });
  expect(lastIndex()).toBe(before);
  // One that must be in order with others, as in a batch, has an entry.
  submit(leader, { ...claim('l'), holder: 'x' } as Command, true);
  calm.pass(500);
  expect(lastIndex()).toBe(before + 1);
  let holder = 'h';
  for (const node of calm.cluster.ids) {
    settled.length = 0;
    submit(leader, { kind: 'release', key: { namespace: 'ns', model: 'm', lease: 'l' }, holder, fence: null });
    while (settled.length === 0) calm.pass(1);
    holder = `by-${node}`;
    submit(node, { ...claim('l'), holder, durationMs: 600_000 } as Command);
    calm.pass(500);
    expect(settled[1]).toMatchObject({ outcome: { kind: 'claim', created: true } });
  }
});
