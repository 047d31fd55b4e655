// A lease with its pins as one object: what claims, releases, pins, reads and gates may have found and left there.
import type { Assertion, BareCommand } from '../../../src/lease/commands.ts';
import type { ClaimView, Outcome } from '../../../src/lease/outcomes.ts';
import type { Tenure } from '../facts.ts';
import type { Endings } from './endings.ts';
import type { Model } from './search.ts';

type CommandOf<Kind extends BareCommand['kind']> = Extract<BareCommand, { readonly kind: Kind }>;
export type LeaseCommand = CommandOf<'claim' | 'claim-session' | 'extend' | 'release' | 'pin' | 'unpin'>;

interface Held {
  readonly holder: string;
  /** Null until an answer tells it: nobody heard of the claim that began the tenure. */
  readonly fence: number | null;
  readonly session: string | null;
  /** It lived by a session that is gone: what was promised before that was given up, so there is no telling how long it lasts unpinned. */
  readonly outlived: boolean;
  /** It came to a claim that waited and heard nothing of it: if nobody touches it, it is given back. */
  readonly unheard: boolean;
}

export interface LeaseState {
  readonly held: Held | null;
  /** Sorted. */
  readonly pins: readonly string[];
  /** Of the last tenure of which it is known. */
  readonly lastFence: number;
}

export type LeaseStep = (state: LeaseState) => readonly LeaseState[];

/** `name` is the lease's, unique among leases. */
export function leaseModel(name: string, endings: Endings): Model<LeaseState> {
  return {
    initial: { held: null, pins: [], lastFence: 0 },
    key: ({ held, pins, lastFence }) => JSON.stringify([held, pins, lastFence]),
    drift: (state, beforeMs) => drift(name, endings, state, beforeMs),
  };
}

/** By this name a tenure's promises are kept in {@link Endings}. */
export function tenureName(name: string, fence: number): string {
  return `${name} with fence ${fence}`;
}

function drift(name: string, endings: Endings, state: LeaseState, beforeMs: number): readonly LeaseState[] {
  const { held, pins } = state;
  if (held === null) return [state];
  const after = [state];
  const hasEnded = held.session !== null && endings.mayHaveEnded(held.session, beforeMs);
  const outlived: LeaseState = { ...state, held: { ...held, session: null, outlived: true } };
  if (hasEnded && pins.length > 0) after.push(outlived);
  if (held.unheard || mayHaveEnded(name, endings, state, beforeMs)) after.push({ ...state, held: null });
  return after;
}

function mayHaveEnded(name: string, endings: Endings, { held, pins }: LeaseState, beforeMs: number): boolean {
  if (held === null) return false;
  // Revoking a session ends its claims, pinned or not.
  if (held.session !== null)
    return endings.isRevoked(held.session, beforeMs) || (pins.length === 0 && endings.mayHaveEnded(held.session, beforeMs));
  if (pins.length > 0) return false;
  return held.outlived || held.fence === null || endings.mayHaveEnded(tenureName(name, held.fence), beforeMs);
}

/** What the command did when it was answered with `outcome`, by which client-visible words alone. */
export function answered(command: LeaseCommand, outcome: Outcome, waited = false): LeaseStep {
  // Its session ended while it waited, whoever had the lease.
  if (waited && outcome.kind === 'refused' && outcome.refusal.code === 'lease-not-found') return (state) => [state];
  if (outcome.kind === 'refused') return refused(command, outcome);
  switch (command.kind) {
    case 'claim':
    case 'claim-session':
    case 'extend': {
      if (outcome.kind !== 'claim') return never;
      const { claim, created } = outcome;
      const session = command.kind === 'claim-session' ? command.session : null;
      if (claim.holder !== command.holder || claim.session !== session) return never;
      if (command.kind === 'extend' && command.fence !== null && command.fence !== claim.fence) return never;
      return created ? began(claim) : kept(claim, command);
    }
    case 'release':
      return released(command);
    case 'pin':
    case 'unpin':
      return pinned(command);
  }
}

/** What the command may have done when nobody was told. */
export function unanswered(command: LeaseCommand, waited = false): LeaseStep | null {
  switch (command.kind) {
    case 'claim':
      return (state) => (state.held === null ? [{ ...state, held: tenure(command.holder, null, waited) }] : []);
    case 'claim-session':
      return (state) => {
        const { held } = state;
        if (held === null) return [{ ...state, held: tenure(command.holder, command.session, waited) }];
        if (held.holder !== command.holder) return [];
        return [{ ...state, held: { ...held, session: command.session, outlived: false, unheard: false } }];
      };
    case 'extend':
      // Who holds it stays the same.
      return null;
    case 'release':
      return released(command);
    case 'pin':
    case 'unpin':
      return pinned(command);
  }
}

/** A read of the lease; of its pins only whether there are any. */
export function shows(shown: Tenure | null): LeaseStep {
  return (state) => {
    if (shown === null) return state.held === null ? [state] : [];
    const held = match(state, shown.holder, shown.fence);
    return held !== null && held.session === shown.session && state.pins.length > 0 === shown.pinned ? [holding(state, held)] : [];
  };
}

/** A gate that let its write through. */
export function asserts({ holder, fence }: Assertion): LeaseStep {
  return (state) => {
    const held = state.held === null ? null : match(state, holder ?? state.held.holder, fence ?? state.held.fence);
    return held === null ? [] : [holding(state, held)];
  };
}

/** A gate that did not, and who it said has the lease. */
export function refutes(assertion: Assertion, holder: string | null, fence: number | null): LeaseStep {
  return (state) => {
    if (holder === null || fence === null) return state.held === null ? [state] : [];
    const held = match(state, holder, fence);
    const wasTrue = (assertion.holder ?? holder) === holder && (assertion.fence ?? fence) === fence;
    return held === null || wasTrue ? [] : [holding(state, held)];
  };
}

/** What a repeat was told of the present: the first outcome as far as it is still true, by the command's own effect if that is not known. */
export function replayed(command: LeaseCommand, outcome: Outcome): LeaseStep | null {
  if (outcome.kind === 'claim') {
    const { claim } = outcome;
    if (command.kind !== 'claim' && command.kind !== 'claim-session' && command.kind !== 'extend') return never;
    if (claim.holder !== command.holder) return never;
    return (state) => {
      const held = match(state, claim.holder, claim.fence);
      return held === null || held.session !== claim.session || !samePins(state, claim) ? [] : [holding(state, held)];
    };
  }
  if (outcome.kind === 'refused') {
    const { refusal } = outcome;
    if (refusal.code === 'not-held') return heldBy(refusal.holder, refusal.fence);
    if (refusal.code !== 'claim-denied') return null;
    return 'holder' in command && refusal.holder === command.holder ? never : heldBy(refusal.holder, refusal.fence);
  }
  switch (command.kind) {
    case 'release':
      return (state) => {
        const { holder, fence } = command;
        const hasAgain = state.held?.holder === holder && (fence === null || state.held.fence === fence);
        return hasAgain ? [] : [state];
      };
    case 'pin':
    case 'unpin':
      return (state) => (state.pins.includes(command.entity) === (command.kind === 'pin') ? [state] : []);
    default:
      return never;
  }
}

/** The holder and fence that a refusal names; nulls for nobody. */
export function heldBy(holder: string | null, fence: number | null): LeaseStep {
  return (state) => {
    if (holder === null || fence === null) return state.held === null ? [state] : [];
    const held = match(state, holder, fence);
    return held === null ? [] : [holding(state, held)];
  };
}

function refused(command: LeaseCommand, { refusal }: Outcome & { readonly kind: 'refused' }): LeaseStep {
  const { holder = '' } = command as { readonly holder?: string };
  switch (refusal.code) {
    case 'claim-denied':
      return (state) => {
        const held = match(state, refusal.holder, refusal.fence);
        return held === null || held.holder === holder ? [] : [holding(state, held)];
      };
    case 'not-held':
      return (state) => {
        if (refusal.holder === null || refusal.fence === null) return state.held === null ? [state] : [];
        const held = match(state, refusal.holder, refusal.fence);
        if (held === null) return [];
        const asked = 'fence' in command ? command.fence : null;
        const wasTenure = held.holder === holder && (asked === null || asked === held.fence);
        return wasTenure ? [] : [holding(state, held)];
      };
    case 'conflict':
      return (state) => (state.held?.holder === holder && state.held.session !== null ? [state] : []);
    case 'lease-not-found':
      return (state) => (state.held === null || state.held.holder === holder ? [state] : []);
    default:
      return never;
  }
}

/** A new tenure; its fence is greater than all before it. */
function began(claim: ClaimView): LeaseStep {
  return (state) => {
    if (state.held !== null || claim.fence <= state.lastFence || !samePins(state, claim)) return [];
    const held: Held = { holder: claim.holder, fence: claim.fence, session: claim.session, outlived: false, unheard: false };
    return [holding(state, held)];
  };
}

/** The tenure goes on, perhaps by a session from now on. */
function kept(claim: ClaimView, command: LeaseCommand): LeaseStep {
  return (state) => {
    const held = match(state, claim.holder, claim.fence);
    if (held === null || !samePins(state, claim)) return [];
    if (command.kind === 'claim-session') return [holding(state, { ...held, session: command.session, outlived: false, unheard: false })];
    return held.session === null ? [holding(state, { ...held, unheard: false })] : [];
  };
}

function released({ holder, fence }: CommandOf<'release'>): LeaseStep {
  return (state) => {
    if (state.held === null) return [state];
    const isTenure = state.held.holder === holder && (fence === null || state.held.fence === null || state.held.fence === fence);
    return isTenure ? [{ ...state, held: null }] : [];
  };
}

function pinned({ kind, entity }: CommandOf<'pin' | 'unpin'>): LeaseStep {
  return (state) => {
    const others = state.pins.filter((pin) => pin !== entity);
    return [{ ...state, pins: kind === 'pin' ? [...others, entity].sort() : others }];
  };
}

/** The present tenure, if it is this one; its fence known from now on. */
function match({ held, lastFence }: LeaseState, holder: string, fence: number | null): Held | null {
  if (held === null || held.holder !== holder) return null;
  if (fence === null || held.fence === fence) return held;
  return held.fence === null && fence > lastFence ? { ...held, fence } : null;
}

function holding(state: LeaseState, held: Held): LeaseState {
  return { ...state, held, lastFence: Math.max(state.lastFence, held.fence ?? 0) };
}

function samePins({ pins }: LeaseState, { pinnedBy }: ClaimView): boolean {
  return pins.length === pinnedBy.length && pins.every((pin, place) => pin === pinnedBy[place]);
}

function tenure(holder: string, session: string | null, unheard: boolean): Held {
  return { holder, fence: null, session, outlived: false, unheard };
}

function never(): readonly LeaseState[] {
  return [];
}
