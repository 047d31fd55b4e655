// Faults of the disk and the wire: what is acknowledged and not durable, what is read and not checked.
import { type Fault, listed } from './mutant.ts';

const STORE = 'io/log-store.test.ts';
const DAMAGE = 'io/log-store-damage.test.ts';
const RECOVERY = 'io/log-recovery.test.ts';
const BATCHES = 'io/level-log-store.test.ts';
const HEAD = 'io/head-writer.test.ts';
const POWER = 'io/log-store-power.test.ts';

const FAULTS: readonly Fault[] = [
  {
    title: 'the mark is not synced for a vote',
    file: 'io/head-writer.ts',
    find: 'if (isPromise) {',
    replace: 'if (isPromise && bytes.length === 0) {',
    suites: [HEAD],
  },
  {
    title: 'the mark is synced for a term and not for a vote alone',
    file: 'io/head-writer.ts',
    find: ' || head.hardState.vote !== vote;',
    replace: ';',
    suites: [HEAD],
  },
  {
    title: 'a log write is acknowledged without a sync',
    file: 'io/head-writer.ts',
    find: 'batch.write({ sync: true })',
    replace: 'batch.write({ sync: false })',
    suites: [HEAD],
  },
  {
    title: 'the mark tells of a write that is not durable yet',
    file: 'io/head-writer.ts',
    find: 'batch.write({ sync: true })',
    replace: 'this.#mark.tell(bytes, () => {});\n    batch.write({ sync: true })',
    suites: [HEAD],
  },
  {
    title: 'an error of a sync for which nobody waits is swallowed',
    file: 'io/head-writer.ts',
    find: 'failed && this.#fail(failed)',
    replace: 'failed',
    suites: [HEAD],
  },
  {
    title: 'the pieces of a received image are not synced',
    file: 'io/image.ts',
    find: 'batch.write({ sync: true })',
    replace: 'batch.write({ sync: false })',
    suites: [POWER],
  },
  {
    title: 'a compaction is not synced',
    file: 'io/level-log-store.ts',
    find: 'this.#settle(batch.write({ sync: true }), leave);',
    replace: 'this.#settle(batch.write({ sync: false }), leave);',
    suites: [POWER],
  },
  {
    title: 'a new image gets the number of one that was abandoned before a restart',
    file: 'io/level-log-store.ts',
    find: 'this.#lastGeneration = opened.lastGeneration;',
    replace: 'this.#lastGeneration = opened.image.generation;',
    suites: [POWER],
  },
  {
    title: 'the checksum of a log record is not checked',
    file: 'io/log-records.ts',
    find: ' || crc32(value.subarray(4)) !== value.readUInt32LE(0)',
    replace: '',
    suites: [RECOVERY],
  },
  {
    title: 'the chain of log records is not checked',
    file: 'io/log-recovery.ts',
    find: 'record.previousChecksum !== previous.checksum || ',
    replace: '',
    suites: [RECOVERY],
  },
  {
    title: 'a record that an older write left in the log is taken',
    file: 'io/log-recovery.ts',
    find: ' || record.sequence <= previous.sequence',
    replace: '',
    suites: [RECOVERY],
  },
  {
    title: 'a log that ends before what was written last is taken',
    file: 'io/log-recovery.ts',
    find: 'if (last.index !== head.lastIndex || last.term !== head.lastTerm) {',
    replace: 'if (last.index > head.lastIndex) {',
    suites: [RECOVERY],
  },
  {
    title: 'a log that begins behind the saved state is taken',
    file: 'io/log-recovery.ts',
    find: 'if (first > image.index + 1) throw',
    replace: 'if (first < 0) throw',
    suites: [RECOVERY],
  },
  {
    title: 'a database that falls short of the mark is taken',
    file: 'io/log-store.ts',
    find: 'if (!holdsMark(mark.newest, stored)) {',
    replace: 'if (stored.length === 0) {',
    suites: [`${DAMAGE} | with an old database`],
  },
  {
    title: 'the mark is written to one slot only, so that a torn write leaves none',
    file: 'io/mark.ts',
    find: 'this.#place = this.#place === 0 ? 1 : 0;',
    replace: '',
    suites: [`${DAMAGE} | with one slot of its mark`],
  },
  {
    title: 'the checksum of a mark is not checked',
    file: 'io/mark.ts',
    find: 'crc32(bytes.subarray(4)) !== bytes.readUInt32LE(0) || ',
    replace: '',
    suites: [RECOVERY],
  },
  {
    title: 'the checksum of the head is not checked',
    file: 'io/head.ts',
    find: ' || crc32(bytes.subarray(4)) !== bytes.readUInt32LE(0)',
    replace: '',
    suites: [RECOVERY],
  },
  {
    title: 'the state is saved without a sync',
    file: 'io/level-log-store.ts',
    find: 'this.#settle(batch.write({ sync: true }), (error)',
    replace: 'this.#settle(batch.write({ sync: false }), (error)',
    suites: [BATCHES],
  },
  {
    title: 'a received state is installed without a sync',
    file: 'io/level-log-store.ts',
    find: 'this.#writer.write(batch, next, (error) => done(error && this.#fail(error)));\n    });\n  }\n\n  #syncMark',
    replace: 'this.#settle(batch.write({ sync: false }), done); void next;\n    });\n  }\n\n  #syncMark',
    suites: [BATCHES],
  },
  {
    title: 'the sum of a received state is not checked',
    file: 'io/image.ts',
    find: ' && this.#sum === meta.sum',
    replace: '',
    suites: [STORE],
  },
  {
    title: 'the sum of the saved state is not checked when it is read',
    file: 'io/image.ts',
    find: 'if (this.#sum !== sum) throw',
    replace: 'if (this.#sum < 0) throw',
    suites: [RECOVERY],
  },
  {
    title: 'the checksum of a state record is not checked',
    file: 'io/image.ts',
    find: ' || sum !== value.readUInt32LE(0)',
    replace: '',
    suites: [RECOVERY],
  },
  {
    title: 'the data and the index of the saved state are written apart',
    file: 'io/level-log-store.ts',
    find: 'putRecord(batch, image.generation, checksum, record);\n      inPieces(records, put, () => {',
    replace:
      'putRecord(apart, image.generation, checksum, record);\n      const apart = database.batch();\n      inPieces(records, put, () => {\n        void apart.write();',
    suites: [BATCHES],
  },
  {
    title: 'records whose entries were replaced stay in the log',
    file: 'io/level-log-store.ts',
    find: 'if (gone !== first) batch.del(logKey(gone));',
    replace: 'void gone;',
    suites: [STORE],
  },
  {
    title: 'a store that has failed goes on',
    file: 'io/level-log-store.ts',
    find: 'if (failure === null) return false;',
    replace: 'if (failure === null || done.length >= 0) return false;',
    suites: [STORE],
  },
  {
    title: 'a restarted node counts as the same life, so that old entries settle its requests',
    file: 'io/log-store.ts',
    find: 'const incarnation = head.incarnation + 1;',
    replace: 'const incarnation = head.incarnation;',
    suites: [STORE],
  },
  {
    title: 'the data directory of another node is opened',
    file: 'io/log-store.ts',
    find: 'checkOwner(directory, known, cluster, node);',
    replace: '',
    suites: [STORE],
  },
  {
    title: 'a peer that comes back on another disk is not told from itself',
    file: 'io/peer-disks.ts',
    find: "known[1] === disk ? 'same' : 'different'",
    replace: "'same'",
    suites: [STORE],
  },
  {
    title: 'a frame of any length is waited for',
    file: 'io/frame.ts',
    find: 'if (length > this.frameMaxBytes) throw',
    replace: 'if (length < 0) throw',
    suites: ['io/frame.test.ts | a length of 0'],
  },
  {
    title: 'a log write is acknowledged while the mark is still being written',
    file: 'io/head-writer.ts',
    find: 'this.#mark.tell(bytes, (error) => {',
    replace: 'done();\n    this.#mark.tell(bytes, (error) => {',
    suites: [HEAD],
  },
  {
    title: 'the ballast is sparse (P18)',
    file: 'io/ballast.ts',
    find: 'await file.write(piece, 0, Math.min(piece.length, this.#bytes - at), at);',
    replace: 'await file.truncate(this.#bytes);',
    suites: ['io/ballast.test.ts'],
  },
];

export const LOG_STORE = listed('io', 'ours', FAULTS);
