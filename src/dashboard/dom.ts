// The few things done to the page: finding, making, and keeping lists in step without touching what has the focus.

/** The element with that id, which the page has. */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no #${id}`);
  return found;
}

/** A new element with a text. Text only: nothing that a holder calls itself is ever read as markup. */
export function element<Tag extends keyof HTMLElementTagNameMap>(tag: Tag, text = '', className = ''): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className !== '') made.className = className;
  return made;
}

/** Sets a text if it is another one, so that screen readers and selections are left in peace. */
export function say(target: Element, text: string): void {
  if (target.textContent !== text) target.textContent = text;
}

/** Makes the children of `list` those of `items`, in order; a child is kept as long as there is an item of its key. */
export function keepInStep<Item, Child extends HTMLElement>(
  list: HTMLElement,
  items: readonly Item[],
  keyOf: (item: Item) => string,
  make: (item: Item) => Child,
  update: (child: Child, item: Item) => void,
): void {
  const old = new Map(([...list.children] as Child[]).map((child) => [child.dataset.key ?? '', child]));
  items.forEach((item, at) => {
    const key = keyOf(item);
    const child = old.get(key) ?? make(item);
    old.delete(key);
    child.dataset.key = key;
    update(child, item);
    if (list.children[at] !== child) list.insertBefore(child, list.children[at] ?? null);
  });
  for (const child of old.values()) child.remove();
}
