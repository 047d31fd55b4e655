// The kinds of load that are measured: new claims, renewals of held ones, and the small pieces of both.
import type { ClusterNode } from './cluster.ts';
import type { Request, Workload } from './load.ts';

/** Long enough that nothing ends while it is measured. */
const DURATION_MS = 600_000;
const CLAIM = JSON.stringify({ holder: 'bench-holder', durationMs: DURATION_MS });

/** Distinguishes the names of workloads made in one process. */
let made = 0;

/** Each operation claims a lease that nobody has claimed before: one log entry with one new key. */
export function claims(): Workload {
  const run = ++made;
  let count = 0;
  return {
    name: 'claim',
    next: (): Request => ({ method: 'PUT', path: `/v1/leases/bench/claims/${run}-${count++}`, body: CLAIM, expected: 201 }),
  };
}

/** Each worker extends a lease of its own: one log entry that moves a deadline. */
export function renewals(): Workload {
  const run = ++made;
  const path = (worker: number): string => `/v1/leases/bench/renewals/${run}-${worker}`;
  const extend: Request[] = [];
  return {
    name: 'renew',
    async prepare(leader: ClusterNode, workers: number): Promise<void> {
      for (let worker = 0; worker < workers; worker++) {
        const answer = await leader.request('PUT', path(worker), { holder: 'bench-holder', durationMs: DURATION_MS }, 5000);
        if (answer.status !== 201) throw new Error(`a claim to be renewed was answered ${answer.status} ${JSON.stringify(answer.body)}`);
        extend.push({ method: 'POST', path: `${path(worker)}/extend`, body: CLAIM, expected: 200 });
      }
    },
    next(worker: number): Request {
      const request = extend[worker];
      if (!request) throw new Error(`nothing was prepared for worker ${worker}`);
      return request;
    },
  };
}
