// All planted faults, list by list.
import { BYTES } from './bytes.ts';
import { CLIENT_FAULTS } from './client.ts';
import { COMMAND_LINE } from './command-line.ts';
import { DASHBOARD } from './dashboard.ts';
import { GRAY_FAILURES } from './gray-failures.ts';
import { HISTORY_FAULTS } from './history.ts';
import { HTTP_EDGES } from './http-edges.ts';
import { LEASE } from './lease.ts';
import { LOG_STORE } from './log-store.ts';
import { MEMBERSHIP } from './membership.ts';
import type { Mutant } from './mutant.ts';
import { NETWORK } from './network.ts';
import { OPERATION } from './operation.ts';
import { RAFT_KNOWN } from './raft-known.ts';
import { RAFT_OWN } from './raft-own.ts';
import { RAFT_SURVIVING } from './raft-surviving.ts';
import { REPLICA } from './replica.ts';

export const CATALOGUE: readonly Mutant[] = [
  ...RAFT_KNOWN,
  ...RAFT_SURVIVING,
  ...RAFT_OWN,
  ...LEASE,
  ...REPLICA,
  ...BYTES,
  ...LOG_STORE,
  ...MEMBERSHIP,
  ...NETWORK,
  ...HISTORY_FAULTS,
  ...DASHBOARD,
  ...OPERATION,
  ...CLIENT_FAULTS,
  ...COMMAND_LINE,
  ...GRAY_FAILURES,
  ...HTTP_EDGES,
];
