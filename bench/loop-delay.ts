// Asks running nodes how long their event loops were held up, and reads the answer out of what they wrote.
import { readFileSync } from 'node:fs';
import { type ClusterNode, until } from './cluster.ts';

/** Milliseconds; of one node, since it was asked last or started. */
export interface LoopDelay {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** What of a delay can have been the node's own work, rather than waiting for a processor. */
  readonly maxWorkMs: number;
}

const LINE = /event loop held up by at most ([\d.]+) ms \(p50 ([\d.]+), p99 ([\d.]+); own work at most ([\d.]+)\)/g;
const ANSWER_LIMIT_MS = 10_000;

/** Asks one node; throws when it does not answer within ten seconds. */
export async function takeLoopDelay(node: ClusterNode): Promise<LoopDelay> {
  const before = answers(node).length;
  process.kill(node.pid, 'SIGUSR2');
  const [, maxMs, p50Ms, p99Ms, maxWorkMs] = await until(`${node.plan.id} to tell its loop delay`, ANSWER_LIMIT_MS, async () => {
    const all = answers(node);
    return all.length > before ? (all.at(-1) ?? null) : null;
  });
  return { p50Ms: Number(p50Ms), p99Ms: Number(p99Ms), maxMs: Number(maxMs), maxWorkMs: Number(maxWorkMs) };
}

function answers(node: ClusterNode): RegExpExecArray[] {
  return [...readFileSync(node.plan.logFile, 'utf8').matchAll(LINE)];
}
