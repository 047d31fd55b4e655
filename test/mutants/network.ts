// Faults of the network between nodes: silent links, hanging dials, what a node accepts from a peer that is not a member.
import { type Fault, listed } from './mutant.ts';

const SILENCE = 'io/transport-silence.test.ts';

const FAULTS: readonly Fault[] = [
  {
    // P17 of the operations contract.
    title: 'a link without a received byte is kept',
    file: 'io/transport-link.ts',
    find: 'if (!isOverdue && this.#silentSweeps * sweepMs < silenceMaxMs) return;',
    replace: 'if (!isOverdue) return;',
    suites: [SILENCE],
  },
  {
    title: 'received bytes do not end a silence',
    file: 'io/transport-link.ts',
    find: 'this.#received ? 0 : this.#silentSweeps + 1',
    replace: 'this.#silentSweeps + 1',
    suites: [SILENCE],
  },
  {
    title: 'a dial waits for as long as the system tries',
    file: 'io/transport-peer.ts',
    find: 'house.clock.after(house.limits.connectMaxMs',
    replace: 'house.clock.after(house.limits.connectMaxMs * 1_000',
    suites: [SILENCE],
  },
  {
    title: 'every dial starts a lookup of its own',
    file: 'io/peer-names.ts',
    find: 'while (this.#running < LOOKUPS_MAX &&',
    replace: 'while (',
    suites: [SILENCE],
  },
];

export const NETWORK = listed('network', 'ours', FAULTS);
