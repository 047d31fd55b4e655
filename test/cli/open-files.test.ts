// How many connections clients may have: what the operating system allows, less what the node keeps for itself.
import { expect, test } from 'vitest';
import { clientConnectionsMax, descriptorLimit, descriptorLimitIn } from '../../src/cli/open-files.ts';

const limits = (soft: string) => `Limit                     Soft Limit           Hard Limit           Units
Max processes             127235               127235               processes
Max open files            ${soft.padEnd(20)} 1048576              files
Max locked memory         8388608              8388608              bytes`;

test.each([
  ['1200', 1_200],
  ['1048576', 1_048_576],
  ['unlimited', null],
])('a limit of %s open files is read', (soft, count) => {
  expect(descriptorLimitIn(limits(soft))).toBe(count);
});

test('where nothing tells the limit there is none', () => {
  expect(descriptorLimitIn('')).toBeNull();
});

test('this process has a limit where the operating system tells it', () => {
  expect((descriptorLimit() ?? 0) > 0).toBe(process.platform === 'linux');
});

test.each([
  [null, 20_000],
  [1_024, 512],
  [1_200, 688],
  [20_511, 19_999],
  [20_512, 20_000],
  [1_048_576, 20_000],
])('of %s descriptors, clients may use %d', (descriptors, connections) => {
  expect(clientConnectionsMax(descriptors)).toBe(connections);
});

test.each([0, 512, 1_023])('%d descriptors are too few to run a node', (descriptors) => {
  expect(() => clientConnectionsMax(descriptors)).toThrow(/at least 1024; raise it with ulimit/);
});
