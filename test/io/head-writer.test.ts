// A write is acknowledged when both of its halves are durable, in whichever order they end, and its mark is confirmed only when it rests.
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
  end: Done = () => {};

  begin(before: Buffer, after: Buffer, done: Done): void {
    this.calls.push(`${decodeHead(before).sequence} then ${decodeHead(after).sequence}`);
    this.end = done;
  }

  confirm(done: Done): void {
    this.calls.push('confirm');
    this.end = done;
  }
}

const turn = (): Promise<void> => new Promise((next) => setImmediate(next));
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

function begin(sequence: number): void {
  batch = new SlowBatch();
  writer.write(batch, { ...EMPTY_HEAD, sequence, previous: sequence - 1 }, (error) => answers.push(error));
}

test('both halves begin at once, the batch synced and with the head in it', () => {
  expect(mark.calls).toEqual(['0 then 1']);
  expect(batch.head.sequence).toBe(1);
  expect(batch.synced).toBe(true);
});

test('the mark alone does not acknowledge', async () => {
  mark.end();
  await rest();
  expect(answers).toEqual([]);
  expect(mark.calls).not.toContain('confirm');
  batch.end();
  await turn();
  expect(answers).toEqual([undefined]);
});

test('the batch alone does not acknowledge', async () => {
  batch.end();
  await rest();
  expect(answers).toEqual([]);
  expect(mark.calls).not.toContain('confirm');
  mark.end();
  expect(answers).toEqual([undefined]);
});

test('an error of either is the answer, once, whatever the other says', async () => {
  const error = new Error('no');
  mark.end(error);
  batch.end();
  await turn();
  expect(answers).toEqual([error]);
  begin(2);
  batch.end(error);
  await turn();
  mark.end();
  expect(answers).toEqual([error, error]);
});

test('the mark is confirmed once when the log rests, and an error there is told', async () => {
  mark.end();
  batch.end();
  await rest();
  expect(mark.calls).toEqual(['0 then 1', 'confirm']);
  mark.end(new Error('no'));
  await rest();
  expect(failures.map((error) => error.message)).toEqual(['no']);
  expect(mark.calls.length).toBe(2);
});
