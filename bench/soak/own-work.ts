// Measures the own work of single log entries and reads of one state machine, at the limits that clients can reach. Run it alone.
import { toTuple } from '../../src/lease/command-codec.ts';
import type { Command } from '../../src/lease/commands.ts';
import { StateMachine } from '../../src/lease/state-machine.ts';

class Bench {
  readonly state: StateMachine;
  index = 0;
  timeMs = 0;

  constructor() {
    this.state = new StateMachine({ vacated: () => undefined, event: () => undefined, turnEnded: () => undefined });
  }

  apply(command: Command): unknown {
    this.index += 1;
    return this.state.apply({ index: this.index, term: 1, timeMs: this.timeMs, origin: { node: 1, incarnation: 1 } }, toTuple(command));
  }

  /** Milliseconds that `run` takes. */
  time(run: () => unknown): number {
    const startMs = performance.now();
    run();
    return performance.now() - startMs;
  }

  session(id: number, claims: number): void {
    this.apply({ kind: 'grant', id: String(id), ttlMs: 10_000 });
    for (let at = 0; at < claims; at += 1) {
      this.apply({
        kind: 'claim-session',
        key: { namespace: 'bench', model: `m${id}`, lease: `lease-${at}` },
        holder: 'h',
        session: String(id),
      });
    }
  }
}

const rows: string[][] = [];
const note = (what: string, ...figures: string[]): void => {
  rows.push([what, ...figures]);
  console.log([what, ...figures].join(' | '));
};
const ms = (value: number): string => `${value.toFixed(1)} ms`;

function renewals(): void {
  const bench = new Bench();
  bench.session(1, 20_000);
  let longestMs = 0;
  let characters = 0;
  const totalMs = bench.time(() => {
    for (let at = 0; at < 1_000; at += 1) {
      longestMs = Math.max(
        longestMs,
        bench.time(() => (characters += JSON.stringify(bench.apply({ kind: 'renew', id: '1' })).length)),
      );
    }
  });
  note(
    '1,000 renewals of a session of 20,000 claims, with their answers as JSON',
    `all ${ms(totalMs)}`,
    `longest ${ms(longestMs)}`,
    `${characters} characters`,
  );
}

/** Applies an entry and then empty expiries until nothing is left to end; the longest entry counts. */
function endings(what: string, sessions: number, claims: number, how: 'revoke' | 'expire'): void {
  const bench = new Bench();
  for (let id = 1; id <= sessions; id += 1) bench.session(id, claims);
  bench.timeMs = 20_000;
  const items = bench.state.due(bench.timeMs, 128);
  const first = bench.time(() => bench.apply(how === 'revoke' ? { kind: 'revoke', id: '1' } : { kind: 'expire', term: 1, items }));
  let longestMs = first;
  let entries = 1;
  let totalMs = first;
  const isUnfinished = (): boolean => 'isUnfinished' in bench.state && (bench.state.isUnfinished as boolean);
  const pending = (): boolean => isUnfinished() || bench.state.due(bench.timeMs, 128).length > 0;
  for (; how === 'expire' ? pending() : isUnfinished(); entries += 1) {
    const more = bench.state.due(bench.timeMs, 128);
    const tookMs = bench.time(() => bench.apply({ kind: 'expire', term: 1, items: how === 'expire' ? more : [] }));
    longestMs = Math.max(longestMs, tookMs);
    totalMs += tookMs;
  }
  note(what, `first entry ${ms(first)}`, `longest entry ${ms(longestMs)}`, `${entries} entries`, `all ${ms(totalMs)}`);
}

function queued(what: string, count: number, command: (at: number) => Command, entry: (bench: Bench) => Command): void {
  const bench = new Bench();
  bench.apply({ kind: 'grant', id: '1', ttlMs: 1_000_000 });
  bench.apply({ kind: 'claim', key: { namespace: 'n', model: 'm', lease: 'l' }, holder: 'holder', durationMs: 1_000_000 });
  for (let at = 0; at < count; at += 1) bench.apply(command(at));
  note(what, ms(bench.time(() => bench.apply(entry(bench)))));
}

function transactions(): void {
  const bench = new Bench();
  for (let at = 0; at < 100_000; at += 1) {
    bench.apply({
      kind: 'put',
      key: `key/${String(at).padStart(6, '0')}`,
      value: 'v'.repeat(100),
      lease: null,
      assert: [],
      precondition: null,
    });
  }
  const read = (ops: number): Command => ({
    kind: 'txn',
    assert: [],
    compare: [],
    success: Array.from({ length: ops }, (_, at) => ({
      kind: 'get-prefix' as const,
      prefix: ops === 1 ? 'key/00' : `key/${String(at % 100).padStart(3, '0')}00`,
    })),
    failure: [],
  });
  const remove: Command = { kind: 'txn', assert: [], compare: [], success: [{ kind: 'delete-prefix', prefix: 'key/' }], failure: [] };
  const all: Command = { kind: 'txn', assert: [], compare: [], success: [{ kind: 'get-prefix', prefix: '' }], failure: [] };
  const mixed: Command = {
    kind: 'txn',
    assert: [],
    compare: [],
    success: Array.from({ length: 1_000 }, (_, at) =>
      at % 2 === 0
        ? { kind: 'put' as const, key: `new/${at}`, value: '', lease: null }
        : { kind: 'get-prefix' as const, prefix: `none/${at}` },
    ),
    failure: [],
  };
  for (const [what, command] of [
    ['a transaction that reads 10,000 keys by one prefix', read(1)],
    ['a transaction that reads 10 keys by each of 1,000 prefixes', read(1_000)],
    ['a transaction that would read 100,000 keys', all],
    ['a transaction of 500 puts and 500 reads by prefix', mixed],
    ['a transaction that deletes 100,000 keys by prefix', remove],
  ] as const) {
    let outcome: unknown;
    const applyMs = bench.time(() => (outcome = bench.apply(command)));
    let characters = 0;
    const replyMs = bench.time(() => (characters = JSON.stringify(outcome).length));
    note(what, `apply ${ms(applyMs)}`, `reply ${ms(replyMs)} (${characters} characters)`);
  }
}

function lists(): void {
  const bench = new Bench();
  for (let id = 1; id <= 100_000; id += 1) bench.apply({ kind: 'grant', id: String(id), ttlMs: 1_000 + (id % 977) });
  for (let at = 0; at < 100_000; at += 1)
    bench.apply({ kind: 'pin', key: { namespace: 'n', model: `m${at % 10}`, lease: `l${at}` }, entity: 'e' });
  note('a page of 1,000 of 100,000 granted leases', ms(bench.time(() => JSON.stringify(bench.state.grants(null, 1_000, 0)))));
  const { state } = bench;
  const pins = ('pinsPage' in state ? state.pinsPage : (state as StateMachine).pins).bind(state) as (...page: unknown[]) => unknown;
  note('a list or page of 1,000 of the pins on 100,000 leases', ms(bench.time(() => JSON.stringify(pins(null, null, 1_000)))));
}

const claimWaiting = (holder: string): Command => ({
  kind: 'claim',
  key: { namespace: 'n', model: 'm', lease: 'l' },
  holder,
  durationMs: 1_000,
  waitMs: 1_000_000,
});
const release: Command = { kind: 'release', key: { namespace: 'n', model: 'm', lease: 'l' }, holder: 'holder', fence: null };

renewals();
endings('the end of a session of 100,000 claims', 1, 100_000, 'revoke');
endings('the expiry of 128 sessions of 1,000 claims', 128, 1_000, 'expire');
queued(
  'a release with 10,000 requests of one holder in the line',
  10_000,
  () => claimWaiting('one'),
  () => release,
);
queued(
  'the same under idempotency keys',
  10_000,
  (at) => ({ kind: 'once', key: `k${at}`, command: claimWaiting('one') as never }),
  () => release,
);
queued(
  'the end of a session by which 10,000 claims wait',
  10_000,
  (at) => ({ kind: 'claim-session', key: { namespace: 'n', model: 'm', lease: 'l' }, holder: `h${at}`, session: '1', waitMs: 1_000_000 }),
  () => ({ kind: 'revoke', id: '1' }),
);
queued(
  'dropping 10,000 waiters of a lost node',
  10_000,
  (at) => claimWaiting(`h${at}`),
  () => ({ kind: 'drop-waiters', node: 1, incarnation: 1 }),
);
transactions();
lists();
