// What was acknowledged under load, and whether the cluster still knows it: long claims with their fences, single writes, registers.
import { Tenures } from './tenures.ts';

/** A key as `/v1/kv` shows it. */
export interface KeyAnswer {
  readonly key: string;
  readonly value: string;
  readonly modRevision: number;
  readonly version: number;
}

/** A claim as `/v1/leases` shows it. */
export interface ClaimAnswer {
  readonly model: string;
  readonly lease: string;
  readonly holder: string;
  readonly fence: number;
}

/** The recorder that all workers of one check share. */
export class History {
  readonly #violation: (text: string) => void;
  /** Claims that outlast the check, by lease name. */
  readonly #claims = new Map<string, { holder: string; fence: number }>();
  /** Keys written once, with the revision that acknowledged them. */
  readonly #writes = new Map<string, { value: string; modRevision: number }>();
  /** Keys written again and again by one worker: every value that may stand there now. */
  readonly #registers = new Map<string, { allowed: string[]; acknowledged: number; attempted: number }>();
  readonly #tenures = new Map<string, Tenures>();
  /** Acknowledged operations of all kinds. */
  acknowledged = 0;
  /** Operations of which nobody knows whether they happened. */
  unknown = 0;

  constructor(violation: (text: string) => void) {
    this.#violation = violation;
  }

  /** The promises made about one contended lease. */
  tenures(lease: string): Tenures {
    const known = this.#tenures.get(lease);
    if (known) return known;
    const tenures = new Tenures(lease, this.#violation);
    this.#tenures.set(lease, tenures);
    return tenures;
  }

  claimed(lease: string, holder: string, fence: number): void {
    this.#claims.set(lease, { holder, fence });
  }

  wrote(key: string, value: string, modRevision: number): void {
    this.#writes.set(key, { value, modRevision });
  }

  /** A write to a register was sent; `acknowledged` false says that its fate is unknown. */
  registered(key: string, value: string, acknowledged: boolean): void {
    const register = this.#registers.get(key) ?? { allowed: [], acknowledged: 0, attempted: 0 };
    this.#registers.set(key, register);
    register.attempted++;
    if (acknowledged) register.acknowledged++;
    register.allowed = acknowledged ? [value] : [...register.allowed, value];
  }

  /** A linearizable read of a register by its only writer, with no write under way. `value` null: the key is absent. */
  read(key: string, value: string | null): void {
    const expected = this.#registers.get(key)?.allowed ?? [];
    if (expected.length === 1 && value !== expected[0]) this.#violation(`${key} read as ${value} after ${expected[0]} was acknowledged`);
  }

  /** Compares what the cluster says at the end with all that was acknowledged. */
  verify(claims: readonly ClaimAnswer[], keys: readonly KeyAnswer[]): void {
    const claimByName = new Map(claims.map((claim) => [claim.lease, claim]));
    for (const [lease, { holder, fence }] of this.#claims) {
      const now = claimByName.get(lease);
      if (now?.holder !== holder || now.fence !== fence) {
        this.#violation(
          `claim ${lease} by ${holder} with fence ${fence} is now ${now ? `${now.holder}'s with fence ${now.fence}` : 'gone'}`,
        );
      }
    }
    const keyByName = new Map(keys.map((key) => [key.key, key]));
    for (const [key, { value, modRevision }] of this.#writes) {
      const now = keyByName.get(key);
      if (now?.value !== value || now.modRevision !== modRevision)
        this.#violation(`write ${key}=${value} at ${modRevision} is now ${JSON.stringify(now)}`);
      else if (now.version !== 1) this.#violation(`write ${key} was sent once and applied ${now.version} times`);
    }
    for (const [key, { allowed, acknowledged, attempted }] of this.#registers) {
      const now = keyByName.get(key);
      if (acknowledged === 0 && !now) continue;
      if (!now || !allowed.includes(now.value))
        this.#violation(`register ${key} should be one of ${allowed.join(', ')} and is ${now?.value}`);
      else if (now.version < acknowledged || now.version > attempted) {
        this.#violation(`register ${key} was written ${acknowledged} to ${attempted} times and has version ${now.version}`);
      }
    }
  }

  /** How much there is to verify. */
  toString(): string {
    return `${this.acknowledged} acknowledged operations (${this.#claims.size} lasting claims, ${this.#writes.size} single writes, ${this.#registers.size} registers), ${this.unknown} of unknown outcome`;
  }
}
