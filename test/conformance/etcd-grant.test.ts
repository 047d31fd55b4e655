// etcd lease: grants, lists, attached keys and revokes (EL-01 to EL-28).
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Lessor, ManualClock, NoLease } from '../../src/index.ts';
import { endAll } from '../e2e/processes.ts';
import { freshNumber, Three } from './three.ts';

let three: Three;
beforeAll(async () => {
  three = await Three.start();
});
afterAll(async () => {
  await three.stop();
  await endAll();
});

const LEASES = '/v1/lessor/leases';
const grant = (ttlMs: number, id?: string) => three.call('POST', LEASES, { ttlMs, ...(id === undefined ? {} : { id }) });
// Far from the ids that the service chooses, which are log indexes.
const freshId = () => String(10_000_000 + freshNumber());
const freshKey = () => `key-${freshNumber()}`;
const put = (key: string, lease?: string) => three.call('PUT', `/v1/kv/${key}`, { value: 'v', ...(lease === undefined ? {} : { lease }) });
const exists = async (key: string) => (await three.call('GET', `/v1/kv/${key}`)).status === 200;
const revision = async () => (await three.call('GET', '/v1/kv?limit=1')).body.revision as number;

describe('granting', () => {
  test('EL-01 without an id a positive one is chosen, another one each time, and the answer has all its headers', async () => {
    const [first, second] = [await grant(10_000), await grant(10_000)];
    for (const answer of [first, second]) {
      expect(answer.status).toBe(201);
      expect(BigInt(answer.body.id as string)).toBeGreaterThan(0n);
      expect(answer.body).toMatchObject({ ttlMs: 10_000, keyCount: 0, claimCount: 0, attachedIndex: 0 });
      for (const name of ['leasehold-node', 'leasehold-leader', 'leasehold-term', 'leasehold-index'])
        expect(answer.headers.get(name)).toBeTruthy();
    }
    expect(second.body.id).not.toBe(first.body.id);
  });

  test('EL-02 an explicit id is granted once, the lease that has it is left alone, and it is free again after a revoke', async () => {
    const id = freshId();
    const key = freshKey();
    expect((await grant(60_000, id)).body).toMatchObject({ id });
    await put(key, id);
    expect((await grant(5_000, id)).body).toMatchObject({ code: 'lease-exists', id });
    expect((await three.call('GET', `${LEASES}/${id}`)).body).toMatchObject({ ttlMs: 60_000, keys: [key] });
    expect((await three.call('DELETE', `${LEASES}/${id}`)).status).toBe(204);
    expect((await grant(5_000, id)).body).toMatchObject({ id, ttlMs: 5_000, keyCount: 0 });
  });

  test('EL-03 a time below the least is refused over HTTP, where the least is 1 ms; a lessor with a minimum raises to it and says so', async () => {
    for (const ttlMs of [0, -5]) expect((await grant(ttlMs)).body.code).toBe('invalid-argument');
    expect((await grant(1)).body).toMatchObject({ ttlMs: 1 });
    for (const minTtlMs of [2_000, 5_000]) {
      const lessor = new Lessor({ clock: new ManualClock(), minTtlMs });
      for (const [id, ttlMs] of [
        [1n, 0],
        [2n, 1_000],
        [3n, -5_000],
      ] as const) {
        expect(lessor.grant(id, ttlMs).ttlMs).toBe(minTtlMs);
        expect(lessor.lookup(id)?.ttlMs).toBe(minTtlMs);
      }
    }
  });

  test('EL-05 id 0 is not found at a lessor, and lets the service choose', async () => {
    const lessor = new Lessor({ clock: new ManualClock() });
    expect(() => lessor.grant(NoLease, 1_000)).toThrowError(expect.objectContaining({ code: 'lease-not-found' }));
    expect(lessor.leases()).toEqual([]);
    expect((await grant(5_000, '0')).body.id).not.toBe('0');
  });

  test('EL-07 of three grants of one id at once exactly one succeeds', async () => {
    const id = freshId();
    const answers = await Promise.all(three.nodes.map((node) => node.call('POST', LEASES, { id, ttlMs: 5_000 })));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409]);
  });

  test('EL-09 neither granting nor renewing moves the revision of the store', async () => {
    await put(freshKey());
    const before = await revision();
    const id = freshId();
    await grant(60_000, id);
    await three.call('POST', `${LEASES}/${id}/renew`);
    expect(await revision()).toBe(before);
  });
});

describe('listing', () => {
  test('EL-10 the list has exactly the live leases, at once and on every node', async () => {
    const listed = async () => {
      const lists = await Promise.all(three.nodes.map((node) => node.call('GET', LEASES)));
      return lists.map(({ body }) => body.leases?.map(({ id }) => id).sort());
    };
    for (const { id } of (await three.call('GET', LEASES)).body.leases ?? []) await three.call('DELETE', `${LEASES}/${id}`);
    expect(await listed()).toEqual([[], [], []]);
    const ids = [freshId(), freshId(), freshId()].sort();
    await grant(60_000, ids[0]);
    expect(await listed()).toEqual([[ids[0]], [ids[0]], [ids[0]]]);
    for (const id of ids.slice(1)) await grant(60_000, id);
    expect(await listed()).toEqual([ids, ids, ids]);
  });

  test('EL-12 a lease tells its granted time, what is left of it, and its keys', async () => {
    const id = freshId();
    await grant(10_000, id);
    const keys = [freshKey(), freshKey()].sort();
    for (const key of keys) await put(key, id);
    for (const node of three.nodes) {
      const { body } = await node.call('GET', `${LEASES}/${id}`);
      expect(body).toMatchObject({ id, ttlMs: 10_000, keys });
      expect(body.remainingMs).toBeGreaterThan(0);
      expect(body.remainingMs).toBeLessThanOrEqual(10_000);
    }
  });

  test('EL-13 a lease that was revoked or never granted is not found, at the leader as at the others, and nothing falls over', async () => {
    const id = freshId();
    await grant(10_000, id);
    await three.call('DELETE', `${LEASES}/${id}`);
    for (const node of three.nodes) {
      for (const each of [id, freshId(), '0']) {
        const answer = await node.call('GET', `${LEASES}/${each}`);
        expect([answer.status, answer.body.code]).toEqual([404, 'lease-not-found']);
        expect(answer.headers.get('leasehold-index')).toBeTruthy();
      }
      expect((await node.call('GET', '/livez')).status).toBe(200);
    }
  });
});

describe('attached keys', () => {
  test('EL-16 a put with a lease that never was, or was just revoked, writes nothing', async () => {
    const id = freshId();
    await grant(10_000, id);
    await three.call('DELETE', `${LEASES}/${id}`);
    const before = await revision();
    for (const lease of [id, freshId()]) {
      const key = freshKey();
      const answer = await put(key, lease);
      expect([answer.status, answer.body.code]).toEqual([404, 'lease-not-found']);
      expect(await exists(key)).toBe(false);
    }
    expect(await revision()).toBe(before);
  });

  test('EL-18 a put on another lease moves the key', async () => {
    const [a, b, key] = [freshId(), freshId(), freshKey()];
    for (const id of [a, b]) await grant(60_000, id);
    await put(key, a);
    await put(key, b);
    expect((await three.call('GET', `${LEASES}/${a}`)).body.keys).toEqual([]);
    expect((await three.call('GET', `${LEASES}/${b}`)).body.keys).toEqual([key]);
    await three.call('DELETE', `${LEASES}/${a}`);
    expect(await exists(key)).toBe(true);
    await three.call('DELETE', `${LEASES}/${b}`);
    expect(await exists(key)).toBe(false);
  });

  test('EL-19 a put without a lease detaches', async () => {
    const [id, key] = [freshId(), freshKey()];
    await grant(60_000, id);
    await put(key, id);
    await put(key);
    await three.call('DELETE', `${LEASES}/${id}`);
    expect(await exists(key)).toBe(true);
  });

  test('EL-20 a put keeps a lease by naming it: there is no "ignore lease", and saying so is an error, as is a key that is missing', async () => {
    const [id, key] = [freshId(), freshKey()];
    await grant(60_000, id);
    await put(key, id);
    expect((await three.call('PUT', `/v1/kv/${key}`, { value: 'w', ignoreLease: true })).body.code).toBe('invalid-argument');
    expect((await put(key, id)).body).toMatchObject({ lease: id, version: 2 });
    const kept = await three.call('POST', '/v1/txn', {
      compare: [{ key, target: 'lease', op: '=', value: id }],
      success: [{ put: { key, value: 'x', lease: id } }],
    });
    expect(kept.body).toMatchObject({ succeeded: true });
    expect((await three.call('PUT', `${LEASES}/${id}/keys/${freshKey()}`)).body.code).toBe('key-not-found');
  });

  test('EL-22 attaching and detaching need the lease; detaching one of two leaves the other; each item knows its lease', async () => {
    const lessor = new Lessor({ clock: new ManualClock() });
    for (const call of [() => lessor.attach(1n, ['a']), () => lessor.detach(1n, ['a'])]) {
      expect(call).toThrowError(expect.objectContaining({ code: 'lease-not-found' }));
    }
    lessor.grant(1n, 1_000);
    lessor.attach(1n, ['a', 'b']);
    lessor.detach(1n, ['a', 'never there']);
    expect([lessor.leaseOf('a'), lessor.leaseOf('b'), lessor.leaseOf('never there')]).toEqual([NoLease, 1n, NoLease]);
    expect(lessor.lookup(1n)?.keys).toEqual(['b']);
    const [id, one, two] = [freshId(), freshKey(), freshKey()];
    for (const method of ['PUT', 'DELETE'])
      expect((await three.call(method, `${LEASES}/${id}/keys/${one}`)).body.code).toBe('lease-not-found');
    await grant(60_000, id);
    for (const key of [one, two]) {
      await put(key);
      expect((await three.call('PUT', `${LEASES}/${id}/keys/${key}`)).status).toBe(204);
    }
    expect((await three.call('DELETE', `${LEASES}/${id}/keys/${one}`)).status).toBe(204);
    expect((await three.call('DELETE', `${LEASES}/${id}/keys/${one}`)).status).toBe(204);
    expect((await three.call('GET', `/v1/kv/${one}`)).body.lease).toBeNull();
    expect((await three.call('GET', `/v1/kv/${two}`)).body.lease).toBe(id);
  });

  test("EL-23 a lease's keys can be read at any time while others attach and detach", async () => {
    const id = freshId();
    await grant(60_000, id);
    const keys = Array.from({ length: 10 }, freshKey);
    for (const key of keys) await put(key);
    let going = true;
    const churn = Promise.all(
      keys.map(async (key, at) => {
        for (let round = 0; round < 15; round += 1) {
          const answer = await three.call(round % 2 === 0 ? 'PUT' : 'DELETE', `${LEASES}/${id}/keys/${key}`);
          expect([at, answer.status]).toEqual([at, 204]);
        }
      }),
    ).finally(() => {
      going = false;
    });
    while (going) {
      const { status, body } = await three.call('GET', `${LEASES}/${id}`);
      expect(status).toBe(200);
      expect([...(body.keys as unknown as string[])].sort()).toEqual(body.keys);
    }
    await churn;
    expect((await three.call('GET', `${LEASES}/${id}`)).body.keys).toEqual([...keys].sort());
  });
});

describe('revoking', () => {
  test('EL-24 a revoked lease is gone everywhere, and its keys with it', async () => {
    const id = freshId();
    await grant(60_000, id);
    const keys = [freshKey(), freshKey()];
    for (const key of keys) await put(key, id);
    expect((await three.call('DELETE', `${LEASES}/${id}`)).status).toBe(204);
    for (const node of three.nodes) {
      expect((await node.call('GET', `${LEASES}/${id}`)).status).toBe(404);
      for (const key of keys) expect((await node.call('GET', `/v1/kv/${key}`)).status).toBe(404);
    }
  });

  test('EL-26 revoking an unknown lease, 0, or twice is not found; without keys the revision stays', async () => {
    const id = freshId();
    await grant(60_000, id);
    const before = await revision();
    expect((await three.call('DELETE', `${LEASES}/${id}`)).status).toBe(204);
    expect(await revision()).toBe(before);
    for (const each of [id, '0', freshId()]) expect((await three.call('DELETE', `${LEASES}/${each}`)).body.code).toBe('lease-not-found');
  });

  test('EL-27 of three revokes at once one succeeds, and each key is deleted once, at one revision', async () => {
    const id = freshId();
    await grant(60_000, id);
    const prefix = `${freshKey()}/`;
    for (const key of ['b', 'a', 'c']) await three.call('PUT', `/v1/kv/${encodeURIComponent(prefix + key)}`, { value: 'v', lease: id });
    const watch = await three.watch({ prefix });
    const answers = await Promise.all(three.nodes.map((node) => node.call('DELETE', `${LEASES}/${id}`)));
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 404, 404]);
    const events = await watch.end();
    expect(events.map(({ type, key, cause }) => [type, key, cause])).toEqual(
      ['a', 'b', 'c'].map((key) => ['deleted', prefix + key, 'revoked']),
    );
    expect(new Set(events.map(({ index }) => index)).size).toBe(1);
  });

  test('EL-28 revoking a lease of 20 000 keys costs no election and no write of others, and readers see all keys or none', async () => {
    const id = freshId();
    await grant(600_000, id);
    const prefix = `${freshKey()}/`;
    for (let batch = 0; batch < 20; batch += 1) {
      const success = Array.from({ length: 1_000 }, (_, at) => ({ put: { key: `${prefix}${batch * 1_000 + at}`, value: '', lease: id } }));
      expect((await three.call('POST', '/v1/txn', { success })).status).toBe(200);
    }
    const term = (await three.call('GET', '/v1/cluster')).body.term;
    let going = true;
    const statuses = new Set<number>();
    const writer = (async () => {
      const sent: Promise<void>[] = [];
      while (going) {
        sent.push(put(freshKey()).then(({ status }) => void statuses.add(status)));
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      await Promise.all(sent);
    })();
    const counts = new Set<number>();
    const reader = (async () => {
      while (going) counts.add((await three.any().library.kv.list(prefix)).length);
    })();
    expect((await three.call('DELETE', `${LEASES}/${id}`)).status).toBe(204);
    for (const node of three.nodes) expect(await node.library.kv.list(prefix)).toEqual([]);
    going = false;
    await Promise.all([writer, reader]);
    expect([...statuses]).toEqual([200]);
    expect([...counts].filter((count) => count !== 0 && count !== 20_000)).toEqual([]);
    expect((await three.call('GET', '/v1/cluster')).body.term).toBe(term);
  });
});
