// The commands that look at all leases or at the cluster itself: list, pins, status, transfer.
import type { Command } from 'commander';
import { LeaseholdError } from '../client/errors.ts';
import { pathOf } from '../client/names.ts';
import type { ClaimList, ClaimShape, PinList } from '../contract/claims.ts';
import type { ClusterReply, TransferReply } from '../contract/cluster.ts';
import { consistency } from './claim-commands.ts';
import { EXIT } from './exit-codes.ts';
import { claimTable, memberTable, table } from './format.ts';
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
      const reply = await session.call({ method: 'GET', path, effect: 'none' });
      const { pins: found } = reply.body as PinList;
      const rows = found.map((pin) => [`${pin.namespace}/${pin.model}/${pin.lease}`, pin.entities.join(', ')]);
      session.print(reply.body, rows.length === 0 ? ['nothing is pinned'] : table(['LEASE', 'PINNED BY'], rows));
      return DONE;
    });
  });

  const status = withSharedFlags(
    program.command('status').description('show the nodes, who leads, and how far each has come; exits 3 without a leader'),
  );
  status.action(async () => await runSession(io, finish, status, 'the cluster', printStatus));

  const transfer = withSharedFlags(program.command('transfer').description('hand leadership to another node'));
  transfer.option('--to <id>', 'to this node (default: the one that is furthest)', memberId).action(async () => {
    const { to } = transfer.opts<{ to?: string }>();
    await runSession(io, finish, transfer, 'the transfer', async (session) => {
      const reply = await session.call({
        method: 'POST',
        path: '/v1/cluster/transfer',
        body: to === undefined ? {} : { to },
        effect: to === undefined ? 'once' : 'repeatable',
      });
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
  do {
    const reply = await session.call({ method: 'GET', path, query: { ...consistency(stale), after }, effect: 'none' });
    const page = reply.body as ClaimList;
    leases.push(...page.leases);
    after = page.next;
    at = page.index;
  } while (after !== undefined);
  session.print({ leases, index: at }, leases.length === 0 ? ['nothing is held'] : claimTable(leases));
  return DONE;
}

/** Asks every endpoint and shows the view of the one that knows most: the leader's, else that of the highest term. */
async function printStatus(session: Session): Promise<number> {
  const { caller } = session;
  const answers = await Promise.allSettled(
    caller.endpoints.map((endpoint) => caller.callAt(endpoint, { method: 'GET', path: '/v1/cluster', effect: 'none' })),
  );
  const views = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value.body as ClusterReply] : []));
  const rank = (view: ClusterReply) => view.term * 2 + (view.leader === view.node ? 1 : 0);
  const best = views.sort((left, right) => rank(right) - rank(left))[0];
  if (best === undefined) {
    const failed = answers.find((answer) => answer.status === 'rejected');
    throw failed?.reason ?? new LeaseholdError('unreachable', null, 'not-accepted', 'no endpoint answered');
  }
  const silent = caller.endpoints.flatMap((endpoint, position) =>
    answers[position]?.status === 'rejected' ? [`${endpoint} does not answer`] : [],
  );
  const head =
    best.leader === null
      ? `no leader in term ${best.term}, as ${best.node} sees it`
      : `${best.leader} leads term ${best.term}, committed up to index ${best.commitIndex}`;
  session.print(best, [head, ...memberTable(best.members), ...silent]);
  return best.leader === null ? EXIT.notAccepted : DONE;
}
