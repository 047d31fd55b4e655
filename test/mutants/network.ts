// Faults of the network between nodes: silent links, hanging dials, what a node accepts from a peer that is not a member.
import { type Fault, listed } from './mutant.ts';

const SILENCE = 'io/transport-silence.test.ts';

const UNKNOWN = 'replica/unknown-peers.test.ts';
/** The same rules, in the simulator. */
const STRANGERS = 'sim/strangers.test.ts';

const FAULTS: readonly Fault[] = [
  {
    // P17 of the operations contract.
    title: 'a link without a received byte is kept',
    file: 'io/transport-link.ts',
    find: 'if (!isOverdue && !isSilent) return;',
    replace: 'if (!isOverdue) return;',
    suites: [SILENCE],
  },
  {
    title: 'received bytes do not end a silence',
    file: 'io/silence.ts',
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
  {
    title: 'a term is adopted however far it jumps',
    file: 'raft/admission.ts',
    find: 'return message.term - term <= TERM_JUMP_MAX;',
    replace: 'return true;',
    suites: [UNKNOWN, STRANGERS],
  },
  {
    title: 'an unknown peer is accepted like a member',
    file: 'replica/unknown-peers.ts',
    find: 'this.ignored++;\n    return false;',
    replace: 'this.ignored++;\n    return true;',
    suites: [UNKNOWN, STRANGERS],
  },
  {
    title: 'a vote that is asked as part of a transfer is given to an unknown peer',
    file: 'replica/unknown-peers.ts',
    find: 'return !message.transfer && this.#isLost() && this.#mayAdopt(message.term);',
    replace: 'return this.#isLost() && this.#mayAdopt(message.term);',
    suites: [UNKNOWN],
  },
  {
    title: 'a node with a linked member counts as alone',
    file: 'replica/unknown-peers.ts',
    find: 'if (this.#host.linkedMembers().length > 0) this.#linkedMs = nowMs;',
    replace: '',
    suites: [UNKNOWN],
  },
  {
    title: 'the report of a member about its leader is not used',
    file: 'replica/unknown-peers.ts',
    find: 'return report?.leader === node &&',
    replace: 'return report?.leader === -node &&',
    suites: [UNKNOWN],
  },
  {
    title: 'a snapshot message is taken from the network',
    file: 'replica/peer-inputs.ts',
    find: "if (frame.message.kind !== 'snapshot') this",
    replace: 'this',
    suites: [UNKNOWN],
  },
  {
    title: 'an image is taken from any member',
    file: 'replica/peer-inputs.ts',
    find: 'return term === raft.term && (raft.followed === from || raft.followed === NONE);',
    replace: 'return true;',
    suites: [UNKNOWN],
  },
  {
    title: 'an image is installed whatever its members are',
    file: 'replica/image-check.ts',
    find: "return 'a list of members that cannot be read';",
    replace: 'return null;',
    suites: [UNKNOWN],
  },
  {
    title: 'the last number that has a form is a term',
    file: 'io/wire-raft.ts',
    find: 'export const POSITION_MAX = 2 ** 52;',
    replace: 'export const POSITION_MAX = 2 ** 53 - 1;',
    suites: ['io/wire.test.ts'],
  },
  {
    title: 'an unknown peer that has gone keeps its place',
    file: 'io/transport-peer.ts',
    find: 'this.#candidate === null) this.#host.release(this);',
    replace: 'this.#candidate === null) this.#failures += 0;',
    suites: ['io/transport-hostile.test.ts'],
  },
  {
    title: 'a node that has just been linked to a member accepts an unknown leader at once',
    file: 'replica/unknown-peers.ts',
    find: 'if (nowMs - this.#unlinkedMs < longMs) return this.#host.isReceiving();',
    replace: '',
    suites: [UNKNOWN],
  },
  {
    title: 'a state that a node receives is cut off by the first link to a member',
    file: 'replica/unknown-peers.ts',
    find: 'if (nowMs - this.#unlinkedMs < longMs) return this.#host.isReceiving();',
    replace: 'if (nowMs - this.#unlinkedMs < longMs) return false;',
    suites: [UNKNOWN],
  },
  {
    title: 'a caller that is not a member can end a node by a refusal',
    file: 'io/transport.ts',
    find: 'if (refusal !== null && isMember)',
    replace: 'if (refusal !== null)',
    suites: ['io/transport-hostile.test.ts'],
  },
  {
    title: 'a stranger that has the number of a new member is heard as that member',
    file: 'replica/peer-inputs.ts',
    find: 'membership.isChecked(node) && ',
    replace: '',
    suites: ['sim/sim.test.ts | with seed 7000366'],
  },
];

export const NETWORK = listed('network', 'ours', FAULTS);
