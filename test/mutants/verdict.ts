// Reads what a run of the tests reported: whether a test noticed the fault, or nobody, or the fault merely broke the program.

/** The part of vitest's JSON report that is read here. */
export interface Report {
  readonly numPassedTests: number;
  readonly testResults: readonly {
    /** The file's path. */
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly ancestorTitles: readonly string[];
      readonly title: string;
      readonly status: string;
      readonly failureMessages?: readonly string[] | null;
    }[];
  }[];
}

export type Verdict =
  | { readonly kind: 'passed'; readonly tests: number }
  /** `test`: file and titles. `message`: the first line of what it says. */
  | { readonly kind: 'caught'; readonly test: string; readonly message: string }
  /** Something failed, but not because an expectation or an invariant did: that proves nothing about the tests. */
  | { readonly kind: 'crashed'; readonly message: string };

/** A test that runs out of time may have been waiting for what a busy machine did not give it. */
const TIMED_OUT = /^Error: (Test|Hook) timed out/;
/** What JavaScript itself throws where code makes no sense any more. */
const NONSENSE = /^(TypeError|ReferenceError|SyntaxError|RangeError)\b/;

/** `root` is the folder from which files are named. */
export function verdictOf(report: Report, root: string): Verdict {
  const crashes: string[] = [];
  for (const file of report.testResults) {
    const name = file.name.replace(`${root}/`, '');
    for (const { status, ancestorTitles, title, failureMessages } of file.assertionResults) {
      if (status !== 'failed') continue;
      const message = failureMessages?.[0]?.split('\n')[0] ?? '';
      const test = [name, ...ancestorTitles, title].join(' > ');
      if (message !== '' && !TIMED_OUT.test(message) && !NONSENSE.test(message)) return { kind: 'caught', test, message };
      crashes.push(`${test}: ${message}`);
    }
    if (file.status === 'failed' && file.assertionResults.length === 0) crashes.push(`${name}: ${file.message.split('\n')[0]}`);
  }
  const [crash] = crashes;
  if (crash !== undefined) return { kind: 'crashed', message: crash };
  if (report.numPassedTests === 0) return { kind: 'crashed', message: 'no test ran' };
  return { kind: 'passed', tests: report.numPassedTests };
}
