// State images in transfer: several pieces under way, and nothing kept of one whose sender is gone.
import { beforeEach, describe, expect, test } from 'vitest';
import type { Clock, Done, ImageMeta, ImageWriter, LogStore, PeerFrame, StateRecord } from '../../src/env.ts';
import { checksum, codec } from '../../src/io/codec.ts';
import { StateMachine } from '../../src/lease/state-machine.ts';
import { EMPTY_CONF_STATE } from '../../src/raft/types.ts';
import { ImageReceiver } from '../../src/replica/image-receiver.ts';
import { ImageSender } from '../../src/replica/image-sender.ts';
import { Scheduler } from '../sim/scheduler.ts';

type ImageFrame = PeerFrame & { readonly kind: 'image' };
type AckFrame = PeerFrame & { readonly kind: 'image-ack' };

const LIMITS = { imagePieceBytes: 1, imageWindowPieces: 3, imageSilenceMs: 15_000 };
const META: ImageMeta = { index: 2, term: 1, conf: EMPTY_CONF_STATE, roster: new Uint8Array(0), count: 6, sum: 0 };
const record = (name: string): StateRecord => [name, codec.encode(['v', 1, 1, 1, null])];

let scheduler: Scheduler;
let clock: Clock;

beforeEach(() => {
  scheduler = new Scheduler();
  clock = {
    now: () => scheduler.nowMs,
    after: (ms, run) => scheduler.after(ms, run),
    soon: (run) => void scheduler.after(0, run),
  };
});

describe('the sender of an image', () => {
  let sent: number[];
  let finished: boolean[];
  let refusals: number;
  let reading: number;
  let sender: ImageSender;

  beforeEach(() => {
    sent = [];
    finished = [];
    refusals = 0;
    reading = 0;
    let left = 6;
    const reader = {
      meta: META,
      next: (_maxBytes: number, done: (error: Error | null, records: readonly StateRecord[]) => void) => {
        reading += 1;
        expect(reading, 'one read at a time').toBe(1);
        clock.soon(() => {
          reading -= 1;
          left -= 1;
          done(null, left < 0 ? [] : [record(`k${left}`)]);
        });
      },
      close: () => {},
    };
    const send = (_to: number, frame: PeerFrame): boolean => {
      if (refusals > 0) {
        refusals -= 1;
        return false;
      }
      sent.push((frame as ImageFrame).position);
      return true;
    };
    const store = { openImage: () => reader } as unknown as LogStore;
    sender = new ImageSender(store, clock, { send, finished: (_to, ok) => finished.push(ok) }, LIMITS);
    sender.start(2, 5);
  });

  const pass = (ms: number): void => scheduler.runUntil(scheduler.nowMs + ms);

  test('has a window of pieces under way, each once and in order, and ends when all are acknowledged', () => {
    pass(1);
    expect(sent).toEqual([0, 1, 2]);
    sender.acknowledged(2, 1, 2);
    pass(1);
    expect(sent).toEqual([0, 1, 2, 3, 4]);
    // An older answer, and one for pieces that were never sent.
    sender.acknowledged(2, 1, 1);
    sender.acknowledged(2, 1, 9);
    pass(1);
    expect(sent).toEqual([0, 1, 2, 3, 4]);
    sender.acknowledged(2, 1, 5);
    pass(1);
    expect(sent).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(finished).toEqual([]);
    expect(sender.progress(2)).toMatchObject({ sentRecords: 5 });
    sender.acknowledged(2, 1, 7);
    expect(finished).toEqual([true]);
  });

  test('tries a piece again that the network did not take, before the next one', () => {
    refusals = 2;
    pass(10);
    expect(sent).toEqual([]);
    pass(100);
    expect(sent).toEqual([0, 1, 2]);
  });

  test('gives the image up when the oldest piece is not acknowledged for ten seconds', () => {
    pass(1);
    pass(9_000);
    sender.acknowledged(2, 1, 1);
    pass(9_000);
    expect(finished).toEqual([]);
    pass(2_000);
    expect(finished).toEqual([false]);
  });
});

describe('the receiver of an image', () => {
  let acks: AckFrame[];
  let written: Done[];
  let aborted: number;
  let received: number;
  let receiver: ImageReceiver;

  beforeEach(() => {
    acks = [];
    written = [];
    aborted = 0;
    received = 0;
    const writer: ImageWriter = {
      write: (_records, done) => void written.push(done),
      abort: () => {
        aborted += 1;
      },
    };
    const store = { beginImage: () => writer } as unknown as LogStore;
    receiver = new ImageReceiver({ store, codec, checksum, clock }, LIMITS, {
      newState: () => new StateMachine({ vacated: () => undefined }),
      send: (_to, frame) => void acks.push(frame as AckFrame),
      received: () => {
        received += 1;
      },
    });
  });

  const take = (position: number, last: ImageMeta | null = null, id = 7): void =>
    receiver.take(1, { kind: 'image', term: 1, id, position, records: last === null ? [record(`kk${position}`)] : [], last });

  test('writes pieces one after the other and acknowledges what is written', () => {
    for (const position of [0, 1, 2]) take(position);
    expect([written.length, acks]).toEqual([1, []]);
    for (let at = 0; at < 3; at++) written[at]?.();
    expect(acks.map(({ position }) => position)).toEqual([1, 2, 3]);
    expect(receiver.progress?.sentRecords).toBe(3);
  });

  test('drops the image when the connection to its sender is gone', () => {
    take(0);
    receiver.senderLost(3);
    expect(receiver.progress).not.toBeNull();
    receiver.senderLost(1);
    expect([receiver.progress, aborted]).toEqual([null, 1]);
    written[0]?.();
    expect(acks).toEqual([]);
    take(1);
    expect(acks.map(({ position }) => position)).toEqual([-1]);
  });

  test('drops the image when another node leads, and not while nobody does', () => {
    take(0);
    receiver.leaderIs(0);
    receiver.leaderIs(1);
    expect(receiver.progress).not.toBeNull();
    receiver.leaderIs(2);
    expect([receiver.progress, aborted]).toEqual([null, 1]);
  });

  test('drops the image when nothing arrives for the time of silence, though the connection stands', () => {
    take(0);
    written[0]?.();
    scheduler.runUntil(14_000);
    take(1);
    written[1]?.();
    scheduler.runUntil(28_000);
    expect(receiver.progress).not.toBeNull();
    scheduler.runUntil(30_000);
    expect([receiver.progress, aborted, received]).toEqual([null, 1, 0]);
    expect(acks.at(-1)?.position).toBe(-1);
  });

  test('queues no more pieces than any correct sender has under way', () => {
    for (let position = 0; position <= 8 * LIMITS.imageWindowPieces + 1; position++) take(position);
    expect([receiver.progress, aborted]).toEqual([null, 1]);
  });
});
