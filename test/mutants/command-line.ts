// Faults of the command line: what it says of a cluster without a leader, and what it draws where nobody wants it.
import { type Fault, listed } from './mutant.ts';

const STATUS = 'cli/status.test.ts';
const TERMINAL = 'cli/terminal.test.ts';

const FAULTS: readonly Fault[] = [
  {
    title: 'only the endpoints that were named are asked, and those of members are not',
    file: 'cli/cluster-look.ts',
    find: "http === '' || [...answers.values()]",
    replace: "http !== '' || [...answers.values()]",
    suites: [STATUS],
  },
  {
    title: 'a leader that is dead counts as one',
    file: 'cli/cluster-look.ts',
    find: '(best.leader !== null && !silent.includes(best.leader))',
    replace: '(best.leader !== null)',
    suites: [STATUS],
  },
  {
    title: 'a watch forgets the members when the node that named them dies',
    file: 'cli/status-command.ts',
    find: "if (http !== '') known.add(",
    replace: "if (http === '') known.add(",
    suites: [STATUS],
  },
  {
    title: 'an interrupted watch ends as if nothing had happened',
    file: 'cli/status-command.ts',
    find: 'stop.signal.aborted ? INTERRUPTED : code',
    replace: 'code',
    suites: [STATUS],
  },
  {
    title: 'programs that read JSON get progress on the terminal',
    file: 'cli/session.ts',
    find: 'new Progress(json ? undefined : io.errTerminal)',
    replace: 'new Progress(io.errTerminal)',
    suites: [TERMINAL],
  },
  {
    title: 'NO_COLOR is not heard',
    file: 'cli/terminal.ts',
    find: " || (env.NO_COLOR ?? '') !== ''",
    replace: '',
    suites: [TERMINAL],
  },
  {
    title: 'progress stays on the terminal',
    file: 'cli/progress.ts',
    find: 'if (this.#isShown) this.#terminal?.write(',
    replace: 'if (!this.#isShown) this.#terminal?.write(',
    suites: [TERMINAL],
  },
];

/** All of them. */
export const COMMAND_LINE = listed('cli', 'ours', FAULTS);
