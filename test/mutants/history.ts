// Faults of the history: what a holder is told of why its lease was lost.
import { type Fault, listed } from './mutant.ts';

const HISTORY = 'lease/history.test.ts';

const FAULTS: readonly Fault[] = [
  {
    title: 'the cause of a tenure’s end is told wrong: lost as given back',
    file: 'lease/history.ts',
    find: "(end === 'released' ? this.#released : this.#lost).add(",
    replace: "(end === 'released' ? this.#lost : this.#released).add(",
    suites: [HISTORY],
  },
  {
    title: 'how late an extension came is that of the last one, not of the latest',
    file: 'lease/story.ts',
    find: 'if (lateMs <= this.greatestLateMs) return;',
    replace: '',
    suites: [HISTORY],
  },
  {
    title: 'a write that came too late counts as one that was let through',
    file: 'lease/claims.ts',
    find: 'else this.#history.refused(claim);',
    replace: 'else this.#history.used(claim);',
    suites: [HISTORY],
  },
  {
    title: 'a leadership that was announced in another term is remembered',
    file: 'lease/executor.ts',
    find: 'if (command.term === entry.term) this.#history.leads(',
    replace: 'this.#history.leads(',
    suites: [HISTORY],
  },
  {
    title: 'that something was forgotten is not said',
    file: 'lease/story.ts',
    find: 'rest.forgot = true;',
    replace: '',
    suites: [HISTORY],
  },
];

export const HISTORY_FAULTS = listed('history', 'ours', FAULTS);
