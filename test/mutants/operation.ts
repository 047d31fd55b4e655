// Faults of what a node is told and tells: which source of a setting counts, what reaches the nodes of a cluster, logs and traces.
import { type Fault, listed } from './mutant.ts';

const SETTINGS = 'cli/settings.test.ts';
const LINES = 'cli/log-lines.test.ts';
const TRACES = 'api/tracing.test.ts';

const FAULTS: readonly Fault[] = [
  {
    title: 'a file counts before the environment',
    file: 'cli/effective-settings.ts',
    find: "if (variable !== undefined && variable !== '')",
    replace: "if (variable !== undefined && variable !== '' && !file?.texts.has(keyOf(name)))",
    suites: [SETTINGS],
  },
  {
    title: 'a variable that was left empty counts',
    file: 'cli/effective-settings.ts',
    find: " && variable !== ''",
    replace: '',
    suites: [SETTINGS],
  },
  {
    title: 'the nodes of a cluster take its variables for theirs',
    file: 'cli/effective-settings.ts',
    find: '.filter(([name]) => !variables.has(name))',
    replace: '.filter(([name]) => variables.has(name) || name !== "")',
    suites: [SETTINGS],
  },
  {
    title: 'a key that there is not is passed over',
    file: 'cli/config-file.ts',
    find: 'if (!isKeyOf(command, key)) errors.push',
    replace: 'if (!isKeyOf(command, key)) [].push',
    suites: [SETTINGS],
  },
  {
    title: 'config print is content with settings that do not go together',
    file: 'cli/config-command.ts',
    find: 'if (errors.length === 0) errors.push(...faultsOf(() => check(settings)));',
    replace: '',
    suites: [SETTINGS],
  },
  {
    title: 'a line of JSON goes out whatever its level',
    file: 'cli/log-lines.ts',
    find: 'level: least,',
    replace: "level: 'debug',",
    suites: [LINES],
  },
  {
    title: 'the last words of a node that speaks JSON are JSON',
    file: 'cli/log-lines.ts',
    find: "if (!line.startsWith('{')) return line;",
    replace: "if (line !== '') return line;",
    suites: [LINES],
  },
  {
    title: 'a request begins a trace of its own, whatever its caller sent',
    file: 'api/tracing.ts',
    find: 'propagation.extract(ROOT_CONTEXT, request.headers)',
    replace: 'ROOT_CONTEXT',
    suites: [TRACES],
  },
  {
    title: 'the span of a caller who hung up never ends',
    file: 'api/tracing.ts',
    find: '() => span.end());',
    replace: '() => undefined);',
    suites: [TRACES],
    mayHang: true,
  },
  {
    title: 'what a client did wrong is an error of the server',
    file: 'api/tracing.ts',
    find: 'if (statusCode >= 500)',
    replace: 'if (statusCode >= 400)',
    suites: [TRACES],
  },
];

/** All of them. */
export const OPERATION = listed('operation', 'ours', FAULTS);
