// What a store in a directory of its own offers beyond the seam: who it is, and whom it has met.
import type { LogStore } from '../env.ts';
import type { Histogram } from '../histogram.ts';
import type { PeerDisk } from './peer-disks.ts';

/** A log store with a directory of its own. */
export interface DirectoryLogStore extends LogStore {
  /** This directory's own random name, drawn when it was formatted. */
  readonly disk: string;
  /** How long the disk took for each synced batch of log entries. */
  readonly syncs: Histogram;
  /**
   * Compares the disk on which a peer runs with the one remembered, and remembers it when there was none. Durable when it settles.
   * `different` changes nothing: that peer has lost what it promised, or its name was given to another machine.
   */
  rememberPeer(name: string, disk: string): Promise<PeerDisk>;
}
