// `leasehold watch`: what happens to leases and keys, a line for each event, over every failure that mends itself.
import type { Command } from 'commander';
import { LeaseholdClient } from '../client/client.ts';
import type { WatchEvent, WatchOptions } from '../client/watch.ts';
import { parseWatchId } from '../contract/watch.ts';
import { duration } from './format.ts';
import { DONE, type Finish, type Io, runSession, withSharedFlags } from './session.ts';
import { integerIn, UsageError } from './values.ts';

interface Flags {
  readonly prefix?: string;
  readonly after?: string;
  readonly count?: number;
}

/** Adds `watch` to `program`. */
export function addWatchCommand(program: Command, io: Io, finish: Finish): void {
  const command = withSharedFlags(
    program
      .command('watch [NAMESPACE[/MODEL[/LEASE]]]')
      .description('print what happens to leases and keys from now on, until it is interrupted')
      .option('--prefix <prefix>', 'only the keys that begin so', (text) => text)
      .option('--after <id>', 'go on behind this event: its id, as --json prints it', eventId)
      .option('--count <n>', 'end after so many events', integerIn(1, Number.MAX_SAFE_INTEGER)),
  );
  command.action(async (scope: string | undefined) => {
    const { prefix, after, count = Number.POSITIVE_INFINITY } = command.opts<Flags>();
    if (scope !== undefined && prefix !== undefined) throw new UsageError('watch takes a scope of leases or a --prefix of keys, not both');
    const options: WatchOptions = {
      ...scopeOf(scope),
      ...(prefix === undefined ? {} : { prefix }),
      ...(after === undefined ? {} : { after }),
    };
    await runSession(io, finish, command, 'the watch', async ({ caller, print }) => {
      const client = new LeaseholdClient({ endpoints: caller.endpoints });
      try {
        let seen = 0;
        for await (const event of client.watch(options)) {
          print(event, [eventLine(event)]);
          if (++seen >= count) break;
        }
        return DONE;
      } finally {
        client.close();
      }
    });
  });
}

function eventId(text: string): string {
  if (parseWatchId(text) === null) throw new UsageError(`"${text}" is no event id: write INDEX.POSITION, as in 17.0`);
  return text;
}

/** One, two or all three parts; a lease is the rest after the second slash and may contain more of them. */
function scopeOf(text: string | undefined): Pick<WatchOptions, 'namespace' | 'model' | 'lease'> {
  if (text === undefined) return {};
  const [namespace = '', model, ...rest] = text.split('/');
  const lease = rest.length === 0 ? undefined : rest.join('/');
  if (namespace === '' || model === '' || lease === '')
    throw new UsageError(`"${text}" is no scope: write NAMESPACE, NAMESPACE/MODEL or NAMESPACE/MODEL/LEASE`);
  return { namespace, ...(model === undefined ? {} : { model }), ...(lease === undefined ? {} : { lease }) };
}

/** For people: `17.0  demo/main/leader claimed by alice, fence 17, for 15.0 s`. */
export function eventLine(event: WatchEvent): string {
  return `${event.id}  ${whatHappened(event)}`;
}

function whatHappened(event: WatchEvent): string {
  switch (event.type) {
    case 'reset':
      return `events were missed: ${event.detail}`;
    case 'put':
      return `${event.key} = ${JSON.stringify(event.value)}, version ${event.version}${event.lease === null ? '' : `, lease ${event.lease}`}`;
    case 'deleted':
      return `${event.key} deleted${event.cause === 'deleted' ? '' : ` with lease ${event.lease}, which was ${event.cause}`}`;
    case 'pinned':
    case 'unpinned':
      return `${leaseOf(event)} ${event.type} by ${event.entity}`;
    case 'claimed':
    case 'extended': {
      const life = event.session === null ? `for ${duration(event.durationMs ?? 0)}` : `by session ${event.session}`;
      return `${leaseOf(event)} ${event.type} by ${event.holder}, fence ${event.fence}, ${life}${lateness(event.lateMs)}`;
    }
    default:
      return `${leaseOf(event)} ${event.type}, was held by ${event.holder}, fence ${event.fence}${lateness(event.lateMs)}`;
  }
}

function leaseOf({ namespace, model, lease }: { readonly namespace: string; readonly model: string; readonly lease: string }): string {
  return `${namespace}/${model}/${lease}`;
}

function lateness(lateMs: number | undefined): string {
  return lateMs === undefined || lateMs === 0 ? '' : `, ${duration(lateMs)} after its deadline`;
}
