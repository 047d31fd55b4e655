// Ours: what is acknowledged is in the log as it was asked for, exactly once, and on a majority of the disks.
import type { Index, Term } from '../../../src/raft/types.ts';
import type { Call, Fact } from '../facts.ts';
import { isQuorum, membersOf } from '../member-history.ts';
import { type Property, Violation, type World } from './property.ts';

/** That it stays there is what leader completeness and state machine safety say; `convergence` looks at the end once more. */
export class Acknowledged implements Property {
  readonly name = 'acknowledged';
  readonly #world: World;
  readonly #applied = new Map<string, Index>();
  /** Commands that carry something unique, by their canonical text. */
  readonly #unique = new Set<string>();

  constructor(world: World) {
    this.#world = world;
  }

  observe(fact: Fact): void {
    if (fact.kind === 'applied' && fact.application.command !== null) {
      const text = this.#world.ledger.entries.get(fact.application.index)?.text ?? '';
      const earlier = this.#applied.get(text);
      if (earlier !== undefined && this.#unique.has(text))
        throw new Violation(this.name, `${text} is applied at ${fact.application.index} and was at ${earlier}`);
      this.#applied.set(text, fact.application.index);
    }
    if (fact.kind === 'call-began' && fact.call.tag !== null) this.#unique.add(fact.call.text);
    if (fact.kind !== 'call-ended' || fact.settled.kind !== 'applied') return;
    const { index, outcome, replayed } = fact.settled;
    // A repeat about the present is told the outcome of its own entry, which says that it is one; about the past, that of the first.
    const isOwn = replayed !== undefined && replayed !== index;
    this.#check(fact.call, index, JSON.stringify(isOwn ? { kind: 'repeated', firstIndex: replayed, index, outcome } : outcome));
  }

  #check(call: Call, index: Index, outcome: string): void {
    const entry = this.#world.ledger.entries.get(index);
    if (entry === undefined) throw new Violation(this.name, `call ${call.id} was told of index ${index}, which nobody has applied`);
    // The turn of a claim that waited comes with an entry of somebody else's.
    if (call.waitMs !== null) {
      this.#checkDisks(call, index, entry.term);
      return;
    }
    // Denied by a read, which has no entry: that it is true there is for `honest-errors`, that it is new enough for this.
    if (outcome.includes('"code":"claim-denied"') && call.command.kind !== 'once' && entry.text !== call.text) {
      if (index < call.floor)
        throw new Violation(this.name, `call ${call.id} is denied at ${index}, but ${call.floor} was known before it began`);
      return;
    }
    if (entry.text !== call.text)
      throw new Violation(this.name, `call ${call.id} (${call.text}) was told of index ${index}, where ${entry.text} stands`);
    if (entry.outcome !== outcome)
      throw new Violation(this.name, `call ${call.id} at ${index} was told ${outcome}, the log says ${entry.outcome}`);
    this.#checkDisks(call, index, entry.term);
  }

  #checkDisks(call: Call, index: Index, term: Term): void {
    const memberships = this.#world.members.since(call.firstBeganMs);
    const nodes = [...new Set(memberships.flatMap(({ conf }) => membersOf(conf)))];
    // A claim that waited can be denied at an entry without a command, whose term the state machine is not told: then the disks tell it.
    const terms = term > 0 ? [term] : [...new Set(nodes.map((node) => this.#world.disk(node).termAt(index) ?? 0))];
    const holders = terms.map((candidate) => nodes.filter((node) => this.#world.hasHad(node, index, candidate)));
    if (!holders.some((holding) => memberships.some(({ conf }) => isQuorum(conf, holding)))) {
      const holding = holders[0] ?? [];
      throw new Violation(this.name, `call ${call.id} at ${index} is acknowledged and on the disks of ${JSON.stringify(holding)} only`);
    }
  }
}
