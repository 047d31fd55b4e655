// Ours: every node tells the same events under the same ids, and a reader that goes on anywhere sees each exactly once, in order.
import type { EventId, StateEvent } from '../../../src/lease/events.ts';
import type { NodeId } from '../../../src/raft/types.ts';
import type { Fact } from '../facts.ts';
import { type Property, Violation } from './property.ts';

/** Where a node or a reader stands: the place of its last event in the one order of all, -1 before the first. */
type Place = number;

export class EventStreams implements Property {
  readonly name = 'event-streams';
  /** Every event that any node has told, in order: a node that is first at one is first at all later ones that are known. */
  readonly #all: { readonly id: string; readonly index: number; readonly text: string }[] = [];
  readonly #places = new Map<string, Place>();
  readonly #nodes = new Map<NodeId, Place>();
  readonly #readers = new Map<number, Place>();

  observe(fact: Fact): void {
    switch (fact.kind) {
      case 'started':
        // Replays from the beginning, unless it says that it goes on from a state.
        this.#nodes.delete(fact.node);
        return;
      case 'event-told':
        this.#told(fact.node, fact.event);
        return;
      case 'events-jumped':
        this.#nodes.set(fact.node, this.#placeAfterJump(fact.node, fact.last));
        return;
      case 'watch-saw':
        this.#saw(fact.watcher, fact.node, fact.id);
        return;
      case 'watch-reset':
        if (!fact.isGone) throw new Violation(this.name, `n${fact.node} resets reader ${fact.watcher} though it has what comes next`);
        this.#readers.set(fact.watcher, this.#lastUpTo(fact.id));
        return;
      case 'watch-ended':
        this.#ended(fact.watcher, fact.node);
        return;
      default:
    }
  }

  #told(node: NodeId, event: StateEvent): void {
    const id = idText(event);
    const text = JSON.stringify(event);
    const place = (this.#nodes.get(node) ?? -1) + 1;
    this.#nodes.set(node, place);
    const known = this.#all[place];
    if (known === undefined) {
      const before = this.#all[place - 1];
      const [index, position] = before === undefined ? [0, 0] : (before.id.split('.').map(Number) as [number, number]);
      const follows = event.index > index ? event.position === 0 : event.index === index && event.position === position + 1;
      if (!follows) throw new Violation(this.name, `n${node} tells ${id} after ${before?.id ?? 'nothing'}`);
      this.#places.set(id, place);
      this.#all.push({ id, index: event.index, text });
    } else if (known.text !== text) {
      throw new Violation(this.name, `n${node} tells ${text} where ${known.text} was told before`);
    }
  }

  #placeAfterJump(node: NodeId, last: EventId): Place {
    const place = this.#places.get(idText(last));
    if (place !== undefined) return place;
    // A state without any event names its own index.
    const before = this.#lastUpTo(last);
    if (before >= 0) throw new Violation(this.name, `n${node} goes on after ${idText(last)}, which nobody told`);
    return before;
  }

  #saw(watcher: number, node: NodeId, id: EventId): void {
    const place = (this.#readers.get(watcher) ?? -1) + 1;
    const expected = this.#all[place]?.id ?? 'nothing';
    if (expected !== idText(id)) throw new Violation(this.name, `reader ${watcher} sees ${idText(id)} on n${node} instead of ${expected}`);
    this.#readers.set(watcher, place);
  }

  #ended(watcher: number, node: NodeId): void {
    const place = this.#readers.get(watcher) ?? -1;
    if (place === this.#all.length - 1) return;
    throw new Violation(this.name, `reader ${watcher} has seen all of n${node}, but not ${this.#all[place + 1]?.id ?? 'nothing'}`);
  }

  #lastUpTo(id: EventId): Place {
    const after = this.#all.findIndex(({ index }) => index > id.index);
    return (after < 0 ? this.#all.length : after) - 1;
  }
}

function idText({ index, position }: EventId): string {
  return `${index}.${position}`;
}
