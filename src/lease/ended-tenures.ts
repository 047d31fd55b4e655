// Tenures that have ended, the last so many of them, kept in pieces: a record of its own for each would double what is saved.
import type { Changes, Saved } from './changes.ts';
import type { ClaimEnd } from './events.ts';
import { isWhole, readStory, type Story, storyContent } from './story.ts';

/** Tenures of one piece, which is one record. */
export const pieceTenures = 32;

/** What is known of a tenure that is over. */
export interface EndedTenure {
  readonly claimId: string;
  readonly holder: string;
  readonly fence: number;
  /** Lease time of the claim; null if not known. */
  readonly beganMs: number | null;
  readonly durationMs: number;
  readonly session: string | null;
  readonly end: ClaimEnd;
  readonly endIndex: number;
  readonly endMs: number;
  readonly endTerm: number;
  /** Lease time between the deadline and the end, for one that expired. */
  readonly lateMs: number;
  story: Story | null;
}

interface Kept extends EndedTenure {
  readonly piece: Piece;
  /** Of the same claim. */
  older: Kept | null;
  newer: Kept | null;
}

interface Piece extends Saved {
  readonly id: string;
  /** Counts pieces from 1 on; the place in the ring is its remainder. 0: never filled. */
  number: number;
  readonly tenures: Kept[];
}

/** A ring of pieces. What falls out of it is forgotten. */
export class EndedTenures {
  readonly #letter: string;
  readonly #pieces: readonly Piece[];
  readonly #changes: Changes;
  readonly #newest = new Map<string, Kept>();
  #current = 0;
  #forgot = false;

  /** Ids of pieces begin with `letter`. */
  constructor(letter: string, pieces: number, changes: Changes) {
    this.#letter = letter;
    this.#changes = changes;
    this.#pieces = Array.from({ length: pieces }, (_, place) => ({
      id: letter + String(place).padStart(4, '0'),
      number: 0,
      tenures: [],
      savedChecksum: null,
    }));
  }

  /** Whether anything has fallen out. */
  get forgot(): boolean {
    return this.#forgot;
  }

  add(tenure: EndedTenure): void {
    let piece = this.#piece(this.#current);
    if (piece.number === 0 || piece.tenures.length === pieceTenures) piece = this.#turn();
    else this.#changes.mark(piece.id, piece.savedChecksum);
    this.#link({ ...tenure, piece, older: null, newer: null });
  }

  /** Of one claim the last `limit`, the newest first. */
  of(claimId: string, limit: number): EndedTenure[] {
    const found: EndedTenure[] = [];
    for (let kept = this.#newest.get(claimId) ?? null; kept !== null && found.length < limit; kept = kept.older) found.push(kept);
    return found;
  }

  /** The tenure of that fence, or without one the holder's last; undefined if it is not known. The caller may change its story. */
  find(claimId: string, holder: string | undefined, fence: number | undefined): EndedTenure | undefined {
    for (let kept = this.#newest.get(claimId) ?? null; kept !== null; kept = kept.older) {
      // Fences grow with every tenure: all older ones are less.
      if (fence !== undefined && kept.fence < fence) return undefined;
      if (fence === undefined ? kept.holder === holder : kept.fence === fence) return kept;
    }
    return undefined;
  }

  /** The story of a tenure that is kept here is about to change. */
  mark(tenure: EndedTenure): void {
    const { piece } = tenure as Kept;
    this.#changes.mark(piece.id, piece.savedChecksum);
  }

  /** A piece by its id, undefined if it was never filled. */
  get(id: string): Saved | undefined {
    return this.#find(id);
  }

  /** A piece as it is saved; null if it was never filled. */
  content(id: string): unknown[] | null {
    const piece = this.#find(id);
    return piece === undefined ? null : [piece.number, ...piece.tenures.map(tenureContent)];
  }

  /** Ids of all pieces that were filled, in order. */
  ids(): string[] {
    return this.#pieces.filter(({ number }) => number > 0).map(({ id }) => id);
  }

  /** Takes a piece from an image, only into a new ring; false if it is none of this ring. */
  restore(id: string, content: readonly unknown[], checksum: number): boolean {
    const piece = this.#pieces[Number(id.slice(1))];
    const [number, ...list] = content;
    if (piece?.id !== id || piece.number !== 0 || !isWhole(number) || number === 0) return false;
    if (number % this.#pieces.length !== Number(id.slice(1)) || list.length === 0 || list.length > pieceTenures) return false;
    const tenures = list.map(readTenure);
    if (!tenures.every((tenure) => tenure !== null)) return false;
    piece.number = number;
    piece.savedChecksum = checksum;
    for (const tenure of tenures) piece.tenures.push({ ...tenure, piece, older: null, newer: null });
    return true;
  }

  /** All pieces are there. */
  finishRestore(): void {
    const filled = this.#pieces.filter(({ number }) => number > 0).sort((left, right) => left.number - right.number);
    this.#current = filled.at(-1)?.number ?? 0;
    this.#forgot = this.#current > this.#pieces.length;
    for (const { tenures } of filled) for (const kept of tenures.splice(0)) this.#link(kept);
  }

  #turn(): Piece {
    this.#current += 1;
    const piece = this.#piece(this.#current);
    this.#changes.mark(piece.id, piece.savedChecksum);
    for (const kept of piece.tenures) this.#forget(kept);
    piece.tenures.length = 0;
    piece.number = this.#current;
    return piece;
  }

  #link(kept: Kept): void {
    kept.piece.tenures.push(kept);
    kept.older = this.#newest.get(kept.claimId) ?? null;
    if (kept.older !== null) kept.older.newer = kept;
    this.#newest.set(kept.claimId, kept);
  }

  #forget(kept: Kept): void {
    this.#forgot = true;
    if (kept.newer === null) this.#newest.delete(kept.claimId);
    else kept.newer.older = null;
  }

  #piece(number: number): Piece {
    return this.#pieces[number % this.#pieces.length] as Piece;
  }

  #find(id: string): Piece | undefined {
    const piece = id.startsWith(this.#letter) ? this.#pieces[Number(id.slice(1))] : undefined;
    return piece?.number === 0 ? undefined : piece;
  }
}

const ends: readonly ClaimEnd[] = ['released', 'expired', 'revoked'];

function tenureContent(tenure: EndedTenure): unknown[] {
  const { claimId, holder, fence, beganMs, durationMs, session, end, endIndex, endMs, endTerm, lateMs, story } = tenure;
  const common = [claimId, holder, fence, beganMs, durationMs, session, ends.indexOf(end), endIndex, endMs, endTerm, lateMs];
  return story === null ? common : [...common, storyContent(story)];
}

function readTenure(content: unknown): EndedTenure | null {
  if (!Array.isArray(content) || (content.length !== 11 && content.length !== 12)) return null;
  const [claimId, holder, fence, beganMs, durationMs, session, code, endIndex, endMs, endTerm, lateMs]: readonly unknown[] = content;
  const end = isWhole(code) ? ends[code] : undefined;
  if (typeof claimId !== 'string' || typeof holder !== 'string' || end === undefined) return null;
  if (!(session === null || typeof session === 'string') || !(beganMs === null || isWhole(beganMs))) return null;
  if (![fence, durationMs, endIndex, endMs, endTerm, lateMs].every(isWhole)) return null;
  const story = content.length === 12 ? readStory(content[11]) : null;
  if (content.length === 12 && story === null) return null;
  const numbers = { fence, durationMs, endIndex, endMs, endTerm, lateMs } as Pick<
    EndedTenure,
    'fence' | 'durationMs' | 'endIndex' | 'endMs' | 'endTerm' | 'lateMs'
  >;
  return { claimId, holder, beganMs, session, end, ...numbers, story };
}
