// An image goes over in acknowledged pieces, and both sides tell how far it is.
import { expect, test } from 'vitest';
import type { Clock, Done, ImageMeta, ImageReader, ImageWriter, LogStore, PeerFrame, StateRecord } from '../../src/env.ts';
import { checksum, codec } from '../../src/io/codec.ts';
import { StateMachine } from '../../src/lease/state-machine.ts';
import { EMPTY_CONF_STATE } from '../../src/raft/types.ts';
import { ImageReceiver } from '../../src/replica/image-receiver.ts';
import { ImageSender } from '../../src/replica/image-sender.ts';

type ImageFrame = PeerFrame & { readonly kind: 'image' };

const RECORDS: StateRecord[] = [
  ['kone', codec.encode(['v', 1, 1, 1, null])],
  ['ktwo', codec.encode(['v', 2, 2, 1, null])],
  ['m', codec.encode([1, 0, 2])],
];
const META: ImageMeta = {
  index: 2,
  term: 1,
  conf: EMPTY_CONF_STATE,
  roster: new Uint8Array(0),
  count: RECORDS.length,
  sum: RECORDS.reduce((sum, [name, content]) => sum + checksum(name, content as Uint8Array), 0),
};

test('the sender counts what was acknowledged, the receiver what it has, and neither tells of an image that is none any more', () => {
  const clock = { after: () => () => undefined } as unknown as Clock;
  const limits = { imagePieceBytes: 1, imageWindowPieces: 1, imageSilenceMs: 1_000 };
  const sent: ImageFrame[] = [];
  const finished: boolean[] = [];
  const sender = new ImageSender(
    { openImage: oneByOne } as unknown as LogStore,
    clock,
    {
      send: (_to, frame) => {
        sent.push(frame as ImageFrame);
        return true;
      },
      finished: (_to, ok) => finished.push(ok),
    },
    limits,
  );
  let written: Done = () => undefined;
  const writer: ImageWriter = {
    write: (_records, done) => {
      written = done;
    },
    abort: () => undefined,
  };
  const acks: (PeerFrame & { readonly kind: 'image-ack' })[] = [];
  const receiver = new ImageReceiver({ store: { beginImage: () => writer } as unknown as LogStore, codec, checksum, clock }, limits, {
    newState: () => new StateMachine({ vacated: () => undefined }),
    send: (_to, frame) => void acks.push(frame as PeerFrame & { readonly kind: 'image-ack' }),
    received: () => undefined,
  });
  expect([sender.progress(2), receiver.progress]).toEqual([null, null]);

  const told: unknown[] = [];
  sender.start(2, 5);
  for (let piece = 0; piece < sent.length; piece += 1) {
    told.push([sender.progress(2)?.sentRecords, sender.progress(2)?.percent]);
    receiver.take(1, sent[piece] as ImageFrame);
    expect(receiver.progress).toEqual({ sentRecords: piece, records: null, percent: null });
    written();
    const ack = acks[piece];
    if (ack !== undefined) sender.acknowledged(2, ack.id, ack.position);
  }
  expect(told).toEqual([
    [0, 0],
    [1, 33],
    [2, 66],
    [3, 100],
  ]);
  expect(finished).toEqual([true]);
  expect([sender.progress(2), receiver.progress]).toEqual([null, null]);
});

/** An image whose pieces have one record each. */
function oneByOne(): ImageReader {
  const left = [...RECORDS];
  return { meta: META, next: (_maxBytes, done) => done(null, left.splice(0, 1)), close: () => undefined };
}
