// The store: revisions, leases of keys, preconditions, and pages.
import { describe, expect, test } from 'vitest';
import { alice, keyIn, Log, leaseKey, redis, refusalIn } from './log.ts';

describe('put', () => {
  test('a revision is the index of the entry that wrote', () => {
    const log = new Log();
    log.grant(null, 10);
    expect(keyIn(log.put('key', 'one'))).toEqual({
      key: 'key',
      value: 'one',
      createRevision: 2,
      modRevision: 2,
      version: 1,
      lease: null,
    });
    log.put('other', '');
    expect(keyIn(log.put('key', 'two'))).toMatchObject({ value: 'two', createRevision: 2, modRevision: 4, version: 2 });
    log.delete('key');
    expect(log.state.revision).toBe(5);
    expect(keyIn(log.put('key', 'three'))).toMatchObject({ createRevision: 6, modRevision: 6, version: 1 });
  });

  test('claims and their ends move the revision of the store as keys do', () => {
    const log = new Log();
    log.claim(redis, alice, 10);
    expect(log.state.revision).toBe(1);
    log.claim(redis, alice, 20);
    expect(log.state.revision).toBe(1);
    log.release(redis, alice);
    expect(log.state.revision).toBe(3);
  });

  test('EL-16 a put on an unknown or revoked lease is refused and writes nothing', () => {
    const log = new Log();
    log.grant('5', 10);
    log.revoke('5');
    for (const id of ['5', '8', '0']) expect(refusalIn(log.put('key', '', id))).toEqual({ code: 'lease-not-found', id });
    expect(log.state.key('key')).toBeNull();
    expect(log.state.revision).toBe(0);
  });

  test('a view stays as it was when the key is written again', () => {
    const log = new Log();
    const view = keyIn(log.put('key', 'one'));
    log.put('key', 'two');
    expect(view.value).toBe('one');
  });
});

describe('delete', () => {
  test('deletes a key and takes it off its lease', () => {
    const log = new Log();
    log.grant('5', 10);
    log.put('key', '', '5');
    expect(log.delete('key')).toEqual({ kind: 'done' });
    expect(log.attached('5')?.keys).toEqual([]);
    expect(log.state.key('key')).toBeNull();
  });

  test('of a missing key is refused and moves no revision', () => {
    const log = new Log();
    expect(refusalIn(log.delete('key'))).toEqual({ code: 'key-not-found', key: 'key' });
    expect(log.state.revision).toBe(0);
  });

  test('never touches a claim: its key is none that a user can name', () => {
    const log = new Log();
    log.claim(redis, alice, 10);
    expect(refusalIn(log.delete(log.idOf(redis))).code).toBe('invalid-argument');
    expect(log.state.key(log.idOf(redis))).toBeNull();
    log.apply({ kind: 'txn', assert: [], compare: [], success: [{ kind: 'delete-prefix', prefix: '' }], failure: [] });
    expect(log.shown(redis)?.holder).toBe(alice);
    expect(log.vacancies).toEqual([]);
  });
});

describe('preconditions', () => {
  const absent = { precondition: { kind: 'absent' } } as const;

  test('absent lets a key be created, and refuses one that is there with its revision', () => {
    const log = new Log();
    expect(log.put('key', '', null, absent).kind).toBe('key');
    expect(refusalIn(log.put('key', 'x', null, absent))).toEqual({ code: 'precondition-failed', key: 'key', modRevision: 1 });
    expect(log.state.key('key')?.value).toBe('');
  });

  test('a modRevision must be the key’s own, and no absent key has one', () => {
    const log = new Log();
    const at = (revision: number) => ({ precondition: { kind: 'mod-revision', revision } }) as const;
    expect(refusalIn(log.put('key', '', null, at(0)))).toEqual({ code: 'precondition-failed', key: 'key', modRevision: null });
    log.put('key', '');
    expect(refusalIn(log.put('key', 'x', null, at(1))).code).toBe('precondition-failed');
    expect(log.put('key', 'x', null, at(2)).kind).toBe('key');
    expect(refusalIn(log.delete('key', at(2)))).toEqual({ code: 'precondition-failed', key: 'key', modRevision: 4 });
    expect(log.delete('key', at(4))).toEqual({ kind: 'done' });
  });

  test('assertions are judged before the precondition, and that before lease and key', () => {
    const log = new Log();
    const assert = [{ ...redis, holder: alice }];
    const precondition = { kind: 'mod-revision', revision: 9 } as const;
    expect(refusalIn(log.put('key', '', '8', { assert, precondition })).code).toBe('assertion-failed');
    expect(refusalIn(log.delete('key', { assert, precondition })).code).toBe('assertion-failed');
    log.claim(redis, alice, 10);
    expect(refusalIn(log.put('key', '', '8', { assert, precondition })).code).toBe('precondition-failed');
    expect(refusalIn(log.delete('key', { assert, precondition })).code).toBe('precondition-failed');
    expect(refusalIn(log.put('key', '', '8', { assert, ...absent })).code).toBe('lease-not-found');
    expect(refusalIn(log.delete('key', { assert, ...absent })).code).toBe('key-not-found');
  });
});

describe('pages', () => {
  test('keys are listed by prefix in JavaScript’s order, claims not among them', () => {
    const log = new Log();
    for (const key of ['b', 'a/2', 'a', 'a/10', 'a0', '😀', '\uff5e']) log.put(key, '');
    log.claim(redis, alice, 10);
    const names = (prefix: string): string[] => log.state.keys(prefix, null, 100).items.map((view) => view.key);
    expect(names('')).toEqual(['a', 'a/10', 'a/2', 'a0', 'b', '😀', '\uff5e']);
    expect(names('a/')).toEqual(['a/10', 'a/2']);
    expect(names('c')).toEqual([]);
  });

  test('next is the name after which the next page starts, null on the last, also when it is just full', () => {
    const log = new Log();
    for (const key of ['a/1', 'a/2', 'a/3', 'a/4', 'b']) log.put(key, '');
    const page = (after: string | null) => {
      const { items, next } = log.state.keys('a/', after, 2);
      return [items.map((view) => view.key), next];
    };
    expect(page(null)).toEqual([['a/1', 'a/2'], 'a/2']);
    expect(page('a/2')).toEqual([['a/3', 'a/4'], null]);
    expect(page('a/25')).toEqual([['a/3', 'a/4'], null]);
    expect(page('a')).toEqual([['a/1', 'a/2'], 'a/2']);
    expect(page('z')).toEqual([[], null]);
  });

  test('claims are listed by namespace and model, in order, in pages', () => {
    const log = new Log();
    for (const model of ['m', 'm2', 'l']) for (const name of ['b', 'a', 'c']) log.claim(leaseKey(name, 'ns', model), alice, 10);
    const scope = { namespace: 'ns', model: 'm' };
    expect(log.state.claims(scope, null, 10, 0).items.map((claim) => claim.lease)).toEqual(['a', 'b', 'c']);
    const first = log.state.claims(scope, null, 2, 0);
    expect(first.items.map((claim) => claim.lease)).toEqual(['a', 'b']);
    expect(log.state.claims(scope, first.next, 2, 0)).toMatchObject({ items: [{ lease: 'c', model: 'm' }], next: null });
    expect(log.state.claims(null, null, 100, 0).items.map((claim) => claim.model + claim.lease)).toEqual(
      ['l', 'm', 'm2'].flatMap((model) => ['a', 'b', 'c'].map((name) => model + name)),
    );
    expect(log.state.claims({ namespace: 'n', model: 's' }, null, 10, 0).items).toEqual([]);
  });
});
