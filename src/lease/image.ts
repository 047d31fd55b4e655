// The image: the whole state as independent records, saved piece by piece as they change and read back in any order.
import { Claim } from './claim.ts';
import type { Claims } from './claims.ts';
import { Lease } from './granted-lease.ts';
import type { History } from './history.ts';
import type { KeyRecord, KeySpace } from './key-space.ts';
import type { Lessor } from './lessor.ts';
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
import { type ChangeSet, type Section, section, TakenSections } from './sections.ts';
import { ShardedMap } from './sharded-map.ts';
import type { Standing } from './standing.ts';
import { Waiter, type Waiters } from './waiters.ts';

type Living<Kind> = Extract<ImageRecord, { readonly kind: Kind }>;

/** The parts of the state, as the records see them. */
export class Image {
  readonly #standing: Standing;
  readonly #claims: Claims;
  readonly #keys: KeySpace;
  readonly #lessor: Lessor;
  readonly #pins: Pins;
  readonly #history: History;
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
  #greatestAttached = 0;

  constructor(
    standing: Standing,
    claims: Claims,
    keys: KeySpace,
    lessor: Lessor,
    pins: Pins,
    remembered: RememberedOutcomes,
    waiters: Waiters,
    history: History,
  ) {
    this.#standing = standing;
    this.#claims = claims;
    this.#keys = keys;
    this.#lessor = lessor;
    this.#pins = pins;
    this.#remembered = remembered;
    this.#waiters = waiters;
    this.#history = history;
    this.#sections = [
      section(recordLetters.claim, claims.changes, (id) => claims.record(id), claimContent),
      section(recordLetters.remembered, remembered.changes, (key) => remembered.get(key), rememberedContent),
      section(recordLetters.key, keys.changes, (id) => keys.record(id), keyContent),
      section(recordLetters.lease, lessor.changes, (uid) => lessor.record(uid), leaseContent),
      section(recordLetters.standing, standing.changes, () => standing, standingContent),
      section(recordLetters.pins, pins.changes, (id) => pins.get(id), pinsContent),
      section(recordLetters.waiter, waiters.changes, (id) => waiters.get(Number(id)), waiterContent),
      { letter: recordLetters.history, changes: history.changes, get: (id) => history.get(id), content: (id) => history.content(id) },
      section(
        recordLetters.reigns,
        history.reigns.changes,
        () => history.reigns,
        (reigns) => reigns.content(),
      ),
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
    for (const id of this.#history.ids()) yield [recordLetters.history + id, this.#history.content(id)];
    for (const remembered of this.#remembered.all()) yield [recordLetters.remembered + remembered.key, rememberedContent(remembered)];
    for (const record of this.#keys.all()) yield [recordLetters.key + record.key, keyContent(record)];
    for (const lease of this.#lessor.all()) yield [recordLetters.lease + lease.uid, leaseContent(lease)];
    yield [recordLetters.standing, standingContent(this.#standing)];
    for (const set of this.#pins.all()) yield [recordLetters.pins + set.claimId, pinsContent(set)];
    if (this.#history.reigns.count > 0) yield [recordLetters.reigns, this.#history.reigns.content()];
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
        const lease = this.#promised.get(record.uid) ?? new Lease(record.uid, 0, 0);
        this.#promised.delete(record.uid);
        lease.ttlMs = record.ttlMs;
        lease.deadlineMs = record.deadlineMs;
        lease.attachedIndex = record.attachedIndex;
        lease.grantedIndex = record.grantedIndex;
        lease.ended = record.ended;
        this.#greatestAttached = Math.max(this.#greatestAttached, record.attachedIndex, record.grantedIndex, record.ended?.index ?? 0);
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
      case 'history':
        once(this.#history.get(record.id) === undefined, name);
        valid(this.#history.restore(record.id, record.content, checksum), name);
        break;
      case 'reigns':
        once(this.#history.reigns.count === 0, name);
        valid(this.#history.reigns.restore(record.content, checksum), name);
        break;
      case 'standing':
        once(!this.#standingRead, name);
        this.#standingRead = true;
        this.#standing.timeMs = record.timeMs;
        this.#standing.revision = record.revision;
        this.#standing.eventIndex = record.eventIndex;
        this.#standing.eventPosition = record.eventPosition;
        this.#standing.forgottenIndex = record.forgottenIndex;
        this.#standing.savedChecksum = checksum;
        break;
    }
  }

  /** All records are there; `index` is the image's. Throws {@link ImageError} if they do not fit together. */
  finishRestore(index: number): void {
    for (const id of this.#promised.keys()) throw new ImageError(`the image names lease ${id}, which it lacks`);
    this.#lessor.finishRestore();
    this.#restoreWaiters(index);
    this.#restoreOutcomes(index);
    this.#history.finishRestore();
    if (!this.#standingRead) {
      if (index > 0 || this.#claims.size > 0 || this.#greatestRevision > 0) throw new ImageError('the image lacks its time and revision');
      return;
    }
    if (this.#greatestRevision > this.#standing.revision || this.#standing.revision > index) {
      const { revision } = this.#standing;
      throw new ImageError(`the image's revisions disagree: written at ${this.#greatestRevision}, revision ${revision}, index ${index}`);
    }
    if (this.#greatestAttached > index)
      throw new ImageError(`the image's leases were changed at ${this.#greatestAttached}, after ${index}`);
    if (this.#standing.eventIndex > index)
      throw new ImageError(`the image tells of events up to ${this.#standing.eventIndex}, beyond ${index}`);
    if ((this.#standing.forgottenIndex ?? 0) > index)
      throw new ImageError(`the image forgot outcomes up to ${this.#standing.forgottenIndex}, after ${index}`);
    this.#standing.index = index;
    this.#standing.changes.forget();
  }

  #claimOf({ id, holder, fence, term, story }: Living<'claim'>, checksum: number): Claim {
    const claim =
      term.session === null
        ? new Claim(id, holder, fence, null, term.durationMs, term.deadlineMs)
        : new Claim(id, holder, fence, this.#lease(term.session), 0, 0);
    claim.savedChecksum = checksum;
    claim.story = story;
    return claim;
  }

  #keyOf({ key, value, createRevision, modRevision, version, lease }: Living<'key'>, checksum: number): KeyRecord {
    const livesBy = lease === null ? null : this.#lease(lease);
    return { key, value, createRevision, modRevision, version, lease: livesBy, savedChecksum: checksum };
  }

  #restoreWaiters(index: number): void {
    const inOrder = this.#queued.sort((a, b) => a.fields.ticket - b.fields.ticket);
    this.#queued = [];
    for (const waiter of inOrder) {
      const { ticket, claimId, holder, session, grantedFence } = waiter.fields;
      const claim = this.#claims.record(claimId);
      const fits =
        claim !== undefined && grantedFence === 0
          ? session === null || this.#lessor.record(session) !== undefined
          : claim?.holder === holder && claim.fence === grantedFence;
      if (!fits || ticket > index) throw new ImageError(`the image's waiter ${ticket} does not fit what it has of the lease`);
    }
    const twice = this.#waiters.restore(inOrder);
    once(twice === null, recordLetters.waiter + String(twice?.fields.ticket));
  }

  #restoreOutcomes(index: number): void {
    const inOrder = this.#outcomes.sort((a, b) => a.index - b.index || a.position - b.position);
    this.#outcomes = [];
    for (const remembered of inOrder) {
      if (remembered.index > index) throw new ImageError(`the image remembers entry ${remembered.index}, which it has not seen`);
      once(this.#remembered.restore(remembered), recordLetters.remembered + remembered.key);
    }
  }

  /** The lease of that uid, or the place that its record will fill: records come in any order. */
  #lease(uid: string): Lease {
    const known = this.#lessor.record(uid) ?? this.#promised.get(uid);
    if (known !== undefined) return known;
    const promised = new Lease(uid, 0, 0);
    this.#promised.set(uid, promised);
    return promised;
  }
}

function once(added: boolean, name: string): void {
  if (!added) throw new ImageError(`the image has two records ${JSON.stringify(name)}`);
}

function valid(taken: boolean, name: string): void {
  if (!taken) throw new ImageError(`the image's record ${JSON.stringify(name)} is not one of this version`);
}
