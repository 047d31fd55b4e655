// `leasehold kv`: the keys beside the leases, read and written, gated where a lease must be held.
import type { Command } from 'commander';
import type { Call } from '../client/http.ts';
import { leaseIf, pathOf } from '../client/names.ts';
import type { KeyList, KeyReply, KeyShape } from '../contract/store.ts';
import { consistency } from './claim-commands.ts';
import { table } from './format.ts';
import { DONE, type Finish, type Io, runSession, type Session, withSharedFlags } from './session.ts';
import { index, leaseName, UsageError } from './values.ts';

interface WriteFlags {
  readonly lease?: string;
  readonly if?: readonly string[];
  readonly ifMatch?: number;
  readonly ifAbsent?: boolean;
}

/** Adds `kv` with its own commands. */
export function addKvCommands(program: Command, io: Io, finish: Finish): void {
  const kv = program.command('kv').description('read and write the keys beside the leases');
  const command = <Flags extends object>(
    usage: string,
    description: string,
    shape: (command: Command) => Command,
    body: (session: Session, args: readonly string[], flags: Flags) => Promise<number>,
  ): void => {
    const made = withSharedFlags(shape(kv.command(usage).description(description)));
    made.action(async () => {
      const flags = made.opts<Flags>();
      await runSession(io, finish, made, made.args[0] ?? 'the keys', (session) => body(session, made.args, flags));
    });
  };

  command<{ stale?: boolean }>('get <KEY>', 'show a key', withStale, async (session, [key = ''], { stale }) => {
    const reply = await session.call({ method: 'GET', path: keyPath(key), query: consistency(stale), effect: 'none' });
    return printKey(session, reply.body as KeyReply);
  });
  command<WriteFlags>(
    'put <KEY> <VALUE>',
    'write a key',
    (shaped) =>
      withConditions(shaped).option('--lease <id>', 'the lease of the lessor by which it lives (default: none, also where it had one)'),
    async (session, [key = '', value = ''], flags) => {
      const body = { value, ...(flags.lease === undefined ? {} : { lease: flags.lease }) };
      const reply = await session.call({ method: 'PUT', path: keyPath(key), body, headers: conditions(flags), effect: 'keyed' });
      return printKey(session, reply.body as KeyReply);
    },
  );
  command<WriteFlags>('delete <KEY>', 'delete a key', withConditions, async (session, [key = ''], flags) => {
    const reply = await session.call({ method: 'DELETE', path: keyPath(key), headers: conditions(flags), effect: 'keyed' });
    session.print({ status: reply.status, index: Number(reply.headers['leasehold-index']) }, [`${key} deleted`]);
    return DONE;
  });
  command<{ stale?: boolean }>(
    'list [PREFIX]',
    'list the keys, or those that begin with PREFIX',
    withStale,
    async (session, [prefix], { stale }) => {
      const keys: KeyShape[] = [];
      let after: string | undefined;
      let revision = 0;
      do {
        const call: Call = { method: 'GET', path: '/v1/kv', query: { prefix, after, ...consistency(stale) }, effect: 'none' };
        const page = (await session.call(call)).body as KeyList;
        keys.push(...page.keys);
        ({ next: after, revision } = page);
      } while (after !== undefined);
      const rows = keys.map((each) => [each.key, JSON.stringify(each.value), String(each.modRevision), each.lease ?? '']);
      session.print({ keys, revision }, rows.length === 0 ? ['there is no such key'] : table(['KEY', 'VALUE', 'REVISION', 'LEASE'], rows));
      return DONE;
    },
  );
}

function withStale(command: Command): Command {
  return command.option('--stale', 'from the node asked, without asking the leader');
}

function withConditions(command: Command): Command {
  const collect = (text: string, before: readonly string[] = []): string[] => [...before, gate(text)];
  return command
    .option('--if <NAMESPACE/MODEL/LEASE;holder=H;fence=N>', 'only while this is so; may be given several times', collect)
    .option('--if-match <revision>', 'only if the key was last written at this revision', index)
    .option('--if-absent', 'only if there is no such key');
}

/** One `--if`, as the header `lease-if` takes it: the parts are plain at a terminal and percent-encoded there. */
function gate(text: string): string {
  const [name = '', ...fields] = text.split(';');
  const lease = leaseName(name);
  const facts = new Map(fields.map((field) => [field.slice(0, field.indexOf('=')).trim(), field.slice(field.indexOf('=') + 1).trim()]));
  const holder = facts.get('holder');
  const fence = facts.get('fence');
  if (facts.size !== fields.length || facts.size === 0 || [...facts.keys()].some((fact) => fact !== 'holder' && fact !== 'fence'))
    throw new UsageError(`"${text}" is no condition: write NAMESPACE/MODEL/LEASE;holder=H;fence=N, with one of the two or both`);
  return leaseIf(lease, {
    ...(holder === undefined ? {} : { holder }),
    ...(fence === undefined ? {} : { fence: index(fence) }),
  });
}

function conditions({ if: gates, ifMatch, ifAbsent }: WriteFlags): Record<string, string> {
  return {
    ...(gates === undefined ? {} : { 'lease-if': gates.join(', ') }),
    ...(ifMatch === undefined ? {} : { 'if-match': `"${ifMatch}"` }),
    ...(ifAbsent === true ? { 'if-none-match': '*' } : {}),
  };
}

function keyPath(key: string): string {
  return `/v1/kv${pathOf(key)}`;
}

function printKey(session: Session, key: KeyReply): number {
  const lease = key.lease === null ? '' : `, lease ${key.lease}`;
  session.print(key, [`${key.key} = ${JSON.stringify(key.value)}, revision ${key.modRevision}, version ${key.version}${lease}`]);
  return DONE;
}
