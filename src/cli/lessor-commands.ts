// `leasehold lessor`: leases by id, with the keys and claims that live by them.
import type { Command } from 'commander';
import type { Call } from '../client/http.ts';
import { pathOf } from '../client/names.ts';
import type { GrantList, GrantPage, GrantShape } from '../contract/lessor.ts';
import { duration, table } from './format.ts';
import { DONE, type Finish, type Io, runSession, type Session, withSharedFlags } from './session.ts';
import { durationMs } from './values.ts';

const LEASES = '/v1/lessor/leases';

/** Adds `lessor` with its own commands. */
export function addLessorCommands(program: Command, io: Io, finish: Finish): void {
  const lessor = program.command('lessor').description('leases by id: sessions for many claims, and lives for keys');
  const command = (
    usage: string,
    description: string,
    body: (session: Session, args: readonly string[], flags: { id?: string; ttl?: number }) => Promise<number>,
    shape: (command: Command) => Command = (given) => given,
  ): void => {
    const made = withSharedFlags(shape(lessor.command(usage).description(description)));
    made.action(async () => {
      const [id] = made.args;
      await runSession(io, finish, made, id === undefined ? 'the leases' : `lease ${id}`, (session) =>
        body(session, made.args, made.opts()),
      );
    });
  };

  command(
    'grant',
    'grant a lease',
    async (session, _args, { id, ttl }) => {
      const body = { ttlMs: ttl, ...(id === undefined ? {} : { id }) };
      return printGrant(session, await ask(session, { method: 'POST', path: LEASES, body, effect: 'keyed' }), 'granted');
    },
    (given) =>
      given
        .requiredOption('--ttl <duration>', 'how long it outlasts its last renewal', durationMs)
        .option('--id <id>', 'its id, a whole number from 1 (default: chosen)'),
  );
  command('renew <ID>', 'renew a lease', async (session, [id = '']) =>
    printGrant(session, await ask(session, { method: 'POST', path: `${leasePath(id)}/renew`, effect: 'repeatable' }), 'renewed'),
  );
  command('get <ID>', 'show a lease with its keys and claims', async (session, [id = '']) => {
    const { lease, keys, claims } = await getWhole(session, id);
    printGrant(session, lease, 'lives', { keys, claims });
    return DONE;
  });
  command('revoke <ID>', 'end a lease, and with it its keys and claims', async (session, [id = '']) =>
    printDone(session, { method: 'DELETE', path: leasePath(id), effect: 'keyed' }, `lease ${id} revoked`),
  );
  command('attach <ID> <KEY>', 'let a key live by a lease', async (session, [id = '', key = '']) =>
    printDone(session, { method: 'PUT', path: `${leasePath(id)}/keys${pathOf(key)}`, effect: 'repeatable' }, `${key} lives by lease ${id}`),
  );
  command('detach <ID> <KEY>', 'let a key outlive its lease', async (session, [id = '', key = '']) =>
    printDone(session, { method: 'DELETE', path: `${leasePath(id)}/keys${pathOf(key)}`, effect: 'repeatable' }, `${key} lives by no lease`),
  );
  command('list', 'list the leases that were granted, the one that ends first at the top', async (session) => {
    const leases: Omit<GrantShape, 'index'>[] = [];
    let after: string | undefined;
    do {
      const page = (await session.call({ method: 'GET', path: LEASES, query: { after }, effect: 'none' })).body as GrantList;
      leases.push(...page.leases);
      after = page.next;
    } while (after !== undefined);
    const rows = leases.map((lease) => [
      lease.id,
      duration(lease.ttlMs),
      `${duration(lease.remainingMs)} left`,
      String(lease.keyCount),
      String(lease.claimCount),
    ]);
    session.print({ leases }, rows.length === 0 ? ['no lease is granted'] : table(['LEASE', 'TTL', 'FOR', 'KEYS', 'CLAIMS'], rows));
    return DONE;
  });
}

function leasePath(id: string): string {
  return LEASES + pathOf(id);
}

async function ask(session: Session, call: Call): Promise<GrantShape> {
  return (await session.call(call)).body as GrantShape;
}

/** The lease, as the last page shows it, and all that is attached to it. */
async function getWhole(session: Session, id: string): Promise<Attachments & { readonly lease: GrantShape }> {
  const keys: string[] = [];
  const claims: GrantPage['claims'] = [];
  let after: string | undefined;
  for (;;) {
    const page = (await session.call({ method: 'GET', path: leasePath(id), query: { after }, effect: 'none' })).body as GrantPage;
    const { keys: moreKeys, claims: moreClaims, next, ...lease } = page;
    keys.push(...moreKeys);
    claims.push(...moreClaims);
    if (next === undefined) return { lease, keys, claims };
    after = next;
  }
}

type Attachments = Pick<GrantPage, 'keys' | 'claims'>;

function printGrant(session: Session, lease: GrantShape, verb: string, attached?: Attachments): number {
  const { id, ttlMs, remainingMs, keyCount, claimCount } = lease;
  const { keys, claims } = attached ?? { keys: [], claims: [] };
  const counts = keyCount + claimCount === 0 ? '' : `, ${keyCount} keys and ${claimCount} claims attached`;
  session.print({ ...lease, ...attached }, [
    `lease ${id} ${verb}, ${duration(remainingMs)} left of ${duration(ttlMs)}${counts}`,
    ...keys.map((key) => `  key ${key}`),
    ...claims.map((claim) => `  claim ${claim.namespace}/${claim.model}/${claim.lease}`),
  ]);
  return DONE;
}

async function printDone(session: Session, call: Call, line: string): Promise<number> {
  const reply = await session.call(call);
  session.print({ status: reply.status, index: Number(reply.headers['leasehold-index']) }, [line]);
  return DONE;
}
