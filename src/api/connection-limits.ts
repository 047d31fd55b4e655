// Limits of the connections of clients.

/** Limits of the connections of one node. */
export interface ConnectionLimits {
  /** Connections beyond this many are closed without an answer. */
  readonly connectionsMax: number;
  /** Requests of one connection that are carried out at a time; later ones wait for the answers of earlier ones to be taken. */
  readonly pipelineMax: number;
  /** Requests of one connection that wait so; one more ends the connection. */
  readonly pipelineHeldMax: number;
  /** Bytes of answers that wait for their readers on one node. Beyond it, large answers wait, and readers that stall are cut off. */
  readonly unreadMaxBytes: number;
  /** A reader that takes less than {@link PROGRESS_BYTES} of what waits for it in this time is cut off, in milliseconds. */
  readonly readerStallMs: number;
  /** Bytes of large answers to reads that are made at a time: one event-loop turn may have to make all of them. */
  readonly makingMaxBytes: number;
  /** How long a large answer waits for room, in milliseconds; then its request is refused as overloaded. */
  readonly roomWaitMs: number;
  /** Bytes of bodies that are arriving on one node. Beyond it, the connections that take longest are closed. */
  readonly arrivingMaxBytes: number;
}

export const DEFAULT_CONNECTION_LIMITS: ConnectionLimits = {
  connectionsMax: 20_000,
  pipelineMax: 16,
  pipelineHeldMax: 128,
  unreadMaxBytes: 32 * 1024 * 1024,
  makingMaxBytes: 4 * 1024 * 1024,
  readerStallMs: 10_000,
  roomWaitMs: 5_000,
  arrivingMaxBytes: 64 * 1024 * 1024,
};

/** What counts as progress of a reader, in bytes: a reader that takes a byte now and then is no better than one that takes none. */
export const PROGRESS_BYTES = 64 * 1024;
