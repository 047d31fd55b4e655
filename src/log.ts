// What a node says of itself: a sentence for people, and beside it the same as fields for programs. How it is written down is not decided here.

/** From the most talkative to the gravest. `debug` has a line for each request; `warn` and `error` are for somebody to look at. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/**
 * What a line is about. These names mean the same on every line that has them: `node` is a member's name, `term` and `index` are Raft's
 * (the index is the one applied when the line was made, or told to a caller), `lease` is `namespace/model/lease`. Times end in `Ms`.
 */
export interface LogFields {
  readonly node?: string | undefined;
  readonly term?: number | undefined;
  readonly index?: number | undefined;
  readonly lease?: string | undefined;
  readonly [name: string]: string | number | null | undefined;
}

/** Takes a line. Must return soon and never throw: it is called from the node's loop. */
export type Log = (text: string, level: LogLevel, fields: LogFields) => void;

/** Whether a line of `level` is told to whoever wants `least` and graver. */
export function isTold(level: LogLevel, least: LogLevel): boolean {
  return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(least);
}
