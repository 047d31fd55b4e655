// Chooses from a long story the lines that a violation speaks of.

/** What is named in a violation: a node, a call, a read, a wait, a term, a fence, an entry, a lease, a key of the store. */
const NAMES = /\bn\d+\b|\b(?:call|read|wait|term|fence|entry|lease) \d+\b|\b[\w-]+\/[\w-]+\/[\w/-]+|\bk\d\b/g;
/** Worth more than others: there is only one of each. */
const UNIQUE = /^(call|read|wait|entry|fence)/;
const LINES_MOST = 30;

/** At most 30 lines of the story, in order: those that share most with the message, of these the last, and whatever breaks something. */
export function matters(message: string, story: readonly string[]): string[] {
  const names = new Set(message.match(NAMES) ?? []);
  const scored = story.map((line, place) => {
    let score = / nemesis | LEADS /.test(line) ? 1 : 0;
    for (const name of new Set(line.match(NAMES) ?? [])) if (names.has(name)) score += UNIQUE.test(name) ? 4 : 1;
    return { line, place, score };
  });
  return scored
    .filter(({ score }) => score > 0)
    .sort((one, other) => other.score - one.score || other.place - one.place)
    .slice(0, LINES_MOST)
    .sort((one, other) => one.place - other.place)
    .map(({ line }) => line);
}
