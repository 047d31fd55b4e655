// What the operating system says of processes and of the machine: CPU time used, how busy it is. Linux only; elsewhere NaN.
import { readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';

/** /proc counts in hundredths of a second on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/** Milliseconds to wait. */
export function sleep(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

/** User and system CPU seconds of a process, all its threads; NaN when it is gone. */
export function cpuSeconds(pid: number): number {
  const text = read(`/proc/${pid}/stat`);
  // The program's name stands in brackets and may hold anything; the fields are counted from behind it.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** CPU seconds that the whole machine has spent busy since it was started, all cores; what a hypervisor took counts as busy. */
export function machineBusySeconds(): number {
  const [user, nice, system, , , irq, softirq, steal] = (read('/proc/stat').split('\n')[0] ?? '').trim().split(/\s+/).slice(1).map(Number);
  return [user, nice, system, irq, softirq, steal].reduce<number>((sum, ticks) => sum + (ticks ?? Number.NaN), 0) / TICKS_PER_SECOND;
}

/** One reading of everything that is charged to a measurement. */
export interface CpuReading {
  readonly atMs: number;
  /** CPU seconds of each server, in the order of the pids. */
  readonly servers: readonly number[];
  /** CPU seconds of this process. */
  readonly self: number;
  readonly machine: number;
}

/** Reads the clocks of the given servers, of this process and of the machine. */
export function readCpu(pids: readonly number[]): CpuReading {
  const self = process.cpuUsage();
  return { atMs: performance.now(), servers: pids.map(cpuSeconds), self: (self.user + self.system) / 1e6, machine: machineBusySeconds() };
}

/** Cores kept busy between two readings by anything that is neither a server nor this process. */
export function othersCores(before: CpuReading, after: CpuReading): number {
  const ours = sum(after.servers) - sum(before.servers) + after.self - before.self;
  return Math.max(0, (after.machine - before.machine - ours) / ((after.atMs - before.atMs) / 1000));
}

/** Waits until the rest of the machine uses less than `cores`, at most `limitMs`. Returns what it used at last. */
export async function waitForQuiet(pids: readonly number[], cores: number, limitMs: number): Promise<number> {
  const end = performance.now() + limitMs;
  for (;;) {
    const before = readCpu(pids);
    await sleep(300);
    const busy = othersCores(before, readCpu(pids));
    if (!(busy > cores) || performance.now() > end) return busy;
  }
}

/** One line that names the machine, for the head of a table of results. */
export function describeMachine(): string {
  const model = cpus()[0]?.model.trim() ?? 'unknown processor';
  const load = loadavg()[0]?.toFixed(1) ?? '?';
  return `${cpus().length} cores, ${model}, Node ${process.version.slice(1)}, ${process.platform}, load ${load} at the start`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}
