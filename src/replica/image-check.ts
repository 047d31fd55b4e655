// Whether a received state can be installed: once it has replaced state and log, a fault in it would end the node at every start.
import type { Codec, ImageMeta } from '../env.ts';
import { restore, toConfState } from '../raft/confchange.ts';
import type { ConfState, Term } from '../raft/types.ts';
import { type Founder, Roster } from './roster.ts';

const LIMITS = { maxMessages: 1, maxBytes: 1 };

/** Why the image cannot be the state of a leader of `term`; null if it can. */
export function imageFault(meta: ImageMeta, term: Term, founders: readonly Founder[], codec: Codec): string | null {
  const { index, conf, roster } = meta;
  if (index < 1 || meta.term < 1 || meta.term > term) return `a state at ${index} of term ${meta.term} in term ${term}`;
  if (conf.voters.length === 0) return 'a configuration without voters';
  if (!canBeRestored(conf, index)) return 'a configuration that contradicts itself';
  try {
    Roster.decode(roster, founders, codec);
  } catch {
    return 'a list of members that cannot be read';
  }
  return null;
}

function canBeRestored(conf: ConfState, index: number): boolean {
  const sets = (state: ConfState): string =>
    JSON.stringify([state.voters, state.votersOutgoing, state.learners, state.learnersNext, state.autoLeave]);
  try {
    return sets(toConfState(restore(conf, index, LIMITS).configuration)) === sets(conf);
  } catch {
    return false;
  }
}
