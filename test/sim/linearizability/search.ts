// Looks for one order in which the calls on an object could have taken effect: Wing and Gong 1993, with Lowe's memory of what led nowhere (2017).

/** A call on one object, as its client saw it. */
export interface Operation<State> {
  /** For people. */
  readonly name: string;
  /** True times, in milliseconds: the call takes effect between the two. Infinity: nobody was told how it ended. */
  readonly calledMs: number;
  readonly returnedMs: number;
  /** Where it is tried first among those of its time. Any value is right; a good one saves search. */
  readonly hint: number;
  /**
   * Every state that the object may be in if the call takes effect in `state` and ends as it did; none when it cannot have. A call
   * without a return may take effect in each of the ways given, or never.
   */
  step(state: State): readonly State[];
}

export interface Model<State> {
  readonly initial: State;
  /** The same for equal states, and for no others. */
  key(state: State): string;
  /** `state`, and all that it may have become by itself (a lease that ends) at `beforeMs` at the latest. */
  drift(state: State, beforeMs: number): readonly State[];
}

export type Verdict =
  | { readonly kind: 'linearizable' }
  /** `order`: the longest beginning that was found; after it the object is in one of `states`, and none of `stuck` fits. */
  | { readonly kind: 'violated'; readonly order: readonly string[]; readonly states: readonly string[]; readonly stuck: readonly string[] }
  /** The search was given up. */
  | { readonly kind: 'undecided'; readonly tried: number };

/** One step of the search: what could come next, and how far that has been tried. */
interface Frame<State> {
  readonly states: ReadonlyMap<string, State>;
  readonly candidates: readonly number[];
  tried: number;
  /** The operation whose effect led here; -1 at the root. */
  readonly by: number;
}

/** Tries at most `triesMost` steps. */
export function linearize<State>(model: Model<State>, operations: readonly Operation<State>[], triesMost = TRIES_MOST): Verdict {
  const done = new Uint8Array(operations.length);
  const returning = operations
    .map((operation, place) => ({ place, atMs: operation.returnedMs }))
    .filter(({ atMs }) => atMs !== Number.POSITIVE_INFINITY)
    .sort((one, other) => one.atMs - other.atMs)
    .map(({ place }) => place);
  let owed = returning.length;
  let tried = 0;
  const seen = new Set<string>();
  let deepest: { readonly order: readonly number[]; readonly frame: Frame<State> } | null = null;

  /** The first return that is still to come: whatever takes effect next does so before it, or in the same moment. */
  const firstReturn = (): number => returning.find((place) => done[place] === 0) ?? -1;
  const open = (states: ReadonlyMap<string, State>, by: number): Frame<State> => {
    const untilMs = operations[firstReturn()]?.returnedMs ?? Number.POSITIVE_INFINITY;
    const candidates: number[] = [];
    for (let place = 0; place < operations.length; place += 1) {
      if (done[place] === 0 && (operations[place] as Operation<State>).calledMs <= untilMs) candidates.push(place);
    }
    candidates.sort((one, other) => rank(operations[one] as Operation<State>) - rank(operations[other] as Operation<State>) || one - other);
    return { states, candidates, tried: 0, by };
  };

  const stack: Frame<State>[] = [open(new Map([[model.key(model.initial), model.initial]]), -1)];
  while (owed > 0) {
    const frame = stack.at(-1);
    if (frame === undefined) break;
    const place = frame.candidates[frame.tried];
    if (place === undefined) {
      if (deepest === null || stack.length > deepest.order.length) deepest = { order: stack.map(({ by }) => by), frame };
      stack.pop();
      if (frame.by >= 0) {
        done[frame.by] = 0;
        if ((operations[frame.by] as Operation<State>).returnedMs !== Number.POSITIVE_INFINITY) owed += 1;
      }
      continue;
    }
    frame.tried += 1;
    tried += 1;
    if (tried > triesMost) return { kind: 'undecided', tried };
    const operation = operations[place] as Operation<State>;
    const next = carryOut(model, frame.states, operation, (operations[firstReturn()] as Operation<State>).returnedMs);
    if (next.size === 0) continue;
    done[place] = 1;
    const name = `${done.join('')} ${[...next.keys()].sort().join(' ')}`;
    if (seen.has(name)) {
      done[place] = 0;
      continue;
    }
    seen.add(name);
    if (operation.returnedMs !== Number.POSITIVE_INFINITY) owed -= 1;
    stack.push(open(next, place));
  }
  if (owed === 0) return { kind: 'linearizable' };
  const order = deepest?.order.filter((place) => place >= 0) ?? [];
  return {
    kind: 'violated',
    order: order.map((place) => (operations[place] as Operation<State>).name),
    states: [...(deepest?.frame.states.keys() ?? [])],
    stuck: (deepest?.frame.candidates ?? []).map((place) => (operations[place] as Operation<State>).name),
  };
}

function carryOut<State>(
  model: Model<State>,
  states: ReadonlyMap<string, State>,
  operation: Operation<State>,
  beforeMs: number,
): Map<string, State> {
  const next = new Map<string, State>();
  for (const state of states.values()) {
    for (const drifted of model.drift(state, beforeMs)) {
      for (const after of operation.step(drifted)) next.set(model.key(after), after);
    }
  }
  return next;
}

/** Calls that nobody heard of again come last: most of them need never have happened. */
function rank<State>(operation: Operation<State>): number {
  return operation.returnedMs === Number.POSITIVE_INFINITY ? Number.MAX_SAFE_INTEGER : operation.hint;
}

const TRIES_MOST = 1_000_000;
