// A sorted set of strings, cut into chunks: insertion and removal in O(log n), and ranges by prefix that touch nothing else.

/** A full chunk is split. Small enough that moving half of it costs less than finding it. */
const chunkMaxKeys = 256;

/** Strings in JavaScript's own order (by UTF-16 unit), which is the same on every node. */
export class OrderedKeys {
  /** Invariant: no chunk is empty, each is sorted, and every key of one is less than every key of the next. */
  readonly #chunks: string[][] = [];
  #size = 0;

  /** How many keys there are. */
  get size(): number {
    return this.#size;
  }

  /** Adds a key; false if it was there. */
  add(key: string): boolean {
    const chunks = this.#chunks;
    const last = chunks[chunks.length - 1];
    if (last === undefined || (last[last.length - 1] as string) < key) {
      // Keys that come in order fill their chunks to the brim.
      if (last === undefined || last.length === chunkMaxKeys) chunks.push([key]);
      else last.push(key);
      this.#size += 1;
      return true;
    }
    const at = this.#chunkFor(key);
    const chunk = chunks[at] as string[];
    const place = lowerBound(chunk, key);
    if (chunk[place] === key) return false;
    chunk.splice(place, 0, key);
    if (chunk.length > chunkMaxKeys) chunks.splice(at + 1, 0, chunk.splice(chunkMaxKeys / 2));
    this.#size += 1;
    return true;
  }

  /** Removes a key; false if it was not there. */
  delete(key: string): boolean {
    const chunks = this.#chunks;
    if (chunks.length === 0) return false;
    const at = this.#chunkFor(key);
    const chunk = chunks[at] as string[];
    const place = lowerBound(chunk, key);
    if (chunk[place] !== key) return false;
    chunk.splice(place, 1);
    this.#size -= 1;
    const next = chunks[at + 1];
    if (chunk.length === 0) {
      chunks.splice(at, 1);
    } else if (next !== undefined && chunk.length + next.length <= chunkMaxKeys / 4) {
      chunk.push(...next);
      chunks.splice(at + 1, 1);
    }
    return true;
  }

  /** The keys that begin with `prefix` and are greater than `after`, in order. The set must not change meanwhile. */
  *range(prefix: string, after: string | null): Generator<string, void, undefined> {
    const chunks = this.#chunks;
    if (chunks.length === 0) return;
    const from = after !== null && after >= prefix ? after : prefix;
    let at = this.#chunkFor(from);
    let place = lowerBound(chunks[at] as string[], from);
    for (; at < chunks.length; at += 1, place = 0) {
      const chunk = chunks[at] as string[];
      for (; place < chunk.length; place += 1) {
        const key = chunk[place] as string;
        if (key === after) continue;
        if (!key.startsWith(prefix)) return;
        yield key;
      }
    }
  }

  /** The chunk in which the key stands or would stand: the last that does not begin behind it, or the first. */
  #chunkFor(key: string): number {
    let low = 0;
    let high = this.#chunks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (((this.#chunks[middle] as string[])[0] as string) <= key) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** The place of the first key in a sorted chunk that is not less than `key`. */
function lowerBound(chunk: readonly string[], key: string): number {
  let low = 0;
  let high = chunk.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((chunk[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
