// Figure 3: no two nodes apply different entries at one index (section 5.4.3); ours: at one index their states are equal.
import type { Index, NodeId } from '../../../src/raft/types.ts';
import type { Fact } from '../facts.ts';
import { type Property, Violation } from './property.ts';

interface Image {
  readonly node: NodeId;
  readonly figure: string;
}

/** Compares entries, outcomes, whole states, and the checksums of saved images. */
export class StateMachineSafety implements Property {
  readonly name = 'state-machine-safety';
  readonly #dumps = new Map<Index, Image>();
  readonly #images = new Map<Index, Image>();

  observe(fact: Fact): void {
    switch (fact.kind) {
      case 'applied-again':
        if (fact.difference !== null)
          throw new Violation(this.name, `n${fact.node} applies another entry ${fact.index}: ${fact.difference}`);
        return;
      case 'dumped':
        this.#compare(this.#dumps, fact.index, fact.node, fact.hash);
        return;
      case 'saving-state':
        this.#compare(this.#images, fact.meta.index, fact.node, `${fact.meta.count} records with sum ${fact.meta.sum}`);
        return;
      default:
    }
  }

  #compare(images: Map<Index, Image>, index: Index, node: NodeId, figure: string): void {
    const other = images.get(index);
    if (other === undefined) images.set(index, { node, figure });
    else if (other.figure !== figure)
      throw new Violation(this.name, `at index ${index} n${other.node} has ${other.figure}, n${node} has ${figure}`);
  }
}
