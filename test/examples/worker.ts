// A worker of the trapdoor story: takes the lease, checks it, works for a while, and writes its report into two stores, gated in both.
// Told on the command line: Leasehold's endpoints, the database's URL, and its own name. Tells on standard output, a JSON line each, what happened.
import { setTimeout as sleep } from 'node:timers/promises';
import { LeaseholdClient, LeaseholdError } from '../../src/client/index.ts';
import { UPDATE } from './statement.ts';

const [endpoints = '', database = '', name = ''] = process.argv.slice(2);
const tell = (what: object): void => console.log(JSON.stringify(what));

const client = new LeaseholdClient({ endpoints: endpoints.split(',') });
const lease = await client.claim('demo/main/report', { holder: name, durationMs: 2_000, waitMs: 60_000 });
lease.assertHeld();
const gate = lease.gate();
tell({ checked: true, fence: lease.fence });

// Between a check and a write anything can happen: a pause of the process is the worst, as nothing in it can notice in time.
await sleep(1_000);

try {
  const { index } = await client.kv.put('report', `by ${name}`, { gates: [gate] });
  tell({ store: 'written', index });
} catch (error) {
  if (!(error instanceof LeaseholdError)) throw error;
  tell({ store: error.code, ...error.facts });
}

// The database knows nothing of leases. It remembers the greatest fence that has written, and a smaller one finds no row to change.
const answer = await fetch(database, { method: 'POST', body: JSON.stringify({ statement: UPDATE, values: [`by ${name}`, lease.fence] }) });
const { rows } = (await answer.json()) as { readonly rows: number };
tell({ database: rows });
await lease.release().catch(() => {});
client.close();
