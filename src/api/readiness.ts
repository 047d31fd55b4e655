// Judges whether a node can serve: its checks, all of which must pass within a second.
import type { Service } from '../replica/service.ts';

/** How long a read barrier may take, in milliseconds. */
const BARRIER_MAX_MS = 1_000;
/** How far the applied index may lie behind the commit index. */
const LAG_MAX_ENTRIES = 2_000;
/** Age of the node's own oldest unfinished sync, in milliseconds. */
const SYNC_PENDING_MAX_MS = 1_000;
/** Between two looks at the other checks while the barrier is awaited. */
const LOOK_MS = 100;

/** One check; `ok` is null if the answer did not wait for it. */
export interface ReadinessCheck {
  readonly name: 'stopping' | 'disk' | 'applied' | 'divergence' | 'read';
  readonly ok: boolean | null;
}

/** What was found. The node is ready if no check failed. */
export interface Readiness {
  readonly checks: readonly ReadinessCheck[];
  /** Why a read barrier failed, where it did. */
  readonly detail: string | null;
}

/** Calls `done` once: as soon as a check fails, or when all have passed. */
export function judgeReadiness(service: Service, isDraining: () => boolean, done: (readiness: Readiness) => void): void {
  let isDone = false;
  const finish = (read: boolean | null, detail: string | null = null): void => {
    isDone = true;
    clearTimeout(timer);
    clearInterval(looks);
    done({ checks: [...checksOf(service, isDraining), { name: 'read', ok: read }], detail });
  };
  const hasFailed = (): boolean => checksOf(service, isDraining).some(({ ok }) => ok === false);
  const timer = setTimeout(() => finish(false, `no leader confirmed a read within ${BARRIER_MAX_MS} ms`), BARRIER_MAX_MS);
  const looks = setInterval(() => hasFailed() && finish(null), LOOK_MS);
  if (hasFailed()) {
    finish(null);
    return;
  }
  service.read('linearizable', (result) => {
    if (isDone) return;
    if (result.kind === 'view') finish(true);
    else finish(false, result.failure.detail);
  });
}

function checksOf(service: Service, isDraining: () => boolean): ReadinessCheck[] {
  const { isStopping, syncPendingMs, applyLag } = service.condition();
  return [
    { name: 'stopping', ok: !isStopping && !isDraining() },
    { name: 'disk', ok: syncPendingMs < SYNC_PENDING_MAX_MS },
    { name: 'applied', ok: applyLag <= LAG_MAX_ENTRIES },
    { name: 'divergence', ok: !service.alarms.has('divergence') },
  ];
}
