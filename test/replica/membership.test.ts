// Members that come and go, on whole nodes in virtual time: every step of it, and every end that a change can have.
import { describe, expect, test } from 'vitest';
import { MemberWorld } from './member-world.ts';
import { RandomMembers } from './random-members.ts';

/** Nothing is kept in the log behind the saved state, so that a newcomer gets an image. */
const BY_IMAGE = { saveAfterEntries: 5, keepEntries: 0, imagePieceBytes: 256 };

describe.each([
  ['the log', {}],
  ['an image', BY_IMAGE],
])('a newcomer that catches up by %s', (_how, limits) => {
  test('learns, then votes, knows all members, and has everything that was granted', () => {
    const world = new MemberWorld(1, limits);
    world.load(500);
    world.join('n4');
    expect(world.members).toBe('n1 n2 n3 n4?');
    world.load(200);
    world.until('n4 to vote', () => world.members === 'n1 n2 n3 n4');
    world.join('n5');
    world.until('n5 to vote', () => world.members === 'n1 n2 n3 n4 n5');
    world.load(300);
    world.pass(1_000);
    expect(world.granted.size).toBeGreaterThan(100);
    for (const name of ['n4', 'n5']) {
      expect(world.images(name) > 0).toBe(limits === BY_IMAGE);
      expect(world.missing(name)).toEqual([]);
      expect(
        world
          .replica(name)
          .status()
          .members.map(({ id, peer }) => `${id} ${peer}`),
      ).toEqual(['n1', 'n2', 'n3', 'n4', 'n5'].map((id) => `${id} ${id}:peer`));
    }
  });

  test('is still a member after all have restarted, and the removed ones are not', () => {
    const world = new MemberWorld(2, limits);
    world.join('n4');
    world.load(300);
    world.until('n4 to vote', () => world.members === 'n1 n2 n3 n4');
    const follower = ['n1', 'n2', 'n3'].find((name) => name !== world.leader) ?? '';
    expect(world.remove(follower)).toMatchObject({ ok: true });
    world.load(500);
    expect(world.up).not.toContain(follower);
    expect(world.lastWords(follower)).toMatch(/removed from the cluster|no member any more/);
    const rest = world.up;
    for (const name of rest) world.crash(name);
    for (const name of rest) world.start(name);
    world.until('a leader', () => world.leader !== null);
    expect(world.members).toBe(['n1', 'n2', 'n3', 'n4'].filter((name) => name !== follower).join(' '));
    // It comes back with what it had, and hears of it.
    world.start(follower);
    world.until('it to end', () => !world.up.includes(follower));
    expect(world.lastWords(follower)).toMatch(/removed from the cluster|no member any more/);
    world.load(300);
    world.pass(500);
    for (const name of rest) expect(world.missing(name)).toEqual([]);
  });
});

test('any node takes a request for a change, and answers when it is made', () => {
  const world = new MemberWorld(3);
  const follower = ['n1', 'n2', 'n3'].find((name) => name !== world.leader) ?? '';
  expect(world.add('n4', {}, follower)).toMatchObject({ ok: true, member: { id: 'n4', number: 4, created: true, voter: false } });
  expect(world.add('n4', {}, follower)).toMatchObject({ ok: true, member: { number: 4, created: false } });
  expect(world.remove('n9', follower)).toMatchObject({ ok: false, code: 'member-not-found' });
  expect(world.remove('n4', follower)).toMatchObject({ ok: true });
  expect(world.add('n4', {}, follower), 'a number is not given twice').toMatchObject({ ok: true, member: { number: 5 } });
});

test.each([0, 1])('the leader can be removed, asked for at itself or elsewhere (%d): another leads before, and it ends', (place) => {
  const world = new MemberWorld(4 + place);
  world.load(200);
  const leader = world.leader ?? '';
  const by = place === 0 ? leader : (['n1', 'n2', 'n3'].find((name) => name !== leader) ?? '');
  expect(world.remove(leader, by)).toMatchObject({ ok: true });
  world.until('it to end', () => !world.up.includes(leader));
  expect(world.lastWords(leader)).toMatch(/removed from the cluster|no member any more/);
  world.until('another leader', () => world.leader !== null && world.leader !== leader);
  world.load(300);
  world.pass(500);
  expect(world.missing(world.leader ?? '')).toEqual([]);
  expect(world.members.split(' ')).toHaveLength(2);
});

test('a replacement takes the place of a dead member in one step', () => {
  const world = new MemberWorld(6);
  const dead = ['n1', 'n2', 'n3'].find((name) => name !== world.leader) ?? '';
  world.crash(dead);
  world.load(300);
  world.join('n4', { replaces: dead });
  const without = ['n1', 'n2', 'n3', 'n4'].filter((name) => name !== dead).join(' ');
  world.until('n4 to take its place', () => world.members === without);
  world.start(dead);
  world.until('the old one to end', () => !world.up.includes(dead));
  expect(world.lastWords(dead)).toContain('no member any more');
});

test('the leader can be replaced: it hands over, and its successor carries on', () => {
  const world = new MemberWorld(7);
  const leader = world.leader ?? '';
  world.join('n4', { replaces: leader });
  const without = ['n1', 'n2', 'n3', 'n4'].filter((name) => name !== leader).join(' ');
  world.until('n4 to take its place', () => world.leader !== null && world.leader !== leader && world.members === without);
  world.until('it to end', () => !world.up.includes(leader));
});

test('a voter that lost its disk is turned away, also by a member that has never met it before', () => {
  const world = new MemberWorld(8);
  world.pass(200);
  world.join('n4');
  world.until('n4 to vote', () => world.members === 'n1 n2 n3 n4');
  const victim = ['n1', 'n2', 'n3'].find((name) => name !== world.leader) ?? '';
  world.wipe(victim);
  world.until('it to end', () => !world.up.includes(victim));
  expect(world.lastWords(victim)).toContain('another data directory');
  for (const name of world.up) {
    const seen = world
      .replica(name)
      .status()
      .members.find(({ id }) => id === victim);
    expect(seen?.reachable, `${victim} seen by ${name}`).toBe(false);
  }
});

describe('once a removal is answered, the vote of the member that went is never needed again, whatever the others lose in a crash', () => {
  test.each([1, 2, 3, 4, 5, 6])('of two the one that stays leads alone (seed %i)', (seed) => {
    const world = new MemberWorld(seed);
    const [leader = '', first = '', second = ''] = [world.leader ?? '', ...followersOf(world)];
    expect(world.remove(first)).toMatchObject({ ok: true });
    expect(world.remove(second)).toMatchObject({ ok: true });
    for (const name of [second, leader]) world.crash(name);
    world.start(leader);
    world.until('it to lead', () => world.leader === leader);
  });

  test.each([1, 2, 3, 4, 5, 6])('of four any two that stay lead (seed %i)', (seed) => {
    for (const missing of [0, 1, 2]) {
      const world = new MemberWorld(seed);
      world.join('n4');
      world.until('n4 to vote', () => world.members === 'n1 n2 n3 n4');
      const [gone = ''] = followersOf(world);
      expect(world.remove(gone)).toMatchObject({ ok: true });
      const rest = ['n1', 'n2', 'n3', 'n4'].filter((name) => name !== gone);
      for (const name of world.up) world.crash(name);
      for (const name of rest) if (name !== rest[missing]) world.start(name);
      world.until('one of them to lead', () => world.leader !== null);
    }
  });

  test('nor is the one that stays kept from leading by what only the one that goes has', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const world = new MemberWorld(seed);
      const [leader = '', first = '', second = ''] = [world.leader ?? '', ...followersOf(world)];
      expect(world.remove(first)).toMatchObject({ ok: true });
      world.replica(leader).changeMembers({ kind: 'remove', id: second, force: false }, () => {});
      for (let ms = 0; ms < seed / 2; ms++) {
        for (const name of [leader, second]) if (world.up.includes(name)) world.claim(name);
        world.pass(1);
      }
      world.crash(leader);
      world.pass(1_000);
      world.start(leader);
      world.until(`a leader (seed ${seed})`, () => world.leader !== null);
    }
  });

  test('nor that of a member that was replaced', () => {
    const world = new MemberWorld(11);
    const leader = world.leader ?? '';
    const [first = '', old = ''] = followersOf(world);
    expect(world.remove(first)).toMatchObject({ ok: true });
    world.join('n4', { replaces: old, promote: false });
    world.load(500);
    world.pass(1_000);
    expect(world.change(leader, { kind: 'promote', id: 'n4', force: false })).toMatchObject({ ok: true, member: { voter: true } });
    world.crash(old);
    world.pass(2_000);
    world.until('a leader', () => world.leader !== null);
    expect(world.members).toBe([leader, 'n4'].sort().join(' '));
  });

  test('until then it votes, and knows nothing of its end', () => {
    const world = new MemberWorld(7);
    const [leader = '', slow = '', gone = ''] = [world.leader ?? '', ...followersOf(world)];
    let answer: unknown = null;
    world.replica(leader).changeMembers({ kind: 'remove', id: gone, force: false }, (result) => {
      answer = result;
    });
    // The removal is committed with the vote of the one that goes; nothing behind it can be.
    world.pause(slow);
    world.until('the removal', () => !world.known.includes(gone));
    world.pass(2_000);
    expect(answer).toBeNull();
    expect(world.lastWords(gone)).toBe('');
    world.crash(slow);
    world.start(slow);
    world.until('the answer', () => answer !== null);
    expect(answer).toMatchObject({ ok: true });
    world.until('its end', () => world.lastWords(gone) !== '');
    expect(world.lastWords(gone)).toMatch(/removed from the cluster/);
  });
});

test('what would leave no quorum is refused with the reason, and made when it is forced', () => {
  const world = new MemberWorld(9);
  const [first = '', second = ''] = ['n1', 'n2', 'n3'].filter((name) => name !== world.leader);
  world.crash(first);
  world.pass(800);
  expect(world.remove(second)).toMatchObject({
    ok: false,
    code: 'conflict',
    detail: expect.stringContaining(`${first} cannot be reached`),
  });
  expect(world.remove(second, world.leader ?? '', true)).toMatchObject({ ok: true });
});

test('a member that is stopped but still connected counts as lost', () => {
  const world = new MemberWorld(10);
  const [first = '', second = ''] = ['n1', 'n2', 'n3'].filter((name) => name !== world.leader);
  world.pause(first);
  world.pass(800);
  expect(world.remove(second)).toMatchObject({ ok: false, detail: expect.stringContaining(`${first} cannot be reached`) });
});

test('a learner that is to stay one is promoted when that is asked for, and not before it has caught up', () => {
  const world = new MemberWorld(11);
  world.add('n4', { disk: null, promote: false });
  const promote = { kind: 'promote', id: 'n4', force: false } as const;
  expect(world.change(world.leader ?? '', promote)).toMatchObject({ ok: false, detail: expect.stringContaining('never been started') });
  world.join('n4', { promote: false });
  world.pass(1_500);
  expect(world.members).toBe('n1 n2 n3 n4?');
  expect(world.change(world.leader ?? '', promote)).toMatchObject({ ok: true, member: { id: 'n4', voter: true } });
});

test('without a leader a change is surely not made', () => {
  const world = new MemberWorld(12);
  const leader = world.leader ?? '';
  const [first = '', second = ''] = ['n1', 'n2', 'n3'].filter((name) => name !== leader);
  world.crash(leader);
  world.crash(first);
  world.pass(2_000);
  expect(world.add('n4', {}, second)).toMatchObject({ ok: false, code: 'no-leader' });
});

test('a member that was away while a newcomer became the leader lets it in and catches up', () => {
  const world = new MemberWorld(13);
  const away = ['n1', 'n2', 'n3'].find((name) => name !== world.leader) ?? '';
  world.crash(away);
  world.join('n4');
  world.until('n4 to vote', () => world.members === 'n1 n2 n3 n4');
  world.lead('n4');
  world.load(300);
  world.start(away);
  world.until('it to follow', () => world.replica(away).leader === 'n4' && world.replica(away).status().members.length === 4);
  world.pass(500);
  expect(world.granted.size).toBeGreaterThan(20);
  expect(world.missing(away)).toEqual([]);
});

const SEEDS = Number(process.env.MEMBER_SEEDS ?? 25);
const FIRST = Number(process.env.SEED ?? Math.floor(Math.random() * 1e6));

test(`whatever comes and goes in any order, nothing that was granted is lost (seeds from ${FIRST})`, () => {
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    try {
      new RandomMembers(seed).run();
    } catch (error) {
      throw new Error(`seed ${seed}: replay with SEED=${seed} MEMBER_SEEDS=1 npx vitest run test/replica/membership.test.ts`, {
        cause: error,
      });
    }
  }
}, 120_000);

/** Who is up and does not lead. */
function followersOf(world: MemberWorld): string[] {
  return world.up.filter((name) => name !== world.leader);
}
