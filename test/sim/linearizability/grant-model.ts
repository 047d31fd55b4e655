// A granted lease as one object: it is not there, then it is, then it is gone.
import type { Endings } from './endings.ts';
import type { Model } from './search.ts';

export type GrantState = 'never' | 'alive' | 'gone';
export type GrantStep = (state: GrantState) => readonly GrantState[];

export function grantModel(id: string, endings: Endings): Model<GrantState> {
  return {
    initial: 'never',
    key: (state) => state,
    drift: (state, beforeMs) => (state === 'alive' && endings.mayHaveEnded(id, beforeMs) ? ['alive', 'gone'] : [state]),
  };
}

export const granted: GrantStep = (state) => (state === 'alive' ? [] : ['alive']);
export const revoked: GrantStep = (state) => (state === 'alive' ? ['gone'] : []);
export const seenAlive: GrantStep = (state) => (state === 'alive' ? ['alive'] : []);
export const seenMissing: GrantStep = (state) => (state === 'alive' ? [] : [state]);
