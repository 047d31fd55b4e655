// Long work in pieces, so that everything else that waits for the event loop gets its turn between two of them.

/** Records put into a batch, or the like, in one turn: a fraction of a millisecond. */
const PIECE_ITEMS = 256;

/**
 * Calls `each` for every item in order, a piece of them in one turn of the event loop, and then `done`. The first piece is done
 * before this returns, so short work costs no turn at all.
 */
export function inPieces<Item>(items: readonly Item[], each: (item: Item) => unknown, done: () => void): void {
  const piece = (from: number): void => {
    const end = Math.min(from + PIECE_ITEMS, items.length);
    for (let at = from; at < end; at++) each(items[at] as Item);
    if (end === items.length) done();
    else setImmediate(piece, end);
  };
  piece(0);
}
