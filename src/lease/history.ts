// Why a lease was lost: what became of each tenure, kept for a while after its end, and who led meanwhile. Part of the replicated state.
import { Changes, type Saved, type SavedChecksum } from './changes.ts';
import type { Claim } from './claim.ts';
import type { Assertion } from './commands.ts';
import { type EndedTenure, EndedTenures } from './ended-tenures.ts';
import type { ClaimEnd } from './events.ts';
import type { LeaseEnd, Moment } from './granted-lease.ts';
import { claimIdOf } from './lease-key.ts';
import { nameProblem } from './names.ts';
import type { Standing } from './standing.ts';
import { isWhole, type Mark, Story } from './story.ts';

/** Pieces of 32 tenures each. Those that were lost are asked about most, so busy claiming and releasing must not push them out. */
const lostPieces = 256;
const releasedPieces = 64;
/** Changes of leader that are remembered. */
const reignsMax = 64;

/** Who led from when on. */
export interface Reign {
  /** Of the entry by which the leader said so, in its own term. */
  readonly index: number;
  readonly term: number;
  readonly timeMs: number;
  /** The leader's name. */
  readonly node: string;
  /** How long it knew no leader before, by its own clock; null if it had known none. */
  readonly leaderlessMs: number | null;
}

/** The changes of leader, one record together. */
export class Reigns implements Saved {
  savedChecksum: SavedChecksum = null;
  readonly changes = new Changes();
  /** At most {@link reignsMax}, in order. */
  list: Reign[] = [];
  /** How many there have been; those not in the list are forgotten. */
  count = 0;

  add(reign: Reign): void {
    this.changes.mark('', this.savedChecksum);
    this.count += 1;
    this.list.push(reign);
    if (this.list.length > reignsMax) this.list.shift();
  }

  content(): unknown[] {
    return [this.count, ...this.list.map(({ index, term, timeMs, node, leaderlessMs }) => [index, term, timeMs, node, leaderlessMs])];
  }

  /** Only when there are none yet; false if the content is none. */
  restore(content: readonly unknown[], checksum: number): boolean {
    const [count, ...list] = content;
    const reigns = list.map(readReign);
    if (!isWhole(count) || count < list.length || list.length === 0 || list.length > reignsMax) return false;
    if (!reigns.every((reign) => reign !== null)) return false;
    this.count = count;
    this.list = reigns;
    this.savedChecksum = checksum;
    return true;
  }
}

export class History {
  /** Pieces of ended tenures to be saved. */
  readonly changes = new Changes();
  readonly reigns = new Reigns();
  readonly #standing: Standing;
  readonly #lost = new EndedTenures('l', lostPieces, this.changes);
  readonly #released = new EndedTenures('r', releasedPieces, this.changes);

  constructor(standing: Standing) {
    this.#standing = standing;
  }

  /** To be told before the deadline moves. */
  extended(claim: Claim, lateMs: number): void {
    storyOf(claim).extended(this.#standing.index, lateMs);
  }

  /** To be told before the claim's term changes. */
  mark(claim: Claim, type: Mark['type'], by: string, { index, timeMs }: Moment = this.#standing): void {
    storyOf(claim).mark({ type, index, timeMs, by });
  }

  /** A write that asserted the tenure was let through. */
  used(claim: Claim): void {
    storyOf(claim).used(this.#standing.index);
  }

  /** A write was refused for an assertion that speaks of this living claim. */
  refused(claim: Claim): void {
    storyOf(claim).refused(this.#standing.index);
  }

  /** A write was refused for an assertion about a tenure that is over, if it is still known. */
  refusedAfterEnd({ holder, fence, ...key }: Assertion): void {
    const claimId = claimIdOf(key);
    for (const ring of [this.#lost, this.#released]) {
      const tenure = ring.find(claimId, holder, fence);
      if (tenure === undefined) continue;
      ring.mark(tenure);
      tenure.story ??= new Story(tenure.beganMs);
      tenure.story.refused(this.#standing.index);
      return;
    }
  }

  /** To be told while the claim still knows its term. */
  ended(claim: Claim, end: ClaimEnd, lateMs: number, at: Moment): void {
    (end === 'released' ? this.#released : this.#lost).add(endedTenure(claim, end, lateMs, at));
  }

  /** The node leads the term of the present entry. */
  leads(node: string, leaderlessMs: number | null): void {
    const { index, term, timeMs } = this.#standing;
    this.reigns.add({ index, term, timeMs, node, leaderlessMs });
  }

  /** The last ended tenures of a claim that are still known, at most `limit`, in order, and whether there may have been more. */
  tenures(claimId: string, limit: number): { readonly tenures: readonly EndedTenure[]; readonly forgot: boolean } {
    const found = [this.#lost, this.#released].flatMap((ring) => ring.of(claimId, limit + 1));
    const tenures = found.sort((left, right) => left.fence - right.fence).slice(-limit);
    return { tenures, forgot: this.#lost.forgot || this.#released.forgot || tenures.length < found.length };
  }

  get(id: string): Saved | undefined {
    return this.#lost.get(id) ?? this.#released.get(id);
  }

  content(id: string): unknown[] | null {
    return this.#lost.content(id) ?? this.#released.content(id);
  }

  /** Ids of all pieces, in order. */
  ids(): string[] {
    return [...this.#lost.ids(), ...this.#released.ids()];
  }

  restore(id: string, content: readonly unknown[], checksum: number): boolean {
    return (id.startsWith('l') ? this.#lost : this.#released).restore(id, content, checksum);
  }

  finishRestore(): void {
    this.#lost.finishRestore();
    this.#released.finishRestore();
  }
}

/** What is remembered of a tenure that ended at that moment. */
function endedTenure(claim: Claim, end: ClaimEnd, lateMs: number, at: Moment): EndedTenure {
  return {
    claimId: claim.id,
    holder: claim.holder,
    fence: claim.fence,
    beganMs: beganMs(claim),
    durationMs: claim.session?.ttlMs ?? claim.durationMs,
    session: claim.session?.id ?? null,
    end,
    endIndex: at.index,
    endMs: at.timeMs,
    endTerm: at.term,
    lateMs,
    story: claim.story,
  };
}

/** The same for a claim that ended with its session and still has a record. */
export function endedWithSession(claim: Claim, ended: LeaseEnd): EndedTenure {
  const lateMs = ended.cause === 'expired' ? Math.max(0, ended.timeMs - (claim.session?.deadlineMs ?? 0)) : 0;
  return endedTenure(claim, ended.cause, lateMs, ended);
}

/** Lease time of the claim, null where it cannot be told: a session says nothing of it, nor does a duration beyond all time. */
export function beganMs(claim: Claim): number | null {
  if (claim.story !== null) return claim.story.beganMs;
  if (claim.session !== null || claim.deadlineMs === Number.MAX_SAFE_INTEGER) return null;
  return claim.deadlineMs - claim.durationMs;
}

function storyOf(claim: Claim): Story {
  claim.story ??= new Story(beganMs(claim));
  return claim.story;
}

function readReign(content: unknown): Reign | null {
  if (!Array.isArray(content) || content.length !== 5) return null;
  const [index, term, timeMs, node, leaderlessMs]: readonly unknown[] = content;
  if (!isWhole(index) || !isWhole(term) || !isWhole(timeMs) || typeof node !== 'string' || nameProblem(node) !== null) return null;
  return leaderlessMs === null || isWhole(leaderlessMs) ? { index, term, timeMs, node, leaderlessMs } : null;
}
