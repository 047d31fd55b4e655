// How many files and connections the operating system lets this process have open, and how many of them clients may use.
import { readFileSync } from 'node:fs';
import { UsageError } from './values.ts';

/** Descriptors that peers, disk, and files keep, whatever clients do. */
export const RESERVED_DESCRIPTORS = 512;
/** A node does not start with fewer. */
export const DESCRIPTORS_MIN = 1_024;
/** Connections of clients, however many descriptors there are. */
export const CLIENT_CONNECTIONS_MAX = 20_000;

/** The limit on open files (`nofile`) in the text of /proc/self/limits. `null` if there is none, or the text does not tell. */
export function descriptorLimitIn(limits: string): number | null {
  const soft = /^Max open files\s+(\d+)\s/m.exec(limits)?.[1];
  return soft === undefined ? null : Number(soft);
}

/** The limit of this process. `null` where the operating system has no /proc. Node raises its soft limit to the hard one at its start. */
export function descriptorLimit(): number | null {
  try {
    return descriptorLimitIn(readFileSync('/proc/self/limits', 'utf8'));
  } catch {
    return null;
  }
}

/**
 * Connections that clients may have with `descriptors` (`null` for no known limit).
 *
 * @throws UsageError if these are too few to run a node.
 */
export function clientConnectionsMax(descriptors: number | null): number {
  if (descriptors === null) return CLIENT_CONNECTIONS_MAX;
  if (descriptors < DESCRIPTORS_MIN)
    throw new UsageError(
      `this process may have ${descriptors} open files (nofile): a node needs at least ${DESCRIPTORS_MIN}; raise it with ulimit -n 65536, or LimitNOFILE= in its unit`,
    );
  return Math.min(CLIENT_CONNECTIONS_MAX, descriptors - RESERVED_DESCRIPTORS);
}
