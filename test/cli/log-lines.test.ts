// Lines of log: sentences for people on the stream for them, or one object of JSON each.
import { describe, expect, test } from 'vitest';
import { logLines, sentenceOf } from '../../src/cli/log-lines.ts';
import { LOG_FORMATS } from '../../src/cli/settings.ts';
import { LOG_LEVELS, type LogLevel } from '../../src/log.ts';

async function written(format: (typeof LOG_FORMATS)[number], least: LogLevel) {
  const out: string[] = [];
  const err: string[] = [];
  const log = await logLines({ out: (line) => out.push(line), err: (line) => err.push(line) }, format, least);
  for (const level of LOG_LEVELS) log(`a ${level}`, level, { node: 'n1', term: 4, lease: undefined });
  return { out, err };
}

test('text is the sentence alone, with what somebody should look at on standard error', async () => {
  expect(await written('text', 'debug')).toEqual({ out: ['a debug', 'a info'], err: ['a warn', 'a error'] });
});

test('JSON is one object for each line, all on standard output, with level, time, sentence and the fields that there are', async () => {
  const { out, err } = await written('json', 'debug');
  expect(err).toEqual([]);
  const lines = out.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines).toEqual(LOG_LEVELS.map((level) => ({ level, time: expect.any(String), node: 'n1', term: 4, msg: `a ${level}` })));
  for (const { time } of lines) expect(new Date(String(time)).toISOString()).toBe(time);
  expect(out.join('')).not.toContain('\n');
});

test('a sentence of several lines is one line of JSON', async () => {
  const out: string[] = [];
  const log = await logLines({ out: (line) => out.push(line), err: () => {} }, 'json', 'info');
  log('it failed:\n  at "here"', 'error', {});
  expect(out).toHaveLength(1);
  expect(JSON.parse(out[0] ?? '')).toMatchObject({ level: 'error', msg: 'it failed:\n  at "here"' });
});

describe.each(LOG_FORMATS)('as %s', (format) => {
  test.each(LOG_LEVELS)('what is less than %s is not written', async (least) => {
    const { out, err } = await written(format, least);
    const expected = LOG_LEVELS.slice(LOG_LEVELS.indexOf(least)).map((level) => `a ${level}`);
    expect([...out, ...err].map(sentenceOf)).toEqual(expected);
  });
});

test('the sentence is found in whatever form a line has', () => {
  expect(sentenceOf('{"level":"info","msg":"n1 stopped"}')).toBe('n1 stopped');
  for (const line of ['n1 stopped', '{ not JSON', '{"no":"sentence"}', '{"msg":7}', '']) expect(sentenceOf(line)).toBe(line);
});
