// Holding is never believed for longer than it is guaranteed: renewal in virtual time.
import { describe, expect, test } from 'vitest';
import { LeaseholdError } from '../../src/client/errors.ts';
import { type Ending, Renewal, type RenewalOptions } from '../../src/client/renewal.ts';
import { newSeed, seeded } from '../io/seeded.ts';
import { VirtualClock } from './virtual-clock.ts';

const DURATION_MS = 3_000;
const MARGIN_MS = 100;

interface World {
  readonly clock: VirtualClock;
  readonly renewal: Renewal;
  /** When each renewal was sent, since the beginning. */
  readonly sent: number[];
  readonly endings: (Ending & { readonly atMs: number })[];
}

const refused = (): LeaseholdError => new LeaseholdError('not-held', 409, 'refused', 'lost', { holder: 'bob', fence: 9, index: 9 });
const noLeader = (): LeaseholdError => new LeaseholdError('no-leader', 503, 'not-accepted', 'no leader');

function world(renew: (attempt: number, clock: VirtualClock) => Promise<void>, options: Partial<RenewalOptions> = {}): World {
  const clock = new VirtualClock();
  const beganMs = clock.now();
  const sent: number[] = [];
  const endings: World['endings'] = [];
  const renewal = new Renewal({
    durationMs: DURATION_MS,
    marginMs: MARGIN_MS,
    sentAtMs: beganMs,
    clock,
    renew: async () => {
      sent.push(clock.now() - beganMs);
      await renew(sent.length, clock);
    },
    ended: (ending) => endings.push({ ...ending, atMs: clock.now() - beganMs }),
    ...options,
  });
  renewal.start();
  return { clock, renewal, sent, endings };
}

const never = (): Promise<void> => new Promise(() => {});
const takes = (clock: VirtualClock, ms: number): Promise<void> => new Promise((resolve) => clock.after(ms, resolve));

describe('a holding that is renewed', () => {
  test('is renewed at a third of its duration, counted from the moment before sending, as long as it is wanted', async () => {
    const { clock, renewal, sent, endings } = world((_, at) => takes(at, 400));
    await clock.advance(10 * DURATION_MS);
    expect(sent.slice(0, 4)).toEqual([1_000, 2_000, 3_000, 4_000]);
    expect(sent).toHaveLength(30);
    expect(endings).toEqual([]);
    expect(renewal.ending()).toBeNull();
  });

  test('is guaranteed from the moment at which the last confirmed renewal was sent, not from its answer', async () => {
    const { clock, renewal } = world((_, at) => takes(at, 900));
    await clock.advance(1_000 + 900);
    expect(renewal.heldUntilMs - clock.now()).toBe(DURATION_MS - MARGIN_MS - 900);
  });

  test('leaves no timer behind once it is released', async () => {
    const { clock, renewal, endings } = world(async () => {});
    await clock.advance(5_000);
    renewal.release();
    expect(clock.pending).toBe(0);
    expect(endings).toMatchObject([{ reason: 'released' }]);
  });
});

describe('a holding ends', () => {
  test('no later than a margin before its guarantee when no renewal is answered', async () => {
    const { clock, renewal, endings } = world(never);
    await clock.advance(DURATION_MS - MARGIN_MS - 1);
    expect(renewal.ending()).toBeNull();
    await clock.advance(1);
    expect(endings).toEqual([{ reason: 'not-confirmed', error: null, atMs: DURATION_MS - MARGIN_MS }]);
  });

  test('with the last error when renewals fail until then, which were tried again and again', async () => {
    const { clock, sent, endings } = world(async () => Promise.reject(noLeader()));
    await clock.advance(DURATION_MS);
    expect(sent.length).toBeGreaterThan(10);
    expect(endings).toMatchObject([{ reason: 'not-confirmed', error: { code: 'no-leader' }, atMs: DURATION_MS - MARGIN_MS }]);
  });

  test('at once when the cluster says that it is held no longer, with the facts', async () => {
    const { clock, endings } = world(async (attempt) => (attempt === 3 ? Promise.reject(refused()) : undefined));
    await clock.advance(10_000);
    expect(endings).toMatchObject([{ reason: 'ended', error: { facts: { holder: 'bob', fence: 9 } }, atMs: 3_000 }]);
    expect(clock.pending).toBe(0);
  });

  test('and stays ended when a confirmation comes after all', async () => {
    const { clock, renewal, endings } = world((_, at) => takes(at, 2_500));
    await clock.advance(20_000);
    expect(endings).toHaveLength(1);
    expect(renewal.ending()).toMatchObject({ reason: 'not-confirmed' });
  });

  test('goes on when failures end in time', async () => {
    const { clock, endings } = world(async (attempt) => (attempt < 12 ? Promise.reject(noLeader()) : undefined));
    await clock.advance(10 * DURATION_MS);
    expect(endings).toEqual([]);
  });

  test('as stalled when the program did not run, found without any timer', async () => {
    const { clock, renewal, endings } = world(async () => {});
    await clock.advance(1_500);
    clock.stall(DURATION_MS + 1_000);
    expect(renewal.ending()).toMatchObject({ reason: 'stalled' });
    expect(endings).toHaveLength(1);
    await clock.advance(10_000);
    expect(endings).toHaveLength(1);
  });

  test('as stalled when it may not renew any more at a moment at which that is due', async () => {
    let lives = true;
    const { clock, sent, endings } = world(async () => {}, { mayRenew: () => lives });
    await clock.advance(1_500);
    lives = false;
    await clock.advance(DURATION_MS);
    expect(sent).toHaveLength(1);
    expect(endings).toMatchObject([{ reason: 'stalled', atMs: 2_000 }]);
  });

  test('never later than its guarantee, whatever the answers do', async () => {
    const seed = newSeed('renewal', 'test/client');
    const { below } = seeded(seed);
    const random = (): number => below(1_000) / 1_000;
    for (let run = 0; run < 300; run++) {
      // What the cluster guarantees: the greatest (sent + duration) among the renewals that it has carried out.
      let guaranteedMs = DURATION_MS;
      let beganMs = 0;
      const { clock, renewal, endings } = world(async (_, at) => {
        const sentMs = at.now() - beganMs;
        const fate = random();
        await takes(at, random() * 1_500);
        if (fate < 0.4) throw noLeader();
        guaranteedMs = Math.max(guaranteedMs, sentMs + DURATION_MS);
        if (fate < 0.6) throw new LeaseholdError('outcome-unknown', null, 'unknown', 'broken');
      });
      beganMs = clock.now();
      for (let step = 0; step < 60 && endings.length === 0; step++) {
        if (random() < 0.1) clock.stall(random() * 2_000);
        else await clock.advance(random() * 700);
        if (renewal.ending() === null) expect(clock.now() - beganMs, `seed ${seed}, run ${run}`).toBeLessThan(guaranteedMs - MARGIN_MS);
      }
    }
  });
});
