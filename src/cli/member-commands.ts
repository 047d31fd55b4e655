// `leasehold member`: who the members are, and changing that.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { LeaseholdError } from '../client/errors.ts';
import type { Call } from '../client/http.ts';
import { pathOf } from '../client/names.ts';
import { type Address, addressText } from '../config.ts';
import { type ClusterReply, MEMBER_PATH, type MemberReply } from '../contract/cluster.ts';
import { memberTable } from './format.ts';
import { DONE, type Finish, type Io, runSession, type Session, withSharedFlags } from './session.ts';
import { address, durationOption, memberId } from './values.ts';

/** Between two looks at a member that is waited for. */
const LOOK_MS = 200;

interface ChangeFlags {
  readonly force?: boolean;
  readonly wait: number;
}

interface NewcomerFlags extends ChangeFlags {
  readonly peer: Address;
  readonly http?: Address;
  readonly learner?: boolean;
  readonly with: string;
}

/** Adds `member` with its subcommands to `program`. */
export function addMemberCommands(program: Command, io: Io, finish: Finish): void {
  const member = program.command('member').description('the members of the cluster: list, add, remove, promote, replace');

  const list = withSharedFlags(member.command('list').description('who the members are, who votes, and who can be reached'));
  list.action(async () => {
    await runSession(io, finish, list, 'the members', async (session) => {
      const reply = await session.call({ method: 'GET', path: '/v1/cluster', effect: 'none' });
      const { members, index } = reply.body as ClusterReply;
      session.print({ members, index }, memberTable(members, [], session.paint, session.isTerminal));
      return DONE;
    });
  });

  const add = newcomer(member.command('add <ID>').description('take in a member as a learner, which votes once it has caught up'));
  add.option('--learner', 'it stays a learner until it is promoted').action(async (text: string) => {
    const { learner = false, ...flags } = add.opts<NewcomerFlags>();
    await addMember(add, memberId(text), flags, { promote: !learner });
  });

  const replace = newcomer(
    member.command('replace <ID>').description('a new member in place of another, in one step once it has caught up'),
  );
  replace.requiredOption('--with <id>', 'the new member', memberId).action(async (text: string) => {
    const flags = replace.opts<NewcomerFlags>();
    await addMember(replace, flags.with, flags, { replaces: memberId(text) });
  });

  const remove = changing(member.command('remove <ID>').description('take a member out; the leader hands over first'));
  remove.action(async (text: string) => {
    const id = memberId(text);
    await runSession(io, finish, remove, id, async (session) => {
      const { force } = remove.opts<ChangeFlags>();
      const reply = await session.call({ method: 'DELETE', path: MEMBER_PATH + pathOf(id), query: forced(force), effect: 'once' });
      session.print({ id, index: Number(reply.headers['leasehold-index']) }, [`${id} is removed; its node ends by itself`]);
      return DONE;
    });
  });

  const promote = waiting(changing(member.command('promote <ID>').description('make a learner that has caught up a voter')));
  promote.action(async (text: string) => {
    const id = memberId(text);
    await runSession(io, finish, promote, id, async (session) => {
      const { force, wait } = promote.opts<ChangeFlags>();
      const path = `${MEMBER_PATH}${pathOf(id)}/promote`;
      const call: Call = { method: 'POST', path, query: forced(force), effect: 'repeatable' };
      const reply = await session.progress.during(`waits until ${id} can vote`, wait, () => patiently(session, call, wait));
      session.print(reply, [`${reply.id} (number ${reply.number}) votes`]);
      return DONE;
    });
  });

  async function addMember(
    command: Command,
    id: string,
    flags: NewcomerFlags,
    more: { readonly promote?: boolean; readonly replaces?: string },
  ): Promise<void> {
    await runSession(io, finish, command, id, async (session) => {
      const { peer, http, force, wait } = flags;
      const body = { id, peer: addressText(peer), ...(http === undefined ? {} : { http: addressText(http) }), ...more };
      const reply = await session.call({ method: 'POST', path: MEMBER_PATH, query: forced(force), body, effect: 'repeatable' });
      const added = reply.body as MemberReply;
      if (wait > 0)
        await session.progress.during(`waits until ${id} votes`, wait, () => untilVoter(session, id, more.replaces ?? null, wait));
      const next = wait > 0 ? 'it votes' : `start it: leasehold node --id ${id} --peer ${added.peer} … --join ${reply.endpoint}`;
      session.print(added, [`${id} is member number ${added.number}; ${next}`]);
      return DONE;
    });
  }
}

function changing(command: Command): Command {
  return withSharedFlags(command).option('--force', 'also when nothing could then be committed until more nodes are back');
}

function waiting(command: Command): Command {
  return command.addOption(durationOption('--wait <duration>', 'how long to wait until it votes', '0ms'));
}

function newcomer(command: Command): Command {
  return waiting(changing(command))
    .requiredOption('--peer <host:port>', 'where it listens for its peers', address)
    .option('--http <host:port>', 'where it answers clients', address);
}

function forced(force: boolean | undefined): { force?: string } {
  return force ? { force: 'true' } : {};
}

/** Asks until it is done: a learner that is catching up is refused meanwhile. */
async function patiently(session: Session, call: Call, waitMs: number): Promise<MemberReply> {
  const until = performance.now() + waitMs;
  for (;;) {
    try {
      return (await session.call(call)).body as MemberReply;
    } catch (error) {
      const maySucceed = error instanceof LeaseholdError && error.code === 'conflict' && performance.now() + LOOK_MS < until;
      if (!maySucceed) throw error;
      await sleep(LOOK_MS);
    }
  }
}

/** In a replacement the old member counts as well until it is no member any more: ended before, it could keep the change from being made. */
async function untilVoter(session: Session, id: string, replaced: string | null, waitMs: number): Promise<void> {
  const until = performance.now() + waitMs;
  for (;;) {
    const reply = await session.call({ method: 'GET', path: '/v1/cluster', effect: 'none' });
    const { members } = reply.body as ClusterReply;
    const member = members.find((each) => each.id === id);
    const isOldThere = members.some((each) => each.id === replaced);
    if (member?.voter && !isOldThere) return;
    // How much of the state it has is known; how long the rest of the log takes is not.
    const percent = member?.snapshot?.percent ?? null;
    session.progress.tell({
      label: percent === null ? `waits until ${id} votes` : `${id} gets the state`,
      share: percent === null ? null : percent / 100,
    });
    if (performance.now() + LOOK_MS > until)
      throw new LeaseholdError(
        'conflict',
        null,
        'refused',
        member?.voter
          ? `${id} votes, but ${replaced} is still a member: leave it running`
          : `${id} is a member, but does not vote yet: is it running, and has it caught up?`,
      );
    await sleep(LOOK_MS);
  }
}
