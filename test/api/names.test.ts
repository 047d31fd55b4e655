// The rules for names stand twice, in the contract and in the lease store: both must judge every text alike.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isLeaseId, isName, isStoreKey, isStorePrefix, utf8Length } from '../../src/contract/names.ts';
import { checkHolderName, checkLeaseName } from '../../src/contract/secretaries.ts';
import { leaseIdProblem, nameProblem, storeKeyProblem, storePrefixProblem } from '../../src/lease/names.ts';

const PAIRS = [
  ['names', isName, nameProblem],
  ['keys', isStoreKey, storeKeyProblem],
  ['prefixes', isStorePrefix, storePrefixProblem],
  ['lease ids', isLeaseId, leaseIdProblem],
] as const;

describe.each(PAIRS)('contract and store judge %s alike', (_what, fits, problem) => {
  const agree = (text: string): void => {
    expect([text, fits(text)]).toEqual([text, problem(text) === null]);
  };

  test('for every single code unit, alone and within a text', () => {
    for (let code = 0; code < 0x10000; code++) {
      const unit = String.fromCharCode(code);
      if (fits(unit) !== (problem(unit) === null) || fits(`a${unit}b`) !== (problem(`a${unit}b`) === null)) agree(unit);
    }
  });

  test('for texts about the longest', () => {
    for (const unit of ['a', 'é', '€', '😀']) {
      for (const length of [85, 86, 128, 129, 255, 256, 257, 341, 342, 512, 513, 1024, 1025]) agree(unit.repeat(length));
    }
  });

  test('for numbers about the limits', () => {
    for (const text of [
      '',
      '0',
      '1',
      '01',
      '-1',
      '9',
      '9223372036854775806',
      '9223372036854775807',
      '9223372036854775808',
      '10000000000000000000',
    ])
      agree(text);
  });

  // On a failure fast-check prints the seed, which replays it when given to fc.assert.
  test('for any text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), agree));
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 8 }), (codes) => agree(String.fromCharCode(...codes))),
    );
    fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 65n }), (id) => agree(String(id))));
  });
});

test('the length in bytes is that of UTF-8, and -1 where there is none', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => utf8Length(text) === Buffer.byteLength(text)));
  for (const text of ['\ud800', 'a\udc00', '\udc00\ud800', '\ud800a', 'x\udbff']) expect(utf8Length(text)).toBe(-1);
});

describe('the secretaries', () => {
  const uuid = 'deadbeef-0bad-400d-8000-4b1d0d06f00d';
  test.each([
    ['application-leadership', 'redis', true],
    ['application-leadership', 'redis2', true],
    ['application-leadership', 'my-redis-b2b', true],
    ['application-leadership', 'redis-2', false],
    ['application-leadership', 'redis-', false],
    ['application-leadership', '2redis', false],
    ['application-leadership', 'Redis', false],
    ['application-leadership', 'redis/0', false],
    ['singular-controller', uuid, true],
    ['singular-controller', 'the-model', true],
    ['singular-controller', uuid.toUpperCase(), false],
    ['singular-controller', `${uuid}0`, false],
    ['singular-controller', 'redis', false],
    ['any-other', 'Redis/0:x', true],
    ['any-other', 'redis.0', false],
  ])('in %s the lease %s is valid: %s', (namespace, lease, valid) => {
    expect(checkLeaseName(namespace, 'the-model', lease) === null).toBe(valid);
  });

  test.each([
    ['application-leadership', 'redis/0', true],
    ['application-leadership', 'my-redis/17', true],
    ['application-leadership', 'redis/01', false],
    ['application-leadership', 'redis', false],
    ['application-leadership', 'redis/', false],
    ['singular-controller', 'machine-0', true],
    ['singular-controller', 'machine-0-lxd-1', true],
    ['singular-controller', 'machine-00', false],
    ['singular-controller', 'machine-0-lxd', false],
    ['singular-controller', 'redis/0', false],
    ['any-other', 'redis', true],
    ['any-other', 're dis', false],
  ])('in %s the holder %s is valid: %s', (namespace, holder, valid) => {
    expect(checkHolderName(namespace, holder) === null).toBe(valid);
  });

  test('answer a hostile name in time', () => {
    const began = performance.now();
    for (const name of ['a'.repeat(256), 'a-'.repeat(128), `a${'-0a'.repeat(85)}`, `${'a0'.repeat(127)}!`]) {
      checkLeaseName('application-leadership', 'm', name);
      checkHolderName('application-leadership', name);
      checkHolderName('singular-controller', `machine-0${'-a-0'.repeat(61)}-`);
    }
    expect(performance.now() - began).toBeLessThan(500);
  });
});
