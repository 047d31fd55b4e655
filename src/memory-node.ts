// A node by itself in memory, for tests of programs that use the library: a real replica without disk, ports or peers.
import type { Clock } from './env.ts';
import { realClock } from './io/clock.ts';
import { checksum, codec } from './io/codec.ts';
import { ManualClock } from './io/manual-clock.ts';
import { MemoryDisk, MemoryLogStore } from './io/memory-log-store.ts';
import { noPeers } from './io/no-peers.ts';
import { realRandom } from './io/random.ts';
import { type Embedded, embed } from './library/embedded.ts';
import type { ManagerSettings } from './library/manager.ts';
import { Replica } from './replica/replica.ts';

export interface MemoryNodeOptions extends ManagerSettings {
  /** Real time unless told otherwise; a `ManualClock` lets a test move it. */
  readonly clock?: Clock;
  /** Where it keeps its log and state; the same one again is a restart. A new one if absent. */
  readonly disk?: MemoryDisk;
}

export interface MemoryNode extends Embedded {
  /** Answers or fails what waits, then ends. */
  stop(): Promise<void>;
}

/** No peer has to be heard, so the election timeout, for which lease time stands still at the start, is as short as it may be. */
const TIMINGS = { heartbeatMs: 50, electionTimeoutMs: 100 };

/** Starts it; it leads, and takes calls, when this settles. */
export async function startMemoryNode(options: MemoryNodeOptions = {}): Promise<MemoryNode> {
  const { clock = realClock, disk = new MemoryDisk() } = options;
  const later = (run: () => void): void => clock.soon(run);
  const random = realRandom();
  const store = new MemoryLogStore(disk, checksum, later);
  const replica = new Replica(
    { clock, random, store, transport: noPeers(later), codec, checksum },
    {
      ...TIMINGS,
      node: 1,
      name: 'memory',
      http: '',
      disk: 'memory',
      founders: [{ node: 1, name: 'memory', peer: '' }],
      // There is no disk to fail and no cluster to refuse it: an error here is a fault of ours, and nobody may go on with it.
      onFatal: (error) => {
        throw error;
      },
    },
  );
  await new Promise<void>((resolve, reject) => replica.start((error) => (error === undefined ? resolve() : reject(error))));
  const embedded = embed(replica, clock, random, options);
  await embedded.store.refresh();
  // So that a test's clock and lease time go alike from the first call on.
  if (clock instanceof ManualClock) await clock.advance(TIMINGS.electionTimeoutMs);
  return {
    ...embedded,
    stop: () => {
      embedded.manager.stop();
      return new Promise<void>((resolve) => replica.stop(resolve));
    },
  };
}
