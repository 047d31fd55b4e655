// An outcome as it is remembered under an idempotency key: JSON, without what its command says itself. Reading one back validates its shape.
import { unreachable } from '../assert.ts';
import type { BareCommand, TxnOp } from './commands.ts';
import { REMEMBERED_OUTCOME_MAX_BYTES } from './limits.ts';
import type { KeyView, Outcome, Refusal, TxnResult } from './outcomes.ts';

type RefusedOutcome = Extract<Outcome, { readonly kind: 'refused' }>;

/** What a transaction's operation gave. `null`: what it read was too much to be remembered. */
export type RememberedResult = TxnResult | null;

/** A first outcome, as far as it is remembered. */
export type FirstOutcome =
  | RefusedOutcome
  | { readonly kind: 'done' }
  | { readonly kind: 'claim'; readonly fence: number; readonly created: boolean }
  /** `grantedIndex`: as in `Lease`. */
  | { readonly kind: 'grant'; readonly id: string; readonly grantedIndex: number }
  | { readonly kind: 'key'; readonly key: KeyView }
  | { readonly kind: 'txn'; readonly succeeded: boolean; readonly results: readonly RememberedResult[] };

/**
 * The text that is kept. Empty while a claim waits. Values that the command puts are left out, as is what a transaction read if it is too
 * much. `grantedIndex`: of the lease in the outcome.
 */
export function noteOf(outcome: Outcome, grantedIndex: number): string {
  if (outcome.kind === 'queued') return '';
  if (outcome.kind === 'grant' && grantedIndex !== 0)
    return JSON.stringify({ kind: 'grant', grant: { id: outcome.grant.id }, grantedIndex });
  if (outcome.kind === 'key') return JSON.stringify({ kind: 'key', key: { ...outcome.key, value: '' } });
  if (outcome.kind !== 'txn') return JSON.stringify(outcome);
  const text = JSON.stringify({ ...outcome, results: outcome.results.map(withoutPut) });
  if (text.length <= REMEMBERED_OUTCOME_MAX_BYTES) return text;
  const results = outcome.results.map((result) => ('keys' in result ? {} : withoutPut(result)));
  return JSON.stringify({ ...outcome, results });
}

/** The first outcome of the command. `unreadable` for a text that no outcome of such a command has. Never throws. */
export function readNote(text: string, command: BareCommand): FirstOutcome | 'waits' | 'unreadable' {
  if (text === '') return command.kind === 'claim' || command.kind === 'claim-session' ? 'waits' : 'unreadable';
  try {
    return readOutcome(JSON.parse(text), command) ?? 'unreadable';
  } catch {
    return 'unreadable';
  }
}

type Fields = Readonly<Record<string, unknown>>;

function readOutcome(outcome: unknown, command: BareCommand): FirstOutcome | null {
  if (!isFields(outcome)) return null;
  const { kind } = outcome;
  if (kind === 'refused') return readRefusal(outcome.refusal);
  switch (command.kind) {
    case 'claim':
    case 'claim-session':
    case 'extend': {
      const { claim, created } = outcome;
      if (kind !== 'claim' || !isFields(claim) || !isIndex(claim.fence) || typeof created !== 'boolean') return null;
      return { kind, fence: claim.fence, created };
    }
    case 'grant':
    case 'renew': {
      const { grant, grantedIndex = 0 } = outcome;
      if (kind !== 'grant' || !isFields(grant) || typeof grant.id !== 'string' || !isIndex(grantedIndex)) return null;
      return { kind, id: grant.id, grantedIndex };
    }
    case 'put':
      return kind === 'key' && isKeyView(outcome.key) ? { kind, key: { ...outcome.key, value: command.value } } : null;
    case 'txn': {
      const { succeeded, results } = outcome;
      if (kind !== 'txn' || typeof succeeded !== 'boolean' || !Array.isArray(results)) return null;
      const ops = succeeded ? command.success : command.failure;
      if (results.length !== ops.length) return null;
      const read = ops.map((op, at) => readResult(results[at], op));
      return read.includes(undefined) ? null : { kind, succeeded, results: read as RememberedResult[] };
    }
    default:
      return kind === 'done' ? { kind } : null;
  }
}

/** `undefined` for what is not a result of such an operation. */
function readResult(result: unknown, op: TxnOp): RememberedResult | undefined {
  if (!isFields(result)) return undefined;
  switch (op.kind) {
    case 'put':
      return isKeyView(result.key) ? { key: { ...result.key, key: op.key, value: op.value } } : undefined;
    case 'delete':
    case 'delete-prefix':
      return isIndex(result.deleted) ? { deleted: result.deleted } : undefined;
    case 'get':
    case 'get-prefix': {
      const { keys } = result;
      if (keys === undefined) return Object.keys(result).length === 0 ? null : undefined;
      return Array.isArray(keys) && keys.every(isKeyView) ? { keys } : undefined;
    }
    default:
      return unreachable(op);
  }
}

const REFUSALS: ReadonlySet<unknown> = new Set<Refusal['code']>([
  'claim-denied',
  'not-held',
  'conflict',
  'lease-exists',
  'lease-not-found',
  'key-not-found',
  'assertion-failed',
  'precondition-failed',
  'too-large',
  'invalid-argument',
]);

function readRefusal(refusal: unknown): RefusedOutcome | null {
  return isFields(refusal) && REFUSALS.has(refusal.code) ? { kind: 'refused', refusal: refusal as unknown as Refusal } : null;
}

function withoutPut(result: TxnResult): TxnResult {
  return 'key' in result && result.key !== null ? { key: { ...result.key, key: '', value: '' } } : result;
}

function isKeyView(view: unknown): view is KeyView {
  return (
    isFields(view) && typeof view.value === 'string' && isIndex(view.modRevision) && isIndex(view.createRevision) && isIndex(view.version)
  );
}

function isIndex(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null;
}
