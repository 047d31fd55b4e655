// Which requests an entry settles: this node's own of this life, by their number, and none that an image jumped over.
import { beforeEach, describe, expect, test } from 'vitest';
import { codec } from '../../src/io/codec.ts';
import type { Command } from '../../src/lease/commands.ts';
import { StateMachine } from '../../src/lease/state-machine.ts';
import { EMPTY_CONF_STATE, type Entry } from '../../src/raft/types.ts';
import { Applier } from '../../src/replica/applier.ts';
import { seal } from '../../src/replica/envelope.ts';
import { Requests } from '../../src/replica/requests.ts';
import { Roster } from '../../src/replica/roster.ts';
import type { Settled } from '../../src/replica/service.ts';

const OWN = { node: 2, incarnation: 5 };
const GRANT: Command = { kind: 'grant', id: '7', ttlMs: 1_000 };

let requests: Requests;
let settled: Settled[];
let applied: number[];
let orphaned: string[];
let applier: Applier;

beforeEach(() => {
  requests = new Requests(codec, OWN);
  settled = [];
  applied = [];
  orphaned = [];
  applier = new Applier(
    codec,
    OWN,
    requests,
    {
      applyConfChange: () => EMPTY_CONF_STATE,
      membersChanged: () => {},
      termApplied: (term) => applied.push(term, applier.index),
      orphaned: (outcome) => orphaned.push(outcome.kind),
    },
    { state: new StateMachine({ vacated: () => {} }), term: 0, roster: Roster.founded([]) },
  );
  requests.add(GRANT, 0, false, (outcome) => settled.push(outcome));
});

/** The entry of request 1 of some node in some life. */
function entry(index: number, term: number, origin = OWN): Entry {
  return { kind: 'normal', term, index, data: seal(origin, 1, codec.encode(['grant', '7', 1_000])) };
}

describe('a request of this node', () => {
  test('is settled by its own entry', () => {
    requests.takeUnsent(1, 1, 1_000);
    for (const each of [entry(1, 1)]) applier.apply(each);
    expect(settled).toMatchObject([{ kind: 'applied', index: 1 }]);
    expect(orphaned).toEqual([]);
  });

  test('that was given up before it was applied is told of: it may have left something behind', () => {
    requests.takeUnsent(1, 1, 1_000);
    requests.expire(10_000, 1_000, 5_000);
    for (const each of [entry(1, 1), entry(2, 1, { ...OWN, incarnation: 4 })]) applier.apply(each);
    expect(orphaned).toEqual(['grant']);
  });

  test('is not settled by the entry of another node, nor by one of an earlier life, whatever their number', () => {
    requests.takeUnsent(1, 1, 1_000);
    for (const each of [entry(1, 1, { ...OWN, node: 3 }), entry(2, 1, { ...OWN, incarnation: 4 })]) applier.apply(each);
    expect(settled).toEqual([]);
    for (const each of [entry(3, 1)]) applier.apply(each);
    expect(settled).toMatchObject([{ kind: 'applied', index: 3, outcome: { kind: 'refused' } }]);
  });

  test('that was sent has an unknown outcome once an image has taken the place of the state: it may be in what was jumped over', () => {
    requests.takeUnsent(1, 1, 1_000);
    applier.replace({ state: new StateMachine({ vacated: () => {} }), term: 1, roster: Roster.founded([]) });
    expect(settled).toMatchObject([{ kind: 'failed', failure: { definite: false } }]);
    expect(requests.hasUnsent).toBe(false);
  });
});

test('the first entry of a term is told of when it has been applied, and once', () => {
  for (const each of [entry(1, 1), entry(2, 1), entry(3, 4)]) applier.apply(each);
  expect(applied).toEqual([1, 1, 4, 3]);
});
