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

// To a plain http address that is not this machine's own a browser says nothing of the site, but tells the origin of all that is no read.
test.each([
  [400, 'http://evil.example'],
  [400, 'http://10.0.0.5:8080'],
  [400, 'null'],
  [201, 'http://10.0.0.5:7801'],
  [201, undefined],
])('a change is answered %d at http://10.0.0.5:7801 when its origin is %s', async (status, origin) => {
  const { call } = start();
  const headers = { host: '10.0.0.5:7801', ...(origin === undefined ? {} : { origin }) };
  expect(await call('PUT', L, { body: CLAIM, headers })).toMatchObject({ status });
});

test('a proxy may give the node another name than its pages have, where a browser says that they are of one origin', async () => {
  const { call } = start({}, undefined, ['n1.internal']);
  const headers = { host: 'n1.internal:7801', origin: 'https://leases.example', 'sec-fetch-site': 'same-origin' };
  expect(await call('PUT', L, { body: CLAIM, headers })).toMatchObject({ status: 201 });
});
