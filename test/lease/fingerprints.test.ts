// The fingerprints by which a repeat is recognized, against Node's own SHA-256.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fingerprintOf } from '../../src/lease/fingerprints.ts';
import { sha256 } from '../../src/lease/sha256.ts';
import { redis } from './log.ts';
import { holdsForAll } from './random.ts';

const nodes = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex');

test('SHA-256 of every length around a block is that of Node', () => {
  for (let length = 0; length <= 200; length += 1) expect(sha256('x'.repeat(length))).toBe(nodes('x'.repeat(length)));
  expect(sha256('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});

test('SHA-256 of any well-formed text is that of Node', () => {
  holdsForAll(
    fc.property(fc.string({ unit: 'binary', maxLength: 300 }), (text) => {
      expect(sha256(text)).toBe(nodes(text));
    }),
    500,
  );
});

test('a fingerprint has 128 bits, differs with every field but the wait, and a command of a mebibyte takes far less than 50 ms', () => {
  const claim = { kind: 'claim', key: redis, holder: 'a', durationMs: 5 } as const;
  expect(fingerprintOf(claim)).toMatch(/^[0-9a-f]{32}$/);
  expect(fingerprintOf({ ...claim, waitMs: 7 })).toBe(fingerprintOf(claim));
  expect(fingerprintOf({ ...claim, durationMs: 6 })).not.toBe(fingerprintOf(claim));
  const put = { kind: 'put', key: 'k', value: 'v'.repeat(1 << 20), lease: null, assert: [], precondition: null } as const;
  // CPU time: a busy machine does not count.
  const began = process.cpuUsage().user;
  for (let round = 0; round < 10; round += 1) fingerprintOf(put);
  expect((process.cpuUsage().user - began) / 1_000 / 10).toBeLessThan(50);
});
