// The service's callbacks as promises, and its failures and refusals as the library's errors.
import type { Cancel, Clock, Random } from '../env.ts';
import type { Command } from '../lease/commands.ts';
import type { Outcome, Refusal } from '../lease/outcomes.ts';
import type { Failure, ReadView, Service, Settled } from '../replica/service.ts';
import {
  Aborted,
  AssertionFailed,
  BadArgument,
  ClaimDenied,
  Conflict,
  KeyNotFound,
  LeaseError,
  LeaseExists,
  LeaseNotFound,
  NoRoom,
  NotHeld,
  PreconditionFailed,
  Stopped,
  Timeout,
} from './errors.ts';

/** An applied command: what came of it, at which log index. */
export interface Applied<Kind extends Outcome['kind']> {
  readonly outcome: Extract<Outcome, { readonly kind: Kind }>;
  readonly index: number;
}

/** Carries out a command. Rejects with the error of its refusal or failure, or {@link Aborted} when the signal comes first. */
export async function change<Kind extends Outcome['kind']>(
  service: Service,
  command: Command,
  kind: Kind,
  signal?: AbortSignal,
): Promise<Applied<Kind>> {
  const settled = await abortable<Settled>(signal, command.kind, (resolve) => service.submit(command, resolve));
  if (settled.kind === 'failed') throw failureError(settled.failure);
  const { outcome, index } = settled;
  if (outcome.kind === 'refused') throw refusalError(outcome.refusal, index);
  if (outcome.kind !== kind) throw new LeaseError('internal', `${command.kind} ended in ${outcome.kind}`);
  return { outcome: outcome as Extract<Outcome, { readonly kind: Kind }>, index };
}

/** Reads through a barrier: what `look` sees includes everything that was acknowledged to anybody before the call. */
export async function readThrough<Seen>(service: Service, look: (view: ReadView) => Seen, signal?: AbortSignal): Promise<Seen> {
  // The view is valid during the call alone, so it is looked at there, and what the look throws is carried over.
  const seen = await abortable<{ value: Seen } | { error: unknown }>(signal, 'read', (resolve) => {
    service.read('linearizable', (result) => {
      if (result.kind === 'failed') resolve({ error: failureError(result.failure) });
      else resolve(attempted(() => look(result.view)));
    });
  });
  if ('error' in seen) throw seen.error;
  return seen.value;
}

/** Looks at what this node has applied, at once. Throws {@link Stopped} when it does not run. */
export function readHere<Seen>(service: Service, look: (view: ReadView) => Seen): Seen {
  let seen: { value: Seen } | { error: unknown } = { error: new Stopped('this node has not answered') };
  service.read('stale', (result) => {
    seen = result.kind === 'failed' ? { error: failureError(result.failure) } : attempted(() => look(result.view));
  });
  if ('error' in seen) throw seen.error;
  return (seen as { value: Seen }).value;
}

/** How often, and with what pauses, something is tried again that failed for want of a leader or of an answer (Juju: 10, 50 ms, 1.6). */
export interface RetryPolicy {
  /** Tries in all, at least 1. */
  readonly attempts: number;
  /** Pause after the first try, in milliseconds; the others grow from it. */
  readonly firstPauseMs: number;
  /** Each pause is so many times the one before, at least 1. */
  readonly growth: number;
}

export const DEFAULT_RETRY: RetryPolicy = { attempts: 10, firstPauseMs: 50, growth: 1.6 };

/**
 * Tries until it succeeds or fails for another reason than time, at most as often as the policy says; the last {@link Timeout} is the
 * caller's then. Indefinite if any try was, whatever it ends in. For what may be repeated only. `stopped` and `signal` end a pause at once.
 */
export async function retried<Result>(
  policy: RetryPolicy,
  clock: Clock,
  random: Random,
  signals: { readonly stopped: AbortSignal; readonly caller: AbortSignal | undefined },
  run: () => Promise<Result>,
): Promise<Result> {
  let pauseMs = policy.firstPauseMs;
  let isDefinite = true;
  for (let attempt = 1; ; attempt += 1) {
    if (signals.stopped.aborted) throw new Stopped('the lease manager has stopped', isDefinite);
    try {
      return await run();
    } catch (error) {
      // That the node did not take this try says nothing of the ones before.
      if (error instanceof Stopped && !isDefinite) throw new Stopped(error.message, false, { cause: error });
      if (!(error instanceof Timeout)) throw error;
      isDefinite &&= error.definite;
      if (signals.stopped.aborted) throw new Stopped('the lease manager has stopped', isDefinite, { cause: error });
      if (attempt >= policy.attempts) throw new Timeout(`${error.message} (tried ${attempt} times)`, isDefinite, { cause: error });
    }
    // Half of the pause is drawn, so that those who failed together do not come back together.
    await pause(clock, pauseMs / 2 + random.below(Math.ceil(pauseMs / 2) + 1), signals);
    pauseMs *= policy.growth;
  }
}

function pause(
  clock: Clock,
  delayMs: number,
  { stopped, caller }: { readonly stopped: AbortSignal; readonly caller: AbortSignal | undefined },
): Promise<void> {
  return new Promise((resolve, reject) => {
    let cancel: Cancel = () => {};
    const end = (finish: () => void): void => {
      cancel();
      stopped.removeEventListener('abort', onStopped);
      caller?.removeEventListener('abort', onCaller);
      finish();
    };
    const onStopped = (): void => end(resolve);
    const onCaller = (): void => end(() => reject(new Aborted('aborted between two tries', false, { cause: caller?.reason })));
    cancel = clock.after(delayMs, () => end(resolve));
    stopped.addEventListener('abort', onStopped);
    caller?.addEventListener('abort', onCaller);
  });
}

/** A promise of what `begin` resolves, unless the signal comes first; leaves no listener behind. */
export function abortable<Result>(
  signal: AbortSignal | undefined,
  what: string,
  begin: (resolve: (result: Result) => void) => void,
): Promise<Result> {
  if (signal === undefined) return new Promise(begin);
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(new Aborted(`${what} aborted before it began`, true, { cause: signal.reason }));
      return;
    }
    const abort = (): void => reject(new Aborted(`${what} aborted while it was under way`, false, { cause: signal.reason }));
    signal.addEventListener('abort', abort, { once: true });
    begin((result) => {
      signal.removeEventListener('abort', abort);
      resolve(result);
    });
  });
}

/** A failure that is no outcome of the log, as an error. */
export function failureError(failure: Failure): LeaseError {
  if (failure.code === 'stopping') return new Stopped(failure.detail);
  if (failure.code === 'no-room') return new NoRoom(failure.detail, { ...failure.noRoom });
  return new Timeout(failure.detail, failure.definite);
}

/** A refusal by the log, as an error with the facts that decided at `index`. */
export function refusalError(refusal: Refusal, index: number): LeaseError {
  switch (refusal.code) {
    case 'claim-denied': {
      const { holder, fence, remainingMs } = refusal;
      return new ClaimDenied(`${holder} holds the lease by the fence ${fence}`, { holder, fence, remainingMs, index });
    }
    case 'not-held':
      return notHeld(refusal.holder, refusal.fence, index);
    case 'assertion-failed': {
      const { failed, holder, fence } = refusal;
      return new AssertionFailed(`${holdingText(holder, fence)} at index ${index}`, { failed, holder, fence, index });
    }
    case 'precondition-failed': {
      const { key, modRevision } = refusal;
      return new PreconditionFailed(`key ${JSON.stringify(key)} is at another revision`, { modRevision, index });
    }
    case 'lease-exists':
      return new LeaseExists(`lease ${refusal.id} exists already`, { index });
    case 'lease-not-found':
      return new LeaseNotFound(`there is no lease ${refusal.id}`, { index });
    case 'key-not-found':
      return new KeyNotFound(`there is no key ${JSON.stringify(refusal.key)}`, { index });
    case 'overloaded':
      return new Timeout(refusal.detail, true, { index });
    case 'conflict':
      return new Conflict(refusal.detail, { index });
    case 'too-large':
    case 'invalid-argument':
      return new BadArgument(refusal.detail, { index });
  }
}

/** The error for a holder that does not hold; nulls where nobody does. */
export function notHeld(holder: string | null, fence: number | null, index: number): NotHeld {
  return new NotHeld(holdingText(holder, fence), { holder, fence, index });
}

function holdingText(holder: string | null, fence: number | null): string {
  return holder === null ? 'nobody holds the lease' : `${holder} holds the lease by the fence ${fence}`;
}

function attempted<Result>(run: () => Result): { value: Result } | { error: unknown } {
  try {
    return { value: run() };
  } catch (error) {
    return { error };
  }
}
