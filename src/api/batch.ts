// Carries out a batch: every change is submitted at once and shares a group commit, every check sees exactly the changes before it.
import type { ReadView, Service, Settled } from '../replica/service.ts';
import type { Answer } from './answer.ts';
import { type Change, failureAnswer, settledAnswer } from './reply.ts';
import { keyOfOperation, once, type RequestKey } from './request-key.ts';

/** One operation: a change, a look at the state, or one whose answer is known already because its fields are wrong. */
export type BatchOp =
  | { readonly kind: 'change'; readonly change: Change }
  | { readonly kind: 'check'; readonly answer: (view: ReadView) => Answer }
  | { readonly kind: 'refused'; readonly answer: Answer };

/**
 * Carries the operations out in order; `done` gets their answers once all have one. Under a `requestKey` each change is remembered with
 * its place.
 */
export function runBatch(
  service: Service,
  requestKey: RequestKey | null,
  ops: readonly BatchOp[],
  done: (answers: readonly Answer[]) => void,
): void {
  new Batch(service, requestKey, ops, done).run();
}

/** A change under way, and the checks that wait for it: what they are to see is the state right after it. */
interface UnderWay {
  readonly place: number;
  readonly checks: Check[];
}

interface Check {
  readonly place: number;
  readonly answer: (view: ReadView) => Answer;
}

class Batch {
  readonly #service: Service;
  readonly #requestKey: RequestKey | null;
  readonly #ops: readonly BatchOp[];
  readonly #done: (answers: readonly Answer[]) => void;
  readonly #answers: Answer[];
  readonly #inOrder: boolean;
  #unanswered: number;
  /** The operation that comes next. */
  #next = 0;
  /** Changes that have not settled, in order. They settle in this order, too, unless they fail. */
  readonly #underWay = new Set<UnderWay>();

  constructor(service: Service, requestKey: RequestKey | null, ops: readonly BatchOp[], done: (answers: readonly Answer[]) => void) {
    this.#service = service;
    this.#requestKey = requestKey;
    this.#ops = ops;
    this.#done = done;
    this.#answers = new Array<Answer>(ops.length);
    this.#unanswered = ops.length;
    this.#inOrder = !areIndependentClaims(ops);
  }

  run(): void {
    if (this.#ops.length === 0) this.#done([]);
    else this.#goOn();
  }

  /** Goes as far as it can without waiting: a check with no change under way before it must be answered before any change after it. */
  #goOn(): void {
    while (this.#next < this.#ops.length) {
      const place = this.#next++;
      const op = this.#ops[place] as BatchOp;
      if (op.kind === 'change') this.#submit(place, op.change);
      else if (op.kind === 'refused') this.#answer(place, op.answer);
      else if (!this.#hang({ place, answer: op.answer })) {
        this.#read([{ place, answer: op.answer }, ...this.#checksThatFollow()], () => this.#goOn());
        return;
      }
    }
  }

  #checksThatFollow(): Check[] {
    const checks: Check[] = [];
    for (let op = this.#ops[this.#next]; op?.kind === 'check'; op = this.#ops[this.#next]) {
      checks.push({ place: this.#next++, answer: op.answer });
    }
    return checks;
  }

  #submit(place: number, { command, accept }: Change): void {
    const underWay: UnderWay = { place, checks: [] };
    this.#underWay.add(underWay);
    const settle = (settled: Settled): void => {
      this.#underWay.delete(underWay);
      this.#look(underWay.checks, settled);
      this.#answer(place, settledAnswer(settled, accept));
    };
    this.#service.submit(once(keyOfOperation(this.#requestKey, place), command), settle, this.#inOrder);
  }

  /**
   * Right after the change was applied here: the state is that of its entry, which was appended after the batch came, so a look
   * at it is linearizable without a barrier. A check behind a change that failed hangs on the one before, or asks for a barrier of its own.
   */
  #look(checks: readonly Check[], settled: Settled): void {
    if (checks.length === 0) return;
    if (settled.kind === 'applied') {
      this.#service.read('stale', (result) => {
        for (const check of checks)
          this.#answer(check.place, result.kind === 'view' ? check.answer(result.view) : failureAnswer(result.failure));
      });
      return;
    }
    const left = checks.filter((check) => !this.#hang(check));
    if (left.length > 0) this.#read(left, () => undefined);
  }

  /** Lets a check wait for the last change before it; false if none is under way. */
  #hang(check: Check): boolean {
    let last: UnderWay | null = null;
    for (const underWay of this.#underWay) if (underWay.place < check.place) last = underWay;
    last?.checks.push(check);
    return last !== null;
  }

  #read(checks: readonly Check[], then: () => void): void {
    this.#service.read('linearizable', (result) => {
      for (const check of checks)
        this.#answer(check.place, result.kind === 'view' ? check.answer(result.view) : failureAnswer(result.failure));
      then();
    });
  }

  #answer(place: number, answer: Answer): void {
    this.#answers[place] = answer;
    this.#unanswered--;
    if (this.#unanswered === 0) this.#done(this.#answers);
  }
}

/**
 * Whether the operations are claims of different leases and nothing else: then none can change what another is told, and each may be denied by
 * a read. In any other batch, one that is denied later than those after it are applied would be out of order.
 */
function areIndependentClaims(ops: readonly BatchOp[]): boolean {
  const leases = new Set<string>();
  let claims = 0;
  for (const op of ops) {
    if (op.kind === 'refused') continue;
    if (op.kind !== 'change' || (op.change.command.kind !== 'claim' && op.change.command.kind !== 'claim-session')) return false;
    const { namespace, model, lease } = op.change.command.key;
    leases.add(`${namespace}\0${model}\0${lease}`);
    claims += 1;
  }
  return leases.size === claims;
}
