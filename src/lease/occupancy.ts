// Counts the claims, keys, and sessions of the state, and their encoded bytes, as they come and go.
import { ShardedMap } from './sharded-map.ts';

/** Encoded bytes of a record beside its texts: its numbers, its key on disk, and its checksum. */
const CLAIM_BYTES = 64;
const KEY_BYTES = 64;
const SESSION_BYTES = 48;

/** Encoded bytes of a claim: 64 and the UTF-8 bytes of its names. */
export function claimBytes(id: string, holder: string): number {
  return CLAIM_BYTES + utf8Bytes(id) + utf8Bytes(holder);
}

/** Encoded bytes of a store key: 64 and the UTF-8 bytes of the key and its value. */
export function keyBytes(key: string, value: string): number {
  return KEY_BYTES + utf8Bytes(key) + utf8Bytes(value);
}

/** Encoded bytes of a session. What is attached to it counts by itself. */
export function sessionBytes(): number {
  return SESSION_BYTES;
}

/** Length of a well-formed string in UTF-8. */
export function utf8Bytes(text: string): number {
  let bytes = text.length;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    // A surrogate pair is two units and four bytes.
    if (unit >= 0x80) bytes += unit >= 0x800 && (unit < 0xd800 || unit > 0xdfff) ? 2 : 1;
  }
  return bytes;
}

/**
 * What the state contains, in numbers that quotas can be compared with in O(1). Follows from the records alone, so it is the same on every
 * node at the same index, and after a restore. Nothing is decided by it when an entry is applied. Pins, queued claims, remembered outcomes,
 * and histories have limits of their own and are not in it.
 */
export class Occupancy {
  claims = 0;
  keys = 0;
  sessions = 0;
  /** Encoded bytes of claims, keys, and sessions, by the formulas above. */
  bytes = 0;
  readonly #namespaces = new ShardedMap<number>();
  /** Claims from which on a namespace is full. */
  #share = Number.POSITIVE_INFINITY;
  /** Namespaces that reached the share and did not fall to 90% of it since. */
  readonly #full = new Set<string>();

  /** Claims of one namespace. */
  claimsIn(namespace: string): number {
    return this.#namespaces.get(namespace) ?? 0;
  }

  /** Whether any namespace reached the share and did not fall to 90% of it since. */
  get hasFullNamespace(): boolean {
    return this.#full.size > 0;
  }
  isFull(namespace: string): boolean {
    return this.#full.has(namespace);
  }

  /**
   * Sets the share of a namespace, in claims. A setting of this node: it is not part of the state. Costs O(1): a namespace that has so many
   * already is full from its next claim on.
   */
  setShare(share: number): void {
    this.#share = share;
  }

  claimAdded(id: string, holder: string): void {
    this.claims += 1;
    this.bytes += claimBytes(id, holder);
    this.#count(id, 1);
  }

  claimRemoved(id: string, holder: string): void {
    this.claims -= 1;
    this.bytes -= claimBytes(id, holder);
    this.#count(id, -1);
  }

  keyAdded(key: string, value: string): void {
    this.keys += 1;
    this.bytes += keyBytes(key, value);
  }

  keyReplaced(before: string, after: string): void {
    this.bytes += utf8Bytes(after) - utf8Bytes(before);
  }

  keyRemoved(key: string, value: string): void {
    this.keys -= 1;
    this.bytes -= keyBytes(key, value);
  }

  sessionAdded(): void {
    this.sessions += 1;
    this.bytes += SESSION_BYTES;
  }

  sessionRemoved(): void {
    this.sessions -= 1;
    this.bytes -= SESSION_BYTES;
  }

  /** The namespace is the first part of a claim's id, between its first two zeros. */
  #count(id: string, change: 1 | -1): void {
    const namespace = id.slice(1, id.indexOf('\0', 1));
    const count = this.claimsIn(namespace) + change;
    if (count === 0) this.#namespaces.delete(namespace);
    else this.#namespaces.set(namespace, count);
    this.#compare(namespace, count);
  }

  #compare(namespace: string, count: number): void {
    if (count >= this.#share) this.#full.add(namespace);
    else if (this.#full.size > 0 && count <= 0.9 * this.#share) this.#full.delete(namespace);
  }
}
