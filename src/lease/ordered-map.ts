// A map whose keys are also kept in order: found by hash, listed by prefix, shown in pages.
import { assert } from '../assert.ts';
import { OrderedKeys } from './ordered-keys.ts';
import type { Page } from './outcomes.ts';
import { ShardedMap } from './sharded-map.ts';

/** Values that one page passes over because they are not shown. */
const PASSED_OVER_MAX = 4_096;

/** Values by string key. What looks up one key never touches the order; what lists a prefix never touches the rest. */
export class OrderedMap<Value> {
  readonly #values = new ShardedMap<Value>();
  readonly #order = new OrderedKeys();

  get size(): number {
    return this.#values.size;
  }

  get(key: string): Value | undefined {
    return this.#values.get(key);
  }

  /** Adds a value under a key that must have none. */
  add(key: string, value: Value): void {
    const added = this.#order.add(key);
    assert(added, 'the key is there already');
    this.#values.set(key, value);
  }

  /** False if there was none. */
  delete(key: string): boolean {
    return this.#values.delete(key) && this.#order.delete(key);
  }

  /** The values whose keys begin with `prefix` and are greater than `after`, in order. The map must not change meanwhile. */
  *range(prefix: string, after: string | null): Generator<Value, void, undefined> {
    for (const key of this.#order.range(prefix, after)) yield this.#values.get(key) as Value;
  }

  /**
   * The first `limit` values of that range as they are shown, without those for which `view` is null. `next` is the key after which the
   * next page starts, null if no key follows. A page ends early when it has passed over {@link PASSED_OVER_MAX} values.
   */
  page<View>(prefix: string, after: string | null, limit: number, view: (value: Value) => View | null): Page<View> {
    const items: View[] = [];
    let passedOver = 0;
    let last: string | null = null;
    for (const key of this.#order.range(prefix, after)) {
      if (items.length >= limit || passedOver >= PASSED_OVER_MAX) return { items, next: last };
      const shown = view(this.#values.get(key) as Value);
      if (shown === null) passedOver += 1;
      else items.push(shown);
      last = key;
    }
    return { items, next: null };
  }
}
