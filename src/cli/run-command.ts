// `leasehold run`: holds a lease while a program runs, and stops the program before the lease can end.
import type { Command } from 'commander';
import { LeaseholdClient } from '../client/client.ts';
import { LeaseLostError } from '../client/errors.ts';
import type { HeldLease } from '../client/held-lease.ts';
import { Guard } from './guard.ts';
import { type Finish, type Io, runSession, withSharedFlags } from './session.ts';
import { durationMs, durationOption, leaseName, UsageError } from './values.ts';

/** Exit codes of `run` beside the program's own; the same numbers as timeout(1) and the shells use. */
const RUN_EXIT = { lost: 124, cannotExecute: 126, notFound: 127, signalBase: 128 } as const;

const RUN_HELP = `
Exit codes of run: the program's own (128+N when signal N ended it), or
  124  the lease was lost, and the program stopped
  126  the program cannot be executed
  127  there is no such program

The program finds LEASEHOLD_LEASE, LEASEHOLD_HOLDER, LEASEHOLD_FENCE and LEASEHOLD_LEASE_IF (the header for gated writes)
in its environment. It runs in a process group of its own, all of which is stopped with it.`;

/** From SIGTERM to SIGKILL, unless told: this share of the duration, and at most so long. */
const GRACE_SHARE = 1 / 5;
const GRACE_MAX_MS = 5_000;
/** Kept between SIGKILL and the end of the lease, for the kernel to carry it out: this share of the duration, within bounds. */
const RESERVE_SHARE = 1 / 20;
const RESERVE_MAX_MS = 1_000;

interface Flags {
  readonly holder: string;
  readonly duration: number;
  readonly wait?: number;
  readonly grace?: number;
}

/** Adds `run` to `program`. */
export function addRunCommand(program: Command, io: Io, finish: Finish): void {
  const run = withSharedFlags(
    program
      .command('run <NAMESPACE/MODEL/LEASE> <PROGRAM...>')
      .description('hold a lease while a program runs, and stop the program before the lease can end')
      .requiredOption('--holder <name>', 'who claims')
      .addOption(durationOption('--duration <duration>', 'how long the lease outlasts its last renewal', '15s'))
      .option('--wait <duration>', 'queue for it at most this long if another holds it', durationMs)
      .option(
        '--grace <duration>',
        'from SIGTERM to SIGKILL when the lease may be lost (default: a fifth of the duration, 5s at most)',
        durationMs,
      )
      .addHelpText('after', RUN_HELP),
  );
  run.action(async (name: string, argv: string[]) => {
    const flags = run.opts<Flags>();
    const graceMs = flags.grace ?? Math.min(flags.duration * GRACE_SHARE, GRACE_MAX_MS);
    if (graceMs > flags.duration / 2)
      throw new UsageError(`--grace must be at most half of --duration (${flags.duration / 2}ms), or no time is left to renew in`);
    const lease = leaseName(name);
    await runSession(io, finish, run, name, async ({ caller, patienceMs, progress }) => {
      const reserveMs = Math.min(flags.duration * RESERVE_SHARE, RESERVE_MAX_MS);
      const client = new LeaseholdClient({ endpoints: caller.endpoints, patienceMs, marginMs: reserveMs + graceMs });
      try {
        const asked = { holder: flags.holder, durationMs: flags.duration, ...(flags.wait === undefined ? {} : { waitMs: flags.wait }) };
        const held = await progress.during(`queues for ${name}`, flags.wait ?? null, () => client.claim(lease, asked));
        return await runWhileHeld(held, name, argv, graceMs, io);
      } finally {
        client.close();
      }
    });
  });
}

/** Gives the exit code. The lease has been given back, or tried to be, when it settles. */
async function runWhileHeld(
  lease: HeldLease,
  name: string,
  [program = '', ...args]: readonly string[],
  graceMs: number,
  io: Io,
): Promise<number> {
  const environment = {
    LEASEHOLD_LEASE: name,
    LEASEHOLD_HOLDER: lease.holder,
    LEASEHOLD_FENCE: String(lease.fence),
    LEASEHOLD_LEASE_IF: lease.leaseIf,
  };
  const guard = new Guard(program, args, environment, () => (lease.lost === null ? lease.remainingMs + graceMs : null));
  const lost = (): void => {
    const { reason } = lease.signal;
    if (!(reason instanceof LeaseLostError) || reason.reason === 'released') return;
    io.err(`leasehold: ${reason.message}; stopping ${program}`);
    // Once the cluster has ended the tenure another may have the lease already: nothing is left to be graceful in.
    if (reason.reason === 'ended') guard.kill();
    else guard.terminate(graceMs);
  };
  lease.signal.addEventListener('abort', lost);
  const end = await guard.ended;
  const { lost: loss } = lease;
  lease.signal.removeEventListener('abort', lost);
  await lease.release().catch((error: Error) => io.err(`leasehold: ${name} could not be released (${error.message}); it ends by itself`));
  if (end.kind === 'not-started') {
    io.err(`leasehold: ${program} cannot be run: ${end.error.message}`);
    return end.error.code === 'ENOENT' ? RUN_EXIT.notFound : RUN_EXIT.cannotExecute;
  }
  if (loss !== null) return RUN_EXIT.lost;
  return end.signal === null ? (end.code ?? 0) : RUN_EXIT.signalBase + end.signal;
}
