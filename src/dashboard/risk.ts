// What an order would do to the cluster, said before it is given.
import type { DashboardFeed } from '../contract/dashboard.ts';
import type { Order, ProcessState } from './orders.ts';

/** What the reader should know before; null for an order that needs no second thought. */
export function riskOf(
  order: Order,
  node: string,
  { members, leader }: DashboardFeed['cluster'],
  states: ReadonlyMap<string, ProcessState> | null,
): string | null {
  if (order !== 'kill' && order !== 'pause') return null;
  const voters = members.filter(({ voter }) => voter);
  const left = voters.filter(
    ({ id, reachable }) => id !== node && (states?.get(id) ?? (reachable ? 'running' : 'down')) === 'running',
  ).length;
  const isLost = voters.some(({ id }) => id === node) && left < Math.floor(voters.length / 2) + 1;
  const what = 'Its process ends at once, as in a crash.';
  if (isLost) {
    const rest = left === 0 ? 'No voter' : `Only ${left} of ${voters.length} voters`;
    return `${order === 'kill' ? `${what} ` : ''}${rest} would be left: nobody can lead then, and no claim is granted, extended or ended until more are back.`;
  }
  if (order === 'pause') return null;
  return `${what} ${node === leader ? 'Another member takes over; no lease is lost.' : 'The others go on without it.'}`;
}
