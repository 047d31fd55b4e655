// The calls of the last few minutes, second by second: what the dashboard's plots are drawn from. Counting one costs a logarithm and an addition.
import { TRAFFIC_KEPT_S, type TrafficSecond } from '../contract/dashboard.ts';

const LEAST_MS = 0.25;
/** From one bound to the next: fine enough for a quantile to be told within a fifth. */
const RATIO = 1.4;
const BOUNDS = 32;

/** Upper bounds of the places that durations are counted at, in milliseconds: from 0.25 ms to 8.5 s. */
export const TRAFFIC_BOUNDS_MS: readonly number[] = Array.from({ length: BOUNDS }, (_, place) =>
  Number((LEAST_MS * RATIO ** place).toFixed(3)),
);

interface Slot {
  second: number;
  readonly counts: Uint32Array;
  failed: number;
}

/** A ring of {@link TRAFFIC_KEPT_S} seconds and the present one. */
export class RecentTraffic {
  readonly #now: () => number;
  readonly #slots: Slot[] = Array.from({ length: TRAFFIC_KEPT_S + 1 }, () => ({
    second: -1,
    counts: new Uint32Array(BOUNDS + 1),
    failed: 0,
  }));

  /** `now`: monotonic, in milliseconds from the start of this process. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** The clock by which seconds are numbered. */
  get clockS(): number {
    return this.#now() / 1_000;
  }

  /** Counts a call that was decided, and took so many milliseconds. */
  answered(durationMs: number): void {
    const slot = this.#present();
    const place = placeOf(durationMs);
    slot.counts[place] = (slot.counts[place] as number) + 1;
  }

  /** Counts a call that was not accepted, or of which nobody can tell. */
  failed(): void {
    this.#present().failed += 1;
  }

  /** Those that are over, of the ones after `second`, in order. */
  after(second: number): TrafficSecond[] {
    const present = Math.floor(this.clockS);
    return this.#slots
      .filter((slot) => slot.second > second && slot.second < present && slot.second >= present - TRAFFIC_KEPT_S)
      .sort((left, right) => left.second - right.second)
      .map((slot) => ({ second: slot.second, counts: withoutZerosAtEnd(slot.counts), failed: slot.failed }));
  }

  #present(): Slot {
    const second = Math.floor(this.clockS);
    const slot = this.#slots[second % this.#slots.length] as Slot;
    if (slot.second !== second) {
      slot.second = second;
      slot.counts.fill(0);
      slot.failed = 0;
    }
    return slot;
  }
}

function placeOf(durationMs: number): number {
  if (durationMs <= LEAST_MS) return 0;
  let place = Math.min(BOUNDS, Math.ceil(Math.log(durationMs / LEAST_MS) / Math.log(RATIO)));
  // The bounds are rounded, the logarithm is not.
  while (place > 0 && durationMs <= (TRAFFIC_BOUNDS_MS[place - 1] as number)) place -= 1;
  while (place < BOUNDS && durationMs > (TRAFFIC_BOUNDS_MS[place] as number)) place += 1;
  return place;
}

function withoutZerosAtEnd(counts: Uint32Array): number[] {
  let length = counts.length;
  while (length > 0 && counts[length - 1] === 0) length -= 1;
  return [...counts.subarray(0, length)];
}
