// What is remembered of one tenure besides how it stands: its extensions in sum, its gates in sum, pins and sessions one by one.

/** Pins and sessions remembered of one tenure; when there are more, the oldest are forgotten. */
export const marksMax = 16;

/** Something that happened to a tenure, worth a line of its own. */
export interface Mark {
  readonly type: 'pinned' | 'unpinned' | 'session-joined' | 'session-ended';
  readonly index: number;
  readonly timeMs: number;
  /** The entity that pins, or the session. */
  readonly by: string;
}

/** What only few tenures need. */
export interface StoryRest {
  /** Gated writes that asserted the tenure and were let through, and the index of the last; 0 and 0 for none. */
  uses: number;
  lastUse: number;
  /** Those that were refused for asserting it. */
  refusals: number;
  lastRefusal: number;
  /** At most {@link marksMax}, in order. */
  readonly marks: Mark[];
  /** Marks were forgotten. */
  forgot: boolean;
}

/** Made when the first thing happens to a tenure that its claim does not show: one that is only claimed and released has none. */
export class Story {
  /** Lease time of the claim, null if that was not known any more. */
  readonly beganMs: number | null;
  /** Times that the deadline was moved, and the index of the last; 0 and 0 for never. */
  extensions = 0;
  lastExtension = 0;
  /** The most that an extension came after the deadline it moved, and the index of that one; 0 and 0 for never. */
  greatestLateMs = 0;
  latestExtension = 0;
  rest: StoryRest | null = null;

  constructor(beganMs: number | null) {
    this.beganMs = beganMs;
  }

  extended(index: number, lateMs: number): void {
    this.extensions += 1;
    this.lastExtension = index;
    if (lateMs <= this.greatestLateMs) return;
    this.greatestLateMs = lateMs;
    this.latestExtension = index;
  }

  used(index: number): void {
    const rest = this.#rest();
    rest.uses += 1;
    rest.lastUse = index;
  }

  refused(index: number): void {
    const rest = this.#rest();
    rest.refusals += 1;
    rest.lastRefusal = index;
  }

  mark(mark: Mark): void {
    const rest = this.#rest();
    rest.marks.push(mark);
    if (rest.marks.length <= marksMax) return;
    rest.marks.shift();
    rest.forgot = true;
  }

  #rest(): StoryRest {
    this.rest ??= { uses: 0, lastUse: 0, refusals: 0, lastRefusal: 0, marks: [], forgot: false };
    return this.rest;
  }
}

const markTypes: readonly Mark['type'][] = ['pinned', 'unpinned', 'session-joined', 'session-ended'];

/** As it stands in a record. */
export function storyContent(story: Story): unknown[] {
  const { beganMs, extensions, lastExtension, greatestLateMs, latestExtension, rest } = story;
  const common = [beganMs, extensions, lastExtension, greatestLateMs, latestExtension];
  if (rest === null) return common;
  const marks = rest.marks.map(({ type, index, timeMs, by }) => [markTypes.indexOf(type), index, timeMs, by]);
  return [...common, rest.uses, rest.lastUse, rest.refusals, rest.lastRefusal, rest.forgot, marks];
}

/** The inverse of {@link storyContent}; null for what it does not make. */
export function readStory(content: unknown): Story | null {
  if (!Array.isArray(content) || (content.length !== 5 && content.length !== 11)) return null;
  const [beganMs, ...numbers]: readonly unknown[] = content;
  if (!(beganMs === null || isWhole(beganMs)) || !numbers.slice(0, 4).every(isWhole)) return null;
  const story = new Story(beganMs);
  [story.extensions, story.lastExtension, story.greatestLateMs, story.latestExtension] = numbers as [number, number, number, number];
  if (content.length === 5) return story;
  const [uses, lastUse, refusals, lastRefusal, forgot, list] = numbers.slice(4);
  if (!isWhole(uses) || !isWhole(lastUse) || !isWhole(refusals) || !isWhole(lastRefusal) || typeof forgot !== 'boolean') return null;
  const marks = Array.isArray(list) && list.length <= marksMax ? list.map(readMark) : [null];
  if (!marks.every((mark) => mark !== null)) return null;
  story.rest = { uses, lastUse, refusals, lastRefusal, marks, forgot };
  return story;
}

function readMark(content: unknown): Mark | null {
  if (!Array.isArray(content) || content.length !== 4) return null;
  const [code, index, timeMs, by]: readonly unknown[] = content;
  const type = isWhole(code) ? markTypes[code] : undefined;
  return type !== undefined && isWhole(index) && isWhole(timeMs) && typeof by === 'string' ? { type, index, timeMs, by } : null;
}

/** An index, a count or a time. */
export function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
