// Loads the page anew when a member has joined that its policy does not let it ask: the policy of the new page names it.

/** Between two looks at whether a new page would help, in milliseconds. */
const LOOK_MS = 2_000;
/** Where the focus is kept over the loading. */
const FOCUS = 'leasehold-focus';

let lookedMs = Number.NEGATIVE_INFINITY;

/** To be called whenever `origin` should be asked and may not be. Nothing happens while the reader is asked something, or waits for an order. */
export async function renewFor(origin: string): Promise<void> {
  if (performance.now() - lookedMs < LOOK_MS || document.querySelector('dialog[open], [aria-busy="true"]') !== null) return;
  lookedMs = performance.now();
  // Only once the node that served this page is there, and knows the member: a page that cannot be loaded, or again and again, is worse than an old one.
  const answer = await fetch('/', { method: 'HEAD', cache: 'no-store' }).catch(() => null);
  const policy = answer?.ok === true ? (answer.headers.get('content-security-policy') ?? '') : '';
  if (!policy.split(/[ ;]+/).includes(origin)) return;
  const label = document.activeElement?.getAttribute('aria-label') ?? null;
  if (label !== null) sessionStorage.setItem(FOCUS, label);
  location.reload();
}

/** Gives the focus back to what had it before; to be called when the page is filled. */
export function restoreFocus(): void {
  const label = sessionStorage.getItem(FOCUS);
  if (label === null) return;
  sessionStorage.removeItem(FOCUS);
  document.querySelector<HTMLElement>(`[aria-label="${CSS.escape(label)}"]`)?.focus();
}
