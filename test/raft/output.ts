// What a command of an interaction file prints: log lines from a level on, indented where several nodes are told apart.
import { LEVELS, type Level } from './trace-text.ts';

/** Collects what a command prints, in the order in which it happens. At level NONE it collects nothing. */
export class Output {
  level: Level = 'DEBUG';
  #text = '';

  get isQuiet(): boolean {
    return this.level === 'NONE';
  }

  write(text: string): void {
    if (!this.isQuiet) this.#text += text;
  }

  log(level: Level, text: string): void {
    if (LEVELS.indexOf(level) >= LEVELS.indexOf(this.level)) this.write(`${level} ${text}\n`);
  }

  /** Runs `work` with two spaces before every line that it writes. */
  indented(work: () => void): void {
    const outer = this.#text;
    this.#text = '';
    work();
    const lines = this.#text.replace(/\n$/, '').split('\n');
    this.#text = this.#text === '' ? outer : `${outer}${lines.map((line) => `  ${line}\n`).join('')}`;
  }

  take(): string {
    const text = this.#text;
    this.#text = '';
    return text;
  }
}
