// Leader election: of all copies of this program one leads, and another takes over when it dies. node leader-election.mjs NAME
import { setTimeout } from 'node:timers/promises';
import { LeaseholdClient } from 'leasehold/client';

const name = process.argv[2] ?? `copy-${process.pid}`;
const endpoints = process.env.LEASEHOLD_ENDPOINT ?? 'http://127.0.0.1:7801,http://127.0.0.1:7802,http://127.0.0.1:7803';
const client = new LeaseholdClient({ endpoints: endpoints.split(',') });
const stop = new AbortController();
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => stop.abort());

while (!stop.signal.aborted) {
  try {
    // In line behind the leader and those who came before; the next in line leads from the moment at which the lease ends.
    const lease = await client.claim('demo/main/leadership', { holder: name, durationMs: 5_000, waitMs: 3_600_000, signal: stop.signal });
    console.log(`${name} leads, fence ${lease.fence}`);
    try {
      await lead(lease);
    } catch (error) {
      // A write may be refused before anything here has looked at the lease; why it is not held says more.
      throw lease.lost ?? error;
    } finally {
      // In good order the next leads at once; a lease that is lost cannot be given back.
      await lease.release().catch(() => {});
    }
  } catch (error) {
    if (stop.signal.aborted) break;
    console.log(`${name} does not lead: ${error.message}`);
    await setTimeout(500);
  }
}
console.log(`${name} stops`);
client.close();

/** What the leader does, until it is told to stop; throws when it leads no more. */
async function lead(lease) {
  for (let beat = 1; !stop.signal.aborted; beat++) {
    // Before each piece of work, not only by a timer: a program that was paused has missed its timers.
    lease.assertHeld();
    await client.kv.put('demo/leadership', `${name}, beat ${beat}`, { gates: [lease] });
    await setTimeout(200);
  }
}
