// Changing the members over HTTP: what is asked of the service, how it is answered, and which requests are wrong.
import { expect, test } from 'vitest';
import { start } from './harness.ts';

const PATH = '/v1/cluster/members';
const BODY = { id: 'n4', peer: '127.0.0.1:7904' };

test('a new member is 201 with its number and the founders, one that was there already 200', async () => {
  const { call, service } = start();
  const answer = await call('POST', PATH, { body: { ...BODY, http: '127.0.0.1:7804', disk: 'ab12', replaces: 'n2', promote: false } });
  expect(answer).toMatchObject({ status: 201, body: { id: 'n4', number: 4, voter: false, index: 9, founders: service.founders } });
  expect(service.memberChange).toEqual({
    kind: 'add',
    id: 'n4',
    peer: '127.0.0.1:7904',
    http: '127.0.0.1:7804',
    disk: 'ab12',
    replaces: 'n2',
    promote: false,
    force: false,
  });
  service.memberResult = { ok: true, member: { id: 'n4', number: 4, peer: '', http: '', voter: true, created: false }, index: 9 };
  expect((await call('POST', PATH, { body: BODY })).status).toBe(200);
  expect(service.memberChange).toMatchObject({ http: '', disk: null, replaces: null, promote: true });
});

test('removing is 204, promoting 200; force is passed on', async () => {
  const { call, service } = start();
  expect((await call('DELETE', `${PATH}/n2?force=true`)).status).toBe(204);
  expect(service.memberChange).toEqual({ kind: 'remove', id: 'n2', force: true });
  expect(await call('POST', `${PATH}/n4/promote`)).toMatchObject({ status: 200, body: { id: 'n4', number: 4 } });
  expect(service.memberChange).toEqual({ kind: 'promote', id: 'n4', force: false });
});

test.each([
  ['member-not-found', 404],
  ['conflict', 409],
  ['overloaded', 429],
  ['no-leader', 503],
  ['stopping', 503],
  ['outcome-unknown', 504],
] as const)('a change that ends in %s is answered %d with the reason', async (code, status) => {
  const { call, service } = start();
  service.memberResult = { ok: false, code, detail: 'why' };
  expect(await call('DELETE', `${PATH}/n2`)).toMatchObject({ status, body: { code, detail: 'why' } });
});

test.each([
  ['no id', { peer: '127.0.0.1:7904' }],
  ['no address', { id: 'n4' }],
  ['an id of other letters', { ...BODY, id: 'n 4' }],
  ['an address without a port', { ...BODY, peer: '127.0.0.1' }],
  ['a port that is none', { ...BODY, peer: '127.0.0.1:99999' }],
  ['an unknown field', { ...BODY, voter: true }],
  ['a disk that is no name of one', { ...BODY, disk: 'Z' }],
  ['a wish that is no boolean', { ...BODY, promote: 'yes' }],
])('%s is an invalid argument', async (_what, body) => {
  const { call, service } = start();
  expect(await call('POST', PATH, { body })).toMatchObject({ status: 400, body: { code: 'invalid-argument' } });
  expect(service.memberChange).toBeNull();
});

test('a query that says neither yes nor no is an invalid argument, and so is an id that no node can have', async () => {
  const { call, service } = start();
  expect((await call('DELETE', `${PATH}/n2?force=perhaps`)).status).toBe(400);
  expect((await call('DELETE', `${PATH}/n2?really=true`)).status).toBe(400);
  expect((await call('DELETE', `${PATH}/-2`)).status).toBe(400);
  expect(service.memberChange).toBeNull();
});
