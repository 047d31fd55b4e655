// A follower that needs the state while the cluster runs at full rate catches up by one snapshot.
import { expect, test } from 'vitest';
import type { Command } from '../../src/lease/commands.ts';
import { Calm } from './calm.ts';

const VALUE_BYTES = 1_000;
const BATCH_BYTES = 8_000;
/** The log that is kept for the follower: what the leader takes in far less time than the snapshot needs. */
const LIMITS = {
  saveAfterBytes: 20_000,
  keepBytes: 20_000,
  keepEntries: 1_000,
  mostKeptBytes: 100_000,
  mostKeptEntries: 100_000,
  maxUncommittedBytes: 20_000,
  maxInflightBytes: 40_000,
  maxLogBytes: 200_000,
  maxBatchBytes: BATCH_BYTES,
  imagePieceBytes: 1_000,
  imageWindowPieces: 4,
};

const put = (key: string): Command => ({
  kind: 'put',
  key,
  value: 'x'.repeat(VALUE_BYTES),
  lease: null,
  assert: [],
  precondition: null,
});

/** Puts without a pause, a fixed number of them under way, until `stop`. */
class Load {
  applied = 0;
  #isStopped = false;

  constructor(calm: Calm, node: number, underWay: number) {
    let next = 0;
    const one = (): void => {
      if (this.#isStopped) return;
      calm.in(node, (replica) =>
        replica.submit(put(`load-${next++ % 50}`), (settled) => {
          if (settled.kind !== 'failed') this.applied += 1;
          calm.scheduler.after(settled.kind === 'failed' ? 20 : 0, one);
        }),
      );
    };
    for (let n = 0; n < underWay; n++) one();
  }

  stop(): void {
    this.#isStopped = true;
  }
}

test('a follower that needs a snapshot under continuous load catches up by one, and the load goes on', () => {
  const calm = new Calm([1, 2, 3], LIMITS);
  const leader = calm.leader();
  const [away = 0] = calm.cluster.ids.filter((id) => id !== leader);
  // A state that takes several hundred pieces.
  for (let n = 0; n < 400; n++) {
    calm.in(leader, (replica) => replica.submit(put(`state-${n}`), () => {}));
    calm.pass(5);
  }
  calm.pass(500);
  calm.cluster.crash(away, false);
  const load = new Load(calm, leader, 40);
  calm.pass(2_000);
  const before = load.applied;
  calm.cluster.start(away);
  const startedMs = calm.scheduler.nowMs;
  const lag = (): number => {
    const life = calm.cluster.life(leader);
    return (life?.replica.appliedIndex ?? 0) - (calm.cluster.life(away)?.replica.appliedIndex ?? 0);
  };
  calm.pass(30_000, () => calm.scheduler.nowMs > startedMs + 100 && lag() < 60);
  const tookMs = calm.scheduler.nowMs - startedMs;
  const during = load.applied - before;
  const images = calm.cluster.life(leader)?.replica.figures().images;
  expect({ lag: lag() < 60, images }).toEqual({ lag: true, images: { sent: 1, failed: 0, received: 0 } });
  expect(during).toBeGreaterThan(50);
  expect(tookMs).toBeLessThan(30_000);
  // It stays caught up, by the log.
  calm.pass(3_000);
  expect(lag()).toBeLessThan(200);
  expect(calm.cluster.life(leader)?.replica.figures().images.sent).toBe(1);
  load.stop();
});
