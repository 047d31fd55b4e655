// Measures how much of the JavaScript heap is in use for good: what its old generation has committed after the last full collection.
import { constants, PerformanceObserver } from 'node:perf_hooks';
import { getHeapSpaceStatistics, getHeapStatistics } from 'node:v8';

/** V8's limit contains its young generation, three semi-spaces of 16 MiB, which holds only what is new. */
const YOUNG_BYTES = 48 << 20;
/** Between two collections the old generation may be garbage. From this share of the limit on it is not taken for that any more. */
const SUSPECT_SHARE = 0.65;

interface GarbageCollection {
  readonly detail?: { readonly kind?: number };
}

/** Watches from the moment when it is made until `stop`. */
export class HeapWatch {
  readonly limitBytes: number;
  readonly #observer: PerformanceObserver;
  /** After the last full collection; null before the first. */
  #keptBytes: number | null = null;

  constructor() {
    const { heap_size_limit: limit } = getHeapStatistics();
    this.limitBytes = Math.max(limit - YOUNG_BYTES, Math.floor(limit / 2));
    this.#observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        if ((entry as GarbageCollection).detail?.kind === constants.NODE_PERFORMANCE_GC_MAJOR) this.#keptBytes = committedBytes();
      }
    });
    this.#observer.observe({ entryTypes: ['gc'] });
  }

  /**
   * Bytes in use, with what fragmentation wastes. What has been allocated since the last full collection counts only when that left much:
   * else it may be garbage, which the next collection frees long before the limit.
   */
  get usedBytes(): number {
    const committed = committedBytes();
    const kept = this.#keptBytes ?? committed;
    return kept >= SUSPECT_SHARE * this.limitBytes ? Math.max(kept, committed) : Math.min(kept, committed);
  }

  stop(): void {
    this.#observer.disconnect();
  }
}

function committedBytes(): number {
  let bytes = 0;
  for (const { space_name: name, space_size: size } of getHeapSpaceStatistics()) if (!name.startsWith('new_')) bytes += size;
  return bytes;
}
