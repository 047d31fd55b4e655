// How a line of log is written down: as text for people, or by pino as one object of JSON.
import { isTold, type Log, type LogLevel } from '../log.ts';
import type { Io } from './session.ts';
import type { LogFormat } from './settings.ts';

/**
 * Writes lines of `least` and graver. As text, what somebody should look at goes to standard error; JSON goes to standard output whatever
 * it says, so that one stream has it all in order. Both go through `io`, which drops lines rather than grow or wait when the reader stalls:
 * pino is given that in place of a destination of its own, and has no buffer and no thread.
 */
export async function logLines(io: Pick<Io, 'out' | 'err'>, format: LogFormat, least: LogLevel): Promise<Log> {
  if (format === 'text') {
    return (text, level) => {
      if (isTold(level, least)) (isTold(level, 'warn') ? io.err : io.out)(text);
    };
  }
  const { pino } = await import('pino');
  const logger = pino(
    {
      level: least,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    { write: (line: string) => io.out(line.trimEnd()) },
  );
  return (text, level, fields) => logger[level](fields, text);
}

/** The sentence of a line, in whichever format it was written. */
export function sentenceOf(line: string): string {
  if (!line.startsWith('{')) return line;
  try {
    const { msg } = JSON.parse(line) as { readonly msg?: unknown };
    return typeof msg === 'string' ? msg : line;
  } catch {
    return line;
  }
}
