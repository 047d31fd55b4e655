// What somebody may have meant who wrote a name that there is not.

/** Of `known`, the one with the fewest letters to change; null when more than a third would have to be. */
export function nearest(written: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let fewest = Math.floor(written.length / 3) + 1;
  for (const name of known) {
    const changes = lettersToChange(written, name);
    if (changes < fewest) {
      best = name;
      fewest = changes;
    }
  }
  return best;
}

/** Letters to put in, take out or replace (Levenshtein 1965), a row of the table at a time. */
function lettersToChange(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, at) => at);
  for (const [line, letter] of [...from].entries()) {
    const next = [line + 1];
    for (const [at, other] of [...to].entries())
      next.push(Math.min((next[at] ?? 0) + 1, (row[at + 1] ?? 0) + 1, (row[at] ?? 0) + (letter === other ? 0 : 1)));
    row = next;
  }
  return row.at(-1) ?? 0;
}
