// Replays etcd's interaction files: the same inputs must give the same messages, storage writes and decisions, in the same order.
import { afterAll, describe, expect, test } from 'vitest';
import { readDataFiles } from './datadriven.ts';
import { Environment } from './interaction.ts';
import { runBlock } from './interaction-commands.ts';
import { GO_INTERNALS } from './trace-text.ts';

const files = readDataFiles('testdata');
const blocks = files.reduce((sum, file) => sum + file.blocks.length, 0);
let replayedFiles = 0;
let replayedBlocks = 0;

afterAll(() => console.log(`interaction ${replayedFiles}/${files.length} files, ${replayedBlocks} blocks`));

describe('a cluster does what etcd recorded', () => {
  test('the data files are there, or their absence was told', () => {
    expect([
      [0, 0],
      [28, 558],
    ]).toContainEqual([files.length, blocks]);
  });
  for (const file of files) {
    test(file.name, () => {
      const environment = new Environment();
      for (const block of file.blocks) {
        const actual = runBlock(environment, block);
        expect(withoutInternals(actual), `line ${block.line}: ${block.command}`).toBe(withoutInternals(block.expected));
        replayedBlocks++;
      }
      replayedFiles++;
    });
  }
});

function withoutInternals(text: string): string {
  const kept = text.split('\n').filter((line) => !GO_INTERNALS.some((pattern) => pattern.test(line)));
  return kept.join('\n') || 'ok\n';
}
