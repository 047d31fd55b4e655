// A terminal for tests: what was written to it, and what a person would see of that.
import type { Terminal } from '../../src/cli/terminal.ts';

const ESCAPE = '\u001b';

export class FakeTerminal implements Terminal {
  /** As it was written. */
  written = '';
  columns: number;
  rows: number;

  constructor(columns = 80, rows = 24) {
    this.columns = columns;
    this.rows = rows;
  }

  write(text: string): void {
    this.written += text;
  }

  /** The lines that stand there now, without colours: knows what this program uses, and throws at anything else. */
  get screen(): string[] {
    const lines = [''];
    let [row, column] = [0, 0];
    const [first = '', ...sequences] = this.written.split(ESCAPE);
    const put = (text: string): void => {
      for (const character of text) {
        if (character === '\n') [row, column] = [row + 1, 0];
        else if (character === '\r') column = 0;
        else {
          if (column >= this.columns) throw new Error(`a line wraps: ${lines[row]}`);
          lines[row] = (lines[row] ?? '').padEnd(column).slice(0, column) + character + (lines[row] ?? '').slice(column + 1);
          column += 1;
        }
        lines[row] ??= '';
      }
    };
    put(first);
    for (const sequence of sequences) {
      const [, count = '', kind = '', text = ''] = /^\[(\d*)([A-Za-z])([\s\S]*)$/.exec(sequence) ?? [];
      if (kind === 'A') row = Math.max(0, row - Number(count));
      else if (kind === 'J') {
        lines.length = row + 1;
        lines[row] = (lines[row] ?? '').slice(0, column);
      } else if (kind === 'K') lines[row] = (lines[row] ?? '').slice(0, column);
      else if (kind !== 'm') throw new Error(`an escape sequence that is not known: ${JSON.stringify(sequence)}`);
      put(text);
    }
    return lines;
  }

  /** Whether anything was coloured. */
  get isColored(): boolean {
    return this.written.includes(`${ESCAPE}[3`);
  }
}
