// `leasehold explain`: why a lease was lost, or how it came to be held as it is.
import type { Command } from 'commander';
import { LeaseholdError } from '../client/errors.ts';
import { leasePath } from '../client/names.ts';
import type { HistoryReply } from '../contract/history.ts';
import { consistency } from './claim-commands.ts';
import { EXIT } from './exit-codes.ts';
import { DONE, type Finish, type Io, runSession, type Session, withSharedFlags } from './session.ts';
import { storyLines, type Wanted, wantedItems } from './story.ts';
import { index, leaseName } from './values.ts';

/** Adds the command to `program`. */
export function addExplainCommand(program: Command, io: Io, finish: Finish): void {
  const command = withSharedFlags(
    program
      .command('explain <NAMESPACE/MODEL/LEASE>')
      .description('tell what became of a lease: who had it, how each tenure ended and why'),
  );
  command
    .option('--holder <name>', 'only the tenures of this holder, and who came next')
    .option('--fence <n>', 'only this tenure, and who came next', index)
    .option('--stale', 'from the node asked, without asking the leader')
    .action(async (text: string) => {
      const { stale, ...wanted } = command.opts<Wanted & { stale?: boolean }>();
      const path = `${leasePath(leaseName(text))}/history`;
      await runSession(io, finish, command, text, (session) => explain(session, text, path, consistency(stale), wanted));
    });
}

async function explain(session: Session, name: string, path: string, query: { consistency?: string }, wanted: Wanted): Promise<number> {
  const body = await historyOf(session, path, query);
  const history = wantedItems(body.history, wanted);
  const head = `${name}, as of index ${body.index}:`;
  const lines = history.length === 0 ? ['Nothing is remembered of such a tenure: there was none, or long ago.'] : storyLines(history);
  session.print({ ...body, history }, [head, ...lines, ...(body.truncated ? ['Something older may have been forgotten.'] : [])]);
  return history.length === 0 ? EXIT.refused : DONE;
}

/** Empty for a lease of which nothing is known. */
async function historyOf(session: Session, path: string, query: { consistency?: string }): Promise<HistoryReply> {
  try {
    return (await session.call({ method: 'GET', path, query, effect: 'none' })).body as HistoryReply;
  } catch (error) {
    if (!(error instanceof LeaseholdError) || error.code !== 'lease-not-found') throw error;
    return { history: [], truncated: false, index: Number(error.facts.index) };
  }
}
