// Builds a real node from its configuration; the one file that knows everybody.
import type { NodeConfig } from './config.ts';

export interface NodeEvents {
  /** One line for people, when a role changes: "n2 leads term 5 after 84 ms without a leader". */
  line(text: string): void;
}

export interface RunningNode {
  /** Settles with the error that ended the node by itself (a failed disk, a refusal by the cluster), never otherwise. */
  readonly failed: Promise<Error>;
  /** Hands leadership over, answers or fails what waits, flushes, closes. */
  stop(): Promise<void>;
}

/** Starts a node. Throws an `Error` whose message says what to do when the data directory, a port or the configuration is not fit. */
export declare function startNode(config: NodeConfig, events: NodeEvents): Promise<RunningNode>;
