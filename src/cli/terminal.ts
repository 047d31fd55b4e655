// A terminal to draw on, where there is one: its width, its colours, and lines cut to fit.

/** What stands behind an output that is a terminal. */
export interface Terminal {
  /** As it is: escape sequences count. */
  write(text: string): void;
  /** Characters in a line, and lines, at this moment. */
  readonly columns: number;
  readonly rows: number;
}

/** The terminal that a stream writes to; undefined for a pipe or a file, and for a terminal that cannot be drawn on. */
export function terminalOf(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): Terminal | undefined {
  if (!stream.isTTY || env.TERM === 'dumb') return undefined;
  return {
    write: (text) => void stream.write(text),
    get columns() {
      return stream.columns || 80;
    },
    get rows() {
      return stream.rows || 24;
    },
  };
}

const STYLES = { good: 32, bad: 31, warn: 33, quiet: 2, strong: 1 } as const;

/** Gives a text a meaning that shows. */
export type Paint = Readonly<Record<keyof typeof STYLES, (text: string) => string>>;

/** Colours on a terminal, unless the variable NO_COLOR is set to anything (https://no-color.org); elsewhere the text as it is. */
export function paintFor(terminal: Terminal | undefined, env: Readonly<Record<string, string | undefined>>): Paint {
  const plain = terminal === undefined || (env.NO_COLOR ?? '') !== '';
  const style = (code: number) => (text: string) => (plain || text === '' ? text : `\u001b[${code}m${text}\u001b[0m`);
  return {
    good: style(STYLES.good),
    bad: style(STYLES.bad),
    warn: style(STYLES.warn),
    quiet: style(STYLES.quiet),
    strong: style(STYLES.strong),
  };
}

/** No colours at all. */
export const PLAIN: Paint = paintFor(undefined, {});

/** A line, cut to so many characters; colours take no room and are ended. */
export function cut(line: string, columns: number): string {
  let room = columns;
  const [first = '', ...colored] = line.split('\u001b');
  const taken = (text: string): string => {
    const fitting = [...text].slice(0, room);
    room -= fitting.length;
    return fitting.join('');
  };
  return (
    taken(first) +
    colored.map((piece) => `\u001b${piece.slice(0, piece.indexOf('m') + 1)}${taken(piece.slice(piece.indexOf('m') + 1))}`).join('')
  );
}

const BAR_CHARACTERS = 20;

/** `[########------------]` for a share from 0 to 1. */
export function bar(share: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * BAR_CHARACTERS);
  return `[${'#'.repeat(full)}${'-'.repeat(BAR_CHARACTERS - full)}]`;
}
