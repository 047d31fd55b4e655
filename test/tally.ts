// A reporter that counts, when a run is over, how many of the promised properties, known bugs and scenarios were held by tests that did pass in it.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Reporter, TestModule, Vitest } from 'vitest/node';
import { scenarios } from './conformance/scenarios.ts';
import { fieldBugs } from './raft/field-bugs.ts';
import { starProperties } from './raft/star-properties.ts';

/** Something that must be tested, and by what it is: every one of `tests` must exist and pass. */
export interface Row {
  readonly name: string;
  readonly tests: readonly { readonly file: string; readonly title: string }[];
}

type Outcome = 'held' | 'broken' | 'untested' | 'not in this run';

const ROOT = new URL('..', import.meta.url);

/** `states` has the state of every test that ran, by file and title. */
export function tally(rows: readonly Row[], states: ReadonlyMap<string, ReadonlyMap<string, string>>): ReadonlyMap<string, Outcome> {
  const outcomeOf = ({ tests }: Row): Outcome => {
    if (tests.length === 0) return 'untested';
    const missing = tests.filter(({ file, title }) => states.get(file)?.get(title) !== 'passed');
    if (missing.length === 0) return 'held';
    // What is not part of this run may hold, but a file that is gone does not.
    return missing.every(({ file }) => !states.has(file) && existsSync(new URL(file, ROOT))) ? 'not in this run' : 'broken';
  };
  return new Map(rows.map((row) => [row.name, outcomeOf(row)]));
}

export default class Tally implements Reporter {
  #isFiltered = false;

  onInit(vitest: Vitest): void {
    this.#isFiltered = vitest.config.testNamePattern !== undefined;
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    // Single tests were asked for by name: nothing can be said of the rest.
    if (this.#isFiltered) return;
    const states = new Map<string, Map<string, string>>();
    for (const module of modules) {
      const file = module.moduleId.slice(fileURLToPath(ROOT).length);
      const ofFile = states.get(file) ?? new Map<string, string>();
      for (const test of module.children.allTests()) ofFile.set(test.name, test.result().state);
      states.set(file, ofFile);
    }
    const stars = starProperties();
    if (stars === null) console.log('★ properties: PROPERTIES.md is absent (../shared/raft-testdata beside the project), not counted');
    else print('★ properties', tally(stars, states));
    print('field bugs', tally(fieldBugs(), states));
    for (const [kind, rows] of scenarios() ?? []) print(kind, tally(rows, states));
  }
}

/** Says nothing of a run that has none of them. */
function print(what: string, outcomes: ReadonlyMap<string, Outcome>): void {
  const named = (wanted: Outcome): string[] => [...outcomes].filter(([, outcome]) => outcome === wanted).map(([name]) => name);
  const [held, broken, untested, absent] = [named('held'), named('broken'), named('untested'), named('not in this run')];
  if (held.length + broken.length === 0) return;
  console.log(`${what} ${held.length}/${outcomes.size}${absent.length > 0 ? `, ${absent.length} not in this run` : ''}`);
  if (untested.length > 0) console.log(`${what} without a test: ${untested.join(', ')}`);
  if (broken.length === 0) return;
  console.log(`${what} whose tests did not pass or are gone: ${broken.join(', ')}`);
  process.exitCode = 1;
}
