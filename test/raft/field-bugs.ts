// The classes of safety bugs that the field has met (PROPERTIES.md 5.1 to 5.17), each with the tests of ours that would see one: what `tally.ts` counts.
import { readdirSync, readFileSync } from 'node:fs';
import type { Row } from '../tally.ts';

const DOOR = 'test/raft/door.test.ts';

/** Tests beside the scenarios, which are found by the number in their first line. Every title begins with the number. */
const TESTS: Readonly<Record<string, Row['tests']>> = {
  '5.16': [
    ...['follower', 'pre-candidate', 'candidate', 'leader'].map((role) => ({
      file: DOOR,
      title: `5.16 a ${role} survives every message from everybody, and changes term and vote only by the rules`,
    })),
    { file: DOOR, title: '5.16 answers of those who are no members are refused' },
    { file: DOOR, title: '5.16 without a term only proposals and read requests are taken' },
    { file: DOOR, title: '5.16 a proposal of nothing is a mistake of the caller, and ends the process' },
  ],
};

/** All seventeen classes; one that nothing of ours would see has no tests. */
export function fieldBugs(): readonly Row[] {
  const folder = new URL('scenarios/', import.meta.url);
  const titles = readdirSync(folder).map((name) => readFileSync(new URL(name, folder), 'utf8').split('\n', 1)[0]?.replace(/^# /, '') ?? '');
  return Array.from({ length: 17 }, (_, i) => {
    const name = `5.${i + 1}`;
    const scenarios = titles
      .filter((title) => title.startsWith(`${name} `))
      .map((title) => ({ file: 'test/raft/scenarios.test.ts', title }));
    return { name, tests: [...scenarios, ...(TESTS[name] ?? [])] };
  });
}
