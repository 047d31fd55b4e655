// Errors of the library: stable codes, and predicates that see through what wraps them.
import { describe, expect, test } from 'vitest';
import * as library from '../../src/index.ts';

const KINDS: readonly (readonly [Error, string, (error: unknown) => boolean])[] = [
  [new library.Invalid('x'), 'invalid', library.isInvalid],
  [new library.Timeout('x', true), 'timeout', library.isTimeout],
  [new library.Aborted('x', false), 'aborted', library.isAborted],
  [new library.ClaimDenied('x'), 'claim-denied', library.isClaimDenied],
  [new library.NotHeld('x'), 'not-held', library.isNotHeld],
  [new library.WaitCancelled('x'), 'wait-cancelled', library.isWaitCancelled],
  [new library.BadArgument('x'), 'invalid-argument', library.isBadArgument],
  [new library.Stopped('x'), 'stopping', library.isStopped],
  [new library.AssertionFailed('x'), 'assertion-failed', library.isAssertionFailed],
  [new library.NotPrimary(), 'not-primary', library.isNotPrimary],
  [new library.LeaseNotFound('x'), 'lease-not-found', library.isLeaseNotFound],
  [new library.LeaseExists('x'), 'lease-exists', library.isLeaseExists],
];

describe.each(KINDS)('%s', (error, code, is) => {
  test(`has the code ${code} and is known by it`, () => {
    expect(error).toMatchObject({ code, name: error.constructor.name });
    expect(error).toBeInstanceOf(library.LeaseError);
    expect(is(error)).toBe(true);
  });

  test('is known behind causes and inside an aggregate, however deep', () => {
    const wrapped = new Error('a', { cause: new TypeError('b', { cause: error }) });
    expect(is(wrapped)).toBe(true);
    expect(is(new AggregateError([new Error('c'), wrapped]))).toBe(true);
    expect(is(new Error('d', { cause: new AggregateError([wrapped]) }))).toBe(true);
  });

  test('is no other kind, and nothing else is of its kind', () => {
    for (const [other, , isOther] of KINDS) if (other !== error) expect(isOther(error)).toBe(false);
    for (const other of [new Error(code), { code }, code, null, undefined]) expect(is(other)).toBe(false);
  });
});

test('causes that run in a circle are looked at once', () => {
  const first = new Error('first');
  const second = new Error('second', { cause: first });
  first.cause = second;
  expect(library.isTimeout(second)).toBe(false);
});
