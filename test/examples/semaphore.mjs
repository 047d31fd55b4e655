// A semaphore: at most N copies are in at the same time, each by one of N leases. node semaphore.mjs NAME N
import { setTimeout } from 'node:timers/promises';
import { LeaseholdClient } from 'leasehold/client';

const [name = `copy-${process.pid}`, permits = '2', rounds = '3'] = process.argv.slice(2);
const endpoints = process.env.LEASEHOLD_ENDPOINT ?? 'http://127.0.0.1:7801,http://127.0.0.1:7802,http://127.0.0.1:7803';
const client = new LeaseholdClient({ endpoints: endpoints.split(',') });

for (let round = 1; round <= Number(rounds); round++) {
  const lease = await enter();
  console.log(`${name} is in by ${lease.name.lease}`);
  try {
    for (let step = 1; step <= 5; step++) {
      lease.assertHeld();
      await client.kv.put(`pool/${lease.name.lease}`, `${name}, round ${round}, step ${step}`, { gates: [lease] });
      await setTimeout(100);
    }
    console.log(`${name} goes out`);
  } catch (error) {
    console.log(`${name} was put out: ${(lease.lost ?? error).message}`);
  } finally {
    await lease.release().catch(() => {});
  }
}
client.close();

/** Takes whichever lease is free. If none is, queues for a second for one of them after another, lest it miss one that is free sooner. */
async function enter() {
  for (let first = 0; ; first++) {
    for (let tried = 1; tried <= Number(permits); tried++) {
      const permit = ((first + tried) % Number(permits)) + 1;
      const waitMs = tried === Number(permits) ? 1_000 : 0;
      try {
        return await client.claim(`pool/prod/permit-${permit}`, { holder: name, durationMs: 3_000, waitMs });
      } catch (error) {
        if (error.code !== 'claim-denied') throw error;
      }
    }
  }
}
