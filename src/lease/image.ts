// The image: the whole state as independent records, saved piece by piece as they change and read back in any order.
import type { Changes, ContentOf, Saved, TakenChanges } from './changes.ts';
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
  rememberedContent,
  standingContent,
  waiterContent,
} from './records.ts';
import type { Remembered, RememberedOutcomes } from './remembered.ts';
import { ShardedMap } from './sharded-map.ts';
import type { Standing } from './standing.ts';
import { Waiter, type Waiters } from './waiters.ts';

/** One record, ready to be saved: `content` is plain data, null when the record is gone. */
export interface ChangedRecord {
  readonly name: string;
  readonly content: unknown;
  /** Checksum of the version saved last, 0 if it was never saved. */
  readonly savedChecksum: number;
}

/** What had changed at one moment, as it was at that moment: read piece by piece while the state goes on. */
export interface ChangeSet {
  /** The next records, at most `limit` of them; none when all were given. */
  next(limit: number): readonly ChangedRecord[];
}

/** All records of one kind. */
interface Section {
  readonly letter: string;
  readonly changes: Changes;
  get(id: string): Saved | undefined;
  readonly content: ContentOf;
}

type Living<Kind> = Extract<ImageRecord, { readonly kind: Kind }>;

/** The parts of the state, as the records see them. */
export class Image {
  readonly #standing: Standing;
  readonly #claims: Claims;
  readonly #keys: KeySpace;
  readonly #lessor: Lessor;
  readonly #pins: Pins;
  readonly #remembered: RememberedOutcomes;
  readonly #waiters: Waiters;
  readonly #sections: readonly Section[];
  /** Leases that a record has named, but whose own record has not been read yet. */
  readonly #promised = new ShardedMap<Lease>();
  /** Kept back like the waiters. */
  #outcomes: Remembered[] = [];
  /** Kept back until all have been read, because their order is that of their tickets. */
  #queued: Waiter[] = [];
  #standingRead = false;
  #greatestRevision = 0;

  constructor(
    standing: Standing,
    claims: Claims,
    keys: KeySpace,
    lessor: Lessor,
    pins: Pins,
    remembered: RememberedOutcomes,
    waiters: Waiters,
  ) {
    this.#standing = standing;
    this.#claims = claims;
    this.#keys = keys;
    this.#lessor = lessor;
    this.#pins = pins;
    this.#remembered = remembered;
    this.#waiters = waiters;
    this.#sections = [
      section(recordLetters.claim, claims.changes, (id) => claims.get(id), claimContent),
      section(recordLetters.remembered, remembered.changes, (key) => remembered.get(key), rememberedContent),
      section(recordLetters.key, keys.changes, (id) => keys.get(id), keyContent),
      section(recordLetters.lease, lessor.changes, (id) => lessor.get(id), leaseContent),
      section(recordLetters.standing, standing.changes, () => standing, standingContent),
      section(recordLetters.pins, pins.changes, (id) => pins.get(id), pinsContent),
      section(recordLetters.waiter, waiters.changes, (id) => waiters.get(Number(id)), waiterContent),
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
  takeChanges(): ChangeSet {
    // Time and revision are marked after they have moved, not before as all others are, so they are read now.
    const standing = standingContent(this.#standing);
    const taken = this.#sections.map(({ letter, changes, content }) => ({
      letter,
      records: changes.take(changes === this.#standing.changes ? () => standing : content),
    }));
    return new TakenSections(taken);
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
    for (const remembered of this.#remembered.all()) yield [recordLetters.remembered + remembered.key, rememberedContent(remembered)];
    for (const record of this.#keys.range('')) yield [recordLetters.key + record.key, keyContent(record)];
    for (const lease of this.#lessor.all()) yield [recordLetters.lease + lease.id, leaseContent(lease)];
    yield [recordLetters.standing, standingContent(this.#standing)];
    for (const set of this.#pins.all()) yield [recordLetters.pins + set.claimId, pinsContent(set)];
    for (const waiter of this.#waiters.all()) yield [recordLetters.waiter + waiter.fields.ticket, waiterContent(waiter)];
  }

  /** Adds a record. Throws {@link ImageError} on one that is not valid or came before. */
  restore(name: string, content: unknown, checksum: number): void {
    const record = readRecord(name, content);
    switch (record.kind) {
      case 'claim':
        this.#greatestRevision = Math.max(this.#greatestRevision, record.fence);
        once(this.#claims.restore(this.#claimOf(record, checksum)), name);
        break;
      case 'key':
        this.#greatestRevision = Math.max(this.#greatestRevision, record.modRevision);
        once(this.#keys.restore(this.#keyOf(record, checksum)), name);
        break;
      case 'lease': {
        const lease = this.#promised.get(record.id) ?? new Lease(record.id, 0, 0);
        this.#promised.delete(record.id);
        lease.ttlMs = record.ttlMs;
        lease.deadlineMs = record.deadlineMs;
        lease.savedChecksum = checksum;
        once(this.#lessor.restore(lease), name);
        break;
      }
      case 'pins':
        once(this.#claims.restorePins({ claimId: record.claimId, entities: record.entities, savedChecksum: checksum }), name);
        break;
      case 'remembered': {
        const { kind: _kind, ...fields } = record;
        this.#outcomes.push({ ...fields, savedChecksum: checksum });
        break;
      }
      case 'waiter': {
        const waiter = new Waiter(record.fields);
        waiter.savedChecksum = checksum;
        this.#queued.push(waiter);
        break;
      }
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
    for (const id of this.#promised.keys()) throw new ImageError(`the image names lease ${id}, which it lacks`);
    this.#restoreWaiters(index);
    this.#restoreOutcomes(index);
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
    this.#standing.changes.forget();
  }

  #claimOf({ id, holder, fence, term }: Living<'claim'>, checksum: number): Claim {
    const claim =
      term.session === null
        ? new Claim(id, holder, fence, null, term.durationMs, term.deadlineMs)
        : new Claim(id, holder, fence, this.#lease(term.session), 0, 0);
    claim.savedChecksum = checksum;
    return claim;
  }

  #keyOf({ key, value, createRevision, modRevision, version, lease }: Living<'key'>, checksum: number): KeyRecord {
    const livesBy = lease === null ? null : this.#lease(lease);
    return { key, value, createRevision, modRevision, version, lease: livesBy, savedChecksum: checksum };
  }

  #restoreWaiters(index: number): void {
    const inOrder = this.#queued.sort((a, b) => a.fields.turn - b.fields.turn || a.fields.ticket - b.fields.ticket);
    this.#queued = [];
    for (const waiter of inOrder) {
      const { ticket, claimId, holder, session, grantedFence } = waiter.fields;
      const claim = this.#claims.get(claimId);
      const fits =
        claim !== undefined && grantedFence === 0
          ? claim.holder !== holder && (session === null || this.#lessor.get(session) !== undefined)
          : claim?.holder === holder && claim.fence === grantedFence;
      if (!fits || ticket > index) throw new ImageError(`the image's waiter ${ticket} does not fit what it has of the lease`);
      once(this.#waiters.restore(waiter), recordLetters.waiter + ticket);
    }
  }

  #restoreOutcomes(index: number): void {
    const inOrder = this.#outcomes.sort((a, b) => a.index - b.index || a.position - b.position);
    this.#outcomes = [];
    for (const remembered of inOrder) {
      if (remembered.index > index) throw new ImageError(`the image remembers entry ${remembered.index}, which it has not seen`);
      once(this.#remembered.restore(remembered), recordLetters.remembered + remembered.key);
    }
  }

  /** The lease of that id, or the place that its record will fill: records come in any order. */
  #lease(id: string): Lease {
    const known = this.#lessor.get(id) ?? this.#promised.get(id);
    if (known !== undefined) return known;
    const promised = new Lease(id, 0, 0);
    this.#promised.set(id, promised);
    return promised;
  }
}

/** The changes of all sections, one after the other. */
class TakenSections implements ChangeSet {
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

function section<Part extends Saved>(
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

function once(added: boolean, name: string): void {
  if (!added) throw new ImageError(`the image has two records ${JSON.stringify(name)}`);
}
