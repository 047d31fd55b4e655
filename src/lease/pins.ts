// Pins: entities that keep a claim from expiring. They belong to the claim's key, whether or not anybody holds it.
import { Changes, type Saved } from './changes.ts';
import { leaseKeyOf, type Scope, scopePrefix } from './lease-key.ts';
import { LEASE_PINS_MAX, PINNED_LEASES_MAX } from './limits.ts';
import { OrderedMap } from './ordered-map.ts';
import type { Page, PinView } from './outcomes.ts';

/** The pins on one claim's key. */
export interface PinSet extends Saved {
  readonly claimId: string;
  /** Sorted, never empty; replaced, not changed, so that a view may keep it. */
  entities: readonly string[];
}

const none: readonly string[] = [];

/** Entities after which a page of pins ends. */
const PAGE_ENTITIES_MAX = 5_000;

/** All pins, by claim id. */
export class Pins {
  /** Those to be saved. */
  readonly changes = new Changes();
  readonly #sets = new OrderedMap<PinSet>();

  /** How many claims' keys are pinned. */
  get size(): number {
    return this.#sets.size;
  }

  has(claimId: string): boolean {
    return this.#sets.size > 0 && this.#sets.get(claimId) !== undefined;
  }

  /** The set itself, for saving it. */
  get(claimId: string): PinSet | undefined {
    return this.#sets.get(claimId);
  }

  /** Sorted; empty where nobody pins. */
  entities(claimId: string): readonly string[] {
    return this.#sets.get(claimId)?.entities ?? none;
  }

  /** Whether the limits let that pin in; one that is there already is no new one. */
  hasRoomFor(claimId: string, entity: string): boolean {
    const set = this.#sets.get(claimId);
    if (set === undefined) return this.#sets.size < PINNED_LEASES_MAX;
    return set.entities.length < LEASE_PINS_MAX || set.entities.includes(entity);
  }

  /** True if this is the first pin on the key. A pin that is there already changes nothing. */
  add(claimId: string, entity: string): boolean {
    const set = this.#sets.get(claimId);
    if (set === undefined) {
      this.changes.mark(claimId, null);
      this.#sets.add(claimId, { claimId, entities: [entity], savedChecksum: null });
      return true;
    }
    if (set.entities.includes(entity)) return false;
    this.changes.mark(claimId, set.savedChecksum);
    set.entities = [...set.entities, entity].sort();
    return false;
  }

  /** True if this was the last pin on the key. A pin that is not there changes nothing. */
  remove(claimId: string, entity: string): boolean {
    const set = this.#sets.get(claimId);
    if (set === undefined || !set.entities.includes(entity)) return false;
    this.changes.mark(claimId, set.savedChecksum);
    if (set.entities.length > 1) {
      set.entities = set.entities.filter((each) => each !== entity);
      return false;
    }
    return this.#sets.delete(claimId);
  }

  /** Takes a set from an image; false if there is one for that key. */
  restore(set: PinSet): boolean {
    if (this.#sets.get(set.claimId) !== undefined) return false;
    this.#sets.add(set.claimId, set);
    return true;
  }

  /** All sets, in order. */
  all(): Iterable<PinSet> {
    return this.#sets.range('', null);
  }

  /**
   * The first `limit` pinned leases of a scope after the claim id `after`, in order. A page ends early when it has {@link PAGE_ENTITIES_MAX}
   * entities. `next` is the claim id after which the next page starts, null on the last page.
   */
  page(scope: Scope | null, after: string | null, limit: number): Page<PinView> {
    const items: PinView[] = [];
    let entities = 0;
    let last: string | null = null;
    for (const set of this.#sets.range(scopePrefix(scope), after)) {
      if (items.length >= limit || entities >= PAGE_ENTITIES_MAX) return { items, next: last };
      items.push({ ...leaseKeyOf(set.claimId), entities: set.entities });
      entities += set.entities.length;
      last = set.claimId;
    }
    return { items, next: null };
  }

  /** The pins in a scope, in order, those on keys that nobody holds included. */
  views(scope: Scope | null): PinView[] {
    const views: PinView[] = [];
    for (const set of this.#sets.range(scopePrefix(scope), null)) {
      views.push({ ...leaseKeyOf(set.claimId), entities: set.entities });
    }
    return views;
  }
}
