// Replays etcd's configuration change files, and restores every configuration that they reach.
import { afterAll, describe, expect, test } from 'vitest';
import {
  type ChangeRefusal,
  type ChangeResult,
  Changer,
  EMPTY_MEMBERSHIP,
  type Membership,
  restore,
  toConfState,
} from '../../src/raft/confchange.ts';
import { formatConfiguration, formatProgressMap, parseChanges } from './confchange-text.ts';
import { type Block, type DataFile, readDataFiles, valueFor } from './datadriven.ts';

const files = readDataFiles('confchange/testdata');
const LIMITS = { maxMessages: 10, maxBytes: 0 };
const blocks = files.reduce((sum, file) => sum + file.blocks.length, 0);
let replayed = 0;

afterAll(() => console.log(`confchange ${replayed}/${blocks}`));

const REFUSALS: Record<ChangeRefusal, string> = {
  'removes-all-voters': 'removed all voters',
  'changes-more-than-one-voter': 'more than one voter changed without entering joint config',
  'already-joint': 'config is already joint',
  'no-voters': "can't make a zero-voter config joint",
  'not-joint': "can't leave a non-joint config",
  'simple-while-joint': "can't apply simple config change in joint config",
};

describe('configuration changes give what etcd recorded', () => {
  test('the data files are there, or their absence was told', () => {
    expect([
      [0, 0],
      [9, 58],
    ]).toContainEqual([files.length, blocks]);
  });
  for (const file of files) test(file.name, () => replay(file));
});

function replay(file: DataFile): void {
  let membership: Membership = EMPTY_MEMBERSHIP;
  let lastIndex = 0;
  for (const block of file.blocks) {
    const before = print(membership);
    const result = run(block, new Changer(membership, lastIndex, LIMITS));
    expect(print(membership), `line ${block.line}: the membership before is untouched`).toBe(before);
    if (result.kind === 'changed') membership = result.membership;
    expect(result.kind === 'changed' ? print(membership) : `${REFUSALS[result.reason]}\n`, `line ${block.line}`).toBe(block.expected);
    const conf = toConfState(membership.configuration);
    expect(toConfState(restore(conf, lastIndex, LIMITS).configuration), `line ${block.line}: restored`).toEqual(conf);
    lastIndex++;
    replayed++;
  }
}

function run(block: Block, changer: Changer): ChangeResult {
  if (block.command === 'leave-joint') return changer.leaveJoint();
  const changes = parseChanges(block.input);
  return block.command === 'simple' ? changer.simple(changes) : changer.enterJoint(valueFor(block, 'autoleave') === 'true', changes);
}

function print({ configuration, progress }: Membership): string {
  return `${formatConfiguration(toConfState(configuration))}\n${formatProgressMap(progress)}`;
}
