// One node of the interaction environment: its disk, its two threads, and the core while it runs.
import type { RaftConfig } from '../../src/raft/config.ts';
import type { StorageAppend, StorageApply } from '../../src/raft/messages.ts';
import type { RawNode } from '../../src/raft/raw-node.ts';
import type { NodeId, SnapshotMeta } from '../../src/raft/types.ts';
import { Disk } from './disk.ts';

export type NodeOptions = Partial<Omit<RaftConfig, 'id' | 'storage' | 'random' | 'trace' | 'applied'>>;

export class Node {
  readonly id: NodeId;
  disk = new Disk();
  options: NodeOptions;
  /** What the node was first started from, null for nothing. */
  readonly origin: SnapshotMeta | null;
  /** Null while the node is down. */
  running: { readonly config: RaftConfig; readonly raft: RawNode } | null = null;
  /** What the two threads have yet to do; a crash takes it away. */
  appendWork: StorageAppend[] = [];
  /** The first of `appendWork` is written, and its sync hangs. */
  isWriting = false;
  applyWork: StorageApply[] = [];

  constructor(id: NodeId, options: NodeOptions, origin: SnapshotMeta | null) {
    this.id = id;
    this.options = options;
    this.origin = origin;
    this.format();
  }

  /** Makes the disk what it was at the first start. */
  format(): void {
    const { origin } = this;
    this.disk = new Disk();
    if (origin !== null) this.disk.write((storage) => storage.installSnapshot(origin));
    this.disk.sync();
  }

  get raft(): RawNode {
    return this.#alive().raft;
  }

  get config(): RaftConfig {
    return this.#alive().config;
  }

  #alive(): { readonly config: RaftConfig; readonly raft: RawNode } {
    if (this.running === null) throw new Error(`node ${this.id} is down`);
    return this.running;
  }
}
