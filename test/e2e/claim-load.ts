// Claims that never stop: every one is of a name of its own, and remembered once it is granted.
import { setTimeout as sleep } from 'node:timers/promises';

const HOUR_MS = 3_600_000;
const WORKERS = 4;
const ATTEMPT_MS = 3_000;

/** Several workers, each with one claim under way at a time, at whichever node answers. */
export class ClaimLoad {
  /** Fence by lease, of every claim that was granted. */
  readonly granted = new Map<string, number>();
  readonly #urls: () => readonly string[];
  readonly #workers: Promise<void>[];
  #isStopping = false;
  #lastMs = performance.now();
  #longestMs = 0;

  constructor(urls: () => readonly string[]) {
    this.#urls = urls;
    this.#workers = Array.from({ length: WORKERS }, (_, worker) => this.#work(worker));
  }

  beginGap(): void {
    this.#longestMs = 0;
    this.#lastMs = performance.now();
  }

  /** The longest time between two granted claims since the beginning, in milliseconds. */
  endGap(): number {
    return Math.max(this.#longestMs, performance.now() - this.#lastMs);
  }

  /** The leases of granted claims that the cluster does not have any more, or has by another fence. */
  async missing(url: string): Promise<string[]> {
    const expected = [...this.granted];
    const held = new Map<string, number>();
    let after: string | undefined;
    do {
      const response = await fetch(`${url}/v1/leases/load/main${after === undefined ? '' : `?after=${encodeURIComponent(after)}`}`);
      const page = (await response.json()) as { leases: { lease: string; fence: number }[]; next?: string };
      for (const { lease, fence } of page.leases) held.set(lease, fence);
      after = page.next;
    } while (after !== undefined);
    return expected.flatMap(([lease, fence]) => (held.get(lease) === fence ? [] : [lease]));
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#workers);
  }

  async #work(worker: number): Promise<void> {
    for (let count = 0; !this.#isStopping; count++) {
      const urls = this.#urls();
      const lease = `w${worker}-${count}`;
      try {
        const response = await fetch(`${urls[(worker + count) % urls.length]}/v1/leases/load/main/${lease}`, {
          method: 'PUT',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ holder: 'load', durationMs: HOUR_MS }),
          signal: AbortSignal.timeout(ATTEMPT_MS),
        });
        const body = (await response.json()) as { fence: number };
        if (response.status === 201) this.#note(lease, body.fence);
        else await sleep(10);
      } catch {
        // That node is down, or the answer was lost: the claim may or may not be there, so nothing is promised of it.
        await sleep(10);
      }
    }
  }

  #note(lease: string, fence: number): void {
    this.granted.set(lease, fence);
    const nowMs = performance.now();
    this.#longestMs = Math.max(this.#longestMs, nowMs - this.#lastMs);
    this.#lastMs = nowMs;
  }
}
