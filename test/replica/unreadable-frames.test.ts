// What a peer of another release, or one that has lost its wits, says within frames that are whole: it ends no node.
import { beforeEach, expect, test } from 'vitest';
import type { PeerFrame } from '../../src/env.ts';
import { codec } from '../../src/io/codec.ts';
import type { MemberChange } from '../../src/replica/service.ts';
import { newSeed, seeded } from '../io/seeded.ts';
import { MemberWorld } from './member-world.ts';

const MEMBER = [4, 'n4', 'n4:peer', '', 'disk-n4', true, 0];
const ODD: readonly unknown[] = [
  ...[null, 0, '', 'add', [], {}, [[]], [null, null], ['demote', 'n1', false], ['add'], ['add', 'n4', false, 7902]],
  ...[['add', 4, false, 'n4:peer', '', 'disk-n4', null, true], ['remove'], ['remove', null, true], ['promote', ['n1'], true]],
  ...[['done'], ['done', null, true, true, 1], ['done', MEMBER, true, true, -1], ['done', MEMBER.with(0, 1.5), true, true, 1]],
  ...[['refused'], ['refused', 'conflict'], ['later'], ['later', 7, true], ['never', 'n1', true]],
];

let world: MemberWorld;
let leader: string;
let follower: string;

beforeEach(() => {
  world = new MemberWorld(1);
  leader = world.leader ?? '';
  follower = world.up.find((name) => name !== leader) ?? '';
});

/** Both kinds of frame, with those bytes within. The first questions of a node have small numbers. */
function frames(term: number, bytes: Uint8Array): PeerFrame[] {
  return [
    { kind: 'member-change', term, id: 1, change: bytes },
    ...[1, 2].map((id): PeerFrame => ({ kind: 'member-reply', id, reply: bytes })),
    { kind: 'forward', term, commands: [bytes, new Uint8Array(24)] },
  ];
}

test('a change of members that only a newer release knows is refused by the leader, with what to do', () => {
  const newer = { kind: 'demote', id: leader, force: false } as unknown as MemberChange;
  expect(world.change(follower, newer)).toEqual({
    ok: false,
    code: 'conflict',
    detail: 'the leader cannot read this change of members: run the same release on all nodes',
  });
  expect([world.leader, world.up, world.members]).toEqual([leader, ['n1', 'n2', 'n3'], 'n1 n2 n3']);
});

test('whatever stands in the frames of members and of commands, no node ends, and members go on changing', () => {
  const { below } = seeded(newSeed('unreadable frames', 'test/replica/unreadable-frames.test.ts'));
  const noise = Array.from({ length: 200 }, () => Uint8Array.from({ length: below(60) }, () => below(256)));
  const { term } = world.replica(leader);
  for (const bytes of [...ODD.map((value) => codec.encode(value)), ...noise]) {
    for (const frame of frames(term, bytes)) {
      world.say(follower, leader, frame);
      world.say(leader, follower, frame);
    }
    world.pass(5);
  }
  expect([world.up, world.leader]).toEqual([['n1', 'n2', 'n3'], leader]);
  world.join('n4', {});
  world.until('n4 to vote', () => world.members === 'n1 n2 n3 n4');
});

test('an answer that cannot be read answers nothing: the question stays open for one that can', () => {
  for (const value of ODD) world.say(leader, follower, { kind: 'member-reply', id: 1, reply: codec.encode(value) });
  expect(world.add('n4', {}, follower)).toMatchObject({ ok: true, member: { id: 'n4', created: true } });
});
