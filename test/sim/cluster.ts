// The nodes of a run: makes them, ends them, starts them again, stops their time.
import type { Env, Recovered } from '../../src/env.ts';
import { codec } from '../../src/io/codec.ts';
import { DataDirectoryError } from '../../src/io/data-directory-error.ts';
import { POSITION_MAX } from '../../src/io/wire-raft.ts';
import type { StateEvent } from '../../src/lease/events.ts';
import type { ConfState, Index, NodeId, Term } from '../../src/raft/types.ts';
import { Replica } from '../../src/replica/replica.ts';
import type { Service } from '../../src/replica/service.ts';
import { SimClock } from './clock.ts';
import { type Damage, SimDisk } from './disk.ts';
import type { Fact } from './facts.ts';
import { type DiskMood, SimLogStore, type StoreObserver } from './log-store.ts';
import { confText, type MemberHistory, membersOf } from './member-history.ts';
import { Network } from './network.ts';
import type { Plan } from './plan.ts';
import { Process } from './process.ts';
import { Violation } from './properties/property.ts';
import type { SeededRandom } from './random.ts';
import type { Scheduler } from './scheduler.ts';
import type { Story, Weight } from './story.ts';
import { SimTransport } from './transport.ts';
import { describeFrame } from './words.ts';
import { checksumWithZeros } from './zero-checksums.ts';

/** What a test plants into the seams of one node. */
export interface EnvFault {
  /** Called with the disk before every opening. */
  reopened?(disk: SimDisk): void;
  recovered?(recovered: Recovered): Recovered;
  env?(env: Env, node: NodeId): Env;
  /** What clients get instead of the node. */
  service?(service: Service): Service;
}

/** One life of a node. */
export interface Life {
  readonly process: Process;
  readonly store: SimLogStore;
  readonly transport: SimTransport;
  readonly replica: Replica;
  /** The replica as clients see it. */
  readonly service: Service;
  /** Tells the facts of all events that the node has by now: before a reader sees them, who may come in the midst of a turn. */
  readonly tellEvents: () => void;
}

interface Node {
  /** Its number. */
  readonly id: NodeId;
  /** What the members call it; that of a newcomer is chosen before its number is known. */
  readonly name: string;
  diskName: string;
  disk: SimDisk;
  /** On which disk each peer was met, by its number: as `src/io/peer-disks.ts` keeps it, and lost with the disk. */
  peerDisks: Map<NodeId, string>;
  /** It had these before it was wiped. */
  readonly lostDisks: SimDisk[];
  readonly mood: DiskMood;
  life: Life | null;
  /** What its disk is said to have left, if anybody looks. */
  freeBytes: number;
  /** Its data directory cannot be believed any more: it takes no part. */
  isLost: boolean;
  /** It was removed, and has ended because of it. */
  isGone: boolean;
}

export interface ClusterHost {
  tell(fact: Fact): void;
  readonly envFault: EnvFault | null;
}

/** All nodes, dead or alive. */
export class Cluster {
  readonly network: Network;
  readonly #founders: readonly NodeId[];
  readonly #members: MemberHistory;
  readonly #nodes = new Map<NodeId, Node>();
  readonly #plan: Plan;
  readonly #scheduler: Scheduler;
  readonly #random: SeededRandom;
  readonly #story: Story;
  readonly #host: ClusterHost;
  /** Terms that each node was seen to lead, as `node/term`. */
  readonly #led = new Set<string>();
  readonly #harmed = new Set<NodeId>();
  /** Greatest index at which any node has been given a change of members to write. */
  lastMemberChange: Index = 0;
  readonly #checksum = checksumWithZeros();
  #running: NodeId | null = null;
  /** Whether a node that ends is started again at once. */
  keepUp = false;

  constructor(plan: Plan, scheduler: Scheduler, random: SeededRandom, story: Story, members: MemberHistory, host: ClusterHost) {
    this.#plan = plan;
    this.#scheduler = scheduler;
    this.#random = random;
    this.#story = story;
    this.#host = host;
    this.#members = members;
    this.#founders = members.newest.conf.voters;
    for (const id of this.#founders) this.place(id, `n${id}`, `disk-${id}`);
    this.network = new Network(
      scheduler,
      random.fork(),
      { ...plan.network },
      {
        sent: (from, to, frame) => {
          if (frame.kind === 'raft' && frame.message.term > POSITION_MAX)
            throw new Violation('no-bugs', `n${from} is in term ${frame.message.term}, which has no form on the network`);
          if (frame.kind === 'raft' && LEADER_KINDS.has(frame.message.kind)) this.#noteLeader(from, frame.message.term);
          host.tell({ kind: 'frame-sent', node: from, to, frame });
        },
      },
    );
  }

  /** All nodes that take part, or could if they were up: not those that have ended because they were removed. */
  get ids(): NodeId[] {
    return [...this.#nodes.values()].filter((node) => !node.isGone).map((node) => node.id);
  }

  /** All nodes that there ever were. */
  get known(): NodeId[] {
    return [...this.#nodes.keys()];
  }

  /** A node that has never been started, with nothing on its disk. */
  place(id: NodeId, name: string, diskName: string): void {
    if (this.#nodes.has(id)) throw new Error(`cluster: there is a node ${id} already`);
    const disk = new SimDisk(this.#checksum, diskName);
    const mood = { ...this.#plan.disk };
    this.#nodes.set(id, {
      id,
      name,
      diskName,
      disk,
      peerDisks: new Map(),
      lostDisks: [],
      mood,
      life: null,
      freeBytes: DISK_BYTES,
      isLost: false,
      isGone: false,
    });
  }

  has(id: NodeId): boolean {
    return this.#nodes.has(id);
  }

  name(id: NodeId): string {
    return this.#node(id).name;
  }

  hasHad(id: NodeId, index: Index, term: Term): boolean {
    const node = this.#nodes.get(id);
    return node !== undefined && [node.disk, ...node.lostDisks].some((disk) => disk.has(index, term));
  }

  /** The node whose code is running now; null outside of all. */
  get running(): NodeId | null {
    return this.#running;
  }

  /** The life of a node; null while it is down. */
  life(id: NodeId): Life | null {
    return this.#node(id).life;
  }

  disk(id: NodeId): SimDisk {
    return this.#node(id).disk;
  }

  mood(id: NodeId): DiskMood {
    return this.#node(id).mood;
  }

  /** From now on the node's disk is said to have little left, or much. */
  reportDisk(id: NodeId, isLow: boolean): void {
    this.#node(id).freeBytes = isLow ? 1 : DISK_BYTES;
  }

  /** Nodes that are up, paused ones included. */
  get up(): readonly NodeId[] {
    return this.ids.filter((id) => this.life(id) !== null);
  }

  /** The node that leads the highest term of those that say they lead; null for none. */
  get leader(): NodeId | null {
    let found: NodeId | null = null;
    let foundTerm = -1;
    for (const id of this.up) {
      const replica = this.life(id)?.replica;
      if (replica?.leader === this.name(id) && replica.term > foundTerm) {
        found = id;
        foundTerm = replica.term;
      }
    }
    return found;
  }

  /** Terms of the nodes that say they lead. */
  get led(): Term[] {
    return this.up.flatMap((id) => {
      const replica = this.life(id)?.replica;
      return replica?.leader === this.name(id) ? [replica.term] : [];
    });
  }

  /** The members, but for those whose data directory is damaged or was wiped, and those that were never started. */
  get able(): NodeId[] {
    return membersOf(this.#members.newest.conf).filter((id) => {
      const node = this.#nodes.get(id);
      return node !== undefined && !node.isLost && !isWiped(node);
    });
  }

  holds(id: NodeId, index: Index, term: Term): boolean {
    return this.life(id)?.store.holds(index, term) ?? false;
  }

  start(id: NodeId): void {
    const node = this.#node(id);
    if (node.life !== null || node.isLost || node.isGone) return;
    const name = `n${id}`;
    const self = { node: id, name: node.name, http: `${node.name}:http`, disk: node.diskName };
    this.#tell(name, 'starts');
    const random = this.#random.fork();
    const process = new Process(this.#scheduler, (run) => this.#enter(node, run));
    this.#host.envFault?.reopened?.(node.disk);
    const store = this.#open(node, process, random);
    if (store === null) return;
    const transport = new SimTransport(self, node.peerDisks, this.network, process, this.#plan.electionTimeoutMs, (from, frame) =>
      this.#tell(name, `gets ${describeFrame(frame)} from n${from}`, 'detail'),
    );
    const clock = new SimClock(this.#scheduler, process, random, this.#plan.clocks[id - 1] ?? STEADY_CLOCK);
    const room = { heap: () => null, disk: () => ({ freeBytes: node.freeBytes, totalBytes: DISK_BYTES }) };
    const { quotas } = this.#plan;
    const env: Env = { clock, random, store, transport, codec, checksum: this.#checksum, ...(quotas === null ? {} : { room }) };
    let role = '';
    process.call(() => {
      const replica = new Replica(this.#host.envFault?.env?.(env, id) ?? env, {
        ...self,
        founders: this.#founders.map((member) => ({ node: member, name: `n${member}`, peer: `n${member}:peer` })),
        heartbeatMs: this.#plan.heartbeatMs,
        electionTimeoutMs: this.#plan.electionTimeoutMs,
        limits: this.#plan.limits,
        ...(quotas === null ? {} : { room: { ...quotas, diskReserveBytes: RESERVE_BYTES } }),
        trace: (event) => {
          if (event.kind === 'configuration-switched') this.#noteMembers(id, event.conf);
          if (event.kind === 'became') {
            const isNews = event.role === 'leader' || event.role === 'candidate' || role === 'leader';
            role = event.role;
            this.#tell(name, ROLE_WORDS[event.role](event.term), isNews ? 'event' : 'detail');
            if (event.role === 'leader') this.#noteLeader(id, event.term);
          }
        },
        onFatal: (error) => {
          this.#tell(name, `ends itself: ${error.message}`);
          if (this.#isRemoval(node, error)) node.isGone = true;
          else if (isWiped(node) && error.message.includes('with another data directory')) node.isLost = true;
          // Else only a disk that failed may end a node.
          else if (!store.isBroken) throw new Violation('no-bugs', `${name} ends itself without a reason: ${error.message}`);
          this.#scheduler.after(0, () => this.crash(id, false));
        },
      });
      const service = this.#host.envFault?.service?.(replica) ?? replica;
      const tellsEvents = tellEvents(id, replica, (fact) => this.#host.tell(fact));
      node.life = { process, store, transport, replica, service, tellEvents: tellsEvents };
      replica.start((error) => {
        if (error === undefined) {
          this.#tell(name, `is ready at ${replica.appliedIndex}`);
          return;
        }
        if (!(error instanceof DataDirectoryError)) throw new Violation('no-bugs', `${name} cannot start: ${error.message}`);
        this.#refuse(node, error);
        this.#scheduler.after(0, () => this.crash(id, false));
      });
    });
    this.#host.tell({ kind: 'started', node: id });
  }

  /** Null when the directory refuses: it has no room, or is not what it was. */
  #open(node: Node, process: Process, random: SeededRandom): SimLogStore | null {
    const name = `n${node.id}`;
    const observer: StoreObserver = {
      appending: (write) => {
        const { hardState, entries } = write;
        const last = entries.at(-1);
        const until = last === undefined ? '' : ` to ${last.index}/${last.term}`;
        this.#tell(name, `writes term=${hardState?.term} vote=${hardState?.vote} entries=${entries.length}${until}`, 'detail');
        for (const entry of entries) if (entry.kind === 'conf-change') this.lastMemberChange = Math.max(this.lastMemberChange, entry.index);
        this.#host.tell({ kind: 'appending', node: node.id, write });
      },
      savingState: (meta) => {
        this.#tell(name, `saves its state at ${meta.index}: ${meta.count} records`, 'detail');
        this.#host.tell({ kind: 'saving-state', node: node.id, meta });
      },
    };
    const plant = (recovered: Recovered): Recovered => this.#host.envFault?.recovered?.(recovered) ?? recovered;
    try {
      const store = new SimLogStore(node.disk, this.#scheduler, process, random, node.mood, observer, plant);
      this.#host.tell({ kind: 'opened', node: node.id, shortfall: store.shortfall });
      return store;
    } catch (error) {
      if (!(error instanceof DataDirectoryError)) throw error;
      this.#refuse(node, error);
      return null;
    }
  }

  #refuse(node: Node, error: DataDirectoryError): void {
    this.#tell(`n${node.id}`, `REFUSES to start: ${error.message}`);
    if (error.code === 'damaged') {
      if (!this.#harmed.has(node.id))
        throw new Violation('no-bugs', `n${node.id} calls its disk damaged, which nobody harmed: ${error.message}`);
      node.isLost = true;
    } else if (error.code !== 'full' || !node.disk.isFull) throw error;
  }

  /** Harms the data directory of a node that is down. Answers whether there was anything to harm. */
  damage(id: NodeId, kind: Damage): boolean {
    const node = this.#node(id);
    if (node.life !== null || node.isLost) return false;
    const what = node.disk.damage(kind, this.#random);
    if (what === null) return false;
    this.#harmed.add(id);
    this.#tell(`n${id}`, `DAMAGED while it is down: ${what}`);
    return true;
  }

  /** Whether it was wiped and runs still or again: the others are to refuse it. */
  isOutcast(id: NodeId): boolean {
    const node = this.#node(id);
    return isWiped(node) && !node.isLost && !node.isGone;
  }

  isLost(id: NodeId): boolean {
    return this.#node(id).isLost;
  }

  /**
   * Takes a node's disk away: it will be started under its old number on an empty one. Refused unless everybody else that takes part has
   * met it, which is what they will know it by, and no other such node is about: together they could pass for a new cluster, as could
   * a founder that was alone, whose flags on an empty directory mean just that (cluster/README.md).
   */
  wipe(id: NodeId): boolean {
    const node = this.#node(id);
    const others = [...this.#nodes.values()].filter((other) => other !== node && !other.isLost && !other.isGone);
    if (this.#founders.length === 1 && this.#founders.includes(id)) return false;
    if (node.isLost || node.isGone || isWiped(node) || others.some((other) => isWiped(other) || !other.peerDisks.has(id))) return false;
    this.crash(id, false);
    node.lostDisks.push(node.disk);
    node.diskName += '-wiped';
    node.disk = new SimDisk(this.#checksum, node.diskName);
    node.peerDisks = new Map();
    this.#harmed.add(id);
    this.#tell(`n${id}`, 'is WIPED');
    return true;
  }

  /** Nodes that were harmed, whether or not they have noticed. */
  get harmed(): ReadonlySet<NodeId> {
    return this.#harmed;
  }

  /** Ends the process at once; what the disk was doing is kept or lost. `silently`: its peers are not told. */
  crash(id: NodeId, silently: boolean): void {
    const node = this.#node(id);
    const life = node.life;
    if (life === null) return;
    this.#tell(`n${id}`, silently ? 'loses power' : 'is killed');
    node.life = null;
    life.process.kill();
    life.store.crash(silently);
    life.transport.crash(silently);
    node.mood.writesBeforeFailure = Number.POSITIVE_INFINITY;
    this.#host.tell({ kind: 'crashed', node: id });
    if (this.keepUp) this.#scheduler.after(RESTART_MS, () => this.start(id));
  }

  /** Asks the process to stop as SIGTERM does; it ends when it says so. */
  stop(id: NodeId): void {
    const life = this.life(id);
    if (life === null || life.process.paused) return;
    this.#tell(`n${id}`, 'is asked to stop');
    life.process.call(() =>
      life.replica.stop(() =>
        this.#scheduler.after(0, () => {
          if (this.life(id) === life) this.crash(id, false);
        }),
      ),
    );
  }

  pause(id: NodeId): void {
    this.#tell(`n${id}`, 'is stopped in its tracks');
    this.life(id)?.process.pause();
  }

  resume(id: NodeId): void {
    this.#tell(`n${id}`, 'goes on');
    this.life(id)?.process.resume(this.#random.chance(0.5));
  }

  #enter(node: Node, run: () => void): void {
    const outer = this.#running;
    this.#running = node.id;
    try {
      run();
    } finally {
      this.#running = outer;
    }
  }

  /** Whether a node says that it was removed; it must be true. */
  #isRemoval({ id, name }: Node, error: Error): boolean {
    if (!/was removed from the cluster|is no member any more/.test(error.message)) return false;
    const { conf, index } = this.#members.newest;
    if (membersOf(conf).includes(id))
      throw new Violation('no-bugs', `${name} (n${id}) ends itself as removed, but is a member by entry ${index}: ${error.message}`);
    return true;
  }

  #noteMembers(node: NodeId, conf: ConfState): void {
    this.#tell(`n${node}`, `counts as members ${confText(conf)}`, 'detail');
    this.#host.tell({ kind: 'members-switched', node, conf });
  }

  #noteLeader(node: NodeId, term: Term): void {
    const name = `${node}/${term}`;
    if (this.#led.has(name)) return;
    this.#led.add(name);
    this.#host.tell({ kind: 'leads', node, term });
  }

  #node(id: NodeId): Node {
    const node = this.#nodes.get(id);
    if (node === undefined) throw new Error(`cluster: no node ${id}`);
    return node;
  }

  #tell(who: string, what: string, weight: Weight = 'event'): void {
    this.#story.tell(this.#scheduler.nowMs, who, what, weight);
  }
}

function isWiped({ lostDisks }: Node): boolean {
  return lostDisks.length > 0;
}

const ROLE_WORDS = {
  follower: (term: Term) => `follows in term ${term}`,
  'pre-candidate': (term: Term) => `asks whether it may stand, in term ${term}`,
  candidate: (term: Term) => `STANDS for term ${term}`,
  leader: (term: Term) => `LEADS term ${term}`,
};

/** Tells what the node's log of events takes in, and where it begins anew; at once when the returned function is called. */
function tellEvents(node: NodeId, { events }: Replica, tell: (fact: Fact) => void): () => void {
  let next = events.end;
  const tellNew = (): void => {
    if (next < events.start) {
      next = events.start;
      tell({ kind: 'events-jumped', node, last: events.floor });
    }
    for (; next < events.end; next++) tell({ kind: 'event-told', node, event: events.at(next) as StateEvent });
  };
  events.subscribe(tellNew);
  return tellNew;
}

/** What only a leader sends. */
const LEADER_KINDS: ReadonlySet<string> = new Set(['append', 'heartbeat', 'snapshot', 'timeout-now']);
const RESTART_MS = 10;
const DISK_BYTES = 1_000_000;
const RESERVE_BYTES = 1_000;
const STEADY_CLOCK = { zeroMs: 0, rate: 1, latenessMs: 0 };
