// The commands that look at all leases, and the one that hands leadership over: list, pins, transfer.
import type { Command } from 'commander';
import type { Call } from '../client/http.ts';
import { pathOf } from '../client/names.ts';
import type { ClaimList, ClaimShape, PinList } from '../contract/claims.ts';
import type { TransferReply } from '../contract/cluster.ts';
import { consistency } from './claim-commands.ts';
import { claimTable, table } from './format.ts';
import { DONE, type Finish, type Io, runSession, type Session, withSharedFlags } from './session.ts';
import { memberId, modelName } from './values.ts';

/** Adds the commands to `program`. */
export function addClusterCommands(program: Command, io: Io, finish: Finish): void {
  const list = withSharedFlags(program.command('list [NAMESPACE/MODEL]').description('list the leases that are held'));
  list.option('--stale', 'from the node asked, without asking the leader').action(async (model: string | undefined) => {
    const path = pathOfModel('/v1/leases', model);
    await runSession(io, finish, list, model ?? 'the leases', (session) =>
      printLeases(session, path, list.opts<{ stale?: boolean }>().stale),
    );
  });

  const pins = withSharedFlags(program.command('pins [NAMESPACE/MODEL]').description('list the pins, which keep leases from expiring'));
  pins.action(async (model: string | undefined) => {
    const path = pathOfModel('/v1/pins', model);
    await runSession(io, finish, pins, model ?? 'the pins', async (session) => {
      const found: PinList['pins'] = [];
      let page: PinList;
      let after: string | undefined;
      do {
        page = (await session.call({ method: 'GET', path, query: { after }, effect: 'none' })).body as PinList;
        found.push(...page.pins);
        after = page.next;
      } while (after !== undefined);
      const rows = found.map((pin) => [`${pin.namespace}/${pin.model}/${pin.lease}`, pin.entities.join(', ')]);
      session.print({ pins: found, index: page.index }, rows.length === 0 ? ['nothing is pinned'] : table(['LEASE', 'PINNED BY'], rows));
      return DONE;
    });
  });

  const transfer = withSharedFlags(program.command('transfer').description('hand leadership to another node'));
  transfer.option('--to <id>', 'to this node (default: the one that is furthest)', memberId).action(async () => {
    const { to } = transfer.opts<{ to?: string }>();
    await runSession(io, finish, transfer, 'the transfer', async (session) => {
      const call: Call = {
        method: 'POST',
        path: '/v1/cluster/transfer',
        body: to === undefined ? {} : { to },
        effect: to === undefined ? 'once' : 'repeatable',
      };
      const reply = await session.progress.during(`hands leadership to ${to ?? 'the best follower'}`, null, () => session.call(call));
      const { leader, term } = reply.body as TransferReply;
      session.print(reply.body, [`${leader} leads term ${term}`]);
      return DONE;
    });
  });
}

function pathOfModel(base: string, text: string | undefined): string {
  if (text === undefined) return base;
  const { namespace, model } = modelName(text);
  return base + pathOf(namespace, model);
}

/** Follows the pages to the end; each is its own reading, so a lease claimed meanwhile may or may not be among them. */
async function printLeases(session: Session, path: string, stale: boolean | undefined): Promise<number> {
  const leases: ClaimShape[] = [];
  let after: string | undefined;
  let at = 0;
  await session.progress.during('reads the leases', null, async () => {
    do {
      const reply = await session.call({ method: 'GET', path, query: { ...consistency(stale), after }, effect: 'none' });
      const page = reply.body as ClaimList;
      leases.push(...page.leases);
      session.progress.tell({ label: `reads the leases: ${leases.length} so far`, share: null });
      after = page.next;
      at = page.index;
    } while (after !== undefined);
  });
  session.print({ leases, index: at }, leases.length === 0 ? ['nothing is held'] : claimTable(leases));
  return DONE;
}
