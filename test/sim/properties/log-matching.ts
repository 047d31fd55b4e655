// Figure 3: if two logs contain an entry with the same index and term, the logs are identical up through it (section 5.3).
import type { Entry, Term } from '../../../src/raft/types.ts';
import type { Fact } from '../facts.ts';
import { type Property, Violation, type World } from './property.ts';

interface Seen {
  readonly precedingTerm: Term | undefined;
  readonly content: string;
}

/** By induction it is enough that (index, term) always comes with the same content and the same term before it. */
export class LogMatching implements Property {
  readonly name = 'log-matching';
  readonly #world: World;
  readonly #seen = new Map<string, Seen>();

  constructor(world: World) {
    this.#world = world;
  }

  observe(fact: Fact): void {
    if (fact.kind !== 'appending') return;
    const disk = this.#world.disk(fact.node);
    let precedingTerm: Term | undefined;
    for (const [place, entry] of fact.write.entries.entries()) {
      if (place === 0) precedingTerm = disk.termAt(entry.index - 1);
      this.#check(fact.node, entry, precedingTerm);
      precedingTerm = entry.term;
    }
  }

  #check(node: number, entry: Entry, precedingTerm: Term | undefined): void {
    const name = `${entry.index}/${entry.term}`;
    const content = entry.kind === 'normal' ? Buffer.from(entry.data).toString('latin1') : JSON.stringify(entry.change);
    const seen = this.#seen.get(name);
    if (seen === undefined) {
      this.#seen.set(name, { precedingTerm, content });
      return;
    }
    if (seen.content !== content) throw new Violation(this.name, `n${node} has another content for entry ${name} than an earlier log`);
    if (precedingTerm !== undefined && seen.precedingTerm !== undefined && precedingTerm !== seen.precedingTerm) {
      throw new Violation(this.name, `before entry ${name}, n${node} has term ${precedingTerm}, an earlier log has ${seen.precedingTerm}`);
    }
  }
}
