// The idempotency key of one call: the same for all its attempts, with the log index since when it is in use.

export class RequestKey {
  readonly #key = newKey();
  #since: number | null = null;

  /**
   * The headers of the next attempt. `seenIndex`: greatest log index that any answer showed; `null` for none. `mayBeApplied`: whether an
   * earlier attempt might have been applied. If its outcome might be forgotten, the cluster refuses the next one, and does not carry it out
   * a second time.
   */
  headers(seenIndex: number | null, mayBeApplied: boolean): Readonly<Record<string, string>> {
    if (!mayBeApplied) this.#since = seenIndex;
    const key = { 'idempotency-key': this.#key };
    return mayBeApplied && this.#since !== null ? { ...key, 'idempotency-since': String(this.#since) } : key;
  }
}

/** The greater of `seenIndex` and the log index that an answer shows. */
export function greaterIndex(seenIndex: number | null, headers: Headers): number | null {
  const shown = headers.get('leasehold-index');
  const index = shown === null ? Number.NaN : Number(shown);
  return Number.isSafeInteger(index) && index > (seenIndex ?? -1) ? index : seenIndex;
}

/** 128 random bits; `crypto.randomUUID` is not there for a browser's page that came over plain HTTP. */
function newKey(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
