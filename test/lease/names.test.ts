// Names, keys, values and ids: what may stand in the log, and what is said of what may not.
import { describe, expect, test } from 'vitest';
import { compareLeaseIds, leaseIdProblem, nameProblem, storeKeyProblem, storePrefixProblem, valueProblem } from '../../src/lease/names.ts';

const controls = [...Array(0x20).keys(), ...Array.from({ length: 0x21 }, (_, n) => 0x7f + n)].map((code) => String.fromCharCode(code));
const lone = ['\ud800', 'a\udc00', '\udc00\ud800', '\ud83d\ud83d\ude00'];

describe('names', () => {
  test('JL-21 slashes, hyphens, colons, digits, upper case and any letters are accepted', () => {
    for (const name of ['redis/0', 'a', 'Machine-7', 'x:y', 'ünï', '数据', '😀', "it's", '%2F', '~']) expect(nameProblem(name)).toBeNull();
  });

  test('JL-19 the empty name and names with ".", "#" or "$" are refused, saying so', () => {
    expect(nameProblem('')).toBe('must not be empty');
    for (const character of ['.', '#', '$']) expect(nameProblem(`a${character}b`)).toBe(`must not contain "${character}"`);
  });

  test('JL-19 white space of every kind is refused, anywhere in the name', () => {
    const kinds = ' \t\n\v\f\r\u0085\u00a0\u1680\u180e\u2000\u2005\u200a\u200b\u2028\u2029\u202f\u205f\u3000\ufeff';
    for (const space of kinds) {
      for (const name of [space, `${space}a`, `a${space}b`, `a${space}`]) expect(nameProblem(name)).toBe('must not contain white space');
    }
    for (let code = 0; code < 0xd800; code += 1) {
      const character = String.fromCharCode(code);
      if (/\s/.test(character)) expect(nameProblem(character)).toBe('must not contain white space');
    }
  });

  test('control characters are refused', () => {
    for (const control of controls) expect(nameProblem(`a${control}`)).toMatch(/white space|control characters/);
    expect(nameProblem('a\0b')).toBe('must not contain control characters');
    expect(nameProblem('a\x7f')).toBe('must not contain control characters');
  });

  test('halves of characters are refused', () => {
    for (const text of lone) expect(nameProblem(text)).toBe('must be well-formed Unicode');
  });

  test('a name has at most 256 bytes of UTF-8', () => {
    for (const name of ['x'.repeat(256), 'é'.repeat(128), '€'.repeat(85), '😀'.repeat(64)]) {
      expect(nameProblem(name)).toBeNull();
      expect(nameProblem(`${name}xx`)).toBe('must be at most 256 bytes long');
      expect(new TextEncoder().encode(name).length).toBeLessThanOrEqual(256);
    }
  });
});

describe('store keys and values', () => {
  test('the name rules do not bind keys, but control characters do', () => {
    for (const key of ['.', 'a b', '#$', '\u2028']) expect(storeKeyProblem(key)).toBeNull();
    for (const control of controls) expect(storeKeyProblem(`a${control}`)).toBe('must not contain control characters');
    for (const text of lone) expect(storeKeyProblem(text)).toBe('must be well-formed Unicode');
  });

  test('a key has 1 to 1024 bytes, a prefix may be empty', () => {
    expect(storeKeyProblem('')).toBe('must not be empty');
    expect(storePrefixProblem('')).toBeNull();
    expect(storeKeyProblem('é'.repeat(512))).toBeNull();
    expect(storeKeyProblem(`${'é'.repeat(512)}x`)).toBe('must be at most 1024 bytes long');
  });

  test('a value has at most 64 KiB and any characters but halves', () => {
    expect(valueProblem('')).toBeNull();
    expect(valueProblem(controls.join(''))).toBeNull();
    expect(valueProblem('€'.repeat(21_845))).toBeNull();
    expect(valueProblem('€'.repeat(21_846))).toBe('must be at most 65536 bytes long');
    for (const text of lone) expect(valueProblem(text)).toBe('must be well-formed Unicode');
  });
});

describe('lease ids', () => {
  test('are decimal strings from 1 to 2^63 - 1', () => {
    for (const id of ['1', '10', '9223372036854775807']) expect(leaseIdProblem(id)).toBeNull();
    for (const id of ['', '0', '01', '-1', '+1', '1.0', '1e3', ' 1', '0x1', '١', '9223372036854775808', '10000000000000000000']) {
      expect(leaseIdProblem(id)).toBe('must be a decimal string from "1" to "9223372036854775807"');
    }
  });

  test('are ordered as numbers', () => {
    const ids = ['9223372036854775807', '10', '9', '0', '100'];
    expect(ids.sort(compareLeaseIds)).toEqual(['0', '9', '10', '100', '9223372036854775807']);
    expect(compareLeaseIds('7', '7')).toBe(0);
  });
});
