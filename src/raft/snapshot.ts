// InstallSnapshot at the receiver (section 7). The state itself has been received before this is stepped.
import { restore } from './confchange.ts';
import { switchMembership } from './membership.ts';
import type { Snapshot } from './messages.ts';
import type { State } from './state.ts';
import type { SnapshotMeta } from './types.ts';

export function handleSnapshot(state: State, { from, snapshot }: Snapshot): void {
  const id = { index: snapshot.index, term: snapshot.term };
  if (restoreSnapshot(state, snapshot)) {
    state.sendAppendResponse(from, state.log.lastIndex());
  } else {
    state.trace({ kind: 'snapshot-ignored', commit: state.log.committed, snapshot: id });
    state.sendAppendResponse(from, state.log.committed);
  }
}

/** False when the snapshot brings nothing. */
function restoreSnapshot(state: State, snapshot: SnapshotMeta): boolean {
  const { log } = state;
  const { index, term, conf } = snapshot;
  if (index <= log.committed) return false;
  // It may be from before this node was a member: the change that adds it is in the log behind. (etcd refuses such a snapshot, and
  // a newcomer then waits for the leader's next one.)
  if (log.matches({ index, term })) {
    // The log has all of it already: keep what stands behind, which may have been acknowledged.
    state.trace({ kind: 'snapshot-fast-forwarded', commit: log.committed, last: log.last(), snapshot: { index, term } });
    log.commitTo(index);
    return false;
  }
  log.restore(snapshot);
  switchMembership(state, restore(conf, log.lastIndex(), state.config.inflights));
  state.trace({ kind: 'snapshot-restored', commit: log.committed, last: log.last(), snapshot: { index, term } });
  return true;
}
