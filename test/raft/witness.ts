// Looks on while a scenario runs: whatever its expected text says, what Figure 3 forbids must not happen in it.
import { strict as assert } from 'node:assert';
import type { TraceEvent } from '../../src/raft/trace.ts';
import type { Entry, Index, NodeId, Term } from '../../src/raft/types.ts';

export class Witness {
  readonly #leaderOf = new Map<Term, NodeId>();
  readonly #voteOf = new Map<string, NodeId>();
  readonly #appliedAt = new Map<Index, string>();

  /** Election safety. */
  sawDecision(event: TraceEvent): void {
    if (event.kind === 'became' && event.role === 'leader') {
      assert.equal(this.#leaderOf.get(event.term) ?? event.node, event.node, `two leaders in term ${event.term}`);
      this.#leaderOf.set(event.term, event.node);
    }
  }

  /** One vote for each term, once it has left; one that a crash took back before may be cast anew. */
  sawVoteLeave(voter: NodeId, term: Term, candidate: NodeId): void {
    const key = `${voter}/${term}`;
    assert.equal(this.#voteOf.get(key) ?? candidate, candidate, `${voter} votes twice in term ${term}`);
    this.#voteOf.set(key, candidate);
  }

  /** State machine safety. */
  sawApplied(node: NodeId, entry: Entry): void {
    const text = JSON.stringify([entry.term, entry.kind === 'normal' ? [...entry.data] : entry.change]);
    assert.equal(this.#appliedAt.get(entry.index) ?? text, text, `${node} applies another entry at ${entry.index}`);
    this.#appliedAt.set(entry.index, text);
  }
}
