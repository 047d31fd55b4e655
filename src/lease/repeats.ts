// Exactly once: a command under a key of its caller's is carried out the first time, and told again every other time.
import { unreachable } from '../assert.ts';
import { toTuple } from './command-codec.ts';
import type { BareCommand, ClaimCommand, Command, TxnOp } from './commands.ts';
import { type KeySpace, keyView } from './key-space.ts';
import { REMEMBERED_OUTCOME_MAX_BYTES } from './limits.ts';
import type { GrantView, KeyView, Outcome, TxnResult } from './outcomes.ts';
import type { RememberedOutcomes } from './remembered.ts';

/** Knows outcomes again. What a command says itself (a value that it puts) is not kept a second time. */
export class Repeats {
  readonly #remembered: RememberedOutcomes;
  readonly #keys: KeySpace;

  constructor(remembered: RememberedOutcomes, keys: KeySpace) {
    this.#remembered = remembered;
    this.#keys = keys;
  }

  /** What the command under that key ended in, with the index of then; a conflict if it was another one; null if it must be carried out. */
  find(key: string, command: BareCommand): Outcome | null {
    const known = this.#remembered.get(key);
    if (known === undefined) return null;
    if (known.fingerprint !== fingerprintOf(command)) {
      return { kind: 'refused', refusal: { code: 'conflict', detail: 'the idempotency key was used for another request' } };
    }
    // While it waits, a repeat waits in its place.
    if (known.outcome === '') return null;
    return { kind: 'repeated', index: known.index, outcome: this.#whole(JSON.parse(known.outcome) as Outcome, command) };
  }

  /** Remembers how a command ended, or that its claim waits. That there was no room is not an end: a repeat may find some. */
  note(key: string, command: BareCommand, outcome: Outcome): void {
    if (outcome.kind === 'refused' && outcome.refusal.code === 'overloaded') return;
    this.#remembered.put(key, fingerprintOf(command), outcome.kind === 'queued' ? '' : textOf(outcome));
  }

  /** The same for a claim that waited; null: it is as if it had never been asked for. */
  noteTurn(key: string | null, command: ClaimCommand, outcome: Outcome | null): void {
    if (key === null) return;
    if (outcome === null) this.forgetWait(key);
    else this.note(key, command, outcome);
  }

  /** Forgets that a claim waits under that key. What another request under it has been told meanwhile stays. */
  forgetWait(key: string | null): void {
    if (key !== null && this.#remembered.get(key)?.outcome === '') this.#remembered.forget(key);
  }

  forget(key: string | null): void {
    if (key !== null) this.#remembered.forget(key);
  }

  /** Puts back what was left out. */
  #whole(outcome: Outcome, command: BareCommand): Outcome {
    if (outcome.kind === 'key' && command.kind === 'put') return { kind: 'key', key: { ...outcome.key, value: command.value } };
    if (outcome.kind === 'txn' && command.kind === 'txn') {
      const ops = outcome.succeeded ? command.success : command.failure;
      return { ...outcome, results: outcome.results.map((result, at) => this.#wholeResult(result, ops[at] as TxnOp)) };
    }
    if (outcome.kind === 'grant' && 'keys' in outcome.grant) return { kind: 'grant', grant: counted(outcome.grant) };
    return outcome;
  }

  #wholeResult(result: TxnResult, op: TxnOp): TxnResult {
    switch (op.kind) {
      case 'put':
        return 'key' in result && result.key !== null ? { key: { ...result.key, key: op.key, value: op.value } } : result;
      case 'delete':
      case 'delete-prefix':
        return result;
      case 'get':
        return 'keys' in result ? result : { keys: this.#found([this.#keys.get(op.key)]) };
      case 'get-prefix':
        return 'keys' in result ? result : { keys: this.#found(this.#keys.range(op.prefix)) };
      default:
        return unreachable(op);
    }
  }

  #found(records: Iterable<Parameters<typeof keyView>[0] | undefined>): KeyView[] {
    const views: KeyView[] = [];
    for (const record of records) if (record !== undefined) views.push(keyView(record));
    return views;
  }
}

/**
 * The outcome as it is kept. Values that the command puts are left out. What a transaction read is left out when it is too much: a repeat
 * is told what is there by then.
 */
function textOf(outcome: Outcome): string {
  if (outcome.kind === 'key') return JSON.stringify({ kind: 'key', key: { ...outcome.key, value: '' } });
  if (outcome.kind === 'txn') {
    const text = JSON.stringify({ ...outcome, results: outcome.results.map(withoutPut) });
    if (text.length <= REMEMBERED_OUTCOME_MAX_BYTES) return text;
    const results = outcome.results.map((result) => ('keys' in result ? {} : withoutPut(result)));
    return JSON.stringify({ ...outcome, results });
  }
  return JSON.stringify(outcome);
}

/** A granted lease as version 0.1.0 remembered it, with lists in place of counts. Lists that were left out count as empty. */
function counted(grant: GrantView): GrantView {
  const { id, ttlMs, remainingMs, keys, claims } = grant as GrantView & { readonly keys: unknown[]; readonly claims: unknown[] };
  return { id, ttlMs, remainingMs, keyCount: keys.length, claimCount: claims.length, attachedIndex: 0 };
}

function withoutPut(result: TxnResult): TxnResult {
  return 'key' in result && result.key !== null ? { key: { ...result.key, key: '', value: '' } } : result;
}

/** A command's mark, 53 bits of it; how long a claim is ready to wait does not count. Two rounds of multiply and shift over its text. */
function fingerprintOf(command: BareCommand): number {
  const text = JSON.stringify(toTuple(patient(command)));
  let high = 0x9e3779b1;
  let low = 0x85ebca77;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    high = Math.imul(high ^ code, 0x27d4eb2f);
    low = Math.imul(low ^ code, 0x165667b1);
  }
  high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
  low = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35);
  return (high & 0x1fffff) * 2 ** 32 + (low >>> 0);
}

function patient(command: BareCommand): Command {
  if (command.kind === 'claim') return { kind: 'claim', key: command.key, holder: command.holder, durationMs: command.durationMs };
  if (command.kind === 'claim-session') {
    return { kind: 'claim-session', key: command.key, holder: command.holder, session: command.session };
  }
  return command;
}
