// Where `leasehold cluster` started the nodes: what its processes do, and the orders that the buttons give.

export type Order = 'kill' | 'pause' | 'resume' | 'restart' | 'lead';

export type ProcessState = 'running' | 'paused' | 'down';

/** A restart waits for an orderly stop. */
const ANSWER_MS = 30_000;

/** State by the node's name; null when nobody answers there. */
export async function processStates(control: string): Promise<ReadonlyMap<string, ProcessState> | null> {
  try {
    const answer = await fetch(`${control}/processes`, { signal: AbortSignal.timeout(1_000) });
    const { processes } = (await answer.json()) as { processes: readonly { id: string; state: ProcessState }[] };
    return new Map(processes.map(({ id, state }) => [id, state]));
  } catch {
    return null;
  }
}

/** Has an order carried out; gives what is to be said of it. */
export async function give(control: string, order: Order, node: string): Promise<{ readonly ok: boolean; readonly text: string }> {
  try {
    const answer = await fetch(`${control}/orders`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ do: order, node }),
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    return (await answer.json()) as { ok: boolean; text: string };
  } catch (error) {
    return { ok: false, text: `leasehold cluster does not answer: ${(error as Error).message}` };
  }
}
