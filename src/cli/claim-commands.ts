// The commands about one lease: claim, extend, release, check, get, wait, pin, unpin.
import type { Command } from 'commander';
import { systemClock } from '../client/clock.ts';
import type { Call, Reply } from '../client/http.ts';
import { type LeaseName, leasePath, pathOf } from '../client/names.ts';
import { waitInPieces } from '../client/waits.ts';
import type { CheckReply, ClaimShape } from '../contract/claims.ts';
import { claimLine } from './format.ts';
import { DONE, type Finish, type Io, runSession, type Session, withSharedFlags } from './session.ts';
import { durationMs, durationOption, index, integerIn, leaseName, UsageError } from './values.ts';

const NAME = '<NAMESPACE/MODEL/LEASE>';

/** Adds the commands to `program`. */
export function addClaimCommands(program: Command, io: Io, finish: Finish): void {
  const leaseCommand = <Flags extends Record<string, unknown>>(
    usage: string,
    description: string,
    shape: (command: Command) => Command,
    body: (session: Session, name: LeaseName, flags: Flags, rest: readonly string[]) => Promise<number>,
  ) => {
    const command = withSharedFlags(shape(program.command(usage).description(description)));
    command.action(async (...given: unknown[]) => {
      const name = leaseName(String(given[0]));
      const rest = given.slice(1, -2).map(String);
      await runSession(io, finish, command, command.args[0] ?? '', (session) => body(session, name, command.opts<Flags>(), rest));
    });
  };
  const withHolder = (command: Command) => command.requiredOption('--holder <name>', 'who claims');

  leaseCommand<{ holder: string; duration?: number; session?: string; wait?: number }>(
    `claim ${NAME}`,
    'claim a lease, or extend it if the holder has it already',
    (command) =>
      withHolder(command)
        .option('--duration <duration>', 'how long to hold it: 15s, 500ms, 2m', durationMs)
        .option('--session <id>', 'hold it as long as this lease of the lessor lives, instead of --duration')
        .option('--wait <duration>', 'queue for it at most this long if another holds it', durationMs),
    claim,
  );
  leaseCommand<{ holder: string; duration: number; fence?: number }>(
    `extend ${NAME}`,
    'extend a lease that the holder has; never shortens it',
    (command) =>
      withHolder(command)
        .requiredOption('--duration <duration>', 'how long to hold it from now', durationMs)
        .option('--fence <n>', 'only in this tenure', index),
    async (session, name, { holder, duration, fence }) => {
      const body = { holder, durationMs: duration, ...(fence === undefined ? {} : { fence }) };
      return printClaim(
        session,
        await session.call({ method: 'POST', path: `${leasePath(name)}/extend`, body, effect: 'repeatable' }),
        'extended for',
      );
    },
  );
  leaseCommand<{ holder: string; fence?: number }>(
    `release ${NAME}`,
    'give a lease back; one that nobody holds counts as released',
    (command) => withHolder(command).option('--fence <n>', 'only in this tenure', index),
    async (session, name, { holder, fence }) => {
      // Without a fence, a second release could end a tenure that the same holder began since; so it goes under a key.
      const effect = fence === undefined ? 'keyed' : 'repeatable';
      const reply = await session.call({ method: 'DELETE', path: leasePath(name), query: { holder, fence }, effect });
      return printDone(session, reply, `${nameText(name)} released`);
    },
  );
  leaseCommand<{ holder: string; attempt?: number }>(
    `check ${NAME}`,
    'ask whether the holder has the lease now, and get the assertion for a gated write',
    (command) =>
      withHolder(command).option(
        '--attempt <n>',
        'which attempt of a transaction this is; from 1 on the assertion carries the index',
        integerIn(0, 1_000_000),
      ),
    async (session, name, { holder, attempt }) => {
      const reply = await session.call({
        method: 'POST',
        path: `${leasePath(name)}/check`,
        body: { holder, ...(attempt === undefined ? {} : { attempt }) },
        effect: 'none',
      });
      const { fence, index: at } = reply.body as CheckReply;
      session.print(reply.body, [`${holder} holds ${nameText(name)}, fence ${fence}, at index ${at}`]);
      return DONE;
    },
  );
  leaseCommand<{ stale?: boolean }>(
    `get ${NAME}`,
    'show who holds a lease',
    (command) => command.option('--stale', 'from the node asked, without asking the leader'),
    async (session, name, { stale }) =>
      printClaim(session, await session.call({ method: 'GET', path: leasePath(name), query: consistency(stale), effect: 'none' })),
  );
  leaseCommand<{ timeout: number }>(
    `wait ${NAME}`,
    'wait until nobody holds a lease',
    (command) => command.addOption(durationOption('--timeout <duration>', 'how long', '30s')),
    async (session, name, { timeout }) => {
      const ask = (ms: number): Call => ({
        method: 'GET',
        path: `${leasePath(name)}/expired`,
        effect: 'none',
        wait: { field: 'timeoutMs', ms },
      });
      const reply = await session.progress.during(`waits until ${nameText(name)} is free`, timeout, () =>
        waitInPieces(systemClock, timeout, 'wait-timeout', (ms) => session.call(ask(ms))),
      );
      session.print(reply.body, [`${nameText(name)} is free`]);
      return DONE;
    },
  );
  for (const [verb, method, description, done] of [
    ['pin', 'PUT', 'keep a lease from expiring while the entity pins it', 'pinned'],
    ['unpin', 'DELETE', 'take an entity’s pin away', 'unpinned'],
  ] as const) {
    leaseCommand(
      `${verb} ${NAME} <ENTITY>`,
      description,
      (command) => command,
      async (session, name, _flags, [entity = '']) => {
        const reply = await session.call({ method, path: `${leasePath(name)}/pins${pathOf(entity)}`, effect: 'repeatable' });
        return printDone(session, reply, `${nameText(name)} ${done} by ${entity}`);
      },
    );
  }
}

/** The query for a read from the node asked; nothing for a linearizable one. */
export function consistency(stale: boolean | undefined): { consistency?: string } {
  return stale ? { consistency: 'stale' } : {};
}

async function claim(
  session: Session,
  name: LeaseName,
  flags: { holder: string; duration?: number; session?: string; wait?: number },
): Promise<number> {
  const { holder, duration, session: id, wait } = flags;
  if ((duration === undefined) === (id === undefined)) throw new UsageError('claim needs one of --duration 15s and --session ID');
  const body = id === undefined ? { holder, durationMs: duration } : { holder, session: id };
  const call: Call = { method: 'PUT', path: leasePath(name), body, effect: 'repeatable' };
  // A wait longer than one call can be is queued for anew, at the end of the queue.
  const reply =
    wait === undefined
      ? await session.call(call)
      : await session.progress.during(`queues for ${nameText(name)}`, wait, () =>
          waitInPieces(systemClock, wait, 'claim-denied', (ms) => session.call({ ...call, wait: { field: 'waitMs', ms } })),
        );
  return printClaim(session, reply, reply.status === 201 ? 'claimed by' : 'extended for');
}

function nameText({ namespace, model, lease }: LeaseName): string {
  return `${namespace}/${model}/${lease}`;
}

function printClaim(session: Session, reply: Reply, verb?: string): number {
  session.print(reply.body, [claimLine(reply.body as ClaimShape, verb)]);
  return DONE;
}

function printDone(session: Session, reply: Reply, line: string): number {
  session.print({ status: reply.status, index: Number(reply.headers['leasehold-index']) }, [line]);
  return DONE;
}
