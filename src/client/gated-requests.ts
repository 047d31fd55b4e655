// Tells the requests that Leasehold gates by `lease-if` from all others.

/** What honors the header: the methods of each path behind an endpoint. */
const GATED: readonly (readonly [methods: readonly string[], path: RegExp])[] = [
  [['PUT', 'DELETE'], /^\/v1\/kv\/[^/]+$/],
  [['POST'], /^\/v1\/txn$/],
];

/** @throws TypeError if the request is not a write that one of the `endpoints` gates. */
export function requireGated(endpoints: readonly string[], input: string | URL | Request, init: RequestInit): void {
  const isRequest = typeof input === 'object' && 'method' in input;
  // `fetch` accepts the common methods in any case.
  const method = (init.method ?? (isRequest ? input.method : 'GET')).toUpperCase();
  const url = absolute(isRequest ? input.url : String(input));
  const isGated = endpoints.some((endpoint) => {
    const base = absolute(endpoint);
    const root = base.pathname.replace(/\/$/, '');
    if (url.origin !== base.origin || !url.pathname.startsWith(`${root}/`)) return false;
    const path = url.pathname.slice(root.length);
    return GATED.some(([methods, pattern]) => methods.includes(method) && pattern.test(path));
  });
  if (!isGated)
    throw new TypeError(
      `${method} ${url.origin}${url.pathname} does not honor lease-if, so the lease cannot gate it: use PUT or DELETE /v1/kv/{key}, or POST /v1/txn, at an endpoint of the client`,
    );
}

/** In a page, an endpoint and a request may be relative to the page. */
function absolute(url: string): URL {
  const { location } = globalThis as { readonly location?: { readonly href: string } };
  return new URL(url, location?.href);
}
