// Runs our own scenarios, in the notation of etcd's interaction files with the commands of faults.ts.
// After a wanted change: `RAFT_SCENARIOS=rewrite npx vitest run test/raft/scenarios.test.ts`, then read the whole diff as somebody who doubts it.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { afterAll, describe, expect, test } from 'vitest';
import { type Block, parseBlocks } from './datadriven.ts';
import { Environment } from './interaction.ts';
import { runBlock } from './interaction-commands.ts';

const FOLDER = new URL('scenarios/', import.meta.url);
const REWRITES = process.env.RAFT_SCENARIOS === 'rewrite';
if (REWRITES && process.env.CI) throw new Error('scenarios are not rewritten in CI');

const names = readdirSync(FOLDER).sort();
const files = names.map((name) => ({ name, text: readFileSync(new URL(name, FOLDER), 'utf8') }));
let told = 0;

afterAll(() => console.log(`scenarios ${told}/${files.length}`));

describe('a cluster that meets with faults', () => {
  for (const { name, text } of files) {
    test(titleOf(text), () => {
      const blocks = parseBlocks(text);
      const environment = new Environment();
      const outputs = blocks.map((block) => {
        const actual = runBlock(environment, block);
        if (!REWRITES) expect(actual, `scenarios/${name} line ${block.line}: ${block.command}`).toBe(block.expected);
        return actual;
      });
      if (REWRITES) writeFileSync(new URL(name, FOLDER), rewritten(text, blocks, outputs));
      told++;
    });
  }

  test('each scenario is named after its subject and case, and begins with a sentence that must be true', () => {
    for (const { name, text } of files) {
      expect(name).toMatch(/^[a-z0-9]+(_[a-z0-9]+)+\.txt$/);
      expect(titleOf(text).length, name).toBeGreaterThan(20);
    }
    expect(new Set(files.map(({ text }) => titleOf(text))).size).toBe(files.length);
  });
});

/** The comment in the first line. */
function titleOf(text: string): string {
  return text.slice(0, text.indexOf('\n')).replace(/^# /, '');
}

function rewritten(text: string, blocks: readonly Block[], outputs: readonly string[]): string {
  const lines = text.split('\n');
  // From the end, so that the line numbers before it stay true.
  for (let i = blocks.length - 1; i >= 0; i--) {
    const [first, end] = (blocks[i] as Block).expectedLines;
    lines.splice(first - 1, end - first, ...(outputs[i] as string).trimEnd().split('\n'));
  }
  return lines.join('\n');
}
