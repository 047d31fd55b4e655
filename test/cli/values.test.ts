// What people may write for durations, addresses, members, leases and endpoints.
import { describe, expect, test } from 'vitest';
import {
  address,
  byteSize,
  durationMs,
  endpoints,
  integerIn,
  leaseName,
  members,
  modelName,
  percent,
  UsageError,
} from '../../src/cli/values.ts';
import { addressText } from '../../src/config.ts';

test.each([
  ['15s', 15_000],
  ['500ms', 500],
  ['2m', 120_000],
  ['1.5s', 1_500],
  ['1h', 3_600_000],
  ['1d', 86_400_000],
  ['250', 250],
  ['0', 0],
  ['9007199254740991', Number.MAX_SAFE_INTEGER],
])('the duration %s is %d ms', (text, ms) => {
  expect(durationMs(text)).toBe(ms);
});

test.each(['', 's', '15x', '-1s', '1e3', '15 s', '1s2', '9007199254740992', '99999999999999d', 'Infinity', '0x10'])(
  '%j is no duration',
  (text) => {
    expect(() => durationMs(text)).toThrow(UsageError);
  },
);

test('a size has a binary unit or none, and a share is a percentage', () => {
  expect(['0', '512', '64KiB', '256MiB', '1GiB', '2TiB'].map(byteSize)).toEqual([0, 512, 2 ** 16, 2 ** 28, 2 ** 30, 2 ** 41]);
  for (const text of ['', 'MiB', '1MB', '-1', '1.5GiB', '1 GiB', '9999999999TiB', '0x10']) expect(() => byteSize(text)).toThrow(UsageError);
  expect(['1%', '50%', '100%'].map(percent)).toEqual([0.01, 0.5, 1]);
  for (const text of ['', '0%', '101%', '50', '0.5', '-5%', '5 %']) expect(() => percent(text)).toThrow(UsageError);
});

describe('addresses', () => {
  test.each([
    ['127.0.0.1:7801', '127.0.0.1', 7801],
    ['n1:7901', 'n1', 7901],
    ['0.0.0.0:1', '0.0.0.0', 1],
    ['[::1]:7801', '::1', 7801],
  ])('%s is one, and is written as it was read', (text, host, port) => {
    expect(address(text)).toEqual({ host, port });
    expect(addressText(address(text))).toBe(text);
  });

  test.each(['', ':7801', '127.0.0.1', '127.0.0.1:', '127.0.0.1:0', '127.0.0.1:65536', 'http://127.0.0.1:7801', '::1:7801', 'a b:1'])(
    '%j is none',
    (text) => {
      expect(() => address(text)).toThrow(UsageError);
    },
  );
});

describe('members', () => {
  test('are read in the order written', () => {
    expect(members('n1=127.0.0.1:7901,n2=h:2')).toEqual([
      { id: 'n1', peer: { host: '127.0.0.1', port: 7901 } },
      { id: 'n2', peer: { host: 'h', port: 2 } },
    ]);
  });

  test.each(['', 'n1', '=127.0.0.1:1', 'n1=127.0.0.1', 'n1=h:1,', 'n1=h:1,n1=h:2', 'n1=h:1,n2=h:1', 'n/1=h:1'])(
    '%j is no list of them',
    (text) => {
      expect(() => members(text)).toThrow(UsageError);
    },
  );
});

describe('leases', () => {
  test('the lease is all after the second slash', () => {
    expect(leaseName('a/b/c')).toEqual({ namespace: 'a', model: 'b', lease: 'c' });
    expect(leaseName('a/b/c/d//e')).toEqual({ namespace: 'a', model: 'b', lease: 'c/d//e' });
  });

  test.each(['', 'a', 'a/b', 'a/b/', '/b/c', 'a//c'])('%j is none', (text) => {
    expect(() => leaseName(text)).toThrow(UsageError);
  });

  test('a model has exactly two parts', () => {
    expect(modelName('a/b')).toEqual({ namespace: 'a', model: 'b' });
    for (const text of ['a', 'a/', '/b', 'a/b/c']) expect(() => modelName(text)).toThrow(UsageError);
  });
});

describe('endpoints', () => {
  test('are one or several URLs; without a scheme they are http, and a slash at the end is dropped', () => {
    expect(endpoints('http://a:1,https://b:2/,c:3')).toEqual(['http://a:1', 'https://b:2', 'http://c:3']);
  });

  test.each(['', 'http://a:1,', 'ftp://a', 'http://a:1?x=1', 'http://'])('%j is none', (text) => {
    expect(() => endpoints(text)).toThrow(UsageError);
  });
});

test('whole numbers keep to their bounds', () => {
  const count = integerIn(1, 9);
  expect(count('9')).toBe(9);
  for (const text of ['0', '10', '1.5', '-1', 'x', '']) expect(() => count(text)).toThrow(UsageError);
});
