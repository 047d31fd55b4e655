// Answers in few words for people. Programs use --json, which prints the answer as it came.
import type { LeaseholdError } from '../client/errors.ts';
import type { ClaimShape } from '../contract/claims.ts';
import type { ClusterReply } from '../contract/cluster.ts';
import { bar, type Paint } from './terminal.ts';

/** `850 ms`, `14.2 s`, `3 min 20 s`, `5 h 3 min`, `2 d 4 h`. */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1_000);
  const pair = (large: number, largeUnit: string, small: number, smallUnit: string) =>
    `${large} ${largeUnit}${small === 0 ? '' : ` ${small} ${smallUnit}`}`;
  if (seconds < 3_600) return pair(Math.floor(seconds / 60), 'min', seconds % 60, 's');
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1_440) return pair(Math.floor(minutes / 60), 'h', minutes % 60, 'min');
  return pair(Math.floor(minutes / 1_440), 'd', Math.floor((minutes % 1_440) / 60), 'h');
}

/** How long a claim will last: `14.2 s left`, or `pinned by a, b`. */
export function left(claim: Pick<ClaimShape, 'remainingMs' | 'pinnedBy'>): string {
  if (claim.remainingMs === null) return claim.pinnedBy.length === 0 ? 'pinned' : `pinned by ${claim.pinnedBy.join(', ')}`;
  return `${duration(claim.remainingMs)} left`;
}

/** `demo/main/leader is held by alice, fence 17, 14.2 s left`, with another verb where one is given. */
export function claimLine(claim: ClaimShape, verb = 'is held by'): string {
  const session = claim.session === null ? '' : `, session ${claim.session}`;
  return `${claim.namespace}/${claim.model}/${claim.lease} ${verb} ${claim.holder}, fence ${claim.fence}${session}, ${left(claim)}`;
}

/** Rows under a head, columns two blanks apart; an empty list of rows gives the head alone. `style` is given each cell of a row, filled up to its width. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  style: (cell: string, row: number, column: number) => string = (cell) => cell,
): string[] {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  return [head, ...rows].map((cells, line) =>
    cells
      .map((cell, column) => {
        const filled = column === head.length - 1 ? cell : cell.padEnd(widths[column] ?? 0);
        return line === 0 ? filled : style(filled, line - 1, column);
      })
      .join('  ')
      .trimEnd(),
  );
}

export function claimTable(claims: readonly ClaimShape[]): string[] {
  const rows = claims.map((claim) => [`${claim.namespace}/${claim.model}/${claim.lease}`, claim.holder, String(claim.fence), left(claim)]);
  return table(['LEASE', 'HOLDER', 'FENCE', 'FOR'], rows);
}

type Members = ClusterReply['members'];
type Member = Members[number];

const ROLE_COLUMN = 1;

/** `silent`: those who do not answer, whether or not their connections stand. `paint`: for them, and for roles. `isTerminal`: whether a bar says how far an image is. */
export function memberTable(list: Members, silent: readonly string[], paint: Paint, isTerminal: boolean): string[] {
  const rows = list.map((member) => [
    member.id,
    roleText(member),
    member.http === '' ? '?' : member.http,
    member.appliedIndex === null ? '?' : String(member.appliedIndex),
    contactText(member, silent.includes(member.id)) + snapshotText(member.snapshot, isTerminal),
  ]);
  const head = ['NODE', 'ROLE', 'HTTP', 'APPLIED', 'CONTACT'];
  return table(
    head,
    rows,
    styleOf(list, head.length - 1, ({ reachable }) => reachable, paint),
  );
}

/** The same while it is watched: how far each has applied, how far it is behind what is committed, and when it was last heard. */
export function watchTable(
  list: Members,
  { commitIndex, node }: ClusterReply,
  silent: readonly string[],
  paint: Paint,
  isTerminal: boolean,
): string[] {
  const rows = list.map((member) => [
    member.id,
    roleText(member),
    member.http === '' ? '?' : member.http,
    member.appliedIndex === null ? '?' : String(member.appliedIndex),
    member.appliedIndex === null ? '?' : String(Math.max(0, commitIndex - member.appliedIndex)),
    (silent.includes(member.id) ? 'does not answer, ' : '') +
      (member.id === node ? 'itself' : member.lastContactMs === null ? 'never heard from' : `heard ${duration(member.lastContactMs)} ago`) +
      snapshotText(member.snapshot, isTerminal),
  ]);
  const head = ['NODE', 'ROLE', 'HTTP', 'APPLIED', 'LAG', 'LAST CONTACT'];
  return table(
    head,
    rows,
    styleOf(list, head.length - 1, ({ id }) => !silent.includes(id), paint),
  );
}

function styleOf(list: Members, contactColumn: number, isThere: (member: Member) => boolean, paint: Paint): Parameters<typeof table>[2] {
  return (cell, row, column) => {
    const member = list[row];
    if (member === undefined) return cell;
    if (column === contactColumn) return isThere(member) ? cell : paint.bad(cell);
    if (column === ROLE_COLUMN) return member.role === 'leader' ? paint.good(cell) : member.role === 'candidate' ? paint.warn(cell) : cell;
    return cell;
  };
}

function roleText({ voter, role }: Member): string {
  return voter ? role : 'learner';
}

function contactText({ reachable, lastContactMs }: Member, isSilent: boolean): string {
  if (reachable && !isSilent) return 'reachable';
  // A process that is stopped keeps its connections.
  return (reachable ? 'connected, ' : '') + (lastContactMs === null ? 'never heard from' : `silent for ${duration(lastContactMs)}`);
}

/** `, gets the state: 43 % of 1000000 records` while a member is sent an image of it. */
function snapshotText(snapshot: Member['snapshot'], isTerminal: boolean): string {
  if (snapshot === null) return '';
  const { sentRecords, records, percent } = snapshot;
  if (records === null || percent === null) return `, gets the state: ${sentRecords} records`;
  return `, gets the state: ${isTerminal ? `${bar(percent / 100)} ` : ''}${percent} % of ${records} records`;
}

/** What a failed call means to the person at the terminal, and what to do next. `why`: nobody leads, null while somebody does or nobody knows. */
export function explain(error: LeaseholdError, subject: string, endpoints: readonly string[], why: string | null = null): string[] {
  const { holder, fence, remainingMs } = error.facts;
  const who = typeof holder === 'string' ? `${holder} holds it, fence ${String(fence)}` : 'nobody holds it';
  switch (error.code) {
    case 'claim-denied': {
      const until = typeof remainingMs === 'number' ? `, ${duration(remainingMs)} left` : remainingMs === null ? ', pinned' : '';
      return [`${subject} is denied: ${who}${until}.`, 'Queue for it with --wait 30s, or claim it again later.'];
    }
    case 'not-held':
      return [
        `${subject} is not held in that way: ${who}.`,
        typeof holder === 'string' ? 'Wait until it is free: leasehold wait' : 'Claim it first: leasehold claim',
      ];
    case 'assertion-failed':
      return [`${subject} was not written: ${error.message}; ${who}.`];
    case 'lease-not-found':
      if (typeof error.facts.id === 'string') return [`There is no lease ${error.facts.id}.`];
      return [`${subject} is held by nobody.`];
    case 'wait-timeout':
      return [`${subject} was still held when the wait ran out.`];
    case 'unreachable':
      if (why !== null) return notAccepted(`no leader: ${why}`);
      return [
        `None of ${endpoints.join(', ')} can be reached: ${error.message}.`,
        'Start a cluster (leasehold cluster), or say where it is: --endpoint URL[,URL…] or LEASEHOLD_ENDPOINT.',
      ];
    case 'no-leader':
    case 'stopping':
      return notAccepted(why === null ? sentence(error.message) : `no leader: ${why}`);
    case 'overloaded':
      return [`Not accepted: ${error.message}.`, 'The cluster is overloaded; try again later.'];
    case 'no-room':
      return [`Not accepted: ${sentence(error.message)}.`, 'Nothing was done. What is held can still be extended, renewed, and released.'];
    case 'outcome-unknown':
      return [
        ...(why === null ? [] : [`no leader: ${why}.`]),
        `Unknown outcome: ${sentence(error.message)}.`,
        'It may or may not have been done. Look with leasehold get or check before you repeat it.',
      ];
    default:
      return [`${error.message} (${error.code})`];
  }
}

function notAccepted(what: string): string[] {
  return [
    `${what}.`,
    'Nothing was done: that takes a majority of the members, running and reaching each other. See: leasehold status --watch',
  ];
}

/** Without the stop at its end. */
function sentence(text: string): string {
  return text.replace(/\.$/, '');
}
