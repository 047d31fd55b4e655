// Draws a few of many by a seed, the same ones for the same seed.
import { createHash } from 'node:crypto';

/** `count` of `things`, in their order. */
export function sampleOf<Thing extends { readonly id: string }>(things: readonly Thing[], count: number, seed: string): Thing[] {
  const drawn = things
    .map((thing) => ({ thing, lot: createHash('sha256').update(`${seed} ${thing.id}`).digest('hex') }))
    .sort((left, right) => (left.lot < right.lot ? -1 : 1))
    .slice(0, count)
    .map(({ thing }) => thing);
  return things.filter((thing) => drawn.includes(thing));
}
