// The full name of a lease as callers write it, as a path of the HTTP contract, and as the `lease-if` header.

/** A lease's full name. Its parts are plain here, and percent-encoded in {@link parseLeaseName}'s text and in every path. */
export interface LeaseName {
  readonly namespace: string;
  readonly model: string;
  readonly lease: string;
}

/**
 * Reads `namespace/model/lease`, parts percent-encoded where they contain `/` or `%`. Throws `TypeError` on anything else; the finer
 * rules for names are the server's.
 */
export function parseLeaseName(name: string | LeaseName): LeaseName {
  if (typeof name !== 'string') return name;
  const parts = name.split('/');
  const [namespace = '', model = '', lease = ''] = parts.map(decodePart);
  if (parts.length !== 3 || namespace === '' || model === '' || lease === '') {
    throw new TypeError(`"${name}" is no lease: write namespace/model/lease, a slash or percent sign inside a part percent-encoded`);
  }
  return { namespace, model, lease };
}

/** The name as {@link parseLeaseName} reads it. */
export function leaseNameText({ namespace, model, lease }: LeaseName): string {
  return [namespace, model, lease].map(encodeURIComponent).join('/');
}

/** The path of a claim in the HTTP contract. */
export function leasePath({ namespace, model, lease }: LeaseName): string {
  return `/v1/leases${pathOf(namespace, model, lease)}`;
}

/** The `lease-if` header that lets a write through only while this is so; `holder` or `fence` may be left out, not both. */
export function leaseIf(name: LeaseName, { holder, fence }: { readonly holder?: string; readonly fence?: number }): string {
  const facts = [
    ...(holder === undefined ? [] : [`holder=${encodeURIComponent(holder)}`]),
    ...(fence === undefined ? [] : [`fence=${fence}`]),
  ];
  return [leaseNameText(name), ...facts].join(';');
}

/** Joins segments into a path, percent-encoding each; a lease's name may contain `/`. */
export function pathOf(...segments: readonly string[]): string {
  return segments.map((segment) => `/${encodeURIComponent(segment)}`).join('');
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new TypeError(`"${part}" is not percent-encoded as it should be: a percent sign is written %25`);
  }
}
