// Events as they stand in a stream of server-sent events.
import type { ClaimEventData, KeyEventData, ResetData, WatchErrorData, WatchId } from '../contract/watch.ts';
import { watchIdText } from '../contract/watch.ts';
import type { ClaimEvent, KeyEvent, StateEvent } from '../lease/events.ts';
import { leaseKeyOf } from '../lease/lease-key.ts';

/**
 * A comment with a place to go on from: without data it is no event for whoever reads the stream, but `id` counts. `ready`: from there
 * on nothing is missed. `still here`: keeps the connection from being taken for a dead one, and nothing wanted came before that.
 */
export function commentBlock(text: 'ready' | 'still here', id: WatchId | null): string {
  return id === null ? `: ${text}\n\n` : `: ${text}\nid: ${watchIdText(id)}\n\n`;
}

/** The block that a state event makes. */
export function eventBlock(event: StateEvent): string {
  return block(event, event.type, 'key' in event ? keyData(event) : claimData(event));
}

/** The block that says that events are missing before `id`. */
export function resetBlock(id: WatchId, data: ResetData): string {
  return block(id, data.type, data);
}

/** The block that ends a stream. It has no id, so that the one before it stays the place to go on from. */
export function errorBlock(data: WatchErrorData): string {
  return `event: error\ndata: ${JSON.stringify(data)}\n\n`;
}

function block(id: WatchId, type: string, data: ClaimEventData | KeyEventData | ResetData): string {
  return `id: ${watchIdText(id)}\nevent: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}

function claimData(event: ClaimEvent): ClaimEventData {
  const { type, atIndex: index, holder, fence, durationMs, session, timeMs, lateMs, entity } = event;
  const { namespace, model, lease } = leaseKeyOf(event.claimId);
  return {
    ...{ type, index, namespace, model, lease, holder, fence, durationMs, session, timeMs },
    ...(type === 'extended' || type === 'expired' ? { lateMs } : {}),
    ...(entity === null ? {} : { entity }),
  };
}

function keyData(event: KeyEvent): KeyEventData {
  const { type, atIndex: index, key, value, createRevision, version, lease, cause } = event;
  const common = { type, index, key, createRevision, modRevision: index, lease };
  return cause === null ? { ...common, value: value ?? '', version } : { ...common, cause };
}
