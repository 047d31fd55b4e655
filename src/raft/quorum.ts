// Majorities, of one set of voters and of two at once: what is committed, and who has won.
import type { Index, NodeId } from './types.ts';

export type VoteResult = 'won' | 'lost' | 'pending';

/** Up to this many voters are counted without allocating: this is asked for every acknowledgement. */
const SCRATCH_VOTERS = 7;
const scratch = new Float64Array(SCRATCH_VOTERS);

/**
 * The highest index that a majority of `voters` has, `undefined` counting as 0 (Figure 2, "if there exists an N").
 * Infinity without voters, so that the empty half of a joint configuration decides nothing.
 */
export function committedIndex(voters: ReadonlySet<NodeId>, matchOf: (id: NodeId) => Index | undefined): Index {
  const count = voters.size;
  if (count === 0) return Number.POSITIVE_INFINITY;
  const ascending = count <= SCRATCH_VOTERS ? scratch : new Float64Array(count);
  let filled = 0;
  for (const id of voters) {
    const match = matchOf(id) ?? 0;
    let at = filled++;
    for (; at > 0 && (ascending[at - 1] as number) > match; at--) ascending[at] = ascending[at - 1] as number;
    ascending[at] = match;
  }
  return ascending[count - majority(count)] as number;
}

/** What a joint configuration has committed: what both of its majorities have (section 6). */
export function jointCommittedIndex(
  incoming: ReadonlySet<NodeId>,
  outgoing: ReadonlySet<NodeId>,
  matchOf: (id: NodeId) => Index | undefined,
): Index {
  const committed = committedIndex(incoming, matchOf);
  return outgoing.size === 0 ? committed : Math.min(committed, committedIndex(outgoing, matchOf));
}

/** How an election stands; `undefined` is a voter that has not answered. Won without voters, as {@link committedIndex} is Infinity. */
export function voteResult(voters: ReadonlySet<NodeId>, voteOf: (id: NodeId) => boolean | undefined): VoteResult {
  if (voters.size === 0) return 'won';
  let granted = 0;
  let missing = 0;
  for (const id of voters) {
    const vote = voteOf(id);
    if (vote === undefined) missing++;
    else if (vote) granted++;
  }
  const needed = majority(voters.size);
  if (granted >= needed) return 'won';
  return granted + missing >= needed ? 'pending' : 'lost';
}

/** How an election in a joint configuration stands: it must be won in both halves, and is lost with either (section 6). */
export function jointVoteResult(
  incoming: ReadonlySet<NodeId>,
  outgoing: ReadonlySet<NodeId>,
  voteOf: (id: NodeId) => boolean | undefined,
): VoteResult {
  const first = voteResult(incoming, voteOf);
  const second = voteResult(outgoing, voteOf);
  if (first === second) return first;
  return first === 'lost' || second === 'lost' ? 'lost' : 'pending';
}

function majority(count: number): number {
  return Math.floor(count / 2) + 1;
}
