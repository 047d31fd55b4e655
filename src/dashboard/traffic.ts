// Puts together what the nodes say of their traffic: one line of seconds by this page's clock, whichever node took the calls. No page in it.
import type { NodeReport } from '../contract/dashboard.ts';

/** One second of the whole cluster. */
export interface Moment {
  /** Calls that were done or refused. */
  readonly answered: number;
  /** Calls that were not accepted, or of which nobody can tell. */
  readonly failed: number;
  /** How long those that were answered took, in milliseconds; null when there was none. */
  readonly medianMs: number | null;
  readonly p99Ms: number | null;
}

/** Seconds that are kept, and as far as the plots go back. */
export const WINDOW_S = 180;
/** The plots of a cluster that has not been up for longer go back so far. */
const STEP_S = 60;
/** A node that was heard longer ago is not waited for, in milliseconds. */
const SILENT_MS = 3_000;

interface Source {
  /** From the node's seconds to the page's. */
  offset: number;
  /** The last second of the node's clock that is known. */
  covered: number;
  heardMs: number;
}

interface Second {
  readonly counts: number[];
  failed: number;
}

export class Traffic {
  readonly #sources = new Map<string, Source>();
  /** By the page's second. One in which no node was up, or none that could be asked, is not there. */
  readonly #seconds = new Map<number, Second>();
  #boundsMs: readonly number[] = [];

  /** The last second that is known of a node, to ask for what came after it; null for none. */
  coveredOf(node: string): number | null {
    return this.#sources.get(node)?.covered ?? null;
  }

  /** Adds what a node reported at `nowMs` of the page's clock. */
  add(report: NodeReport, nowMs: number): void {
    this.#boundsMs = report.boundsMs;
    const source = this.#sourceOf(report, nowMs);
    source.heardMs = nowMs;
    const last = Math.floor(report.clockS) - 1;
    for (let second = Math.max(source.covered + 1, last - WINDOW_S); second <= last; second++) this.#secondAt(second + source.offset);
    for (const { second, counts, failed } of report.seconds) {
      if (second <= source.covered) continue;
      const sum = this.#secondAt(second + source.offset);
      counts.forEach((count, place) => {
        sum.counts[place] = (sum.counts[place] ?? 0) + count;
      });
      sum.failed += failed;
    }
    source.covered = Math.max(source.covered, last);
    for (const second of this.#seconds.keys()) if (second < nowMs / 1_000 - 2 * WINDOW_S) this.#seconds.delete(second);
  }

  /**
   * Whole minutes of seconds, oldest first, up to the last one that every node which answers has told of: as many minutes as something is
   * known of, three at most. Null where nobody knows.
   */
  window(nowMs: number): { readonly endS: number; readonly moments: readonly (Moment | null)[] } {
    const heard = [...this.#sources.values()].filter(({ heardMs }) => nowMs - heardMs < SILENT_MS);
    const endS = heard.length === 0 ? Math.floor(nowMs / 1_000) - 1 : Math.min(...heard.map(({ covered, offset }) => covered + offset));
    const firstS = Math.min(endS, ...this.#seconds.keys());
    const length = Math.min(WINDOW_S, Math.ceil((endS - firstS + 1) / STEP_S) * STEP_S);
    return { endS, moments: Array.from({ length }, (_, at) => this.#moment(endS - length + 1 + at)) };
  }

  #moment(second: number): Moment | null {
    const known = this.#seconds.get(second);
    if (known === undefined) return null;
    const { counts, failed } = known;
    const answered = counts.reduce((sum, count) => sum + count, 0);
    return { answered, failed, medianMs: quantile(counts, this.#boundsMs, 0.5), p99Ms: quantile(counts, this.#boundsMs, 0.99) };
  }

  // Answers come after this or that delay, so the offset is kept as it was first seen: else a second would be drawn twice now and then, and another never.
  #sourceOf({ node, clockS }: NodeReport, nowMs: number): Source {
    const known = this.#sources.get(node);
    const offset = nowMs / 1_000 - clockS;
    if (known !== undefined && Math.abs(offset - known.offset) < 2) return known;
    // A new process, whose clock began anew, or a page that stood still.
    const source: Source = { offset: Math.round(offset), covered: known === undefined ? -1 : Math.floor(clockS) - 1, heardMs: nowMs };
    // What a node that was restarted did since is still to be told; what is known of the seconds before is not to be added again.
    if (known !== undefined && clockS < known.covered) source.covered = -1;
    this.#sources.set(node, source);
    return source;
  }

  #secondAt(second: number): Second {
    let found = this.#seconds.get(second);
    if (found === undefined) {
      found = { counts: [], failed: 0 };
      this.#seconds.set(second, found);
    }
    return found;
  }
}

/** The value that the share `q` of the counted is at most, told within the bounds of its place; null when nothing was counted. */
export function quantile(counts: readonly number[], boundsMs: readonly number[], q: number): number | null {
  const total = counts.reduce((sum, count) => sum + (count ?? 0), 0);
  if (total === 0) return null;
  let rest = q * total;
  for (const [place, count = 0] of counts.entries()) {
    if (count > 0 && rest <= count) {
      const low = boundsMs[place - 1] ?? 0;
      return low + ((boundsMs[place] ?? low) - low) * (rest / count);
    }
    rest -= count;
  }
  return boundsMs[boundsMs.length - 1] ?? null;
}
