// The library's README is true: its pieces of code run, in order, and print what they say.
import { afterAll, expect, test } from 'vitest';
import * as library from '../../src/index.ts';
import { endAll, freePorts, freshDirectory } from '../e2e/processes.ts';
import { blocksFor } from '../e2e/readmes.ts';

const SELF = 'test/library/readme.test.ts';

afterAll(endAll);

test('the code in the README of the library runs from top to bottom', async () => {
  const pieces = blocksFor(SELF, 'src/library/README.md', 'ts');
  expect(pieces.length).toBeGreaterThan(2);
  const imports = /^import \{ (.*) \} from 'leasehold';$/gm;
  const named = pieces.flatMap((piece) => Array.from(piece.matchAll(imports), ([, names = '']) => names.split(', '))).flat();
  const offered: Readonly<Record<string, unknown>> = library;
  for (const name of named) expect(offered[name], `${name} is not exported`).toBeDefined();
  const first = await freePorts(2);
  const moved = pieces
    .join('\n')
    .replaceAll('7801', `${first}`)
    .replaceAll('7901', `${first + 1}`)
    .replace('./data/n1', `${freshDirectory()}/n1`);
  const body = `${moved.replaceAll(imports, '')}\nawait node.stop();\nlessor.stop();`;
  const printed: unknown[][] = [];
  const run = new Function('names', 'console', `const { ${named.join(', ')} } = names; return (async () => {${body}})();`);
  await (run(offered, { log: (...words: unknown[]) => printed.push(words) }) as Promise<void>);
  expect(printed).toEqual([[true], ['assertion-failed', true], [['a', 'b'], null]]);
});
