// Answers in few words for people. Programs use --json, which prints the answer as it came.
import type { LeaseholdError } from '../client/errors.ts';
import type { ClaimShape } from '../contract/claims.ts';
import type { ClusterReply } from '../contract/cluster.ts';

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

/** Rows under a head, columns two blanks apart; an empty list of rows gives the head alone. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  return [head, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

export function claimTable(claims: readonly ClaimShape[]): string[] {
  const rows = claims.map((claim) => [`${claim.namespace}/${claim.model}/${claim.lease}`, claim.holder, String(claim.fence), left(claim)]);
  return table(['LEASE', 'HOLDER', 'FENCE', 'FOR'], rows);
}

export function memberTable(list: ClusterReply['members']): string[] {
  const rows = list.map((member) => [
    member.id,
    member.voter ? member.role : 'learner',
    member.http === '' ? '?' : member.http,
    member.appliedIndex === null ? '?' : String(member.appliedIndex),
    contactText(member) + snapshotText(member.snapshot),
  ]);
  return table(['NODE', 'ROLE', 'HTTP', 'APPLIED', 'CONTACT'], rows);
}

function contactText({ reachable, lastContactMs }: ClusterReply['members'][number]): string {
  return reachable ? 'reachable' : lastContactMs === null ? 'never heard from' : `silent for ${duration(lastContactMs)}`;
}

/** `, gets the state: 43 % of 1000000 records` while a member is sent an image of it. */
function snapshotText(snapshot: ClusterReply['members'][number]['snapshot']): string {
  if (snapshot === null) return '';
  const { sentRecords, records, percent } = snapshot;
  return `, gets the state: ${records === null || percent === null ? sentRecords : `${percent} % of ${records}`} records`;
}

/** What a failed call means to the person at the terminal, and what to do next. */
export function explain(error: LeaseholdError, subject: string, endpoints: readonly string[]): string[] {
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
      return [
        `None of ${endpoints.join(', ')} can be reached: ${error.message}.`,
        'Start a cluster (leasehold cluster), or say where it is: --endpoint URL[,URL…] or LEASEHOLD_ENDPOINT.',
      ];
    case 'no-leader':
    case 'stopping':
      return [`Not accepted: ${error.message}.`, 'No majority of the nodes works together at the moment. See: leasehold status'];
    case 'overloaded':
      return [`Not accepted: ${error.message}.`, 'The cluster is overloaded; try again later.'];
    case 'outcome-unknown':
      return [
        `Unknown outcome: ${error.message}.`,
        'It may or may not have been done. Look with leasehold get or check before you repeat it.',
      ];
    default:
      return [`${error.message} (${error.code})`];
  }
}
