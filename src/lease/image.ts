// The image: the whole state as independent records, saved piece by piece as they change and read back in any order.
import { type Changes, recordNames, type Saved } from './changes.ts';
import { Claim, type Claims } from './claims.ts';
import type { KeyRecord, KeySpace } from './key-space.ts';
import { Lease, type Lessor } from './lessor.ts';
import type { Pins } from './pins.ts';
import {
  claimContent,
  type ImageRecord,
  ImageError,
  keyContent,
  leaseContent,
  pinsContent,
  readRecord,
  standingContent,
} from './records.ts';
import type { Standing } from './standing.ts';

type Living = Extract<ImageRecord, { readonly kind: 'claim' | 'key' }>;

/** The parts of the state, as the records see them. */
export class Image {
  readonly #standing: Standing;
  readonly #changes: Changes;
  readonly #claims: Claims;
  readonly #keys: KeySpace;
  readonly #lessor: Lessor;
  readonly #pins: Pins;
  /** Records whose lease has not been read yet, with their checksums. */
  #waiting: { readonly record: Living; readonly checksum: number }[] = [];
  #standingRead = false;
  #greatestRevision = 0;

  constructor(standing: Standing, changes: Changes, claims: Claims, keys: KeySpace, lessor: Lessor, pins: Pins) {
    this.#standing = standing;
    this.#changes = changes;
    this.#claims = claims;
    this.#keys = keys;
    this.#lessor = lessor;
    this.#pins = pins;
    // Even an empty state has this record: an image without it is a damaged one.
    changes.mark(recordNames.standing, 0);
  }

  /** The record's content now, null if it is gone. */
  content(name: string): unknown[] | null {
    const id = name.slice(1);
    switch (name.charAt(0)) {
      case 'c':
        return contentOf(this.#claims.get(id), claimContent);
      case 'k':
        return contentOf(this.#keys.get(id), keyContent);
      case 'l':
        return contentOf(this.#lessor.get(id), leaseContent);
      case 'p':
        return contentOf(this.#pins.get(id), pinsContent);
      default:
        return standingContent(this.#standing);
    }
  }

  /** The version of the record that was taken last is on disk under this checksum. */
  noteSaved(name: string, checksum: number): void {
    const saved = this.#find(name);
    if (saved !== undefined) saved.savedChecksum = checksum;
    this.#changes.noteSaved(name, checksum);
  }

  /** All records in order of their names. */
  *dump(): Generator<readonly [name: string, content: unknown], void, undefined> {
    for (const claim of this.#claims.all()) yield [recordNames.claim(claim.id), claimContent(claim)];
    for (const record of this.#keys.range('')) yield [recordNames.key(record.key), keyContent(record)];
    for (const lease of this.#lessor.all()) yield [recordNames.lease(lease.id), leaseContent(lease)];
    yield [recordNames.standing, standingContent(this.#standing)];
    for (const set of this.#pins.all()) yield [recordNames.pins(set.claimId), pinsContent(set)];
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
    this.#standing.index = index;
    this.#changes.take();
  }

  #restoreLiving(record: Living, checksum: number): void {
    if (record.kind === 'claim') {
      const { id, holder, fence, term } = record;
      const claim =
        term.session === null
          ? new Claim(id, holder, fence, null, term.durationMs, term.deadlineMs)
          : new Claim(id, holder, fence, this.#lease(term.session), 0, 0);
      claim.savedChecksum = checksum;
      once(this.#claims.restore(claim), recordNames.claim(id));
      return;
    }
    const { key, value, createRevision, modRevision, version } = record;
    const lease = record.lease === null ? null : this.#lease(record.lease);
    const restored: KeyRecord = { key, value, createRevision, modRevision, version, lease, savedChecksum: checksum };
    once(this.#keys.restore(restored), recordNames.key(key));
  }

  #lease(id: string): Lease {
    const lease = this.#lessor.get(id);
    if (lease === undefined) throw new ImageError(`the image names lease ${id}, which it lacks`);
    return lease;
  }

  #find(name: string): Saved | undefined {
    const id = name.slice(1);
    switch (name.charAt(0)) {
      case 'c':
        return this.#claims.get(id);
      case 'k':
        return this.#keys.get(id);
      case 'l':
        return this.#lessor.get(id);
      case 'p':
        return this.#pins.get(id);
      default:
        return this.#standing;
    }
  }
}

function contentOf<Part>(part: Part | undefined, content: (part: Part) => unknown[]): unknown[] | null {
  return part === undefined ? null : content(part);
}

function once(added: boolean, name: string): void {
  if (!added) throw new ImageError(`the image has two records ${JSON.stringify(name)}`);
}
