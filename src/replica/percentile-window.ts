// High percentiles of durations over a sliding window of time, in constant memory.

/** The window slides in so many steps. */
const SLOTS = 10;
/** Buckets for each doubling: a percentile is exact to about 2%. */
const STEPS_PER_DOUBLING = 16;
/** From 1 ms up to about 18 hours. */
const BUCKETS = 1 + 26 * STEPS_PER_DOUBLING;
/**
 * The greatest values that never count as a percentile. A single late value says nothing: the process itself may have been stopped
 * meanwhile.
 */
const OUTLIERS = 2;

/** What was observed in one step of the window; `number` counts the steps since the zero of the clock. */
interface Slot {
  number: number;
  total: number;
  /** The greatest bucket that is in use. */
  top: number;
  readonly counts: Uint32Array;
}

export class PercentileWindow {
  readonly #slotMs: number;
  readonly #slots = Array.from({ length: SLOTS }, (): Slot => ({ number: -1, total: 0, top: 0, counts: new Uint32Array(BUCKETS) }));
  #firstMs: number | null = null;

  constructor(windowMs: number) {
    this.#slotMs = windowMs / SLOTS;
  }

  /** Adds a duration in milliseconds that was measured at `nowMs`. */
  observe(nowMs: number, durationMs: number): void {
    this.#firstMs ??= nowMs;
    const number = Math.floor(nowMs / this.#slotMs);
    const slot = this.#slots[((number % SLOTS) + SLOTS) % SLOTS] as Slot;
    if (slot.number !== number) {
      Object.assign(slot, { number, total: 0, top: 0 });
      slot.counts.fill(0);
    }
    const bucket = bucketOf(durationMs);
    slot.counts[bucket] = (slot.counts[bucket] as number) + 1;
    slot.total += 1;
    slot.top = Math.max(slot.top, bucket);
  }

  /** Whether durations have been measured for at least the length of the window. */
  isFilled(nowMs: number): boolean {
    return this.#firstMs !== null && nowMs - this.#firstMs >= this.#slotMs * SLOTS;
  }

  /** The 99th percentile of the window that ends at `nowMs`, in milliseconds; 0 for fewer than 3 values. */
  p99(nowMs: number): number {
    const last = Math.floor(nowMs / this.#slotMs);
    const live = this.#slots.filter(({ number }) => number > last - SLOTS && number <= last);
    let total = 0;
    let top = 0;
    for (const slot of live) {
      total += slot.total;
      top = Math.max(top, slot.top);
    }
    // From the top: how many may lie above the percentile.
    let above = Math.max(Math.floor(total / 100), OUTLIERS);
    for (let bucket = top; bucket > 0; bucket -= 1) {
      for (const { counts } of live) above -= counts[bucket] as number;
      if (above < 0) return middleOf(bucket);
    }
    return 0;
  }
}

/** Bucket 0 holds everything below 1 ms. */
function bucketOf(durationMs: number): number {
  if (!(durationMs >= 1)) return 0;
  return Math.min(BUCKETS - 1, 1 + Math.floor(Math.log2(durationMs) * STEPS_PER_DOUBLING));
}

/** The middle of a bucket, as a whole number where a bucket is that wide. */
function middleOf(bucket: number): number {
  return Math.round(2 ** ((bucket - 0.5) / STEPS_PER_DOUBLING));
}
