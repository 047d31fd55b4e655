// One random story of members that come, go, crash and lead, under load; ends with everybody back and compared.
import { SeededRandom } from '../sim/random.ts';
import { MemberWorld } from './member-world.ts';

const STEPS = 25;
const VOTERS_MOST = 6;

export class RandomMembers {
  readonly #random: SeededRandom;
  readonly #world: MemberWorld;
  /** Ends of the story, for whoever reads along. */
  readonly told: string[] = [];
  #nextName = 4;
  /** Newcomers that may have been added. */
  readonly #unsure: string[] = [];

  constructor(seed: number) {
    this.#random = new SeededRandom(seed);
    const limits = this.#random.chance(0.5) ? { saveAfterEntries: 5, keepEntries: this.#random.below(10), imagePieceBytes: 256 } : {};
    this.#world = new MemberWorld(seed, limits);
  }

  run(): void {
    const world = this.#world;
    for (let step = 0; step < STEPS; step++) {
      this.#step();
      if (this.#random.chance(0.7)) world.load(this.#random.below(400));
    }
    this.#settle();
  }

  #step(): void {
    const world = this.#world;
    const random = this.#random;
    if (world.up.length === 0) for (const down of world.down) world.start(down);
    const members = world.known;
    const name = random.pick(world.up);
    switch (random.below(7)) {
      case 0:
      case 1:
        if (members.length < VOTERS_MOST) this.#tell('join', () => this.#join(random.chance(0.3) ? random.pick(members) : null));
        return;
      case 2:
        if (members.length > 2) this.#tell('remove', () => world.remove(random.pick(members), name));
        return;
      case 3:
        if (world.up.length > 1) this.#tell(`${name} crashes`, () => world.crash(name));
        return;
      case 4:
        for (const down of world.down) this.#tell(`${down} starts`, () => world.start(down));
        return;
      case 5:
        this.#tell(`${name} is to lead`, () => world.replica(name).transfer(name, () => {}));
        return;
      default:
        world.pass(random.below(1_500));
    }
  }

  #join(replaces: string | null): unknown {
    const name = `n${this.#nextName}`;
    const result = this.#world.add(name, { replaces }, this.#random.pick(this.#world.up));
    if (result.ok || result.code === 'outcome-unknown') this.#nextName++;
    if (!result.ok) {
      if (result.code === 'outcome-unknown') this.#unsure.push(name);
      return result;
    }
    this.#world.place(result.member.number, name);
    this.#world.start(name);
    return `${name}${replaces === null ? '' : ` for ${replaces}`}`;
  }

  #tell(what: string, run: () => unknown): void {
    this.told.push(`${what}: ${JSON.stringify(run()) ?? ''}`);
  }

  /** Everybody who is a member starts, and in the end all have the same, and everything that was granted. */
  #settle(): void {
    const world = this.#world;
    for (const down of world.down) world.start(down);
    world.until('a leader', () => world.leader !== null);
    // What was still under way is in the log by then, or lost.
    world.pass(3_000);
    for (const name of this.#unsure) if (world.known.includes(name)) world.join(name);
    world.until('all learners to vote', () => world.leader !== null && !world.members.includes('?'));
    world.load(200);
    world.pass(2_000);
    const members = world.members.split(' ');
    for (const name of world.up) {
      // Whoever was removed and knows only members that are gone too finds nobody who could tell it, and nobody to vote for it.
      const known = world
        .replica(name)
        .status()
        .members.map(({ id }) => id);
      if (!members.includes(name) && !known.some((id) => members.includes(id))) {
        if (world.replica(name).raftStatus().role === 'leader') throw new Error(`${name} leads, but is no member\n${this.told.join('\n')}`);
        continue;
      }
      if (!members.includes(name)) throw new Error(`${name} is up, but no member: ${members.join(', ')}\n${this.told.join('\n')}`);
      const missing = world.missing(name);
      if (missing.length > 0) throw new Error(`${name} lacks ${missing.join(', ')}\n${this.told.join('\n')}`);
    }
    for (const name of members)
      if (!world.up.includes(name)) throw new Error(`${name} is a member, but ended: ${world.lastWords(name)}\n${this.told.join('\n')}`);
  }
}
