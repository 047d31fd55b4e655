// The one history that all nodes must share: what the entry at each index was, who held what after it, what was acknowledged.
import type { LeaseKey } from '../../src/lease/commands.ts';
import type { Index, Term } from '../../src/raft/types.ts';
import { type Application, keyName, type Tenure } from './facts.ts';

export interface LedgerEntry {
  readonly index: Index;
  readonly term: Term;
  readonly timeMs: number;
  /** Canonical command; null for an entry without one. */
  readonly text: string | null;
  /** Outcome as JSON; null for an entry without a command. */
  readonly outcome: string | null;
  /** When it was first applied anywhere, in true milliseconds. */
  readonly atMs: number;
}

interface TenureMark {
  readonly index: Index;
  readonly atMs: number;
  readonly tenure: Tenure | null;
  /** Kind of the command that brought it. */
  readonly cause: string;
}

/** Filled by the witness as entries are applied for the first time. */
export class Ledger {
  readonly entries = new Map<Index, LedgerEntry>();
  readonly #marks = new Map<string, TenureMark[]>();
  /** Greatest index that any node has applied. */
  lastApplied: Index = 0;
  /** Greatest index told to any client by an answer that must not be forgotten. */
  acknowledged: Index = 0;

  record(entry: LedgerEntry, application: Application): void {
    this.entries.set(entry.index, entry);
    this.lastApplied = Math.max(this.lastApplied, entry.index);
    for (const change of application.changes) {
      const marks = this.#marks.get(change.name) ?? [];
      this.#marks.set(change.name, marks);
      marks.push({ index: entry.index, atMs: entry.atMs, tenure: change.after, cause: application.command?.kind ?? 'nothing' });
    }
  }

  /** Who holds the lease after the last applied entry. */
  tenure(name: string): Tenure | null {
    return this.#marks.get(name)?.at(-1)?.tenure ?? null;
  }

  /** Who holds the lease after the entry at `index`. */
  tenureAt(key: LeaseKey, index: Index): Tenure | null {
    const marks = this.#marks.get(keyName(key)) ?? [];
    for (let at = marks.length - 1; at >= 0; at -= 1) {
      const mark = marks[at] as TenureMark;
      if (mark.index <= index) return mark.tenure;
    }
    return null;
  }

  /** The term in which `holder` was granted the lease that it has held from `sinceMs` until now; null when it has not. */
  heldSince(key: LeaseKey, holder: string, sinceMs: number): Term | null {
    const marks = this.#marks.get(keyName(key)) ?? [];
    const at = marks.findLastIndex((mark) => mark.atMs < sinceMs);
    if (at < 0 || marks.slice(at).some(({ tenure }) => tenure?.holder !== holder)) return null;
    return this.entries.get(marks[at]?.index ?? 0)?.term ?? null;
  }

  /** How the tenure that `fence` began came to its end; null while it lasts, or when it never was. */
  endOf(key: LeaseKey, fence: number): TenureMark | null {
    const marks = this.#marks.get(keyName(key)) ?? [];
    let began = false;
    for (const mark of marks) {
      if (mark.tenure?.fence === fence) began = true;
      else if (began) return mark;
    }
    return null;
  }
}
