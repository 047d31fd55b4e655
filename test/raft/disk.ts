// A node's disk in the interaction environment: what is written is there at once, and survives a power failure once it is synced.
import { MemoryStorage } from '../../src/raft/storage.ts';

type Write = (storage: MemoryStorage) => void;

export class Disk {
  /** As the node sees it, unsynced writes too. */
  storage = new MemoryStorage();
  #writes: Write[] = [];
  #syncedCount = 0;

  write(write: Write): void {
    write(this.storage);
    this.#writes.push(write);
  }

  /** Everything written so far is durable. */
  sync(): void {
    this.#syncedCount = this.#writes.length;
  }

  /** The power fails: only what was synced is there afterwards. */
  loseUnsynced(): void {
    this.#writes.length = this.#syncedCount;
    this.storage = new MemoryStorage();
    for (const write of this.#writes) write(this.storage);
  }
}
