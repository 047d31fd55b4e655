// Handing leadership over on purpose (thesis 3.10): the target is brought up to date, then told to stand at once.
import { sendAppend } from './replication.ts';
import type { State } from './state.ts';
import { NONE, type NodeId } from './types.ts';

/** Nobody who is not a member can be handed to. */
export function transferLeadership(state: State, transferee: NodeId): void {
  const progress = state.progressOf(transferee);
  if (progress === undefined) return;
  const role = state.leadership();
  const { term } = state;
  const previous = role.transferee;
  if (progress.isLearner) {
    state.trace({ kind: 'transfer-to-learner', term, transferee, previous });
    return;
  }
  if (previous === transferee) {
    state.trace({ kind: 'transfer-already-under-way', term, transferee, previous });
    return;
  }
  if (previous !== NONE) {
    role.transferee = NONE;
    state.trace({ kind: 'transfer-replaced', term, transferee, previous });
  }
  if (transferee === state.id) {
    state.trace({ kind: 'transfer-to-self', term, transferee, previous });
    return;
  }
  state.trace({ kind: 'transfer-started', term, transferee, previous });
  // It should be done within an election timeout; then the leader goes on by itself. The quorum check keeps its own time: else whoever
  // asks for transfers again and again would keep a leader in office that nobody hears.
  role.transferElapsed = 0;
  role.transferee = transferee;
  if (progress.match === state.log.lastIndex()) {
    state.send({ kind: 'timeout-now', to: transferee });
    state.trace({ kind: 'transfer-target-up-to-date', term, transferee, previous });
  } else {
    sendAppend(state, transferee);
  }
}
