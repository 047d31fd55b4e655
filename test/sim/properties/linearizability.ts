// Ours: there is an order in which all that clients were told can have happened, each call between its beginning and its answer.
import type { Fact } from '../facts.ts';
import { STORE_KEYS } from '../intentions.ts';
import { type Disorder, History } from '../linearizability/history.ts';
import { type Property, Violation, type World } from './property.ts';

/** Judged at the end of a run, from the clients' side alone. */
export class Linearizability implements Property {
  readonly name = 'linearizability';
  readonly #world: World;
  readonly #history: History;

  constructor(world: World) {
    this.#world = world;
    this.#history = new History(world.fastestRate, STORE_KEYS);
  }

  observe(fact: Fact): void {
    this.#history.observe(fact, this.#world.nowMs);
    if (fact.kind !== 'finished') return;
    const [disorder] = this.#history.check();
    if (disorder !== undefined) throw new Violation(this.name, describe(disorder));
  }
}

function describe({ object, verdict }: Disorder): string {
  if (verdict.kind === 'undecided') return `${object}: no order was found in ${verdict.tried} steps, and none excluded`;
  if (verdict.kind === 'unequal') return `${object}: its attempts were told ${verdict.answers.join(' and ')}`;
  const { order, states, stuck } = verdict;
  return [
    `${object}: no order of its history explains all answers`,
    `  after ${order.length} calls, the last of them`,
    ...order.slice(-SHOWN_MOST).map((name) => `    ${name}`),
    `  it can be in ${states.join(' or ')}, where none of these fits`,
    ...stuck.slice(0, SHOWN_MOST).map((name) => `    ${name}`),
  ].join('\n');
}

const SHOWN_MOST = 8;
