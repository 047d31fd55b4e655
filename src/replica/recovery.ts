// Builds a replica's memory from what its store holds: the state image, and the log behind it.
import type { Env } from '../env.ts';
import type { StateMachine } from '../lease/state-machine.ts';
import { MemoryStorage } from '../raft/storage.ts';
import { type ConfState, EMPTY_CONF_STATE } from '../raft/types.ts';
import { type Founder, Roster } from './roster.ts';

/** The log as Raft reads it. A new one begins with the configuration of the cluster's first start. */
export function recoverLog(env: Env, founders: readonly Founder[]): MemoryStorage {
  const { hardState, image, entries, precedingTerm } = env.store.recovered;
  const first = entries[0]?.index ?? image.index + 1;
  const conf = image.index === 0 ? initialConf(founders) : image.conf;
  const storage = new MemoryStorage();
  storage.installSnapshot({ index: first - 1, term: entries.length > 0 ? precedingTerm : image.term, conf });
  storage.append(entries);
  storage.setSnapshot({ index: image.index, term: image.term, conf });
  // What is in the image was committed, whatever the last written commit index says.
  storage.setHardState({ ...hardState, commit: Math.max(hardState.commit, image.index) });
  return storage;
}

function initialConf(founders: readonly Founder[]): ConfState {
  return { ...EMPTY_CONF_STATE, voters: founders.map((member) => member.node).sort((a, b) => a - b) };
}

/** The members as of the saved image. */
export function recoverRoster(env: Env, founders: readonly Founder[]): Roster {
  return Roster.decode(env.store.recovered.image.roster, founders, env.codec);
}

/** Reads the saved state into `state`. */
export function recoverState(env: Env, state: StateMachine, done: (error?: Error) => void): void {
  const { image } = env.store.recovered;
  env.store.readState(
    (records) => {
      for (const [name, content] of records) {
        if (content !== null) state.restore(name, env.codec.decode(content), env.checksum(name, content));
      }
    },
    (error) => {
      if (error === undefined) state.finishRestore(image.index);
      done(error);
    },
  );
}
