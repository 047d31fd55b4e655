// Every frame survives its bytes; whatever an honest peer cannot have sent throws and nothing else.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ImageMeta, type PeerFrame, ROOM_RESOURCES } from '../../src/env.ts';
import { MalformedBytesError } from '../../src/io/bytes.ts';
import { codec } from '../../src/io/codec.ts';
import { FRAME_HEAD_BYTES } from '../../src/io/frame.ts';
import { Wire } from '../../src/io/wire.ts';
import { MEMBER_NUMBER_MAX, POSITION_MAX } from '../../src/io/wire-raft.ts';
import type { PeerMessage } from '../../src/raft/messages.ts';
import type { ConfChange, ConfState, Entry } from '../../src/raft/types.ts';
import { newSeed, seeded } from './seeded.ts';
import { everyFrame, plain } from './transport.suite.ts';

const SENDER = 3;
const RECEIVER = 2;
const FRAME_MAX_BYTES = 8 * 1024 * 1024;
const whole = fc.oneof(fc.nat(200), fc.nat(), fc.maxSafeNat());
/** A term or an index. */
const position = fc.oneof(
  fc.nat(200),
  fc.nat(),
  fc.maxSafeNat().map((number) => Math.min(number, POSITION_MAX)),
);
const node = fc.nat(MEMBER_NUMBER_MAX - 1).map((number) => number + 1);
const flag = fc.boolean();
const bytes = fc.uint8Array({ maxLength: 200 });
const ids = fc.uniqueArray(node, { maxLength: 5 }).map((list) => list.toSorted((left, right) => left - right));
const conf: fc.Arbitrary<ConfState> = fc.record({
  voters: ids,
  votersOutgoing: ids,
  learners: ids,
  learnersNext: ids,
  autoLeave: flag,
});
const change: fc.Arbitrary<ConfChange> = fc.record(
  {
    v1: flag,
    transition: fc.constantFrom('auto', 'implicit', 'explicit'),
    changes: fc.array(fc.record({ type: fc.constantFrom('add-voter', 'add-learner', 'remove', 'update'), node }), { maxLength: 4 }),
    context: fc.uint8Array({ maxLength: 20 }),
  },
  { requiredKeys: ['v1', 'transition', 'changes'] },
);

/** Contiguous entries behind `index`, of terms from `logTerm` to `term`. */
const append: fc.Arbitrary<PeerMessage> = fc
  .record({
    index: fc.oneof(fc.nat(300), fc.nat()),
    commit: position,
    logTerm: fc.nat(5),
    moreTerms: fc.nat(3),
    payloads: fc.array(fc.tuple(fc.nat(1), fc.oneof(bytes, change)), { maxLength: 30 }),
  })
  .map(({ index, commit, logTerm, moreTerms, payloads }) => {
    let term = logTerm;
    const entries = payloads.map(([step, payload], at): Entry => {
      term += step;
      const place = { term, index: index + 1 + at };
      return payload instanceof Uint8Array
        ? { kind: 'normal', ...place, data: payload }
        : { kind: 'conf-change', ...place, change: payload };
    });
    return { kind: 'append', from: SENDER, to: RECEIVER, term: term + moreTerms, logTerm, index, entries, commit };
  });

/** The term of a sender's last entry, or of its snapshot, is never later than its own. */
function within(fields: object, term: number): object {
  if ('transfer' in fields) return { ...fields, logTerm: Math.min((fields as unknown as { readonly logTerm: number }).logTerm, term) };
  if (!('snapshot' in fields)) return fields;
  const { snapshot } = fields as unknown as { readonly snapshot: { readonly term: number } };
  return { snapshot: { ...snapshot, term: Math.min(snapshot.term, term) } };
}

function message<K extends PeerMessage['kind'], F extends object>(kind: K, fields: fc.Arbitrary<F>): fc.Arbitrary<PeerMessage> {
  return fc
    .tuple(position, fields)
    .map(([term, more]) => ({ kind, from: SENDER, to: RECEIVER, term, ...within(more, term) }) as unknown as PeerMessage);
}

const raft = fc.oneof(
  append,
  message('append-response', fc.record({ index: position, rejected: flag, rejectHint: position, logTerm: position })),
  message('heartbeat', fc.record({ commit: position, context: whole })),
  message('heartbeat-response', fc.record({ context: whole })),
  message('vote', fc.record({ logTerm: position, index: position, transfer: flag })),
  message('pre-vote', fc.record({ logTerm: position, index: position, transfer: flag })),
  message('vote-response', fc.record({ rejected: flag })),
  message('pre-vote-response', fc.record({ rejected: flag })),
  message('snapshot', fc.record({ snapshot: fc.record({ index: node, term: position, conf }) })),
  message('timeout-now', fc.record({})),
  message('transfer-leader', fc.record({ transferee: node })),
  message('read-index', fc.record({ context: whole })),
  message('read-index-response', fc.record({ index: position, context: whole })),
);

const meta: fc.Arbitrary<ImageMeta> = fc.record({ index: position, term: position, conf, roster: bytes, count: whole, sum: whole });
const text = fc.string({ unit: 'grapheme', maxLength: 40 });
const frames: fc.Arbitrary<PeerFrame> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('raft' as const), message: raft }) },
  fc.record({ kind: fc.constant('forward' as const), term: position, commands: fc.array(bytes, { maxLength: 10 }) }),
  fc.record({
    kind: fc.constant('refuse' as const),
    term: position,
    sequences: fc.array(whole, { maxLength: 10 }),
    noRoom: fc.option(fc.record({ resource: fc.constantFrom(...ROOM_RESOURCES), used: whole, limit: whole })),
  }),
  fc.record({ kind: fc.constant('barrier' as const), term: position, id: whole }),
  fc.record({
    kind: fc.constant('barrier-reply' as const),
    id: whole,
    index: position,
    timeMs: fc.double({ min: 0, max: 2 ** 53 - 1, noNaN: true }),
  }),
  fc.record({
    kind: fc.constant('image' as const),
    term: position,
    id: whole,
    position: whole,
    records: fc.array(fc.tuple(text, fc.option(bytes)), { maxLength: 8 }),
    last: fc.option(meta),
  }),
  fc.record({ kind: fc.constant('image-ack' as const), id: whole, position: fc.oneof(whole, fc.constant(-1)) }),
  fc.record({
    kind: fc.constant('health' as const),
    leader: whole,
    health: fc.record({
      syncPendingMs: whole,
      syncP99Ms: whole,
      loopP99Ms: whole,
      freeBytes: whole,
      alarms: fc.array(fc.stringMatching(/^[a-z][a-z-]{0,31}$/), { maxLength: 16 }),
      stopping: flag,
    }),
  }),
);

interface Bytes {
  readonly kind: number;
  readonly body: Buffer;
}

/** What the receiver's frame reader would hand out. */
function bytesOf(frame: PeerFrame, wire = new Wire(SENDER, codec, FRAME_MAX_BYTES)): Bytes {
  const joined = Buffer.concat(wire.encode(frame));
  expect(joined.readUInt32BE(0)).toBe(joined.length - 4);
  return { kind: joined[4] as number, body: joined.subarray(FRAME_HEAD_BYTES) };
}

const read = ({ kind, body }: Bytes): PeerFrame => new Wire(RECEIVER, codec, FRAME_MAX_BYTES).decode(kind, body, SENDER);

test('every frame comes back as it was', () => {
  const seed = newSeed('wire');
  fc.assert(
    fc.property(frames, (frame) => {
      expect(plain(read(bytesOf(frame)))).toEqual(plain(frame));
    }),
    { seed, numRuns: 3_000 },
  );
});

test('bytes cut short, lengthened or altered throw, or make another valid frame; they never do anything else', () => {
  const seed = newSeed('wire');
  const random = seeded(seed);
  fc.assert(
    fc.property(frames, (frame) => {
      const { kind, body } = bytesOf(frame);
      expect(() => read({ kind, body: body.subarray(0, random.below(body.length)) })).toThrow();
      expect(() => read({ kind, body: Buffer.concat([body, Buffer.of(0)]) })).toThrow();
      const altered = Buffer.from(body);
      const at = random.below(altered.length);
      altered.writeUInt8(altered.readUInt8(at) ^ (1 << random.below(8)), at);
      let other: PeerFrame;
      try {
        other = read({ kind, body: altered });
      } catch (error) {
        expect(error).toBeInstanceOf(Error);
        return;
      }
      // What passes is a frame in every respect: it can be sent again and stays what it is.
      expect(plain(read(bytesOf(other)))).toEqual(plain(other));
    }),
    { seed, numRuns: 2_000 },
  );
});

test('random bytes under every kind throw or are a frame, quickly', () => {
  const random = seeded(newSeed('wire'));
  const startedMs = performance.now();
  for (let round = 0; round < 20_000; round++) {
    const body = Buffer.from(Array.from({ length: random.below(60) }, () => random.below(256)));
    try {
      expect(read({ kind: random.below(256), body })).toHaveProperty('kind');
    } catch (error) {
      expect(error).toBeInstanceOf(Error);
    }
  }
  expect(performance.now() - startedMs).toBeLessThan(10_000);
});

test('a message that names another sender or receiver is refused', () => {
  for (const frame of everyFrame(SENDER, RECEIVER)) {
    if (frame.kind !== 'raft') continue;
    const { kind, body } = bytesOf(frame);
    expect(() => new Wire(RECEIVER, codec, FRAME_MAX_BYTES).decode(kind, body, 1), frame.message.kind).toThrow(
      /does not come from its sender/,
    );
    expect(() => new Wire(1, codec, FRAME_MAX_BYTES).decode(kind, body, SENDER), frame.message.kind).toThrow(/is not for 1/);
  }
});

test('local messages and proposals have no form on the network, and unknown kinds no meaning', () => {
  const propose: PeerFrame = { kind: 'raft', message: { kind: 'propose', from: SENDER, to: RECEIVER, term: 0, payloads: [] } };
  expect(() => new Wire(SENDER, codec, FRAME_MAX_BYTES).encode(propose)).toThrow(RangeError);
  const known = new Set(everyFrame(SENDER, RECEIVER).map((frame) => bytesOf(frame).kind));
  expect(known.size).toBe(22);
  const bodies = everyFrame(SENDER, RECEIVER).map((frame) => bytesOf(frame).body);
  for (let kind = 0; kind < 256; kind++) {
    if (known.has(kind)) continue;
    for (const body of bodies) expect(() => read({ kind, body }), `kind ${kind}`).toThrow(/kind/);
  }
});

const ROSTER = Uint8Array.of(1);

test('fields of the wrong shape are refused', () => {
  const good: [number, unknown[]][] = [
    [16, [1, [Uint8Array.of(1)]]],
    [17, [1, [2], ['claims', 2, 3]]],
    [18, [1, 2]],
    [19, [1, 2, 3.5]],
    [20, [1, 2, 3, [['a', null]], [1, 2, [[1], [], [], [], false], ROSTER, 3, 4]]],
    [21, [1, 2]],
    [22, [1, 2, Uint8Array.of(1)]],
    [23, [1, Uint8Array.of(1)]],
    [24, [1, 1, 2, 3, 4, ['fds'], false]],
  ];
  const odd: unknown[] = [
    null,
    true,
    -2,
    1.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    2 ** 53,
    'text',
    [],
    [[]],
    [null],
    [[1, 2]],
    Uint8Array.of(1),
  ];
  const send = (kind: number, value: unknown): PeerFrame => read({ kind, body: Buffer.from(codec.encode(value)) });
  for (const [kind, fields] of good) {
    expect(send(kind, fields)).toHaveProperty('kind');
    for (const value of odd) expect(() => send(kind, value), `${kind} as ${String(value)}`).toThrow();
    expect(() => send(kind, [...fields, 1])).toThrow();
    expect(() => send(kind, fields.slice(0, -1))).toThrow();
  }
  const replaced = (kind: number, at: number, value: unknown): void => {
    const fields = [...(good.find(([known]) => known === kind)?.[1] ?? [])];
    fields[at] = value;
    expect(() => send(kind, fields), `${kind}[${at}] = ${JSON.stringify(value)}`).toThrow();
  };
  for (const value of [-1, 1.5, Number.NaN, 2 ** 53, 'x', null, true, [1]]) {
    replaced(18, 0, value);
    replaced(18, 1, value);
    replaced(20, 2, value);
    replaced(16, 0, value);
  }
  for (const value of [[1], ['text'], [null], 'text', null, 7]) replaced(16, 1, value);
  for (const value of [['room', 2, 3], ['claims', -1, 3], ['claims', 2, 'x'], ['claims', 2], [], 'overloaded', 7]) replaced(17, 2, value);
  for (const value of [['x'], [[1, null]], [['a', 'b']], [['a', null, null]], 7]) replaced(20, 3, value);
  for (const value of [
    [1, 2, [[2, 1], [], [], [], false], ROSTER, 3, 4],
    [1, 2, [[0], [], [], [], false], ROSTER, 3, 4],
    [1, 2, [[], [], [], [], 0], ROSTER, 3, 4],
    [1, 2, [[], [], [], [], false], 'roster', 3, 4],
    7,
    [],
  ]) {
    replaced(20, 4, value);
  }
  for (const value of [-2, 0.5]) replaced(21, 1, value);
  for (const value of [-1, Number.NaN, 'x']) replaced(19, 2, value);
  replaced(17, 2, 'bored');
  for (const value of [-1, 1.5, 2 ** 53, Number.NaN, null]) for (let at = 0; at < 5; at++) replaced(24, at, value);
  for (const value of ['fds', [''], ['a b'], ['A'], [`x${'-'.repeat(32)}`], [7], Array.from({ length: 17 }, () => 'fds')]) {
    replaced(24, 5, value);
  }
  for (const value of [0, 1, null, 'no']) replaced(24, 6, value);
});

test('an append with a gap, with falling terms, or with entries of a later term than its own is refused', () => {
  const entry = (term: number, index: number): Entry => ({ kind: 'normal', term, index, data: new Uint8Array(0) });
  const sent = (term: number, logTerm: number, index: number, entries: Entry[]): Bytes =>
    bytesOf({ kind: 'raft', message: { kind: 'append', from: SENDER, to: RECEIVER, term, logTerm, index, entries, commit: 0 } });
  expect(read(sent(5, 4, 10, [entry(4, 11), entry(5, 12)]))).toHaveProperty('kind', 'raft');
  expect(() => read(sent(5, 4, 10, [entry(4, 12)]))).toThrow(/entry 12 behind 10/);
  expect(() => read(sent(5, 4, 10, [entry(3, 11)]))).toThrow(/term 3 behind 4/);
  expect(() => read(sent(5, 4, 10, [entry(5, 11), entry(4, 12)]))).toThrow(/term 4 behind 5/);
  expect(() => read(sent(5, 4, 10, [entry(6, 11)]))).toThrow(/term 6 in an append of term 5/);
  expect(() => read(sent(5, 6, 10, []))).toThrow(/term 6 in an append of term 5/);
});

test('a term, an index or a member number at the edge of the numbers is refused: the next one would have no form', () => {
  const numbers = { term: 7, logTerm: 5, index: 10, commit: 9, rejectHint: 4, transferee: 2 };
  let refused = 0;
  for (const frame of everyFrame(SENDER, RECEIVER)) {
    for (const field of Object.keys(numbers)) {
      for (const value of [POSITION_MAX + 1, Number.MAX_SAFE_INTEGER]) {
        const holder = frame.kind === 'raft' ? frame.message : frame;
        if (!(field in holder) || (frame.kind === 'raft' && frame.message.kind === 'append' && field === 'index')) continue;
        const changed = { ...holder, [field]: value };
        const odd = (frame.kind === 'raft' ? { kind: 'raft', message: changed } : changed) as PeerFrame;
        expect(() => read(bytesOf(odd)), `${field} of ${JSON.stringify(plain(frame))}`).toThrow(MalformedBytesError);
        refused++;
      }
    }
  }
  expect(refused).toBeGreaterThan(50);
  const conf: ConfState = { voters: [1], votersOutgoing: [], learners: [], learnersNext: [], autoLeave: false };
  const snapshots = [
    { index: POSITION_MAX + 1, term: 5, conf },
    { index: 10, term: 8, conf },
    { index: 10, term: 5, conf: { ...conf, learners: [MEMBER_NUMBER_MAX + 1] } },
  ];
  for (const snapshot of snapshots) {
    const offered: PeerFrame = { kind: 'raft', message: { kind: 'snapshot', from: SENDER, to: RECEIVER, term: 7, snapshot } };
    expect(() => read(bytesOf(offered))).toThrow(MalformedBytesError);
  }
  const last: ImageMeta = { index: 10, term: 5, conf, roster: Uint8Array.of(1), count: 0, sum: 0 };
  for (const odd of [{ index: POSITION_MAX + 1 }, { term: POSITION_MAX + 1 }, { conf: { ...conf, voters: [MEMBER_NUMBER_MAX + 1] } }]) {
    const image: PeerFrame = { kind: 'image', term: 7, id: 1, position: 0, records: [], last: { ...last, ...odd } };
    expect(() => read(bytesOf(image))).toThrow(MalformedBytesError);
  }
  const add = { v1: true, transition: 'auto', changes: [{ type: 'add-voter', node: MEMBER_NUMBER_MAX + 1 }] } as const;
  const entries: Entry[][] = [
    [{ kind: 'normal', term: 5, index: POSITION_MAX + 1, data: new Uint8Array(0) }],
    [{ kind: 'conf-change', term: 5, index: 11, change: add }],
  ];
  for (const sent of entries) {
    const first = sent[0] as Entry;
    const append = {
      kind: 'append',
      from: SENDER,
      to: RECEIVER,
      term: 7,
      logTerm: 5,
      index: first.index - 1,
      commit: 0,
      entries: sent,
    } as const;
    expect(() => read(bytesOf({ kind: 'raft', message: append }))).toThrow(MalformedBytesError);
  }
  for (const timeMs of [2 ** 53, Number.MAX_VALUE]) {
    expect(() => read(bytesOf({ kind: 'barrier-reply', id: 1, index: 1, timeMs }))).toThrow(MalformedBytesError);
  }
});

test('a candidate whose last entry is of a later term than its own is refused', () => {
  for (const kind of ['vote', 'pre-vote'] as const) {
    const request = (logTerm: number) =>
      bytesOf({ kind: 'raft', message: { kind, from: SENDER, to: RECEIVER, term: 7, logTerm, index: 12, transfer: false } });
    expect(read(request(7))).toHaveProperty('kind', 'raft');
    expect(() => read(request(8))).toThrow(/term 8 at a node of term 7/);
  }
});

test('two followers at the same place share the bytes of the entries, others do not', () => {
  const wire = new Wire(SENDER, codec, FRAME_MAX_BYTES);
  const log = Array.from({ length: 10 }, (_, at): Entry => ({ kind: 'normal', term: 1, index: at + 1, data: Uint8Array.of(at) }));
  const block = (to: number, start: number, end: number): Uint8Array | undefined =>
    wire.encode({
      kind: 'raft',
      message: { kind: 'append', from: SENDER, to, term: 1, logTerm: 1, index: start, entries: log.slice(start, end), commit: 0 },
    })[1];
  const first = block(1, 0, 5);
  expect(block(2, 0, 5)).toBe(first);
  expect(block(2, 0, 6)).not.toBe(first);
  expect(block(2, 1, 5)).not.toBe(first);
  expect(block(1, 0, 5)).toBe(first);
  for (let end = 6; end <= 10; end++) block(1, 0, end);
  expect(block(1, 0, 5), 'the oldest block is let go').not.toBe(first);
});

test('bombs of nested and endless arrays are refused at once', () => {
  const bombs = [
    Buffer.alloc(1_000_000, 0x91),
    Buffer.of(0xdd, 0xff, 0xff, 0xff, 0xff),
    Buffer.of(0x92, 0x01, 0xdd, 0xff, 0xff, 0xff, 0xff),
    Buffer.of(0xc6, 0xff, 0xff, 0xff, 0xff),
    Buffer.of(0xdb, 0xff, 0xff, 0xff, 0xff),
    Buffer.of(0xc7, 0xff, 0x05),
    Buffer.of(0xdf, 0xff, 0xff, 0xff, 0xff),
    Buffer.of(0x81, 0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0, 1),
    Buffer.alloc(1_000, 0xff),
    Buffer.alloc(0),
  ];
  const startedMs = performance.now();
  for (const body of bombs) for (let kind = 16; kind <= 44; kind++) expect(() => read({ kind, body }), `kind ${kind}`).toThrow();
  expect(performance.now() - startedMs).toBeLessThan(2_000);
});
