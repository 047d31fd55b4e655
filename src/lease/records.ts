// The records of the saved image: their names, what they hold as plain arrays, and reading them back in disbelief.
import type { Claim } from './claim.ts';
import { isFingerprint } from './fingerprints.ts';
import { isLeaseUid, type Lease, type LeaseEnd } from './granted-lease.ts';
import type { KeyRecord } from './key-space.ts';
import { claimIdOf, leaseKeyOf } from './lease-key.ts';
import { nameProblem, requestKeyProblem, storeKeyProblem, valueProblem } from './names.ts';
import type { PinSet } from './pins.ts';
import type { Remembered } from './remembered.ts';
import type { Standing } from './standing.ts';
import { readStory, type Story, storyContent } from './story.ts';
import type { Waiter, WaiterFields } from './waiters.ts';

/**
 * Version of everything below. Version 2 lacked the index of what was forgotten, and is saved until there is one. Version 1 lacked waiters and
 * remembered outcomes and is read as an image that has none; any other is refused.
 */
const imageVersion = 3;

/**
 * A record's name is a letter for its kind and the id of the thing: a claim's key, a key, a lease's id, nothing, a claim's key, a
 * caller's key, a ticket, a piece of ended tenures, nothing (the changes of leader).
 */
export const recordLetters = {
  claim: 'c',
  key: 'k',
  lease: 'l',
  standing: 'm',
  pins: 'p',
  remembered: 'i',
  waiter: 'w',
  history: 'h',
  reigns: 'r',
} as const;

/** An image that cannot be what this version saved. Nothing of it may be used. */
export class ImageError extends Error {
  override readonly name = 'ImageError';
  readonly code = 'bad-image';
}

/** What a record says, checked by itself; whether the leases that it names exist is checked when all are there. */
export type ImageRecord =
  | {
      readonly kind: 'claim';
      readonly id: string;
      readonly holder: string;
      readonly fence: number;
      readonly term: ClaimTerm;
      readonly story: Story | null;
    }
  /** A piece of ended tenures, or the changes of leader: read by whoever keeps them. */
  | { readonly kind: 'history' | 'reigns'; readonly id: string; readonly content: readonly unknown[] }
  | {
      readonly kind: 'key';
      readonly key: string;
      readonly value: string;
      readonly createRevision: number;
      readonly modRevision: number;
      readonly version: number;
      readonly lease: string | null;
    }
  | {
      readonly kind: 'lease';
      readonly uid: string;
      readonly ttlMs: number;
      readonly deadlineMs: number;
      readonly attachedIndex: number;
      readonly grantedIndex: number;
      readonly ended: LeaseEnd | null;
    }
  | { readonly kind: 'pins'; readonly claimId: string; readonly entities: readonly string[] }
  | ({ readonly kind: 'remembered' } & Omit<Remembered, 'savedChecksum'>)
  | { readonly kind: 'waiter'; readonly fields: WaiterFields }
  | {
      readonly kind: 'standing';
      readonly timeMs: number;
      readonly revision: number;
      readonly eventIndex: number;
      readonly eventPosition: number;
      readonly forgottenIndex: number | null;
    };

/** How long a claim lasts: as long as its session, or by time of its own. */
export type ClaimTerm = { readonly session: string } | { readonly session: null; readonly durationMs: number; readonly deadlineMs: number };

export function claimContent(claim: Claim): unknown[] {
  const { holder, fence, session, durationMs, deadlineMs, story } = claim;
  const content: unknown[] = session !== null ? [holder, fence, session.uid] : [holder, fence, durationMs, deadlineMs];
  if (story !== null) content.push(storyContent(story));
  return content;
}

export function keyContent(record: KeyRecord): unknown[] {
  return [record.value, record.createRevision, record.modRevision, record.version, record.lease?.uid ?? null];
}

const leaseEnds: readonly LeaseEnd['cause'][] = ['expired', 'revoked'];

/** Without the last number, or the last two, for a lease of version 0.1.0. With its end if it has ended. */
export function leaseContent({ ttlMs, deadlineMs, attachedIndex, grantedIndex, ended }: Lease): unknown[] {
  if (ended !== null) {
    const { index, timeMs, term, cause, position } = ended;
    return [ttlMs, deadlineMs, attachedIndex, grantedIndex, index, timeMs, term, leaseEnds.indexOf(cause), position];
  }
  if (grantedIndex !== 0) return [ttlMs, deadlineMs, attachedIndex, grantedIndex];
  return attachedIndex === 0 ? [ttlMs, deadlineMs] : [ttlMs, deadlineMs, attachedIndex];
}

export function pinsContent(set: PinSet): unknown[] {
  return [...set.entities];
}

export function rememberedContent({ fingerprint, index, position, timeMs, outcome }: Remembered): unknown[] {
  return [fingerprint, index, position, timeMs, outcome];
}

export function waiterContent({ fields }: Waiter): unknown[] {
  const { turn, claimId, holder, session, durationMs, node, incarnation, endMs, grantedFence, requestKey } = fields;
  return [turn, claimId, holder, session, durationMs, node, incarnation, endMs, grantedFence, requestKey];
}

export function standingContent(standing: Standing): unknown[] {
  const { timeMs, revision, eventIndex, eventPosition, forgottenIndex } = standing;
  if (forgottenIndex === null) return [2, timeMs, revision, eventIndex, eventPosition];
  return [imageVersion, timeMs, revision, eventIndex, eventPosition, forgottenIndex];
}

/** Reads a record. Throws {@link ImageError} on anything that this version does not save. */
export function readRecord(name: string, content: unknown): ImageRecord {
  const record = Array.isArray(content) ? read(name.slice(0, 1), name.slice(1), content) : null;
  if (record === null) throw new ImageError(`the image's record ${JSON.stringify(name)} is not one of version ${imageVersion}`);
  return record;
}

function read(letter: string, id: string, content: readonly unknown[]): ImageRecord | null {
  switch (letter) {
    case recordLetters.claim:
      return isClaimIdOfNames(id) ? readClaim(id, content) : null;
    case recordLetters.key: {
      const [value, createRevision, modRevision, version, lease] = content;
      if (content.length !== 5 || storeKeyProblem(id) !== null || typeof value !== 'string' || valueProblem(value) !== null) return null;
      if (!isCount(createRevision) || !isCount(modRevision) || !isCount(version) || modRevision < createRevision) return null;
      return lease === null || isLeaseUid(lease) ? { kind: 'key', key: id, value, createRevision, modRevision, version, lease } : null;
    }
    case recordLetters.history:
      return { kind: 'history', id, content };
    case recordLetters.reigns:
      return id === '' ? { kind: 'reigns', id, content } : null;
    case recordLetters.lease:
      return isLeaseUid(id) ? readLease(id, content) : null;
    case recordLetters.pins: {
      const entities: string[] = [];
      for (const entity of content) {
        const last = entities[entities.length - 1];
        if (typeof entity !== 'string' || nameProblem(entity) !== null || (last !== undefined && last >= entity)) return null;
        entities.push(entity);
      }
      return entities.length > 0 && isClaimIdOfNames(id) ? { kind: 'pins', claimId: id, entities } : null;
    }
    case recordLetters.remembered: {
      const [fingerprint, index, position, timeMs, outcome] = content;
      if (content.length !== 5 || !isRequestKey(id) || !isFingerprint(fingerprint)) return null;
      if (!isCount(index) || !isTime(position) || !isTime(timeMs)) return null;
      if (typeof outcome !== 'string' || !isOutcomeText(outcome)) return null;
      return { kind: 'remembered', key: id, fingerprint, index, position, timeMs, outcome };
    }
    case recordLetters.waiter:
      return readWaiter(id, content);
    case recordLetters.standing: {
      // Images from before there were events lack the last two: what was told until then is not known, which 0 says as well.
      const [version, timeMs, revision, eventIndex = 0, eventPosition = 0, forgottenIndex = null] = content;
      const isOfVersion = version === imageVersion ? content.length === 6 : version === 1 || version === 2;
      if (id !== '' || !isOfVersion || (version !== imageVersion && content.length !== 5 && content.length !== 3)) return null;
      if (!isTime(timeMs) || !isTime(revision) || !isTime(eventIndex) || !isTime(eventPosition)) return null;
      if (!(version === imageVersion ? isTime(forgottenIndex) : forgottenIndex === null)) return null;
      return { kind: 'standing', timeMs, revision, eventIndex, eventPosition, forgottenIndex: forgottenIndex as number | null };
    }
    default:
      return null;
  }
}

function readLease(uid: string, content: readonly unknown[]): ImageRecord | null {
  const [ttlMs, deadlineMs, attachedIndex = 0, grantedIndex = 0, index, timeMs, term, code, position] = content;
  if (content.length < 2 || !isCount(ttlMs) || !isTime(deadlineMs) || !isTime(attachedIndex) || !isTime(grantedIndex)) return null;
  const lease = { kind: 'lease', uid, ttlMs, deadlineMs, attachedIndex, grantedIndex } as const;
  // Nothing that is 0 ends a record.
  if (content.length <= 4) return content.length > 2 && content[content.length - 1] === 0 ? null : { ...lease, ended: null };
  const cause = isTime(code) ? leaseEnds[code] : undefined;
  if (content.length !== 9 || !isCount(index) || !isTime(timeMs) || !isTime(term) || cause === undefined || !isTime(position)) return null;
  return { ...lease, ended: { index, timeMs, term, cause, position } };
}

function readClaim(id: string, content: readonly unknown[]): ImageRecord | null {
  // The story comes last, and only where there is one.
  const told = content[content.length - 1];
  const story = Array.isArray(told) ? readStory(told) : null;
  if (Array.isArray(told) && story === null) return null;
  const [holder, fence, third, deadlineMs, ...more] = story === null ? content : content.slice(0, -1);
  if (typeof holder !== 'string' || nameProblem(holder) !== null || !isCount(fence) || more.length > 0) return null;
  if (isLeaseUid(third)) return deadlineMs === undefined ? { kind: 'claim', id, holder, fence, term: { session: third }, story } : null;
  if (!isCount(third) || !isTime(deadlineMs)) return null;
  return { kind: 'claim', id, holder, fence, term: { session: null, durationMs: third, deadlineMs }, story };
}

function readWaiter(id: string, content: readonly unknown[]): ImageRecord | null {
  const [turn, claimId, holder, session, durationMs, node, incarnation, endMs, grantedFence, requestKey] = content;
  const ticket = Number(id);
  if (content.length !== 10 || !isCount(ticket) || String(ticket) !== id || !isCount(turn) || turn > ticket) return null;
  if (typeof claimId !== 'string' || !isClaimIdOfNames(claimId) || typeof holder !== 'string' || nameProblem(holder) !== null) return null;
  if (!(session === null || isLeaseUid(session)) || !isTime(durationMs) || (session === null) !== durationMs > 0) return null;
  if (!isTime(node) || !isTime(incarnation) || !isTime(endMs) || !isTime(grantedFence)) return null;
  if (!(requestKey === null || isRequestKey(requestKey))) return null;
  const life = { node, incarnation };
  return { kind: 'waiter', fields: { ticket, turn, claimId, holder, session, durationMs, ...life, endMs, grantedFence, requestKey } };
}

function isClaimIdOfNames(id: string): boolean {
  const key = leaseKeyOf(id);
  const named = nameProblem(key.namespace) === null && nameProblem(key.model) === null && nameProblem(key.lease) === null;
  return named && claimIdOf(key) === id;
}

function isRequestKey(value: unknown): value is string {
  return typeof value === 'string' && requestKeyProblem(value) === null;
}

/** Empty, or what was once an outcome; that its fields are whole is left to the checksum over the record. */
function isOutcomeText(text: string): boolean {
  if (text === '') return true;
  try {
    const outcome: unknown = JSON.parse(text);
    return typeof outcome === 'object' && outcome !== null && 'kind' in outcome;
  } catch {
    return false;
  }
}

/** A whole number from 1 on: an index, a version, a duration. */
function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

/** A whole number from 0 on: lease time, or a revision before the first change. */
function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
