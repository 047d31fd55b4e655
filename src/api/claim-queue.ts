// Who waits for a lease on this node: first come first served, one vacancy wakes only the first.
// Waiters on different nodes race each other; a queue in the log will replace this one behind the same interface.
import type { Command, LeaseKey } from '../lease/commands.ts';
import type { Failure, Service, Settled } from '../replica/service.ts';

/** A claim that is ready to wait. */
export interface WaitingClaim {
  readonly command: Extract<Command, { kind: 'claim' | 'claim-session' }>;
  /** From now on, in milliseconds; at most what a timer can take. */
  readonly waitMs: number;
  /** Called exactly once, unless the claimer has left: granted, refused (claim-denied only when the time is up), or failed. */
  settle(settled: Settled): void;
}

/** Where claims wait. */
export interface ClaimQueue {
  /**
   * Claims at once if nobody waits before, and whenever it is this claim's turn. The returned function takes the claim out again;
   * a tenure that it wins after that is given back.
   */
  enter(claim: WaitingClaim): () => void;
}

/** A place in a line. */
interface Place {
  readonly claim: WaitingClaim;
  state: 'waiting' | 'submitted' | 'gone';
  timeIsUp: boolean;
  timer: NodeJS.Timeout | null;
}

/** The places before one lease. Invariant: never empty while it stands in the map. */
interface Line {
  readonly name: string;
  readonly key: LeaseKey;
  /** In order of arrival. */
  readonly places: Set<Place>;
  /** Ends the watch for a vacancy; null while none is kept. */
  unwatch: (() => void) | null;
}

/** A queue of this node alone, in memory. */
export class LocalClaimQueue implements ClaimQueue {
  readonly #service: Service;
  readonly #lines = new Map<string, Line>();

  constructor(service: Service) {
    this.#service = service;
  }

  /** How many leases are waited for. */
  get size(): number {
    return this.#lines.size;
  }

  enter(claim: WaitingClaim): () => void {
    const line = this.#line(claim.command.key);
    const place: Place = { claim, state: 'waiting', timeIsUp: false, timer: null };
    line.places.add(place);
    place.timer = setTimeout(() => this.#timeUp(line, place), claim.waitMs);
    // A holder's own repeat is never made to wait behind those who wait for it to go.
    if (line.places.size === 1 || this.#seemsHeldBy(claim)) this.#submit(line, place);
    else this.#watch(line);
    return () => this.#leave(line, place);
  }

  #line(key: LeaseKey): Line {
    const name = nameOf(key);
    let line = this.#lines.get(name);
    if (line === undefined) {
      line = { name, key, places: new Set(), unwatch: null };
      this.#lines.set(name, line);
    }
    return line;
  }

  #seemsHeldBy(claim: WaitingClaim): boolean {
    let same = false;
    this.#service.read('stale', (result) => {
      if (result.kind === 'view') same = result.view.state.claim(claim.command.key, result.view.nowMs)?.holder === claim.command.holder;
    });
    return same;
  }

  #submit(line: Line, place: Place): void {
    place.state = 'submitted';
    this.#service.submit(place.claim.command, (settled) => {
      if (place.state === 'gone') {
        this.#giveBack(place.claim, settled);
        return;
      }
      place.state = 'waiting';
      if (!place.timeIsUp && isDenied(settled)) {
        this.#watch(line);
        return;
      }
      this.#remove(line, place);
      place.claim.settle(settled);
      if (settled.kind === 'applied' && settled.outcome.kind === 'claim') this.#submitRepeats(line, place.claim.command.holder);
      this.#watch(line);
    });
  }

  // The time is up: one last try tells how things stand now, and settles whatever it says.
  #timeUp(line: Line, place: Place): void {
    place.timeIsUp = true;
    if (place.state === 'waiting') this.#submit(line, place);
  }

  // A repeat of a request whose answer was lost stands behind itself: the tenure that was won is its own.
  #submitRepeats(line: Line, holder: string): void {
    for (const place of [...line.places]) {
      if (place.state === 'waiting' && place.claim.command.holder === holder) this.#submit(line, place);
    }
  }

  // Watches for the next vacancy, for whoever will be first then.
  #watch(line: Line): void {
    const first = firstOf(line);
    if (first === null || first.state !== 'waiting' || line.unwatch !== null) return;
    let called = false;
    const vacant = (): void => {
      called = true;
      line.unwatch = null;
      const next = firstOf(line);
      if (next !== null && next.state === 'waiting') this.#submit(line, next);
    };
    const failed = (failure: Failure): void => {
      called = true;
      line.unwatch = null;
      this.#fail(line, failure);
    };
    const cancel = this.#service.waitVacant(line.key, vacant, failed);
    if (called) return;
    line.unwatch = cancel;
  }

  // What keeps the node from seeing a vacancy concerns all who wait for it.
  #fail(line: Line, failure: Failure): void {
    for (const place of [...line.places]) {
      if (place.state !== 'waiting') continue;
      this.#remove(line, place);
      place.claim.settle({ kind: 'failed', failure });
    }
  }

  #leave(line: Line, place: Place): void {
    if (place.state === 'gone') return;
    this.#remove(line, place);
    this.#watch(line);
  }

  #remove(line: Line, place: Place): void {
    place.state = 'gone';
    if (place.timer !== null) clearTimeout(place.timer);
    line.places.delete(place);
    if (line.places.size > 0) return;
    line.unwatch?.();
    line.unwatch = null;
    // Another line of that name may stand there by now, if this one had been empty before.
    if (this.#lines.get(line.name) === line) this.#lines.delete(line.name);
  }

  #giveBack(claim: WaitingClaim, settled: Settled): void {
    if (settled.kind !== 'applied' || settled.outcome.kind !== 'claim' || !settled.outcome.created) return;
    const { key, holder } = claim.command;
    // Its holder asks again already: giving the tenure back would take it from under that request.
    for (const place of this.#lines.get(nameOf(key))?.places ?? []) if (place.claim.command.holder === holder) return;
    // If this fails, the lease ends by itself.
    this.#service.submit({ kind: 'release', key, holder, fence: settled.outcome.claim.fence }, () => undefined);
  }
}

// Names have no white space, so this is one-to-one.
function nameOf(key: LeaseKey): string {
  return `${key.namespace} ${key.model} ${key.lease}`;
}

function firstOf(line: Line): Place | null {
  for (const place of line.places) return place;
  return null;
}

function isDenied(settled: Settled): boolean {
  return settled.kind === 'applied' && settled.outcome.kind === 'refused' && settled.outcome.refusal.code === 'claim-denied';
}
