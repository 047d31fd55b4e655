// What one node is told at its start, after flags have been read and checked.

export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface NodeConfig {
  /** The member's name, `n1`. */
  readonly id: string;
  /** Where it answers clients. */
  readonly http: Address;
  /** Where it listens for its peers. */
  readonly peer: Address;
  /** All members of the new cluster, itself included. Numbered in Raft by the order of their names. */
  readonly members: readonly { readonly id: string; readonly peer: Address }[];
  readonly dataDir: string;
  /** Milliseconds between two heartbeats, which is one tick. */
  readonly heartbeatMs: number;
  /** Least election timeout in milliseconds; each wait is drawn from [this, twice this). */
  readonly electionTimeoutMs: number;
}

export const DEFAULT_TIMINGS = { heartbeatMs: 50, electionTimeoutMs: 500 } as const;
