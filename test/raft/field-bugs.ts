// The classes of safety bugs that the field has met (PROPERTIES.md 5.1 to 5.17), each with the tests of ours that would see one: what `tally.ts` counts.
import { readdirSync, readFileSync } from 'node:fs';
import type { Row } from '../tally.ts';

const DOOR = 'test/raft/door.test.ts';
const DISKS = 'test/sim/safety-bugs.test.ts';

/** Tests beside the scenarios, which are found by the number in their first line. Every title begins with the number. */
const TESTS: Readonly<Record<string, Row['tests']>> = {
  '5.10': [
    {
      file: DISKS,
      title:
        '5.10 the first failed write is final, whichever it is: what was acknowledged before it stays, and nothing is promised behind it',
    },
    { file: DISKS, title: '5.10 a node that goes on after a failed write is found' },
  ],
  '5.11': [
    {
      file: DISKS,
      title:
        '5.11 a leader whose disk or process stalls for up to ten election timeouts ends no lease that others renewed, and keeps none from leading',
    },
    { file: DISKS, title: '5.11 an expiry that a stale leader decided, and nobody checks against a renewal, is found' },
  ],
  '5.12': [
    { file: DISKS, title: '5.12 a write that is torn at any byte is there as a whole or not at all' },
    { file: DISKS, title: '5.12 a node whose synced records were harmed has everything or takes no part, whatever was harmed' },
    { file: DISKS, title: '5.12 a cluster outlives full disks at any write, torn ends and a rotten minority' },
    { file: DISKS, title: '5.12 a node that votes with a log that was shortened is found, by what it does too' },
  ],
  '5.13': [
    {
      file: DISKS,
      title: '5.13 a node that finds an old copy of its database, or its end gone, refuses to start, and the others go on without it',
    },
    { file: DISKS, title: '5.13 a node that was emptied and takes part under its old name is found' },
  ],
  '5.14': [
    { file: DISKS, title: '5.14 a truncation that is torn at any byte has happened with the write behind it, or not at all' },
    { file: DISKS, title: '5.14 nodes that are killed while conflicting entries are replaced come back with one log or the other' },
    { file: DISKS, title: '5.14 a truncation without the write behind it is found' },
  ],
  '5.15': [
    { file: DISKS, title: '5.15 what a client was told survives a loss of power of all nodes in that moment, of a lone one too' },
    { file: DISKS, title: '5.15 a lone node that acknowledges before its disk does is found' },
    { file: DISKS, title: '5.15 an applied index that is stored apart from the data is found' },
  ],
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
