// Writes of user keys: put, delete and transactions, each gated by assertions and all or nothing.
import { unreachable } from '../assert.ts';
import { done, leaseFull, leaseNotFound } from './claiming.ts';
import type { Claims } from './claims.ts';
import type { Command, Compare, Precondition, TxnOp } from './commands.ts';
import type { Lease } from './granted-lease.ts';
import type { History } from './history.ts';
import { type KeyRecord, type KeySpace, keyView } from './key-space.ts';
import type { Lessor } from './lessor.ts';
import { compareLeaseIds } from './names.ts';
import type { Outcome, TxnResult } from './outcomes.ts';
import { noteUses, refuteAssertions } from './trapdoor.ts';
import { excessOf } from './txn-work.ts';

type CommandOf<Kind extends Command['kind']> = Extract<Command, { readonly kind: Kind }>;

/** Carries out the commands that speak of user keys. */
export class Transactions {
  readonly #keys: KeySpace;
  readonly #lessor: Lessor;
  readonly #claims: Claims;
  readonly #history: History;

  constructor(keys: KeySpace, lessor: Lessor, claims: Claims, history: History) {
    this.#keys = keys;
    this.#lessor = lessor;
    this.#claims = claims;
    this.#history = history;
  }

  /** Checked in this order: assertions, precondition, lease. */
  put(command: CommandOf<'put'>): Outcome {
    const refusal = refuteAssertions(command.assert, this.#claims, this.#history) ?? this.#refute(command.key, command.precondition);
    if (refusal !== null) return refusal;
    if (!this.#leaseExists(command.lease)) return leaseNotFound(command.lease);
    if (!this.#hasRoom(command.lease, command.key)) return leaseFull(command.lease ?? '');
    noteUses(command.assert, this.#claims);
    return { kind: 'key', key: keyView(this.#keys.put(command.key, command.value, this.#lease(command.lease))) };
  }

  /** Checked in this order: assertions, precondition, existence. */
  delete(command: CommandOf<'delete'>): Outcome {
    const refusal = refuteAssertions(command.assert, this.#claims, this.#history) ?? this.#refute(command.key, command.precondition);
    if (refusal !== null) return refusal;
    if (!this.#keys.delete(command.key, 'deleted')) return keyNotFound(command.key);
    noteUses(command.assert, this.#claims);
    return done;
  }

  /** Assertions refuse all; comparisons choose the branch; a lease that one of its puts lacks refuses all again. */
  txn(command: CommandOf<'txn'>): Outcome {
    const refusal = refuteAssertions(command.assert, this.#claims, this.#history);
    if (refusal !== null) return refusal;
    const succeeded = command.compare.every((compare) => holds(compare, this.#keys.get(compare.key)));
    const ops = succeeded ? command.success : command.failure;
    for (const op of ops) {
      if (op.kind === 'put' && !this.#leaseExists(op.lease)) return leaseNotFound(op.lease);
    }
    const excess = excessOf(ops, this.#keys);
    if (excess !== null) return excess;
    const full = this.#fullLease(ops);
    if (full !== null) return leaseFull(full);
    noteUses(command.assert, this.#claims);
    return { kind: 'txn', succeeded, results: ops.map((op) => this.#carryOut(op)) };
  }

  /** Attaching moves; detaching a key that lives by another lease or by none is done already. */
  attach(command: CommandOf<'attach' | 'detach'>): Outcome {
    const lease = this.#lessor.get(command.id);
    if (lease === undefined) return leaseNotFound(command.id);
    const record = this.#keys.get(command.key);
    if (record === undefined) return keyNotFound(command.key);
    if (command.kind === 'attach' && record.lease !== lease && !lease.hasRoomFor(1)) return leaseFull(lease.id);
    if (command.kind === 'attach') this.#keys.attach(record, lease);
    else if (record.lease === lease) this.#keys.attach(record, null);
    return done;
  }

  /** Each operation sees what those before it did. */
  #carryOut(op: TxnOp): TxnResult {
    switch (op.kind) {
      case 'put':
        return { key: keyView(this.#keys.put(op.key, op.value, this.#lease(op.lease))) };
      case 'delete':
        return { deleted: this.#keys.delete(op.key, 'deleted') ? 1 : 0 };
      case 'delete-prefix':
        return { deleted: this.#keys.deletePrefix(op.prefix) };
      case 'get': {
        const record = this.#keys.get(op.key);
        return { keys: record === undefined ? [] : [keyView(record)] };
      }
      case 'get-prefix':
        return { keys: Array.from(this.#keys.range(op.prefix), keyView) };
      default:
        return unreachable(op);
    }
  }

  #leaseExists(id: string | null): id is null {
    return id === null || this.#lessor.get(id) !== undefined;
  }

  /** Whether the key may live by the lease; one that does already takes no more room. */
  #hasRoom(id: string | null, key: string): boolean {
    const lease = this.#lease(id);
    return lease === null || this.#keys.get(key)?.lease === lease || lease.hasRoomFor(1);
  }

  /** A lease that all puts of a transaction together would fill beyond its limit, null if there is none. */
  #fullLease(ops: readonly TxnOp[]): string | null {
    const more = new Map<Lease, number>();
    for (const op of ops) {
      const lease = op.kind === 'put' ? this.#lease(op.lease) : null;
      if (lease === null) continue;
      more.set(lease, (more.get(lease) ?? 0) + 1);
      if (!lease.hasRoomFor(more.get(lease) ?? 0)) return lease.id;
    }
    return null;
  }

  #lease(id: string | null): Lease | null {
    return id === null ? null : (this.#lessor.get(id) ?? null);
  }

  #refute(key: string, precondition: Precondition | null): Outcome | null {
    if (precondition === null) return null;
    const modRevision = this.#keys.get(key)?.modRevision ?? null;
    const held = precondition.kind === 'absent' ? modRevision === null : modRevision === precondition.revision;
    return held ? null : { kind: 'refused', refusal: { code: 'precondition-failed', key, modRevision } };
  }
}

function keyNotFound(key: string): Outcome {
  return { kind: 'refused', refusal: { code: 'key-not-found', key } };
}

/** An absent key has 0 for every number, "0" for its lease, and equals no value: it is unequal to each, neither less nor greater. */
function holds(compare: Compare, record: KeyRecord | undefined): boolean {
  switch (compare.target) {
    case 'create':
      return inOrder((record?.createRevision ?? 0) - Number(compare.value), compare.op);
    case 'mod':
      return inOrder((record?.modRevision ?? 0) - Number(compare.value), compare.op);
    case 'version':
      return inOrder((record?.version ?? 0) - Number(compare.value), compare.op);
    case 'lease':
      return inOrder(compareLeaseIds(record?.lease?.id ?? '0', String(compare.value)), compare.op);
    case 'value':
      if (record === undefined) return compare.op === '!=';
      return inOrder(record.value < compare.value ? -1 : record.value > compare.value ? 1 : 0, compare.op);
    default:
      return unreachable(compare.target);
  }
}

/** Whether a difference (negative: less) is what the operator asks for. */
function inOrder(difference: number, op: Compare['op']): boolean {
  switch (op) {
    case '=':
      return difference === 0;
    case '!=':
      return difference !== 0;
    case '<':
      return difference < 0;
    case '>':
      return difference > 0;
    default:
      return unreachable(op);
  }
}
