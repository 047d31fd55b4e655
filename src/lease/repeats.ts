// Exactly once: a command under an idempotency key is carried out the first time, and answered by `replays.ts` every other time.
import type { Claims } from './claims.ts';
import type { BareCommand, ClaimCommand } from './commands.ts';
import { type Fingerprint, fingerprintOf, oldFingerprintOf } from './fingerprints.ts';
import type { KeySpace } from './key-space.ts';
import type { Lessor } from './lessor.ts';
import type { Outcome } from './outcomes.ts';
import type { Pins } from './pins.ts';
import type { RememberedOutcomes } from './remembered.ts';
import { noteOf, readNote } from './remembered-note.ts';
import { Replays } from './replays.ts';
import type { Standing } from './standing.ts';

/** Recognizes commands by their idempotency keys. */
export class Repeats {
  readonly #standing: Standing;
  readonly #remembered: RememberedOutcomes;
  readonly #replays: Replays;

  constructor(standing: Standing, remembered: RememberedOutcomes, claims: Claims, lessor: Lessor, keys: KeySpace, pins: Pins) {
    this.#standing = standing;
    this.#remembered = remembered;
    this.#replays = new Replays(standing, claims, lessor, keys, pins);
  }

  /**
   * What a command under that key is answered instead of being carried out: what is true of its outcome now, or a conflict if the key is
   * that of another command, or if the outcome might be forgotten. `null` if the command must be carried out. `since`: as in the command
   * `once`, `undefined` outside of one.
   */
  find(key: string, command: BareCommand, since?: number | null): Outcome | null {
    // From the first such entry on the state knows what it has forgotten. What version 0.1.0 forgot is not after the oldest that is left.
    if (since !== undefined) this.#standing.forgottenIndex ??= this.#remembered.oldestIndex;
    const known = this.#remembered.get(key);
    if (known === undefined) return this.#mayBeForgotten(since);
    const first = isOf(known.fingerprint, command) ? readNote(known.outcome, command) : 'unreadable';
    if (first === 'unreadable') return { kind: 'refused', refusal: { code: 'conflict', detail: OTHER_COMMAND } };
    // While it waits, a repeat waits in its place.
    if (first === 'waits') return null;
    return this.#replays.replay(first, known.index, command);
  }

  /** Remembers how a command ended, or that its claim waits. That there was no room is not an end: a repeat may find some. */
  note(key: string, command: BareCommand, outcome: Outcome): void {
    if (outcome.kind === 'refused' && outcome.refusal.code === 'overloaded') return;
    const fingerprint = this.#standing.forgottenIndex === null ? oldFingerprintOf(command) : fingerprintOf(command);
    this.#remembered.put(key, fingerprint, noteOf(outcome, this.#replays.grantedIndex(outcome)));
  }

  /**
   * Remembers how a claim that waited ended, unless another request under its key was answered before; `null`: it is as if it had never
   * been asked for.
   */
  noteWait(key: string | null, command: ClaimCommand, outcome: Outcome | null): void {
    if (key === null) return;
    const known = this.#remembered.get(key);
    if (outcome === null) this.forgetWait(key);
    else if (known === undefined || (known.outcome === '' && isOf(known.fingerprint, command))) this.note(key, command, outcome);
  }

  /** Forgets that a claim waits under that key. What another request under it was answered in the meantime stays. */
  forgetWait(key: string | null): void {
    if (key !== null && this.#remembered.get(key)?.outcome === '') this.#remembered.forget(key);
  }

  forget(key: string | null): void {
    if (key !== null) this.#remembered.forget(key);
  }

  #mayBeForgotten(since: number | null | undefined): Outcome | null {
    const { forgottenIndex } = this.#standing;
    if (since === null || since === undefined || forgottenIndex === null || since >= forgottenIndex) return null;
    const detail = `the outcome under this idempotency key might be forgotten: those up to log index ${forgottenIndex} are, and it is in use since ${since}`;
    return { kind: 'refused', refusal: { code: 'conflict', detail, forgottenIndex } };
  }
}

const OTHER_COMMAND = 'the idempotency key was used for another request';

function isOf(fingerprint: Fingerprint, command: BareCommand): boolean {
  return fingerprint === (typeof fingerprint === 'number' ? oldFingerprintOf(command) : fingerprintOf(command));
}
