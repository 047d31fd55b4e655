// Pages of other sites change nothing; everybody else is let through.
import { expect, test } from 'vitest';
import { L, start } from './harness.ts';

const CLAIM = { holder: 'A', durationMs: 60_000 };

test.each([['same-origin'], ['none'], [undefined]])('a change is made from where a browser says %s', async (site) => {
  const { call } = start();
  const headers = site === undefined ? {} : { 'sec-fetch-site': site };
  expect(await call('PUT', L, { body: CLAIM, headers })).toMatchObject({ status: 201 });
});

test('a page of another origin may ask what it could not read anyway', async () => {
  const { call } = start();
  await call('PUT', L, { body: CLAIM });
  expect(await call('GET', L, { headers: { 'sec-fetch-site': 'cross-site' } })).toMatchObject({ status: 200 });
});
