// `leasehold completion`: a script that teaches a shell the commands and flags, made out of the command line itself.
import { Argument, type Command } from 'commander';
import { DONE, type Finish, type Io } from './session.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof SHELLS)[number];

const INSTALL = `
Put one of these into the start-up file of your shell:
  bash  eval "$(leasehold completion bash)"
  zsh   eval "$(leasehold completion zsh)"
  fish  leasehold completion fish | source`;

/** Adds `completion` to `program`; to be added last, as it knows only what is there. */
export function addCompletionCommand(program: Command, io: Io, finish: Finish): void {
  program
    .command('completion')
    .description('print the completion script of a shell')
    .addArgument(new Argument('<SHELL>', 'which shell').choices(SHELLS))
    .addHelpText('after', INSTALL)
    .action((shell: Shell) => {
      for (const line of SCRIPTS[shell](wordsOf(program))) io.out(line);
      finish(DONE);
    });
}

/** What can follow each command: `''` stands for the program itself, `kv put` for a command of a command. */
type Words = ReadonlyMap<string, readonly string[]>;

function wordsOf(program: Command): Words {
  const words = new Map<string, readonly string[]>();
  const visit = (command: Command, path: readonly string[]): void => {
    const flags = command.options.flatMap(({ long }) => (long === null || long === undefined ? [] : [long]));
    words.set(path.join(' '), [...command.commands.map((each) => each.name()), ...flags, '--help']);
    for (const each of command.commands) visit(each, [...path, each.name()]);
  };
  visit(program, []);
  return words;
}

/** A command of a command comes as two words, one of those as three. */
function cases(words: Words, line: (path: string, words: string) => string): string[] {
  return [...words].filter(([path]) => path !== '').map(([path, following]) => line(path, following.join(' ')));
}

const SCRIPTS: Readonly<Record<Shell, (words: Words) => string[]>> = {
  bash: (words) => [
    '_leasehold() {',
    '  local line="$' + '{COMP_WORDS[1]} $' + '{COMP_WORDS[2]} $' + '{COMP_WORDS[3]} " words',
    '  case "$line" in',
    // The longer ones first: the first that fits counts.
    ...cases(words, (path, following) => `    "${path} "*) words="${following}" ;;`).reverse(),
    '  esac',
    `  [ "$COMP_CWORD" -eq 1 ] && words="${(words.get('') ?? []).join(' ')}"`,
    '  COMPREPLY=($(compgen -W "$words" -- "$' + '{COMP_WORDS[COMP_CWORD]}"))',
    '}',
    'complete -o default -F _leasehold leasehold',
  ],
  zsh: (words) => ['autoload -U +X bashcompinit && bashcompinit', ...SCRIPTS.bash(words)],
  fish: (words) => [
    'complete -c leasehold -f',
    ...[...words].flatMap(([path, following]) => {
      const seen = path.split(' ').flatMap((word) => (word === '' ? [] : [`__fish_seen_subcommand_from ${word}`]));
      const when = seen.length === 0 ? '__fish_use_subcommand' : seen.join('; and ');
      const named = following.filter((word) => !word.startsWith('--'));
      const flags = following.filter((word) => word.startsWith('--'));
      return [
        ...(named.length === 0 ? [] : [`complete -c leasehold -n '${when}' -a '${named.join(' ')}'`]),
        ...flags.map((flag) => `complete -c leasehold -n '${when}' -l ${flag.slice(2)}`),
      ];
    }),
  ],
};
