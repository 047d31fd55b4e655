// Which methods a path takes, for the answer to one that it does not take.

/** The paths that were registered, with their methods. Only asked when the router found nothing. */
export class KnownPaths {
  readonly #methods = new Map<string, Set<string>>();

  /** Notes a route; `pattern` has `:name` for a segment that may be anything. */
  add(pattern: string, methods: readonly string[]): void {
    const known = this.#methods.get(pattern) ?? new Set();
    for (const method of methods) known.add(method);
    this.#methods.set(pattern, known);
  }

  /** The methods of all paths together, sorted. */
  allMethods(): readonly string[] {
    return [...new Set([...this.#methods.values()].flatMap((known) => [...known]))].sort();
  }

  /** The methods of the path, sorted; none when there is no such path. An absolute URL counts by its path. */
  methodsOf(url: string): readonly string[] {
    const segments = (url.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?#]*/i, '').split('?', 1)[0] ?? '').split('/');
    const methods = new Set<string>();
    for (const [pattern, known] of this.#methods) {
      if (matches(pattern.split('/'), segments)) for (const method of known) methods.add(method);
    }
    return [...methods].sort();
  }
}

function matches(pattern: readonly string[], segments: readonly string[]): boolean {
  return pattern.length === segments.length && pattern.every((part, at) => part.startsWith(':') || part === segments[at]);
}
