// Real chance: seeded by the operating system, cheap to draw from.
import { randomBytes } from 'node:crypto';
import type { Random } from '../env.ts';

const BATCH_BYTES = 1024;
/** Draws are 48 bits wide: with the bounds in use here, a few thousand, no value is favoured measurably. */
const DRAW_BYTES = 6;

/** A source whose draws no peer can foresee. `below` throws a RangeError unless `bound` is an integer in 1..2^48. */
export function realRandom(): Random {
  let pool = randomBytes(BATCH_BYTES);
  let used = 0;
  return {
    below(bound: number): number {
      if (!Number.isInteger(bound) || bound < 1 || bound > 2 ** 48) throw new RangeError(`no integer in [0, ${bound}) can be drawn`);
      if (used + DRAW_BYTES > pool.length) {
        pool = randomBytes(BATCH_BYTES);
        used = 0;
      }
      const draw = pool.readUIntBE(used, DRAW_BYTES);
      used += DRAW_BYTES;
      return draw % bound;
    },
  };
}
