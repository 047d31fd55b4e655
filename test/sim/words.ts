// Commands, answers and frames in a few words, for whoever reads a story.
import type { PeerFrame } from '../../src/env.ts';
import type { Assertion, Command, Precondition, TxnOp } from '../../src/lease/commands.ts';
import type { Outcome, Refusal } from '../../src/lease/outcomes.ts';
import type { Settled } from '../../src/replica/service.ts';
import { keyName } from './facts.ts';
import type { Plan } from './plan.ts';

/** What somebody asks for: `claims app/m1/one for 300 ms`. */
export function describeCommand(command: Command): string {
  switch (command.kind) {
    case 'claim':
      return `claims ${keyName(command.key)} for ${command.durationMs} ms`;
    case 'claim-session':
      return `claims ${keyName(command.key)} by session ${command.session}`;
    case 'extend':
      return `extends ${keyName(command.key)} to ${command.durationMs} ms${withFence(command.fence)}`;
    case 'release':
      return `releases ${keyName(command.key)}${withFence(command.fence)}`;
    case 'pin':
      return `pins ${keyName(command.key)} by ${command.entity}`;
    case 'unpin':
      return `unpins ${keyName(command.key)} by ${command.entity}`;
    case 'grant':
      return `wants a lease${command.id === null ? '' : ` ${command.id}`} for ${command.ttlMs} ms`;
    case 'renew':
      return `renews lease ${command.id}`;
    case 'revoke':
      return `revokes lease ${command.id}`;
    case 'attach':
      return `attaches ${command.key} to lease ${command.id}`;
    case 'detach':
      return `detaches ${command.key} from lease ${command.id}`;
    case 'put':
      return `puts ${command.key} = ${command.value}${living(command.lease)}${gated(command.assert)}${given(command.precondition)}`;
    case 'delete':
      return `deletes ${command.key}${gated(command.assert)}${given(command.precondition)}`;
    case 'txn': {
      const compares = command.compare.map(({ key, target, op, value }) => `${target} of ${key} ${op} ${value}`);
      const condition = compares.length === 0 ? '' : ` if ${compares.join(' and ')}`;
      return `runs [${command.success.map(describeOp).join(', ')}]${condition}, else [${command.failure.map(describeOp).join(', ')}]${gated(command.assert)}`;
    }
    default:
      return JSON.stringify(command);
  }
}

/** What it came to: `claimed, fence 7, 300 ms left (entry 7)`. */
export function describeSettled(settled: Settled): string {
  if (settled.kind === 'applied') return `${describeOutcome(settled.outcome)} (entry ${settled.index})`;
  const { code, definite } = settled.failure;
  return `FAILS: ${code}, ${definite ? 'it never happened' : 'nobody knows'}`;
}

function describeOutcome(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'refused':
      return `refused, ${describeRefusal(outcome.refusal)}`;
    case 'claim': {
      const { claim, created } = outcome;
      const left = claim.remainingMs === null ? `pinned by ${claim.pinnedBy.join(' and ')}` : `${claim.remainingMs} ms left`;
      return `${created ? 'claimed' : 'kept'}, fence ${claim.fence}, ${left}`;
    }
    case 'grant':
      return `lease ${outcome.grant.id}, ${outcome.grant.remainingMs} ms left`;
    case 'key':
      return `version ${outcome.key.version}, revision ${outcome.key.modRevision} since ${outcome.key.createRevision}`;
    case 'done':
      return 'done';
    default:
      return JSON.stringify(outcome);
  }
}

function describeRefusal(refusal: Refusal): string {
  switch (refusal.code) {
    case 'claim-denied':
      return `${refusal.holder} has it with fence ${refusal.fence}`;
    case 'not-held':
    case 'assertion-failed':
      return `${refusal.code}: ${refusal.holder === null ? 'nobody has it' : `${refusal.holder} has it with fence ${refusal.fence}`}`;
    case 'precondition-failed':
      return `${refusal.key} is at revision ${refusal.modRevision ?? 'none'}`;
    default:
      return refusal.code;
  }
}

function describeOp(op: TxnOp): string {
  if (op.kind === 'put') return `put ${op.key} = ${op.value}`;
  return `${op.kind} ${'prefix' in op ? op.prefix : op.key}`;
}

function withFence(fence: number | null): string {
  return fence === null ? '' : ` with fence ${fence}`;
}

function living(lease: string | null): string {
  return lease === null ? '' : ` on lease ${lease}`;
}

function gated(assertions: readonly Assertion[]): string {
  return assertions
    .map((assertion) => ` if ${assertion.holder ?? 'somebody'} has ${keyName(assertion)}${withFence(assertion.fence ?? null)}`)
    .join('');
}

function given(precondition: Precondition | null): string {
  if (precondition === null) return '';
  return precondition.kind === 'absent' ? ' if it is not there' : ` if it is at revision ${precondition.revision}`;
}

/** A frame in a few words. */
export function describeFrame(frame: PeerFrame): string {
  switch (frame.kind) {
    case 'raft': {
      const message = frame.message;
      const head = `${message.kind} term=${message.term}`;
      switch (message.kind) {
        case 'append':
          return `${head} after=${message.index}/${message.logTerm} entries=${message.entries.length} commit=${message.commit}`;
        case 'append-response':
          return `${head} index=${message.index}${message.rejected ? ` rejected hint=${message.rejectHint}/${message.logTerm}` : ''}`;
        case 'heartbeat':
          return `${head} commit=${message.commit} context=${message.context}`;
        case 'heartbeat-response':
        case 'read-index':
        case 'read-index-response':
          return `${head} context=${message.context}`;
        case 'vote':
        case 'pre-vote':
          return `${head} last=${message.index}/${message.logTerm}${message.transfer ? ' transfer' : ''}`;
        case 'vote-response':
        case 'pre-vote-response':
          return `${head} ${message.rejected ? 'rejected' : 'granted'}`;
        case 'snapshot':
          return `${head} at=${message.snapshot.index}/${message.snapshot.term}`;
        default:
          return head;
      }
    }
    case 'forward':
      return `forward term=${frame.term} commands=${frame.commands.length}`;
    case 'refuse':
      return `refuse term=${frame.term} ${frame.sequences.join(',')}`;
    case 'barrier':
      return `barrier term=${frame.term} id=${frame.id}`;
    case 'barrier-reply':
      return `barrier-reply id=${frame.id} index=${frame.index} time=${frame.timeMs}`;
    case 'image':
      return `image term=${frame.term} id=${frame.id} position=${frame.position} records=${frame.records.length}${frame.last === null ? '' : ` last at=${frame.last.index}`}`;
    case 'image-ack':
      return `image-ack id=${frame.id} position=${frame.position}`;
    case 'member-change':
      return `member-change term=${frame.term} id=${frame.id}`;
    case 'member-reply':
      return `member-reply id=${frame.id}`;
    case 'health':
      return `health leader=${frame.leader} sync=${frame.health.syncPendingMs}/${frame.health.syncP99Ms} loop=${frame.health.loopP99Ms} alarms=${frame.health.alarms.join(',')}`;
  }
}

/** What a run will be like, on a line. */
export function describePlan(plan: Plan): string {
  const { nodes, clients, heartbeatMs, electionTimeoutMs, faultsMs, faultEveryMs, faults, isHostile, limits, clocks, disk } = plan;
  const rates = clocks
    .slice(0, nodes)
    .map(({ rate }) => rate.toFixed(3))
    .join(', ');
  return [
    `${nodes} nodes, ${clients} clients, heartbeat ${heartbeatMs} ms, election timeout ${electionTimeoutMs} ms`,
    `a write takes up to ${disk.mostMs} ms, clock rates ${rates}, ${isHostile ? 'a hostile network' : 'a decent network'}`,
    `event-loop turns begin up to ${clocks[0]?.turnDelayMs ?? 0} ms late`,
    `for ${faultsMs.toFixed(0)} ms about every ${faultEveryMs} ms one of: ${faults.join(', ') || 'nothing'}`,
    `limits ${JSON.stringify(limits)}`,
  ].join('; ');
}
