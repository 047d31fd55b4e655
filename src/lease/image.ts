// The image: the whole state as independent records, saved piece by piece as they change and read back in any order.
import type { Changes, Saved } from './changes.ts';
import { Claim, type Claims } from './claims.ts';
import type { KeyRecord, KeySpace } from './key-space.ts';
import { Lease, type Lessor } from './lessor.ts';
import type { Pins } from './pins.ts';
import {
  claimContent,
  ImageError,
  type ImageRecord,
  keyContent,
  leaseContent,
  pinsContent,
  readRecord,
  recordLetters,
  standingContent,
} from './records.ts';
import type { Standing } from './standing.ts';

/** One record, ready to be saved: `content` is plain data, null when the record is gone. */
export interface ChangedRecord {
  readonly name: string;
  readonly content: unknown;
  /** Checksum of the version saved last, 0 if it was never saved. */
  readonly savedChecksum: number;
}

/** All records of one kind. */
interface Section {
  readonly letter: string;
  readonly changes: Changes;
  get(id: string): Saved | undefined;
  /** Null if there is none of that id. */
  content(id: string): unknown[] | null;
}

type Living = Extract<ImageRecord, { readonly kind: 'claim' | 'key' }>;

/** The parts of the state, as the records see them. */
export class Image {
  readonly #standing: Standing;
  readonly #claims: Claims;
  readonly #keys: KeySpace;
  readonly #lessor: Lessor;
  readonly #pins: Pins;
  readonly #sections: readonly Section[];
  /** Records whose lease has not been read yet, with their checksums. */
  #waiting: { readonly record: Living; readonly checksum: number }[] = [];
  #standingRead = false;
  #greatestRevision = 0;

  constructor(standing: Standing, claims: Claims, keys: KeySpace, lessor: Lessor, pins: Pins) {
    this.#standing = standing;
    this.#claims = claims;
    this.#keys = keys;
    this.#lessor = lessor;
    this.#pins = pins;
    this.#sections = [
      section(recordLetters.claim, claims.changes, (id) => claims.get(id), claimContent),
      section(recordLetters.key, keys.changes, (id) => keys.get(id), keyContent),
      section(recordLetters.lease, lessor.changes, (id) => lessor.get(id), leaseContent),
      section(recordLetters.standing, standing.changes, () => standing, standingContent),
      section(recordLetters.pins, pins.changes, (id) => pins.get(id), pinsContent),
    ];
    // Even an empty state has this record: an image without it is a damaged one.
    standing.mark();
  }

  get changedCount(): number {
    let count = 0;
    for (const { changes } of this.#sections) count += changes.count;
    return count;
  }

  /** Records changed since the last call, as they are now. */
  takeChanges(): ChangedRecord[] {
    const changed: ChangedRecord[] = [];
    for (const { letter, changes, content } of this.#sections) {
      for (const [id, savedChecksum] of changes.take()) changed.push({ name: letter + id, content: content(id), savedChecksum });
    }
    return changed;
  }

  /** The version of the record that was taken last is on disk under this checksum. */
  noteSaved(name: string, checksum: number): void {
    const letter = name.charAt(0);
    const id = name.slice(1);
    const section = this.#sections.find((each) => each.letter === letter);
    const saved = section?.get(id);
    if (saved !== undefined) saved.savedChecksum = checksum;
    section?.changes.noteSaved(id, checksum);
  }

  /** All records in order of their names. */
  *dump(): Generator<readonly [name: string, content: unknown], void, undefined> {
    for (const claim of this.#claims.all()) yield [recordLetters.claim + claim.id, claimContent(claim)];
    for (const record of this.#keys.range('')) yield [recordLetters.key + record.key, keyContent(record)];
    for (const lease of this.#lessor.all()) yield [recordLetters.lease + lease.id, leaseContent(lease)];
    yield [recordLetters.standing, standingContent(this.#standing)];
    for (const set of this.#pins.all()) yield [recordLetters.pins + set.claimId, pinsContent(set)];
  }

  /** Adds a record. Throws {@link ImageError} on one that is not valid or came before. */
  restore(name: string, content: unknown, checksum: number): void {
    const record = readRecord(name, content);
    switch (record.kind) {
      case 'claim':
        this.#greatestRevision = Math.max(this.#greatestRevision, record.fence);
        if (record.term.session !== null && this.#lessor.get(record.term.session) === undefined) {
          this.#waiting.push({ record, checksum });
        } else this.#restoreLiving(record, checksum);
        break;
      case 'key':
        this.#greatestRevision = Math.max(this.#greatestRevision, record.modRevision);
        if (record.lease !== null && this.#lessor.get(record.lease) === undefined) this.#waiting.push({ record, checksum });
        else this.#restoreLiving(record, checksum);
        break;
      case 'lease': {
        const lease = new Lease(record.id, record.ttlMs, record.deadlineMs);
        lease.savedChecksum = checksum;
        once(this.#lessor.restore(lease), name);
        break;
      }
      case 'pins':
        once(this.#claims.restorePins({ claimId: record.claimId, entities: record.entities, savedChecksum: checksum }), name);
        break;
      case 'standing':
        once(!this.#standingRead, name);
        this.#standingRead = true;
        this.#standing.timeMs = record.timeMs;
        this.#standing.revision = record.revision;
        this.#standing.eventIndex = record.eventIndex;
        this.#standing.eventPosition = record.eventPosition;
        this.#standing.savedChecksum = checksum;
        break;
    }
  }

  /** All records are there; `index` is the image's. Throws {@link ImageError} if they do not fit together. */
  finishRestore(index: number): void {
    for (const { record, checksum } of this.#waiting) this.#restoreLiving(record, checksum);
    this.#waiting = [];
    if (!this.#standingRead) {
      if (index > 0 || this.#claims.size > 0 || this.#greatestRevision > 0) throw new ImageError('the image lacks its time and revision');
      return;
    }
    if (this.#greatestRevision > this.#standing.revision || this.#standing.revision > index) {
      const { revision } = this.#standing;
      throw new ImageError(`the image's revisions disagree: written at ${this.#greatestRevision}, revision ${revision}, index ${index}`);
    }
    if (this.#standing.eventIndex > index)
      throw new ImageError(`the image tells of events up to ${this.#standing.eventIndex}, beyond ${index}`);
    this.#standing.index = index;
    this.#standing.changes.take();
  }

  #restoreLiving(record: Living, checksum: number): void {
    if (record.kind === 'claim') {
      const { id, holder, fence, term } = record;
      const claim =
        term.session === null
          ? new Claim(id, holder, fence, null, term.durationMs, term.deadlineMs)
          : new Claim(id, holder, fence, this.#lease(term.session), 0, 0);
      claim.savedChecksum = checksum;
      once(this.#claims.restore(claim), recordLetters.claim + id);
      return;
    }
    const { key, value, createRevision, modRevision, version } = record;
    const lease = record.lease === null ? null : this.#lease(record.lease);
    const restored: KeyRecord = { key, value, createRevision, modRevision, version, lease, savedChecksum: checksum };
    once(this.#keys.restore(restored), recordLetters.key + key);
  }

  #lease(id: string): Lease {
    const lease = this.#lessor.get(id);
    if (lease === undefined) throw new ImageError(`the image names lease ${id}, which it lacks`);
    return lease;
  }
}

function section<Part extends Saved>(
  letter: string,
  changes: Changes,
  get: (id: string) => Part | undefined,
  contentOf: (part: Part) => unknown[],
): Section {
  const content = (id: string): unknown[] | null => {
    const part = get(id);
    return part === undefined ? null : contentOf(part);
  };
  return { letter, changes, get, content };
}

function once(added: boolean, name: string): void {
  if (!added) throw new ImageError(`the image has two records ${JSON.stringify(name)}`);
}
