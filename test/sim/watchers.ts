// Readers of events that are cut all the time and go on at any node: what a client of `GET /v1/watch` does, without HTTP.
import type { EventId, StateEvent } from '../../src/lease/events.ts';
import type { NodeId } from '../../src/raft/types.ts';
import { compareEventIds } from '../../src/replica/event-log.ts';
import type { Replica } from '../../src/replica/replica.ts';
import type { Cluster, Life } from './cluster.ts';
import type { Fact } from './facts.ts';
import type { SeededRandom } from './random.ts';
import type { Scheduler } from './scheduler.ts';

export interface WatchersHost {
  tell(fact: Fact): void;
}

interface Attached {
  readonly life: Life;
  readonly cut: () => void;
}

/** One reader, from the first event of all on. */
class SimWatcher {
  readonly #number: number;
  readonly #cluster: Cluster;
  readonly #scheduler: Scheduler;
  readonly #random: SeededRandom;
  readonly #host: WatchersHost;
  #last: EventId = { index: 0, position: 0 };
  #attached: Attached | null = null;
  #stopped = false;

  constructor(number: number, cluster: Cluster, scheduler: Scheduler, random: SeededRandom, host: WatchersHost) {
    this.#number = number;
    this.#cluster = cluster;
    this.#scheduler = scheduler;
    this.#random = random;
    this.#host = host;
  }

  /** Goes on somewhere, and is cut again before long. */
  roam(): void {
    if (this.#stopped) return;
    this.#attached?.cut();
    this.#attached = null;
    const awake = this.#cluster.up.filter((id) => this.#cluster.life(id)?.process.paused === false);
    if (awake.length > 0) this.attach(this.#random.pick(awake));
    this.#scheduler.after(this.#random.between(1, LONGEST_LOOK_MS), () => this.roam());
  }

  /** Reads all that the node has by now. */
  finish(node: NodeId): void {
    this.#attached?.cut();
    this.attach(node);
    this.#attached?.cut();
    this.#stopped = true;
    this.#host.tell({ kind: 'watch-ended', watcher: this.#number, node });
  }

  attach(node: NodeId): void {
    const life = this.#cluster.life(node);
    if (life === null) return;
    life.process.call(() => {
      const { replica } = life;
      const ends: (() => void)[] = [];
      const attached = { life, cut: () => ends.splice(0).forEach((end) => void end()) };
      this.#attached = attached;
      const begin = (next: number | null): void => {
        if (this.#attached !== attached) return;
        let sequence = next ?? this.#reset(node, replica);
        const read = (): void => {
          life.tellEvents();
          if (sequence < replica.events.start) sequence = this.#reset(node, replica);
          for (; sequence < replica.events.end; sequence++) this.#see(node, replica.events.at(sequence) as StateEvent);
        };
        ends.push(replica.events.subscribe(read));
        read();
      };
      // Where the node has not come so far, it is asked what is committed, as the HTTP server asks it.
      if (this.#last.index <= replica.appliedIndex) begin(replica.events.after(this.#last));
      else replica.read('linearizable', (result) => result.kind === 'view' && begin(replica.events.after(this.#last)));
    });
  }

  #see(node: NodeId, { index, position }: StateEvent): void {
    this.#last = { index, position };
    this.#host.tell({ kind: 'watch-saw', watcher: this.#number, node, id: this.#last });
  }

  /** Events are gone here; gives the number to go on from. */
  #reset(node: NodeId, replica: Replica): number {
    const { events, appliedIndex } = replica;
    const oldest = events.at(events.start);
    const id = { index: appliedIndex, position: events.last.index === appliedIndex ? events.last.position : 0 };
    const isGone = oldest === undefined || compareEventIds(oldest, this.#last) > 0;
    this.#last = id;
    this.#host.tell({ kind: 'watch-reset', watcher: this.#number, node, id, isGone });
    return events.end;
  }
}

/** All readers of a run. */
export class SimWatchers {
  readonly #watchers: readonly SimWatcher[];
  readonly #cluster: Cluster;

  constructor(cluster: Cluster, scheduler: Scheduler, random: SeededRandom, host: WatchersHost) {
    this.#cluster = cluster;
    this.#watchers = Array.from({ length: WATCHERS }, (_, number) => new SimWatcher(number, cluster, scheduler, random.fork(), host));
  }

  start(): void {
    for (const watcher of this.#watchers) watcher.roam();
  }

  /** To be called when all members are up and at the same index. */
  finish(): void {
    const members = this.#cluster.able.filter((id) => this.#cluster.life(id) !== null);
    for (const [number, watcher] of this.#watchers.entries()) watcher.finish(members[number % members.length] as NodeId);
  }
}

const WATCHERS = 3;
const LONGEST_LOOK_MS = 200;
