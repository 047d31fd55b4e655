// A cron job that must run once: started everywhere at the same time, one copy does the slot's work. node cron-once.mjs SLOT
import { setTimeout } from 'node:timers/promises';
import { LeaseholdClient } from 'leasehold/client';

const slot = process.argv[2] ?? new Date().toISOString().slice(0, 10);
const name = `${process.argv[3] ?? 'copy'}-${process.pid}`;
const endpoints = process.env.LEASEHOLD_ENDPOINT ?? 'http://127.0.0.1:7801,http://127.0.0.1:7802,http://127.0.0.1:7803';
const client = new LeaseholdClient({ endpoints: endpoints.split(',') });
const doneKey = `cron/nightly/${slot}/done`;

// The others wait in line, so that one of them is there when the first dies in the middle.
const lease = await client.claim('cron/prod/nightly', { holder: name, durationMs: 3_000, waitMs: 3_600_000 });
try {
  const done = await client.kv.get(doneKey);
  if (done !== null) {
    console.log(`${name}: nothing to do, ${done.value} has done ${slot}`);
  } else {
    console.log(`${name}: begins ${slot}`);
    await job(lease);
    // Together with the lease: a copy that was paused meanwhile and has been replaced records nothing.
    await client.kv.put(doneKey, name, { gates: [lease], ifMatch: 'absent' });
    console.log(`${name}: has done ${slot}`);
  }
} catch (error) {
  console.log(`${name}: gives up ${slot}: ${(lease.lost ?? error).message}`);
  process.exitCode = 1;
} finally {
  await lease.release().catch(() => {});
  client.close();
}

/** Ten steps, each of which changes something only while the lease is held; a copy that begins anew writes the same again. */
async function job(lease) {
  for (let step = 1; step <= 10; step++) {
    lease.assertHeld();
    await client.kv.put(`cron/nightly/${slot}/step-${step}`, name, { gates: [lease] });
    await setTimeout(200);
  }
}
