// Faults of the replica loop: what is promised before it is durable, served before it is applied, or settled for somebody else.
import { type Fault, listed } from './mutant.ts';

const WRITER = 'replica/log-writer.test.ts';
const REQUESTS = 'replica/requests.test.ts';
const READS = 'replica/reads.test.ts';
const INBOX = 'replica/inbox.test.ts';
const APPLIER = 'replica/applier.test.ts';
const ROOM = 'replica/room.test.ts';
const WHOLE = 'replica/whole-node.test.ts';
const SIM = 'sim/sim.test.ts | keeps all properties with seeds';

const FAULTS: readonly Fault[] = [
  {
    title: 'an acknowledgement leaves before the sync',
    file: 'replica/log-writer.ts',
    find: 'this.watch.began();',
    replace: 'this.watch.began();\n    this.#finish((batch as QueuedAppend[]).splice(0));',
    suites: [WRITER],
  },
  {
    title: 'a vote alone is not written down',
    file: 'replica/log-writer.ts',
    find: ' || hardState.vote !== this.#durable.vote',
    replace: '',
    suites: [WRITER],
  },
  {
    title: 'a write that failed counts as done',
    file: 'replica/log-writer.ts',
    find: 'write((error) => {',
    replace: 'write((_, error?: Error) => {',
    suites: [WRITER],
  },
  {
    title: 'entries that were replaced while they waited are written behind those that replaced them',
    file: 'replica/log-writer.ts',
    find: 'else if (start !== undefined) merged.length = Math.min(merged.length, first.index - start);',
    replace: '',
    suites: [WRITER],
  },
  {
    title: 'requests for votes leave before the vote for oneself is durable',
    file: 'replica/log-writer.ts',
    find: 'this.#queue.push({ append, after });',
    replace: 'this.#host.release(after); this.#queue.push({ append, after: [] });',
    suites: [WRITER],
  },
  {
    title: 'a received state that waits behind a log write is never installed',
    file: 'replica/log-writer.ts',
    find: 'snapshotAt < 0 ? this.#queue.length : Math.max(1, snapshotAt)',
    replace: 'this.#queue.length',
    suites: [WRITER],
  },
  {
    title: 'a request is settled by an entry of an earlier life of its node',
    file: 'replica/applier.ts',
    find: ' || incarnation !== this.#origin.incarnation',
    replace: '',
    suites: [APPLIER],
  },
  {
    title: 'a request is settled by the entry of another node',
    file: 'replica/applier.ts',
    find: 'node !== this.#origin.node || ',
    replace: '',
    suites: [APPLIER],
  },
  {
    title: 'a request is settled by index alone: by whatever comes next',
    file: 'replica/requests.ts',
    find: 'const request = this.#pending.get(sequence);\n    if (request === undefined) return false;',
    replace: 'const request = this.#pending.get(sequence) ?? [...this.#pending.values()][0];\n    if (request === undefined) return false;',
    suites: [REQUESTS],
  },
  {
    title: 'a request that stands in the log of the present term is taken for lost and sent again',
    file: 'replica/requests.ts',
    find: 'sentTerm !== 0 && sentTerm < term',
    replace: 'sentTerm !== 0 && sentTerm <= term',
    suites: [REQUESTS],
  },
  {
    title: 'a call whose request may be in the log is told that it surely failed',
    file: 'replica/failures.ts',
    find: "export const UNKNOWN: Failure = {\n  definite: false,\n  code: 'outcome-unknown',",
    replace: "export const UNKNOWN: Failure = {\n  definite: true,\n  code: 'no-leader',",
    suites: [REQUESTS],
  },
  {
    title: 'requests in the part of the log that a snapshot jumped over are sent again as if they were lost',
    file: 'replica/applier.ts',
    find: 'this.#requests.logJumped();',
    replace: '',
    suites: [APPLIER],
  },
  {
    title: 'what a follower passes on again over a new connection is proposed twice',
    file: 'replica/inbox.ts',
    find: 'if (header.sequence <= (this.#taken.get(life) ?? 0)) continue;',
    replace: '',
    suites: [INBOX],
  },
  {
    title: 'a follower’s request of an earlier leadership is proposed in a new one',
    file: 'replica/proposals.ts',
    find: 'this.#inbox.clear();',
    replace: '',
    suites: [SIM],
  },
  {
    title: 'a read is served before its index is applied',
    file: 'replica/reads.ts',
    find: 'if (barrier.index > this.#host.appliedIndex()) return;',
    replace: '',
    suites: [READS],
  },
  {
    title: 'a read barrier that is asked again keeps its number, so that an old answer confirms it',
    file: 'replica/reads.ts',
    find: 'const id = this.#nextId++;',
    replace: 'const id = this.#nextId;',
    suites: [READS],
  },
  {
    title: 'a read that begins later shares the barrier under way',
    file: 'replica/reads.ts',
    find: 'this.#waiting.push({ answer, sinceMs: nowMs });',
    replace: '((this.#inFlight?.reads ?? this.#waiting) as WaitingRead[]).push({ answer, sinceMs: nowMs });',
    suites: [READS],
  },
  {
    title: 'a leader takes reads without a quorum, by its own account',
    file: 'replica/raft-config.ts',
    find: "readOnly: 'safe'",
    replace: "readOnly: 'lease-based'",
    suites: [WHOLE],
  },
  {
    title: 'the lessor of a new leader is promoted when anything is applied, not when the first entry of its own term is',
    file: 'replica/applier.ts',
    find: 'if (opensTerm) this.#host.termApplied(entry.term);',
    replace: 'this.#host.termApplied(entry.term);',
    suites: [APPLIER],
  },
  {
    title: 'the lessor is told of a term before its first entry is applied',
    file: 'replica/applier.ts',
    find: 'this.#applyOne(entry);\n',
    replace: 'if (opensTerm) this.#host.termApplied(entry.term);\n      this.#applyOne(entry);\n',
    suites: [APPLIER],
  },
  {
    title: 'lease time goes on from nothing when a node is elected',
    file: 'replica/leadership.ts',
    find: 'lastStamp(this.#loop.raft.unapplied()) ?? this.#loop.applier.state.timeMs',
    replace: '0',
    suites: [SIM],
  },
  {
    title: 'the leader stamps entries ahead of its clock',
    file: 'replica/proposals.ts',
    find: 'const timeMs = this.#lessor.now();',
    replace: 'const timeMs = this.#lessor.now() + 100;',
    suites: [SIM],
  },
  {
    title: 'who waits for a vacancy is woken by a timer',
    file: 'replica/replica.ts',
    find: 'return this.#waiting.vacancies.wait(',
    replace: 'this.#env.clock.after(50, () => vacant(this.appliedIndex));\n    return this.#waiting.vacancies.wait(',
    suites: [SIM],
  },
  {
    title: 'a gated write is checked when it is received, and no more when it is applied',
    file: 'replica/replica.ts',
    find: 'else this.#add(command, false, settle);',
    replace:
      "else if (command.kind === 'put' && command.assert.every((one) => this.state.claim(one, 0)?.fence === one.fence)) this.#add({ ...command, assert: [] }, false, settle);\n    else this.#add(command, false, settle);",
    suites: [SIM],
  },
  {
    title: 'the applied index is saved apart from the data: that of the entry before',
    file: 'replica/state-saver.ts',
    find: 'const meta: ImageMeta = { index, term,',
    replace: 'const meta: ImageMeta = { index: index - 1, term,',
    suites: [SIM],
  },
  {
    title: 'a state received from the leader does not replace the own one',
    file: 'replica/loop.ts',
    find: 'this.applier.replace({ state, term',
    replace: 'void state;\n    this.applier.replace({ state: this.applier.state, term',
    suites: [SIM],
  },
  {
    title: 'who waits is not looked for in a state that was received',
    file: 'replica/waiting.ts',
    find: 'this.vacancies.recheck(state);',
    replace: '',
    suites: [WHOLE],
  },
  {
    title: 'claims take the place that is kept for renewals',
    file: 'replica/lanes.ts',
    find: '(max * 7) / 8',
    replace: 'max',
    suites: [WHOLE],
  },
  {
    title: 'a record that was saved with checksum 0 counts as one that was never saved',
    file: 'replica/state-saver.ts',
    find: 'encoded === null && savedChecksum === null',
    replace: 'encoded === null && (savedChecksum ?? 0) === 0',
    suites: ['replica/state-saver.test.ts | checksum'],
  },
  {
    title: 'a quota refuses a renewal (P16)',
    file: 'replica/growth.ts',
    find: "    case 'grant':\n",
    replace: "    case 'renew':\n    case 'grant':\n",
    suites: [ROOM],
  },
  {
    title: 'a quota refuses a claim by the present holder',
    file: 'replica/growth.ts',
    find: 'claim.holder === command.holder || ',
    replace: '',
    suites: [ROOM],
  },
  {
    title: 'quotas are not compared with what the same batch adds',
    file: 'replica/room.ts',
    find: 'if (refusal === null) this.#add(growth);',
    replace: '',
    suites: [ROOM],
  },
  {
    title: 'a condition clears as soon as less than the limit is in use',
    file: 'replica/room.ts',
    find: 'this.isFull ? used > clearsAt : used >= limit',
    replace: 'used >= limit',
    suites: [ROOM],
  },
  {
    title: 'what a quota refuses is proposed all the same',
    file: 'replica/proposals.ts',
    find: 'else others.sequences.push(sequence);\n      return false;',
    replace: 'else others.sequences.push(sequence);\n      return true;',
    suites: [ROOM],
  },
];

export const REPLICA = listed('replica', 'ours', FAULTS);
