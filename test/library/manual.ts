// A memory node whose time the test moves, stopped when the test is over.
import { onTestFinished } from 'vitest';
import { ManualClock, type MemoryNode, type MemoryNodeOptions, startMemoryNode } from '../../src/index.ts';

/** Most tests speak of this lease. */
export const KEY = { namespace: 'demo', model: 'main', lease: 'l' } as const;

export async function startManual(
  options: Omit<MemoryNodeOptions, 'clock'> = {},
): Promise<{ readonly node: MemoryNode; readonly clock: ManualClock }> {
  const clock = new ManualClock();
  const node = await startMemoryNode({ ...options, clock });
  onTestFinished(() => node.stop());
  return { node, clock };
}

/** What the promise rejects with; fails if it does not. */
export async function errorOf(promise: Promise<unknown>): Promise<Error> {
  return await promise.then(
    (value) => {
      throw new Error(`settled with ${JSON.stringify(value)}`);
    },
    (error: Error) => error,
  );
}
