// A write is acknowledged when its batch is durable and its mark told; the mark itself is synced a moment later, or at once for a vote.
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Done } from '../../src/env.ts';
import { decodeHead, EMPTY_HEAD, type Head } from '../../src/io/head.ts';
import { HeadWriter } from '../../src/io/head-writer.ts';

/** Ends when it is told to. */
class SlowBatch {
  head: Head = EMPTY_HEAD;
  synced = false;
  end: (error?: Error) => void = () => {};

  put(_key: Buffer, value: Buffer): void {
    this.head = decodeHead(value);
  }

  write({ sync }: { readonly sync: boolean }): Promise<void> {
    this.synced = sync;
    return new Promise((resolve, reject) => {
      this.end = (error) => (error === undefined ? resolve() : reject(error));
    });
  }
}

class SlowMark {
  readonly calls: string[] = [];
  /** Set to keep back the end of `tell`. */
  hangs = false;
  full = false;
  end: Done = () => {};
  endTell: Done = () => {};

  tell(head: Buffer, done: Done): void {
    this.calls.push(`tell ${decodeHead(head).sequence}`);
    this.endTell = done;
    if (!this.hangs) setImmediate(() => done(this.full ? new Error('full') : undefined));
  }

  sync(done: Done): void {
    this.calls.push('sync');
    this.end = done;
  }
}

const turn = (): Promise<void> => new Promise((next) => setImmediate(() => setImmediate(next)));
const rest = (): Promise<void> => new Promise((next) => setTimeout(next, 60));

let mark: SlowMark;
let writer: HeadWriter;
let failures: Error[];
let batch: SlowBatch;
let answers: (Error | undefined)[];

beforeEach(() => {
  mark = new SlowMark();
  failures = [];
  answers = [];
  writer = new HeadWriter(mark, EMPTY_HEAD, (error) => failures.push(error));
  begin(1);
});

afterEach(() => writer.stop());

function begin(sequence: number, term = 0, vote = 0): void {
  batch = new SlowBatch();
  const hardState = { ...EMPTY_HEAD.hardState, term, vote };
  writer.write(batch, { ...EMPTY_HEAD, sequence, hardState }, (error) => answers.push(error));
}

test('the batch is synced and has the head in it; the mark is not told before it is durable', async () => {
  expect(batch.head.sequence).toBe(1);
  expect(batch.synced).toBe(true);
  await rest();
  expect(mark.calls).toEqual([]);
  expect(answers).toEqual([]);
});

test('a write is acknowledged once the mark is told, and the mark is synced within a moment, once for all writes until then', async () => {
  batch.end();
  await turn();
  expect(mark.calls).toEqual(['tell 1']);
  expect(answers).toEqual([undefined]);
  begin(2);
  batch.end();
  await turn();
  await rest();
  expect(mark.calls).toEqual(['tell 1', 'tell 2', 'sync']);
});

test('a write is not acknowledged, and the mark is not synced, while the file system holds up the mark', async () => {
  mark.hangs = true;
  batch.end();
  await rest();
  expect(mark.calls).toEqual(['tell 1']);
  expect(answers).toEqual([]);
  mark.endTell();
  expect(answers).toEqual([undefined]);
  await rest();
  expect(mark.calls).toEqual(['tell 1', 'sync']);
});

test('a new term or vote is acknowledged only when the mark is synced too', async () => {
  batch.end();
  await turn();
  begin(2, 1);
  batch.end();
  await turn();
  expect(mark.calls).toEqual(['tell 1', 'tell 2', 'sync']);
  expect(answers).toEqual([undefined]);
  mark.end();
  expect(answers).toEqual([undefined, undefined]);
});

test('a vote in the term of the write before is no less a promise', async () => {
  batch.end();
  await turn();
  begin(2, 1);
  batch.end();
  await turn();
  mark.end();
  begin(3, 1, 2);
  batch.end();
  await turn();
  expect(mark.calls).toEqual(['tell 1', 'tell 2', 'sync', 'tell 3', 'sync']);
  expect(answers).toHaveLength(2);
  mark.end();
  expect(answers).toHaveLength(3);
});

test('an error of the batch or of the mark is the answer', async () => {
  const error = new Error('no');
  batch.end(error);
  await turn();
  expect(answers).toEqual([error]);
  expect(mark.calls).toEqual([]);
  mark.full = true;
  begin(2);
  batch.end();
  await turn();
  expect(answers.map((answer) => answer?.message)).toEqual(['no', 'full']);
});

test('an error of a sync that nobody waits for is told', async () => {
  batch.end();
  await turn();
  await rest();
  mark.end(new Error('no'));
  expect(failures.map((error) => error.message)).toEqual(['no']);
});
