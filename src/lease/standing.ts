// Where the state stands: the entry being applied, lease time, the revision of the last change of a key, and the last event.

import { Changes, type Saved, type SavedChecksum } from './changes.ts';
import { Occupancy } from './occupancy.ts';

/** Shared by the parts of the state machine; moved only by it, and by `keyChanged`. */
export class Standing implements Saved {
  /** Index of the entry that is being applied, or was last. */
  index = 0;
  /** Term of that entry; 0 after one without a command. */
  term = 0;
  /** Lease time: the greatest time of any entry applied, in milliseconds. */
  timeMs = 0;
  /** Index of the last entry that put or deleted a key, a claim's included; 0 before the first. Invariant: at most `index`. */
  revision = 0;
  /** Id of the last event that any entry told; 0 and 0 before the first. Invariant: `eventIndex` is at most `index`. */
  eventIndex = 0;
  eventPosition = 0;
  /**
   * Greatest log index of any outcome that was forgotten to make room or for its age; 0 for none. `null` until the first entry that says
   * since when its idempotency key is in use: version 0.1.0 kept no account.
   */
  forgottenIndex: number | null = null;
  savedChecksum: SavedChecksum = null;
  /** Holds one id at most, the empty one: this is a record of its own. */
  readonly changes = new Changes();
  /** What the parts of the state machine contain; each part keeps its own numbers up to date. */
  readonly occupancy = new Occupancy();

  /** Time, revision or the last event's id moves, or has never been saved. */
  mark(): void {
    this.changes.mark('', this.savedChecksum);
  }

  /** The place of one more event among those of the present entry. */
  nextEventPosition(): number {
    if (this.eventIndex === this.index) {
      this.eventPosition += 1;
    } else {
      this.eventIndex = this.index;
      this.eventPosition = 0;
    }
    return this.eventPosition;
  }

  /** The outcome of the entry at `index` was forgotten to make room or for its age. */
  forgot(index: number): void {
    if (this.forgottenIndex !== null && this.forgottenIndex < index) this.forgottenIndex = index;
  }

  /** A key was put or deleted by the present entry. */
  keyChanged(): void {
    this.revision = this.index;
  }
}
