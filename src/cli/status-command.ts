// `leasehold status`: the nodes, who leads, and how far each has come; once, or again and again.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { LeaseholdError } from '../client/errors.ts';
import type { HttpCaller } from '../client/http.ts';
import type { DashboardFeed } from '../contract/dashboard.ts';
import { type Look, lookAtCluster, whyNoLeader } from './cluster-look.ts';
import { EXIT } from './exit-codes.ts';
import { duration, memberTable, watchTable } from './format.ts';
import { DONE, type Finish, type Io, runSession, type Session, withSharedFlags } from './session.ts';
import { cut } from './terminal.ts';
import { durationOption, integerIn, UsageError } from './values.ts';

/** As a shell tells an end by Ctrl-C. */
const INTERRUPTED = 130;
const INTERVAL_MIN_MS = 100;
/** Changes of leader that are shown. */
const LEADERS_SHOWN = 5;

interface Flags {
  readonly watch?: boolean;
  readonly interval: number;
  readonly count?: number;
}

/** A change of leader, as the new one measured it. */
interface LeaderChange {
  readonly node: string;
  readonly term: number;
  readonly leaderlessMs: number | null;
  readonly agoMs: number;
}

/** Adds `status` to `program`. */
export function addStatusCommand(program: Command, io: Io, finish: Finish): void {
  const status = withSharedFlags(
    program
      .command('status')
      .description('show the nodes, who leads, and how far each has come; exits 3 without a leader')
      .option('--watch', 'go on until Ctrl-C: in place on a terminal, elsewhere one block (with --json one line) after the other')
      .addOption(durationOption('--interval <duration>', 'between two looks with --watch', '1s'))
      .option('--count <n>', 'with --watch, end after so many looks', integerIn(1, Number.MAX_SAFE_INTEGER)),
  );
  status.action(async () => {
    const flags = status.opts<Flags>();
    if (flags.interval < INTERVAL_MIN_MS) throw new UsageError(`--interval must be at least ${INTERVAL_MIN_MS}ms`);
    if (flags.count !== undefined && flags.watch !== true) throw new UsageError('--count goes with --watch');
    await runSession(io, finish, status, 'the cluster', (session) =>
      flags.watch ? watchStatus(session, io, flags) : printStatus(session),
    );
  });
}

async function printStatus(session: Session): Promise<number> {
  const look = await session.progress.during('asks the nodes', null, () => lookAtCluster(session.caller));
  const { best, failure, deadEndpoints } = look;
  if (best === null) throw failure ?? new LeaseholdError('unreachable', null, 'not-accepted', 'no endpoint answered');
  const dead = deadEndpoints.map((endpoint) => session.paint.bad(`${endpoint} does not answer`));
  session.print(best, [
    headOf(look, session),
    ...memberTable(membersOf(look), look.silent, session.paint, session.isTerminal),
    ...alarmLines(look, session),
    ...dead,
  ]);
  return codeOf(look);
}

/** Where a node tells how far it has applied, it knows better than anybody else. */
function membersOf({ best, views }: Look): NonNullable<Look['best']>['members'] {
  return (best?.members ?? []).map((member) => ({ ...member, appliedIndex: views.get(member.id)?.index ?? member.appliedIndex }));
}

function headOf(look: Look, { paint }: Session): string {
  const { best } = look;
  const why = whyNoLeader(look);
  if (best === null) return paint.bad('no node answers');
  if (why !== null) return paint.bad(`no leader in term ${best.term}, as ${best.node} sees it: ${why}`);
  return `${paint.good(`${best.leader} leads term ${best.term}`)}, committed up to index ${best.commitIndex}`;
}

/** `alarm on n2: disk-stall`: what each node says of itself, else what the best-informed one last received from it. */
function alarmLines({ best, views }: Look, { paint }: Session): string[] {
  return (best?.members ?? []).flatMap(({ id, alarms }) => {
    // A node of an earlier version has no alarms.
    const active = views.get(id)?.alarms ?? alarms ?? [];
    return active.length === 0 ? [] : [paint.bad(`alarm on ${id}: ${active.join(', ')}`)];
  });
}

function codeOf(look: Look): number {
  return look.best === null || whyNoLeader(look) !== null ? EXIT.notAccepted : DONE;
}

/** Gives the code of the last look, or that of an interruption. A node that dies is passed over for any other that is known. */
async function watchStatus(session: Session, io: Io, { interval, count = Number.POSITIVE_INFINITY }: Flags): Promise<number> {
  const stop = new AbortController();
  io.onInterrupt?.(() => stop.abort());
  const screen = new Screen(io, session.json);
  const known = new Set<string>();
  let leaderlessSinceMs: number | null = null;
  let code: number = DONE;
  for (let looks = 0; looks < count && !stop.signal.aborted; looks++) {
    const began = performance.now();
    const look = await lookAtCluster(session.caller, [...known]);
    if (stop.signal.aborted) break;
    for (const { http } of look.best?.members ?? []) if (http !== '') known.add(`http://${http}`);
    const leaders = look.endpoint === null ? [] : await leaderChanges(session.caller, look.endpoint);
    code = codeOf(look);
    leaderlessSinceMs = code === DONE ? null : (leaderlessSinceMs ?? began);
    if (session.json) io.out(JSON.stringify({ ...(look.best ?? { leader: null, members: [] }), silent: look.silent, leaders }));
    else screen.show(blockOf(look, leaders, leaderlessSinceMs, session));
    if (looks + 1 < count) await sleep(Math.max(0, interval - (performance.now() - began)), null, { signal: stop.signal }).catch(() => {});
  }
  return stop.signal.aborted ? INTERRUPTED : code;
}

function blockOf(look: Look, leaders: readonly LeaderChange[], leaderlessSinceMs: number | null, session: Session): string[] {
  const { paint } = session;
  const since = leaderlessSinceMs === null ? [] : [paint.bad(`for ${duration(performance.now() - leaderlessSinceMs)} so far`)];
  const { best } = look;
  const changes = leaders.map(({ node, term, leaderlessMs, agoMs }) => {
    const gap = leaderlessMs === null ? '' : ` after ${duration(leaderlessMs)} without a leader`;
    return `${`${duration(agoMs)} ago`.padStart(16)}  ${node} leads term ${term}${gap}`;
  });
  return [
    headOf(look, session),
    ...since,
    ...(best === null ? [] : watchTable(membersOf(look), best, look.silent, paint, session.isTerminal)),
    ...alarmLines(look, session),
    ...(changes.length === 0 ? [] : [paint.quiet('Changes of leader:'), ...changes]),
  ];
}

/** The last changes of leader, newest first, as a node's log has them; none where the node does not tell. */
async function leaderChanges(caller: HttpCaller, endpoint: string): Promise<LeaderChange[]> {
  try {
    const feed = (await caller.callAt(endpoint, { method: 'GET', path: '/dashboard/feed', effect: 'none' })).body as DashboardFeed;
    const last = feed.reigns.slice(-LEADERS_SHOWN).reverse();
    return last.map(({ node, term, leaderlessMs, agoMs }) => ({ node, term, leaderlessMs, agoMs }));
  } catch {
    return [];
  }
}

/** Shows one block after the other: on a terminal in the place of the one before. */
class Screen {
  readonly #io: Io;
  #lines = 0;
  #isFirst = true;

  constructor(io: Io, json: boolean) {
    this.#io = json ? { ...io, outTerminal: undefined } : io;
  }

  show(block: readonly string[]): void {
    const terminal = this.#io.outTerminal;
    if (terminal === undefined) {
      for (const line of this.#isFirst ? block : ['', ...block]) this.#io.out(line);
    } else {
      // A line that wraps, or one beyond the screen, could not be taken back.
      const fitting = block.slice(0, terminal.rows - 1).map((line) => cut(line, terminal.columns - 1));
      terminal.write(`${this.#lines === 0 ? '' : `\u001b[${this.#lines}A`}\r\u001b[J${fitting.map((line) => `${line}\n`).join('')}`);
      this.#lines = fitting.length;
    }
    this.#isFirst = false;
  }
}
