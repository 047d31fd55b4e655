// Counts the elements that array methods may touch during a call, so that a test can compare how work grows without measuring time.

const METHODS = [
  'filter',
  'includes',
  'indexOf',
  'find',
  'findIndex',
  'some',
  'every',
  'map',
  'slice',
  'sort',
  'concat',
  'splice',
  'shift',
] as const;

type AnyMethod = (this: unknown[], ...args: unknown[]) => unknown;

/** The sum of the lengths of all arrays on which `run` calls one of the methods above, plus 1 per call. */
export function arrayWork(run: () => void): number {
  const prototype = Array.prototype as unknown as Record<string, AnyMethod>;
  const originals = METHODS.map((name) => [name, prototype[name] as AnyMethod] as const);
  let work = 0;
  for (const [name, original] of originals) {
    prototype[name] = function counted(this: unknown[], ...args: unknown[]) {
      work += 1 + this.length;
      return original.apply(this, args);
    };
  }
  try {
    run();
  } finally {
    for (const [name, original] of originals) prototype[name] = original;
  }
  return work;
}
