// Everything that properties may look at: the facts of a run in the order in which they happened.
import type { ImageMeta, LogWrite, PeerFrame } from '../../src/env.ts';
import type { Assertion, BareCommand, Command, LeaseKey } from '../../src/lease/commands.ts';
import type { EventId, StateEvent } from '../../src/lease/events.ts';
import type { KeyView, Outcome } from '../../src/lease/outcomes.ts';
import type { ConfState, Index, NodeId, Term } from '../../src/raft/types.ts';
import type { Failure, Settled } from '../../src/replica/service.ts';

/** Who holds a lease, as the state machine shows it. */
export interface Tenure {
  readonly holder: string;
  readonly fence: number;
  readonly session: string | null;
  readonly pinned: boolean;
}

/** How one entry changed one lease; `before` and `after` differ in holder, fence, session or pins. */
export interface TenureChange {
  readonly key: LeaseKey;
  /** {@link keyName} of `key`. */
  readonly name: string;
  readonly before: Tenure | null;
  readonly after: Tenure | null;
}

/** The first time that any node applies the entry at `index`. */
export interface Application {
  readonly node: NodeId;
  readonly index: Index;
  readonly term: Term;
  readonly timeMs: number;
  /** Without the key under which it is carried out once. Null for an entry without a command, and for a repeat, which does nothing. */
  readonly command: BareCommand | null;
  readonly outcome: Outcome | null;
  readonly changes: readonly TenureChange[];
  /** The first of the command's assertions that did not hold just before it was applied. */
  readonly falseAssertion: Assertion | null;
  /** Granted leases that were there before and are gone after it. */
  readonly endedGrants: readonly string[];
  /** True milliseconds. */
  readonly atMs: number;
}

/** A change asked of a node by a client. */
export interface Call {
  readonly id: number;
  readonly client: string;
  readonly node: NodeId;
  readonly command: Command;
  /** What is wanted: the command, without the key under which it is carried out once. */
  readonly wanted: BareCommand;
  /** The command in canonical form. */
  readonly text: string;
  /** The same for no other call of the run; null when the command has nothing that is unique, or may be asked for again. */
  readonly tag: string | null;
  /** How long it queues for a lease that somebody else holds; null: not at all. */
  readonly waitMs: number | null;
  /** Under which all attempts at the same thing are made; null for a single one. */
  readonly requestKey: string | null;
  /** When the service was called, in true milliseconds, and when it was for the first attempt. */
  readonly beganMs: number;
  readonly firstBeganMs: number;
  /** Greatest index acknowledged to anybody before it began. */
  readonly floor: Index;
  settled: Settled | null;
}

export interface Read {
  readonly id: number;
  readonly client: string;
  readonly node: NodeId;
  readonly consistency: 'linearizable' | 'stale';
  readonly key: LeaseKey;
  /** A key of the store, read in the same moment. */
  readonly storeKey: string;
  readonly beganMs: number;
  readonly floor: Index;
}

export interface Wait {
  readonly id: number;
  readonly client: string;
  readonly node: NodeId;
  readonly key: LeaseKey;
  readonly beganMs: number;
  readonly floor: Index;
  ended: 'vacant' | 'failed' | 'cancelled' | null;
}

export type Fact =
  | { readonly kind: 'started' | 'crashed'; readonly node: NodeId }
  /** A node has opened its data directory and believes what it found; `shortfall` tells what had been durable and is not there. */
  | { readonly kind: 'opened'; readonly node: NodeId; readonly shortfall: string | null }
  /** Handed to the transport by `node`, whether or not it will arrive. */
  | { readonly kind: 'frame-sent'; readonly node: NodeId; readonly to: NodeId; readonly frame: PeerFrame }
  /** The first sign that `node` acts as the leader of `term`. */
  | { readonly kind: 'leads'; readonly node: NodeId; readonly term: Term }
  /** From now on the node counts these members. */
  | { readonly kind: 'members-switched'; readonly node: NodeId; readonly conf: ConfState }
  /** About to be handed to the log store. */
  | { readonly kind: 'appending'; readonly node: NodeId; readonly write: LogWrite }
  | { readonly kind: 'saving-state'; readonly node: NodeId; readonly meta: ImageMeta }
  | { readonly kind: 'applied'; readonly application: Application }
  /** A node applied what another one had applied before; `difference` tells how it was not the same. */
  | { readonly kind: 'applied-again'; readonly node: NodeId; readonly index: Index; readonly difference: string | null }
  /** The whole state of a node right after `index`. */
  | { readonly kind: 'dumped'; readonly node: NodeId; readonly index: Index; readonly hash: string }
  | { readonly kind: 'call-began'; readonly call: Call }
  | { readonly kind: 'call-ended'; readonly call: Call; readonly settled: Settled }
  /** `index` as told; the state that was shown may be a little later, at `stateIndex`. `shown` is the key of the store in it. */
  | {
      readonly kind: 'read-ended';
      readonly read: Read;
      readonly index: Index;
      readonly stateIndex: Index;
      readonly tenure: Tenure | null;
      readonly shown: KeyView | null;
    }
  /** `index` as told; `appliedIndex` is that of the node at this moment. */
  | { readonly kind: 'wait-ended'; readonly wait: Wait; readonly index: Index; readonly appliedIndex: Index }
  | { readonly kind: 'wait-failed'; readonly wait: Wait; readonly failure: Failure }
  /** A node has applied an entry that did this. */
  | { readonly kind: 'event-told'; readonly node: NodeId; readonly event: StateEvent }
  /** What a node tells next comes after `last`: it goes on from a state, or forgot what came before. */
  | { readonly kind: 'events-jumped'; readonly node: NodeId; readonly last: EventId }
  | { readonly kind: 'watch-saw'; readonly watcher: number; readonly node: NodeId; readonly id: EventId }
  /** The reader goes on after `id`; `isGone`: the node does not have the event that would have come next. */
  | { readonly kind: 'watch-reset'; readonly watcher: number; readonly node: NodeId; readonly id: EventId; readonly isGone: boolean }
  /** The reader has read all that the node has. */
  | { readonly kind: 'watch-ended'; readonly watcher: number; readonly node: NodeId }
  /** All faults are over and every node runs and is reachable. */
  | { readonly kind: 'healed' }
  | { readonly kind: 'finished' };

/** One string for a lease key, unambiguous. */
export function keyName(key: LeaseKey): string {
  return `${key.namespace}/${key.model}/${key.lease}`;
}

export function sameTenure(left: Tenure | null, right: Tenure | null): boolean {
  if (left === null || right === null) return left === right;
  return left.holder === right.holder && left.fence === right.fence && left.session === right.session && left.pinned === right.pinned;
}

/** A tenure in a few words. */
export function describeTenure(tenure: Tenure | null): string {
  if (tenure === null) return 'nobody';
  const session = tenure.session === null ? '' : ` by session ${tenure.session}`;
  return `${tenure.holder} with fence ${tenure.fence}${session}${tenure.pinned ? ', pinned' : ''}`;
}
