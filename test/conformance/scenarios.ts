// The scenarios of the two specifications that ours descends from, by number, each with the tests here that tell it: what `tally.ts` counts.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { Row } from '../tally.ts';

const SPECIFICATIONS = new URL('../../../shared/conformance/', import.meta.url);
const HERE = new URL('.', import.meta.url);

/** The kinds of scenario, and in which file each is listed. */
const KINDS = { JL: 'juju-lease.md', JR: 'juju-lease.md', EL: 'etcd-lessor.md' } as const;
/** A scenario as it is listed: `- **JL-01** …`, `- EL-01 …`, and the optional ones, `**JR-1** …` within a sentence. */
const LISTED = /(?:^- (?:\*\*)?|\*\*)((JL|JR|EL)-\d+)(?:\*\*)? /gm;
/** A test whose title begins with one number or several. */
const TOLD = /\btest\(\s*(['"`])((?:(?:JL|JR|EL)-\d+,? )+)((?:(?!\1).)*)\1/g;

/** Every scenario by kind, in order; one that no test tells has no tests. Null where the specifications are not beside the project. */
export function scenarios(): ReadonlyMap<string, readonly Row[]> | null {
  if (!existsSync(SPECIFICATIONS)) return null;
  const told = tests();
  return new Map(
    Object.entries(KINDS).map(([kind, file]) => {
      const text = readFileSync(new URL(file, SPECIFICATIONS), 'utf8');
      const names = Array.from(text.matchAll(LISTED), ([, name = '']) => name).filter((name) => name.startsWith(kind));
      return [kind, [...new Set(names)].map((name) => ({ name, tests: told.get(name) ?? [] }))];
    }),
  );
}

function tests(): ReadonlyMap<string, Row['tests']> {
  const told = new Map<string, { readonly file: string; readonly title: string }[]>();
  for (const name of readdirSync(HERE).filter((each) => each.endsWith('.test.ts'))) {
    for (const [, , numbers = '', rest = ''] of readFileSync(new URL(name, HERE), 'utf8').matchAll(TOLD)) {
      for (const number of numbers.match(/\w+-\d+/g) ?? []) {
        const of = told.get(number) ?? [];
        of.push({ file: `test/conformance/${name}`, title: numbers + rest });
        told.set(number, of);
      }
    }
  }
  return told;
}
