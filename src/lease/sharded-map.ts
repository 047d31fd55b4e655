// A map by string that grows in small steps. JavaScript's own doubles its table in one go: at a million entries that stops everything for
// a tenth of a second and more.

/** A power of two. At a million entries a table holds four thousand, which move in a fraction of a millisecond. */
const SHARDS = 256;

/** Like `Map`, but no single addition or removal takes longer the more there are. In no particular order. */
export class ShardedMap<Value> {
  /** Each made with its first entry. */
  readonly #shards: (Map<string, Value> | undefined)[] = new Array(SHARDS).fill(undefined);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: string): Value | undefined {
    return this.#shards[shardOf(key)]?.get(key);
  }

  has(key: string): boolean {
    return this.#shards[shardOf(key)]?.has(key) ?? false;
  }

  set(key: string, value: Value): void {
    const place = shardOf(key);
    let shard = this.#shards[place];
    if (shard === undefined) {
      shard = new Map();
      this.#shards[place] = shard;
    }
    const before = shard.size;
    shard.set(key, value);
    this.#size += shard.size - before;
  }

  /** False if there was none. */
  delete(key: string): boolean {
    const deleted = this.#shards[shardOf(key)]?.delete(key) ?? false;
    if (deleted) this.#size -= 1;
    return deleted;
  }

  *keys(): Generator<string, void, undefined> {
    for (const shard of this.#shards) if (shard !== undefined) yield* shard.keys();
  }

  /** Calls `visit` with every value, which must not change the map. */
  forEach(visit: (value: Value) => void): void {
    for (const shard of this.#shards) shard?.forEach(visit);
  }
}

/** FNV-1a, folded. Who makes names that all fall into one shard gets the behaviour of a plain map. */
function shardOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at += 1) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  return (hash ^ (hash >>> 8) ^ (hash >>> 16)) & (SHARDS - 1);
}
