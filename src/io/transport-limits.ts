// The named limits of the network between nodes.

export interface TransportLimits {
  /** Greatest frame, kind and body together. */
  readonly frameMaxBytes: number;
  /** What may wait for one peer. A frame beyond either limit is dropped, and `send` says so. */
  readonly queueMaxBytes: number;
  readonly queueMaxFrames: number;
  /** Pieces of a state image that may wait for one peer; they go out only when nothing else waits. */
  readonly imageQueueMaxBytes: number;
  /** What is handed to the socket at once. More waits here, where it can be counted and dropped. */
  readonly writeMaxBytes: number;
  /** A connection without a received byte for this long is closed; the peer's name is then resolved again and dialled. */
  readonly silenceMaxMs: number;
  /** From a dial, its name lookup included, to the connection. The system itself would try for minutes, at growing intervals. */
  readonly connectMaxMs: number;
  /** From the beginning of a connection to the end of both introductions. */
  readonly greetingMaxMs: number;
  /** Incoming connections that may be without an introduction; the oldest one goes when another comes. */
  readonly greetingsMax: number;
  /** All incoming connections; the system refuses more. */
  readonly connectionsMax: number;
  /**
   * Connections that the system accepts before this process does. Fewer than `greetingsMax`: all of them are accepted in one turn of the
   * event loop, and none may be closed by the others before its first bytes are read.
   */
  readonly backlogMax: number;
  /** Peers that this node does not find among the members yet, but that may be newer ones. */
  readonly strangersMax: number;
  /** How long a frame may take to arrive once it has begun. */
  readonly partialFrameMaxMs: number;
  /** A connection on which nothing could be written for this long is given up. */
  readonly stuckMaxMs: number;
  /** The wait before the first attempt to connect again; each failure doubles it. Half of every wait is left to chance. */
  readonly redialLeastMs: number;
  readonly redialMostMs: number;
  /** When both sides dial at once, the attempt of the lower number goes on, unless it is older than this: then it is probably lost. */
  readonly precedenceMs: number;
  /** After the start, a refusal that may be the other side's mistake is kept back this long: others may know this node. */
  readonly refusalGraceMs: number;
  /** A connection that stood for less than this does not count as a success: what follows waits longer. */
  readonly steadyAfterMs: number;
  /** What close leaves for the queues to empty. */
  readonly closeMaxMs: number;
}

export const TRANSPORT_LIMITS: TransportLimits = {
  frameMaxBytes: 8 * 1024 * 1024,
  queueMaxBytes: 64 * 1024 * 1024,
  queueMaxFrames: 65_536,
  imageQueueMaxBytes: 1024 * 1024,
  writeMaxBytes: 1024 * 1024,
  silenceMaxMs: 3_000,
  connectMaxMs: 2_000,
  greetingMaxMs: 3_000,
  greetingsMax: 192,
  connectionsMax: 256,
  backlogMax: 128,
  strangersMax: 16,
  partialFrameMaxMs: 30_000,
  stuckMaxMs: 10_000,
  redialLeastMs: 20,
  redialMostMs: 1_000,
  precedenceMs: 2_000,
  refusalGraceMs: 2_000,
  steadyAfterMs: 1_000,
  closeMaxMs: 200,
};

/** What a transport has seen since it was opened. They only grow. */
export interface TransportCounters {
  /** Frames that were queued, and those that `send` dropped because no connection stood or a queue was full. */
  framesSent: number;
  framesDropped: number;
  /** Frames that `send` dropped because they have no form on the network; each one is a bug. */
  framesUnsendable: number;
  framesReceived: number;
  /** Writes to sockets: several frames may share one. */
  writes: number;
  /** Connections closed for bytes that no honest peer sends, or for silence. */
  malformed: number;
  timedOut: number;
  /** Connections that were refused here, and refusals that were received. */
  refusalsSent: number;
  refusalsReceived: number;
}

export function newCounters(): TransportCounters {
  return {
    framesSent: 0,
    framesDropped: 0,
    framesUnsendable: 0,
    framesReceived: 0,
    writes: 0,
    malformed: 0,
    timedOut: 0,
    refusalsSent: 0,
    refusalsReceived: 0,
  };
}
