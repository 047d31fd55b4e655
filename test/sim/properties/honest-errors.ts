// Ours: what definitely failed never happens, what is refused is refused for a true reason, and every call is answered once.
import type { Fact } from '../facts.ts';
import { describeTenure } from '../facts.ts';
import { type Property, Violation, type World } from './property.ts';

/** Told apart by what is unique in each command. */
export class HonestErrors implements Property {
  readonly name = 'honest-errors';
  readonly #world: World;
  /** Text of each command that surely failed, and the call. */
  readonly #failed = new Map<string, number>();
  readonly #applied = new Set<string>();

  constructor(world: World) {
    this.#world = world;
  }

  observe(fact: Fact): void {
    if (fact.kind === 'applied') {
      const text = this.#world.ledger.entries.get(fact.application.index)?.text ?? '';
      const call = this.#failed.get(text);
      if (call !== undefined)
        throw new Violation(this.name, `call ${call} failed definitely, and is applied at ${fact.application.index}: ${text}`);
      this.#applied.add(text);
    }
    if (fact.kind !== 'call-ended') return;
    const { call, settled } = fact;
    if (call.settled !== null) throw new Violation(this.name, `call ${call.id} is answered twice`);
    if (settled.kind === 'failed') {
      if (!settled.failure.definite || call.tag === null) return;
      if (this.#applied.has(call.text)) throw new Violation(this.name, `call ${call.id} is applied, and fails definitely: ${call.text}`);
      this.#failed.set(call.text, call.id);
      return;
    }
    if (settled.outcome.kind !== 'refused' || !('key' in call.wanted) || typeof call.wanted.key === 'string') return;
    const { refusal } = settled.outcome;
    if (refusal.code !== 'claim-denied' && refusal.code !== 'not-held') return;
    const tenure = this.#world.ledger.tenureAt(call.wanted.key, settled.index);
    const told = `call ${call.id} is refused at ${settled.index} with ${JSON.stringify(refusal)}`;
    if ((tenure?.holder ?? null) !== refusal.holder || (tenure?.fence ?? null) !== refusal.fence) {
      throw new Violation(this.name, `${told}, but it is held by ${describeTenure(tenure)}`);
    }
    if (refusal.code === 'claim-denied' && 'holder' in call.wanted && refusal.holder === call.wanted.holder) {
      throw new Violation(this.name, `${told}: one's own claim is never denied`);
    }
  }
}
