// The list of all properties, the paper's first.
import { Acknowledged } from './acknowledged.ts';
import { Durable } from './durable.ts';
import { ElectionSafety } from './election-safety.ts';
import { EventStreams } from './event-streams.ts';
import { FencesGrow } from './fences-grow.ts';
import { GatedWrites } from './gated-writes.ts';
import { HonestErrors } from './honest-errors.ts';
import { LeaderAppendOnly } from './leader-append-only.ts';
import { LeaderCompleteness } from './leader-completeness.ts';
import { LeaseTime } from './lease-time.ts';
import { Linearizability } from './linearizability.ts';
import { LinearizableReads } from './linearizable-reads.ts';
import { LogBudget } from './log-budget.ts';
import { LogMatching } from './log-matching.ts';
import { NeverEarly } from './never-early.ts';
import { NeverRefusedForRoom } from './never-refused-for-room.ts';
import { NeverResurrected } from './never-resurrected.ts';
import { OneHolder } from './one-holder.ts';
import { Pins } from './pins.ts';
import { Promises } from './promises.ts';
import type { Property, World } from './property.ts';
import { SameMembers } from './same-members.ts';
import { StateMachineSafety } from './state-machine-safety.ts';
import { Waiters } from './waiters.ts';

/** New properties for one run. `without` names those left out, to see what the others find alone. */
export function allProperties(world: World, without: readonly string[]): Property[] {
  const properties: Property[] = [
    new ElectionSafety(),
    new LeaderAppendOnly(world),
    new LogMatching(world),
    new LeaderCompleteness(world),
    new StateMachineSafety(),
    new SameMembers(world),
    new Promises(world),
    new Durable(),
    new LeaseTime(world),
    new NeverEarly(world),
    new OneHolder(),
    new FencesGrow(),
    new NeverResurrected(world),
    new GatedWrites(world),
    new Pins(),
    new Acknowledged(world),
    new HonestErrors(world),
    new LinearizableReads(),
    new Linearizability(world),
    new Waiters(world),
    new EventStreams(),
    new LogBudget(world),
    new NeverRefusedForRoom(world),
  ];
  return properties.filter((property) => !without.includes(property.name));
}
