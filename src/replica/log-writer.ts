// The append thread of one node: one synced write at a time, holding all that came up while the last one was under way.
import type { Done, Env, LogStore } from '../env.ts';
import type { Message, StorageAppend, VoteRequest } from '../raft/messages.ts';
import type { MemoryStorage } from '../raft/storage.ts';
import type { Entry, HardState, SnapshotMeta } from '../raft/types.ts';
import { DiskWatch } from './disk-watch.ts';

export interface LogWriterHost {
  /** Promises that may leave now, because what they promise is durable. */
  release(messages: readonly Message[]): void;
  /** Installs a received snapshot; the log has nothing of its own left then. */
  install(snapshot: SnapshotMeta, hardState: HardState, done: (error?: Error) => void): void;
  fatal(error: Error): void;
}

interface QueuedAppend {
  readonly append: StorageAppend;
  /** Requests for votes that go with it. */
  readonly after: readonly VoteRequest[];
}

export class LogWriter {
  /** Times the writes of the log. */
  readonly watch: DiskWatch;
  readonly #store: LogStore;
  readonly #storage: MemoryStorage;
  readonly #host: LogWriterHost;
  #queue: QueuedAppend[] = [];
  #writing = false;
  #installing = false;
  /** Term and vote as they are on the disk. */
  #durable: HardState;
  /** As Raft told it last. What it says of the commit index goes with the next write: a member must know then what let another go. */
  #newest: HardState;

  constructor({ store, clock }: Pick<Env, 'store' | 'clock'>, storage: MemoryStorage, host: LogWriterHost) {
    this.watch = new DiskWatch(clock);
    this.#store = store;
    this.#storage = storage;
    this.#host = host;
    this.#durable = storage.initialState().hardState;
    this.#newest = this.#durable;
  }

  /** Whether a write is under way: then proposals wait, and go into the next one together. */
  get isWriting(): boolean {
    return this.#writing;
  }

  /** Whether a received state is being installed or waits for it: the state here is void then, and must not be saved any more. */
  get isInstalling(): boolean {
    return this.#installing || this.#queue.some(({ append }) => append.snapshot !== null);
  }

  /**
   * `after` leaves together with the append's promises. A request for votes could leave at once by the letter of the protocol;
   * but it speaks of the last entry, and a candidate that loses that entry in a crash must not win by an old answer.
   */
  queue(append: StorageAppend, after: readonly VoteRequest[]): void {
    const last = this.#queue.at(-1);
    if (last !== undefined && after.length === 0 && isRepeat(append, last.append)) return;
    this.#queue.push({ append, after });
  }

  /** Writes a little that changes nothing, unless a write is under way: shows whether the disk still works. */
  probe(): void {
    if (this.#writing || this.#queue.length > 0) return;
    this.#begin(
      (done) => this.#store.probe(done),
      [],
      () => {},
    );
  }

  /** Begins the next write, if one is wanted and none is under way. */
  pump(): void {
    while (!this.#writing && this.#queue.length > 0) {
      const snapshotAt = this.#queue.findIndex(({ append }) => append.snapshot !== null);
      const count = snapshotAt < 0 ? this.#queue.length : Math.max(1, snapshotAt);
      const batch = this.#queue.slice(0, count);
      this.#queue = this.#queue.slice(count);
      const first = batch[0] as QueuedAppend;
      if (first.append.snapshot !== null) this.#install(first, first.append.snapshot);
      else this.#append(batch);
    }
  }

  #append(batch: readonly QueuedAppend[]): void {
    for (const { append } of batch) this.#newest = append.hardState ?? this.#newest;
    const hardState = this.#newest;
    const entries = mergeEntries(batch);
    const changesPromise = hardState.term !== this.#durable.term || hardState.vote !== this.#durable.vote;
    if (entries.length === 0 && !changesPromise) {
      // The commit index alone need not be synced; it is found again by the log.
      this.#finish(batch);
      return;
    }
    this.#begin(
      (done) => this.#store.append({ hardState, entries }, done),
      batch,
      () => {
        this.#keep(hardState);
        this.#storage.append(entries);
      },
    );
  }

  /** Carries out a timed write; `written` is called when it is durable, before the promises of `batch` leave. */
  #begin(write: (done: Done) => void, batch: readonly QueuedAppend[], written: () => void): void {
    this.#writing = true;
    this.watch.began();
    write((error) => {
      this.#writing = false;
      this.watch.ended();
      if (error !== undefined) {
        this.#host.fatal(error);
        return;
      }
      written();
      this.#finish(batch);
    });
  }

  #install(queued: QueuedAppend, snapshot: SnapshotMeta): void {
    this.#writing = true;
    this.#installing = true;
    this.#newest = queued.append.hardState ?? this.#newest;
    // The installation writes no entries. A commit index after the snapshot would refer to entries that are not on the disk yet.
    const hardState = { ...this.#newest, commit: Math.min(this.#newest.commit, snapshot.index) };
    this.#host.install(snapshot, hardState, (error) => {
      this.#writing = false;
      this.#installing = false;
      if (error !== undefined) {
        this.#host.fatal(error);
        return;
      }
      this.#keep(hardState);
      this.#storage.installSnapshot(snapshot);
      // Entries of the same Ready are a write of their own. All promises of the Ready wait for it.
      const rest = { after: queued.after, append: { ...queued.append, snapshot: null } };
      if (rest.append.entries.length === 0) this.#finish([rest]);
      else this.#queue.unshift(rest);
      this.pump();
    });
  }

  #keep(hardState: HardState): void {
    this.#durable = hardState;
    this.#storage.setHardState(hardState);
  }

  #finish(batch: readonly QueuedAppend[]): void {
    if (batch.length === 0) this.#host.release([]);
    for (const { append, after } of batch) {
      this.#host.release(append.responses);
      this.#host.release(after);
    }
  }
}

/**
 * Whether `append` has nothing to write and promises only what `last` promises already. A leader goes on asking a follower whose disk
 * hangs, and the answers that wait for that disk must not pile up.
 */
function isRepeat(append: StorageAppend, last: StorageAppend): boolean {
  if (append.entries.length > 0 || append.snapshot !== null || append.hardState !== null) return false;
  return append.responses.every((response) => last.responses.some((other) => isSame(response, other)));
}

function isSame(one: Message, other: Message): boolean {
  const fields = Object.entries(one);
  return fields.length === Object.keys(other).length && fields.every(([name, value]) => Reflect.get(other, name) === value);
}

/** The entries of several appends in order as one: a later one replaces what it overlaps. */
function mergeEntries(batch: readonly QueuedAppend[]): readonly Entry[] {
  if (batch.length === 1) return (batch[0] as QueuedAppend).append.entries;
  let merged: Entry[] = [];
  for (const { append } of batch) {
    const first = append.entries[0];
    if (first === undefined) continue;
    const start = merged[0]?.index;
    if (start !== undefined && first.index <= start) merged = [];
    else if (start !== undefined) merged.length = Math.min(merged.length, first.index - start);
    for (const entry of append.entries) merged.push(entry);
  }
  return merged;
}
