// The records of one kind as the image sees them, and the changes of all kinds as one set.
import type { Changes, ContentOf, Saved, SavedChecksum, TakenChanges } from './changes.ts';

/** One record, ready to be saved: `content` is plain data, null when the record is gone. */
export interface ChangedRecord {
  readonly name: string;
  readonly content: unknown;
  readonly savedChecksum: SavedChecksum;
}

/** What had changed at one moment, as it was at that moment: read piece by piece while the state goes on. */
export interface ChangeSet {
  /** The next records, at most `limit` of them; none when all were given. */
  next(limit: number): readonly ChangedRecord[];
}

/** All records of one kind. */
export interface Section {
  readonly letter: string;
  readonly changes: Changes;
  get(id: string): Saved | undefined;
  readonly content: ContentOf;
}

/** The changes of all sections, one after the other. */
export class TakenSections implements ChangeSet {
  readonly #records: Generator<ChangedRecord, void, undefined>;

  constructor(taken: readonly { readonly letter: string; readonly records: TakenChanges }[]) {
    this.#records = (function* read() {
      for (const { letter, records } of taken) {
        for (const [id, content, savedChecksum] of records.read()) yield { name: letter + id, content, savedChecksum };
      }
    })();
  }

  next(limit: number): readonly ChangedRecord[] {
    const records: ChangedRecord[] = [];
    while (records.length < limit) {
      const { value, done } = this.#records.next();
      if (done === true) break;
      records.push(value);
    }
    return records;
  }
}

/** A section whose records are made from its parts. */
export function section<Part extends Saved>(
  letter: string,
  changes: Changes,
  get: (id: string) => Part | undefined,
  contentOf: (part: Part) => unknown[],
): Section {
  const content: ContentOf = (id) => {
    const part = get(id);
    return part === undefined ? null : contentOf(part);
  };
  return { letter, changes, get, content };
}
