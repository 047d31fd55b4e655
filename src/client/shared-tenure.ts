// What two threads share of one holding: until when it is guaranteed, how it ended, and whether the program that holds it still runs.
import type { LossReason } from './errors.ts';

const HELD_UNTIL = 0;
const SIGN_OF_LIFE = 1;
const REASON = 2;
const SLOTS = 3;
const REASONS: readonly (LossReason | null)[] = [null, 'ended', 'not-confirmed', 'stalled', 'released'];
const NS_PER_MS = 1e6;

/** Times are on `systemClock`, which is one for all threads of a process. */
export class SharedTenure {
  readonly #slots: BigInt64Array;

  constructor(memory: SharedArrayBuffer) {
    this.#slots = new BigInt64Array(memory);
  }

  static memory(heldUntilMs: number, nowMs: number): SharedArrayBuffer {
    const memory = new SharedArrayBuffer(SLOTS * BigInt64Array.BYTES_PER_ELEMENT);
    const tenure = new SharedTenure(memory);
    tenure.heldUntilMs = heldUntilMs;
    tenure.giveSign(nowMs);
    return memory;
  }

  get heldUntilMs(): number {
    return this.#read(HELD_UNTIL);
  }

  set heldUntilMs(ms: number) {
    this.#write(HELD_UNTIL, ms);
  }

  /** Null while held. */
  get reason(): LossReason | null {
    return REASONS[Number(Atomics.load(this.#slots, REASON))] ?? null;
  }

  end(reason: LossReason): void {
    Atomics.store(this.#slots, REASON, BigInt(REASONS.indexOf(reason)));
  }

  giveSign(nowMs: number): void {
    this.#write(SIGN_OF_LIFE, nowMs);
  }

  /** How long the holder has given no sign of life, in milliseconds. */
  silentMs(nowMs: number): number {
    return nowMs - this.#read(SIGN_OF_LIFE);
  }

  #read(slot: number): number {
    return Number(Atomics.load(this.#slots, slot)) / NS_PER_MS;
  }

  #write(slot: number, ms: number): void {
    Atomics.store(this.#slots, slot, BigInt(Math.floor(ms * NS_PER_MS)));
  }
}
