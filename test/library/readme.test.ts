// The library's README is true: its pieces of code run, in order, and print what they say.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as library from '../../src/index.ts';

const README = new URL('../../src/library/README.md', import.meta.url);

test('the code in the README of the library runs from top to bottom', async () => {
  const pieces = Array.from(readFileSync(README, 'utf8').matchAll(/^```ts\n([\s\S]*?)^```$/gm), ([, code = '']) => code);
  expect(pieces.length).toBeGreaterThan(2);
  const imports = /^import \{ (.*) \} from 'leasehold';$/gm;
  const named = pieces.flatMap((piece) => Array.from(piece.matchAll(imports), ([, names = '']) => names.split(', '))).flat();
  const offered: Readonly<Record<string, unknown>> = library;
  for (const name of named) expect(offered[name], `${name} is not exported`).toBeDefined();
  const body = `${pieces.join('\n').replaceAll(imports, '')}\nawait node.stop();\nlessor.stop();`;
  const printed: unknown[][] = [];
  const run = new Function('names', 'console', `const { ${named.join(', ')} } = names; return (async () => {${body}})();`);
  await (run(offered, { log: (...words: unknown[]) => printed.push(words) }) as Promise<void>);
  expect(printed).toEqual([[true], ['assertion-failed', true], [['a', 'b'], null]]);
});
