// One claim: the record of a tenure.
import type { Saved, SavedChecksum } from './changes.ts';
import type { Expiring } from './expiry-queue.ts';
import type { Lease } from './granted-lease.ts';
import type { Story } from './story.ts';

/**
 * One tenure: a key of the reserved part whose value is the holder. A plain claim is at the same time the lease that it lives by,
 * so that it costs one object and one record. Never rewritten as a key: its modRevision is its fence, its version 1.
 */
export class Claim implements Expiring, Saved {
  /** The key in the reserved part; also the private lease's id, which no granted lease can have. */
  readonly id: string;
  readonly holder: string;
  /** The key's createRevision: index of the entry that began the tenure. */
  readonly fence: number;
  /** Null for a plain claim. */
  session: Lease | null;
  /** Of the private lease; without meaning while `session` is not null. */
  durationMs: number;
  /** Of the private lease; without meaning while `session` is not null. */
  deadlineMs: number;
  /** Invariant: queued exactly while it is plain and nobody pins it. */
  queuePosition = -1;
  savedChecksum: SavedChecksum = null;
  /** Null for a tenure to which nothing has happened since it began. */
  story: Story | null = null;

  constructor(id: string, holder: string, fence: number, session: Lease | null, durationMs: number, deadlineMs: number) {
    this.id = id;
    this.holder = holder;
    this.fence = fence;
    this.session = session;
    this.durationMs = durationMs;
    this.deadlineMs = deadlineMs;
  }
}
