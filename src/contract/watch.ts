// What `GET /v1/watch` sends: server-sent events whose `event` is the type, whose `data` is one of these as JSON, and their ids.
// Comments carry ids too, without data, so that a reader can go on from where it was even if it saw no event.

/** Of a claim and its pins. Times are lease time in milliseconds. */
export interface ClaimEventData {
  readonly type: 'claimed' | 'extended' | 'released' | 'expired' | 'revoked' | 'pinned' | 'unpinned';
  /**
   * Log index of the entry that did it. It is less than that in the event's id for a claim or key that ended with a large session: lists and
   * reads show such an end from `index` on, the stream in order of the ids.
   */
  readonly index: number;
  readonly namespace: string;
  readonly model: string;
  readonly lease: string;
  /** Whose tenure it is; null, as the fence is, for pins where nobody holds the lease. */
  readonly holder: string | null;
  readonly fence: number | null;
  readonly durationMs: number | null;
  /** The session by which the claim lives or lived; null for none. */
  readonly session: string | null;
  readonly timeMs: number;
  /** `extended` and `expired`: how long after the deadline. */
  readonly lateMs?: number;
  /** `pinned` and `unpinned`: by whom. */
  readonly entity?: string;
}

/** Of a key of the store. */
export interface KeyEventData {
  readonly type: 'put' | 'deleted';
  readonly index: number;
  readonly key: string;
  /** `put` only. */
  readonly value?: string;
  readonly createRevision: number;
  /** The entry that wrote or deleted it. */
  readonly modRevision: number;
  /** `put` only. */
  readonly version?: number;
  /** The lease by which it lives, or lived until it was deleted. */
  readonly lease: string | null;
  /** `deleted` only: by a command, or with its lease. */
  readonly cause?: 'deleted' | 'expired' | 'revoked';
}

/** What lies between the id asked for and this event is not known here: read the state anew, at `index` or later, and go on from here. */
export interface ResetData {
  readonly type: 'reset';
  readonly index: number;
  readonly detail: string;
}

/** The last event of a stream that the node ends by itself; `code` is one of the error codes. Without an id: it can be resumed. */
export interface WatchErrorData {
  readonly code: 'overloaded' | 'stopping';
  readonly detail: string;
}

/** The two numbers of an event id: the log index, and the place among the events of that entry. */
export interface WatchId {
  readonly index: number;
  readonly position: number;
}

/** Reads `<index>.<position>`, both decimal without leading zeros; null for anything else. */
export function parseWatchId(text: string): WatchId | null {
  const match = /^(0|[1-9]\d{0,15})\.(0|[1-9]\d{0,15})$/.exec(text);
  const index = Number(match?.[1] ?? Number.NaN);
  const position = Number(match?.[2] ?? Number.NaN);
  return Number.isSafeInteger(index) && Number.isSafeInteger(position) ? { index, position } : null;
}

/** The inverse of {@link parseWatchId}. */
export function watchIdText({ index, position }: WatchId): string {
  return `${index}.${position}`;
}
