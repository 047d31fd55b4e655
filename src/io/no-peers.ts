// The transport of a node without peers.
import type { Transport } from '../env.ts';

/** Reaches nobody. `later` runs something after the present call. */
export function noPeers(later: (run: () => void) => void): Transport {
  return {
    setMembers: () => {},
    start: () => {},
    send: () => false,
    close: (done) => later(done),
  };
}
