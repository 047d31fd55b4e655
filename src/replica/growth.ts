// What a command would add to the state, so that quotas can refuse it before the log.
import type { BareCommand, ClaimCommand, Command, TxnOp } from '../lease/commands.ts';
import { claimIdOf } from '../lease/lease-key.ts';
import { claimBytes, keyBytes, sessionBytes } from '../lease/occupancy.ts';
import type { StateMachine } from '../lease/state-machine.ts';

/** At most so much is added; a command that can only shrink or keep what there is has no growth. */
export interface Growth {
  readonly claims: number;
  /** Of the claim; empty without one. */
  readonly namespace: string;
  readonly keys: number;
  readonly sessions: number;
  /** Encoded bytes, as `lease/occupancy.ts` counts them. */
  readonly state: number;
}

const NOTHING: Growth = { claims: 0, namespace: '', keys: 0, sessions: 0, state: 0 };

/**
 * The growth by a command on the present state; null for one that is never refused for room: extend, renew, a claim by the present holder,
 * release, revoke, delete, detach, unpin, leave, expiry. Attachments and pins have limits of their own. Whatever another command of the same
 * batch does first, all commands together do not add more than the sum. Null also for a repeat under an idempotency key: it adds nothing,
 * and `no-room` would deny what the first attempt did.
 */
export function growthOf(command: Command, state: StateMachine): Growth | null {
  if (command.kind === 'once' && state.remembers(command.key)) return null;
  const bare: BareCommand = command.kind === 'once' ? command.command : command;
  switch (bare.kind) {
    case 'claim':
    case 'claim-session':
      return claimGrowth(bare, state);
    case 'grant':
      return { ...NOTHING, sessions: 1, state: sessionBytes() };
    case 'put':
      return putGrowth(bare, state);
    case 'txn':
      return txnGrowth(bare.success, bare.failure, state);
    default:
      return null;
  }
}

/**
 * The claim of a lease that another holder has is denied, or queues: it is granted when that tenure ends, so nothing is added in all.
 * While the heap or a disk is full nothing may queue either.
 */
function claimGrowth(command: ClaimCommand, state: StateMachine): Growth | null {
  const claim = state.claim(command.key, 0);
  if (claim === null)
    return { ...NOTHING, claims: 1, namespace: command.key.namespace, state: claimBytes(claimIdOf(command.key), command.holder) };
  return claim.holder === command.holder || command.waitMs === undefined ? null : NOTHING;
}

function putGrowth(op: { readonly key: string; readonly value: string }, state: StateMachine): Growth {
  const present = state.key(op.key);
  const bytes = keyBytes(op.key, op.value);
  return present === null ? { ...NOTHING, keys: 1, state: bytes } : { ...NOTHING, state: bytes - keyBytes(op.key, present.value) };
}

/** Which branch is taken is decided when the entry is applied, so the growth is that of the branch that adds more. */
function txnGrowth(success: readonly TxnOp[], failure: readonly TxnOp[], state: StateMachine): Growth | null {
  const branches = [branchGrowth(success, state), branchGrowth(failure, state)].filter((growth) => growth !== null);
  if (branches.length === 0) return null;
  return {
    ...NOTHING,
    keys: Math.max(...branches.map((growth) => growth.keys)),
    state: Math.max(...branches.map((growth) => growth.state)),
  };
}

/** Null for a branch that puts nothing. What its deletes remove is not credited: two transactions of one batch could name the same key. */
function branchGrowth(ops: readonly TxnOp[], state: StateMachine): Growth | null {
  /** The greatest value that each key is given. */
  const puts = new Map<string, Growth>();
  for (const op of ops) {
    if (op.kind !== 'put') continue;
    const growth = putGrowth(op, state);
    const before = puts.get(op.key);
    if (before === undefined || growth.state > before.state) puts.set(op.key, growth);
  }
  if (puts.size === 0) return null;
  let keys = 0;
  let bytes = 0;
  for (const growth of puts.values()) {
    keys += growth.keys;
    bytes += Math.max(0, growth.state);
  }
  return { ...NOTHING, keys, state: bytes };
}
