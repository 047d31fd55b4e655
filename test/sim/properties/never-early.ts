// Ours: whoever was told "yours for d" has it at least d from the start of the call, unless it is released or revoked.
import type { LeaseKey } from '../../../src/lease/commands.ts';
import type { Index } from '../../../src/raft/types.ts';
import type { Application, Call, Fact } from '../facts.ts';
import { keyName } from '../facts.ts';
import { type Property, Violation, type World } from './property.ts';

/** Compares promises with the moment at which an expiry is applied anywhere for the first time, in true time. */
export class NeverEarly implements Property {
  readonly name = 'never-early';
  readonly #world: World;
  /** True time until which a tenure of a plain claim was promised, by lease and fence. */
  readonly #claims = new Map<string, number>();
  /** Index at which a tenure was moved to a session. */
  readonly #moved = new Map<string, Index>();
  readonly #grants = new Map<string, number>();
  /** When each granted lease ended by expiry. */
  readonly #grantsEnded = new Map<string, number>();

  constructor(world: World) {
    this.#world = world;
  }

  observe(fact: Fact): void {
    if (fact.kind === 'call-ended' && fact.settled.kind === 'applied') {
      const { outcome } = fact.settled;
      if (outcome.kind === 'claim' && outcome.claim.session === null && 'durationMs' in fact.call.wanted) {
        // What a repeat repeats was promised at the index of the first.
        const index = fact.settled.replayed ?? fact.settled.index;
        this.#promiseClaim(fact.call, index, outcome.claim, outcome.claim.fence, fact.call.wanted.durationMs);
      }
      if (outcome.kind === 'grant') this.#promiseGrant(fact.call, outcome.grant.id, outcome.grant.ttlMs);
    }
    if (fact.kind === 'applied') this.#noteMoves(fact.application);
    if (fact.kind !== 'applied' || fact.application.command?.kind !== 'expire') return;
    const { atMs } = fact.application;
    for (const { name, before, after } of fact.application.changes) {
      if (before !== null && after?.fence !== before.fence && before.session === null)
        this.#check(`${name} with fence ${before.fence}`, atMs, this.#claims);
    }
    for (const id of fact.application.endedGrants) {
      this.#grantsEnded.set(id, atMs);
      this.#check(id, atMs, this.#grants);
    }
  }

  /** A claim that its holder moves to a session lives and dies with that; what was promised before is given up. */
  #noteMoves({ index, changes }: Application): void {
    for (const { name, after } of changes) {
      if (after === null || after.session === null) continue;
      this.#moved.set(`${name} with fence ${after.fence}`, index);
      this.#claims.delete(`${name} with fence ${after.fence}`);
    }
  }

  #promiseClaim(call: Call, index: Index, key: LeaseKey, fence: number, durationMs: number): void {
    const name = `${keyName(key)} with fence ${fence}`;
    if (index < (this.#moved.get(name) ?? 0)) return;
    this.#promise(name, call, durationMs, this.#claims);
    const end = this.#world.ledger.endOf(key, fence);
    if (end?.cause === 'expire') this.#check(name, end.atMs, this.#claims);
  }

  #promiseGrant(call: Call, id: string, ttlMs: number): void {
    this.#promise(id, call, ttlMs, this.#grants);
    const endedMs = this.#grantsEnded.get(id);
    if (endedMs !== undefined) this.#check(id, endedMs, this.#grants);
  }

  #promise(name: string, call: Call, durationMs: number, promises: Map<string, number>): void {
    // The leader counts by its own clock, which may run a little fast.
    const untilMs = call.firstBeganMs + durationMs / this.#world.fastestRate;
    promises.set(name, Math.max(promises.get(name) ?? 0, untilMs));
  }

  #check(name: string, endedMs: number, promises: Map<string, number>): void {
    const untilMs = promises.get(name) ?? 0;
    if (endedMs < untilMs - 1e-3) {
      throw new Violation(this.name, `${name} was promised until ${untilMs.toFixed(3)} and expired at ${endedMs.toFixed(3)}`);
    }
  }
}
