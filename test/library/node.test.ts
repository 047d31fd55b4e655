// Leases by id and gated writes on an embedded node.
import { describe, expect, test } from 'vitest';
import { NoLease } from '../../src/index.ts';
import { startManual } from './manual.ts';

describe('the lessor of a node', () => {
  test('grants under the given id or one of its own choice, renews, shows and revokes', async () => {
    const { node, clock } = await startManual();
    expect(node.lessor.isPrimary).toBe(true);
    expect((await node.lessor.grant(77n, 5_000)).id).toBe(77n);
    const chosen = await node.lessor.grant(NoLease, 1_000);
    expect(chosen.id).toBeGreaterThan(0n);
    await expect(node.lessor.grant(77n, 1)).rejects.toMatchObject({ code: 'lease-exists' });
    for (const id of [-1n, 2n ** 63n]) await expect(node.lessor.grant(id, 1)).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(node.lessor.grant(5n, 0)).rejects.toMatchObject({ code: 'invalid-argument' });
    expect((await node.lessor.leases()).map(({ id }) => id)).toEqual([chosen.id, 77n]);
    await clock.advance(900);
    expect(await node.lessor.lookup(chosen.id)).toMatchObject({ remainingMs: 100 });
    expect(await node.lessor.renew(chosen.id)).toBe(1_000);
    expect(await node.lessor.lookup(chosen.id)).toMatchObject({ remainingMs: 1_000 });
    await node.lessor.revoke(77n);
    for (const call of [
      () => node.lessor.revoke(77n),
      () => node.lessor.renew(77n),
      () => node.lessor.revoke(NoLease),
      () => node.lessor.renew(-3n),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'lease-not-found' });
    }
    expect(await node.lessor.lookup(77n)).toBeNull();
    expect(await node.lessor.lookup(-1n)).toBeNull();
  });

  test('looks up all keys and claims of a lease, page by page, and shows counts elsewhere', async () => {
    const { node } = await startManual();
    await node.lessor.grant(1n, 1_000);
    const keys = Array.from({ length: 2_001 }, (_, at) => `k${String(at).padStart(4, '0')}`);
    await Promise.all(keys.map((key) => node.kv.put(key, '', { lease: 1n })));
    expect(await node.lessor.lookup(1n)).toMatchObject({ keyCount: 2_001, claimCount: 0, keys, claims: [] });
    const [listed] = await node.lessor.leases();
    expect(listed).toMatchObject({ id: 1n, keyCount: 2_001 });
    expect(listed).not.toHaveProperty('keys');
  });

  test('deletes the keys of a lease that ends, and tells whose a key is', async () => {
    const { node, clock } = await startManual();
    await node.lessor.grant(1n, 1_000);
    await node.kv.put('a', '1', { lease: 1n });
    await node.kv.put('b', '1');
    await expect(node.lessor.attach(1n, ['b', 'absent'])).rejects.toMatchObject({ code: 'key-not-found' });
    expect([await node.lessor.leaseOf('a'), await node.lessor.leaseOf('b'), await node.lessor.leaseOf('absent')]).toEqual([
      1n,
      1n,
      NoLease,
    ]);
    await node.lessor.detach(1n, ['a']);
    await clock.advance(1_100);
    expect((await node.kv.list()).map(({ key }) => key)).toEqual(['a']);
    await expect(node.kv.put('c', '1', { lease: 1n })).rejects.toMatchObject({ code: 'lease-not-found' });
  });
});

describe('gated writes of a node', () => {
  test('go through while the assertion holds, and say what is true once it does not', async () => {
    const { node } = await startManual();
    const claimer = node.manager.claimer('demo', 'main');
    const { fence } = await claimer.claim('l', 'alice', 1_000);
    const assert: [] = [];
    await node.manager.checker('demo', 'main').token('l', 'alice').check(0, assert);
    expect(await node.kv.put('k', 'by alice', { assert })).toMatchObject({ value: 'by alice', version: 1 });
    const stale = [{ namespace: 'demo', model: 'main', lease: 'l', fence: fence - 1 }];
    for (const call of [
      () => node.kv.put('k', 'x', { assert: stale }),
      () => node.kv.delete('k', { assert: stale }),
      () => node.kv.txn({ assert: stale }),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'assertion-failed', facts: { holder: 'alice', fence, failed: stale[0] } });
    }
    expect(await node.kv.get('k')).toMatchObject({ value: 'by alice', version: 1 });
    await expect(node.kv.put('k', 'x', { assert: [{ namespace: 'demo', model: 'main', lease: 'l' }] })).rejects.toMatchObject({
      code: 'invalid-argument',
    });
  });

  test('take conditions on the key itself, and transactions are all or nothing', async () => {
    const { node } = await startManual();
    await node.kv.put('k', '1', { precondition: { kind: 'absent' } });
    await expect(node.kv.put('k', '2', { precondition: { kind: 'absent' } })).rejects.toMatchObject({ code: 'precondition-failed' });
    const { succeeded, results } = await node.kv.txn({
      compare: [{ key: 'k', target: 'version', op: '=', value: 1 }],
      success: [
        { kind: 'delete', key: 'k' },
        { kind: 'get', key: 'k' },
      ],
    });
    expect({ succeeded, results }).toEqual({ succeeded: true, results: [{ deleted: 1 }, { keys: [] }] });
    await expect(node.kv.delete('k')).rejects.toMatchObject({ code: 'key-not-found' });
    await expect(node.kv.put('', 'x')).rejects.toMatchObject({ code: 'invalid-argument' });
    await expect(node.kv.put('k', 'x'.repeat(70_000))).rejects.toMatchObject({ code: 'invalid-argument' });
  });
});
