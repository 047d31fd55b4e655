// Twin of src/io/random.ts: chance from one seed, so that a run can be repeated.
import type { Random } from '../../src/env.ts';

/** A seeded generator (xoshiro128**, seeded by splitmix32). The same seed gives the same draws on every machine. */
export class SeededRandom implements Random {
  readonly #state: Uint32Array;

  /** `seed` is any safe integer that is not negative; all of its 53 bits count. */
  constructor(seed: number) {
    this.#state = new Uint32Array(4);
    let mix = (seed ^ Math.imul(Math.floor(seed / 0x1_0000_0000) + 1, 0x9e37_79b9)) >>> 0;
    for (let word = 0; word < 4; word += 1) {
      mix = (mix + 0x9e37_79b9) >>> 0;
      let drawn = mix;
      drawn = Math.imul(drawn ^ (drawn >>> 16), 0x21f0_aaad);
      drawn = Math.imul(drawn ^ (drawn >>> 15), 0x735a_2d97);
      this.#state[word] = drawn ^ (drawn >>> 15);
    }
  }

  /** 32 random bits as an integer that is not negative. */
  bits(): number {
    const state = this.#state;
    const s0 = state[0] as number;
    const s1 = state[1] as number;
    const s2 = state[2] as number;
    const s3 = state[3] as number;
    const scaled = Math.imul(s1, 5);
    const result = Math.imul((scaled << 7) | (scaled >>> 25), 9) >>> 0;
    const third = s2 ^ s0;
    const fourth = s3 ^ s1;
    state[1] = s1 ^ third;
    state[0] = s0 ^ fourth;
    state[2] = third ^ (s1 << 9);
    state[3] = (fourth << 11) | (fourth >>> 21);
    return result;
  }

  /** An integer in [0, bound). */
  below(bound: number): number {
    if (!(bound >= 1)) throw new RangeError(`below(${bound})`);
    const unit = bound <= 0x1_0000_0000 ? this.bits() / 0x1_0000_0000 : this.unit();
    return Math.floor(unit * bound);
  }

  /** A number in [0, 1) with 53 bits. */
  unit(): number {
    return ((this.bits() >>> 5) * 0x400_0000 + (this.bits() >>> 6)) / 0x20_0000_0000_0000;
  }

  /** A number in [least, most). */
  between(least: number, most: number): number {
    return least + this.unit() * (most - least);
  }

  /** True with the given probability. Draws even when the answer is certain, so that options do not shift later draws. */
  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  /** One of `items`, which must not be empty. */
  pick<Item>(items: readonly Item[]): Item {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new RangeError('pick from nothing');
    return item;
  }

  /** A generator of its own, so that one part's draws do not shift another's. */
  fork(): SeededRandom {
    return new SeededRandom(this.bits() * 0x20_0000 + (this.bits() >>> 11));
  }
}
