// Sends the saved state to a follower that is too far behind for the log, in acknowledged pieces, several at a time.
import type { Cancel, Clock, ImageReader, LogStore, PeerFrame } from '../env.ts';
import type { Index, NodeId, Term } from '../raft/types.ts';
import type { ReplicaLimits } from './config.ts';
import type { SnapshotProgress } from './service.ts';

/** A receiver that says nothing for so long has lost the piece, or its answer was lost. */
const ANSWER_MS = 10_000;
/** After a piece that the network did not take. */
const RETRY_MS = 20;

export interface ImageSenderHost {
  send(to: NodeId, frame: PeerFrame): boolean;
  /** The receiver has all of it, or it was given up. Raft is told either way. */
  finished(to: NodeId, ok: boolean): void;
}

interface Sending {
  readonly id: number;
  readonly term: Term;
  readonly reader: ImageReader;
  /** Of the next piece. */
  position: number;
  /** Records in each piece on its way, oldest first. The first one is at `position - underWay.length`. */
  readonly underWay: number[];
  /** Records in the pieces that were acknowledged. */
  records: number;
  /** A piece is being read, or was not taken by the network and is tried again. */
  isBusy: boolean;
  sentLast: boolean;
  /** Until the oldest answer is given up. */
  timer: Cancel | null;
  retry: Cancel | null;
}

/** One image at a time for each peer. */
export class ImageSender {
  /** Images since the start that a peer has taken, and those that were given up under way. */
  readonly counts = { sent: 0, failed: 0 };
  readonly #store: LogStore;
  readonly #clock: Clock;
  readonly #host: ImageSenderHost;
  readonly #limits: Pick<ReplicaLimits, 'imagePieceBytes' | 'imageWindowPieces'>;
  #nextId = 1;
  readonly #sending = new Map<NodeId, Sending>();

  constructor(store: LogStore, clock: Clock, host: ImageSenderHost, limits: Pick<ReplicaLimits, 'imagePieceBytes' | 'imageWindowPieces'>) {
    this.#store = store;
    this.#clock = clock;
    this.#host = host;
    this.#limits = limits;
  }

  /** Begins anew when one is under way already. Returns the index at which the image stands. */
  start(to: NodeId, term: Term): Index {
    this.#forget(to);
    const reader = this.#store.openImage();
    const sending: Sending = {
      id: this.#nextId++,
      term,
      reader,
      position: 0,
      underWay: [],
      records: 0,
      isBusy: false,
      sentLast: false,
      timer: null,
      retry: null,
    };
    this.#sending.set(to, sending);
    this.#sendNext(to, sending);
    return sending.reader.meta.index;
  }

  acknowledged(from: NodeId, id: number, position: number): void {
    const sending = this.#sending.get(from);
    if (sending?.id !== id) return;
    if (position < 0) {
      this.stop(from);
      return;
    }
    const acknowledged = position - (sending.position - sending.underWay.length);
    if (acknowledged <= 0 || acknowledged > sending.underWay.length) return;
    for (const records of sending.underWay.splice(0, acknowledged)) sending.records += records;
    this.#expectAnswer(from, sending);
    if (sending.sentLast && sending.underWay.length === 0) this.#finish(from, true);
    else this.#sendNext(from, sending);
  }

  /** How much of its image `to` has acknowledged; null when it is sent none. */
  progress(to: NodeId): SnapshotProgress | null {
    const sending = this.#sending.get(to);
    if (sending === undefined) return null;
    const records = sending.reader.meta.count;
    return { sentRecords: sending.records, records, percent: records === 0 ? 100 : Math.floor((100 * sending.records) / records) };
  }

  /** The peer is gone: what was sent may be lost. */
  stop(to: NodeId): void {
    if (this.#sending.has(to)) this.#finish(to, false);
  }

  stopAll(): void {
    for (const to of [...this.#sending.keys()]) this.#finish(to, false);
  }

  #sendNext(to: NodeId, sending: Sending): void {
    if (sending.isBusy || sending.sentLast || sending.underWay.length >= this.#limits.imageWindowPieces) return;
    sending.isBusy = true;
    sending.reader.next(this.#limits.imagePieceBytes, (error, records) => {
      if (this.#sending.get(to) !== sending) return;
      if (error !== null) {
        this.#finish(to, false);
        return;
      }
      const last = records.length === 0 ? sending.reader.meta : null;
      this.#sendPiece(to, sending, { kind: 'image', term: sending.term, id: sending.id, position: sending.position, records, last });
    });
  }

  #sendPiece(to: NodeId, sending: Sending, frame: PeerFrame & { readonly kind: 'image' }): void {
    if (this.#sending.get(to) !== sending) return;
    if (!this.#host.send(to, frame)) {
      sending.retry = this.#clock.after(RETRY_MS, () => this.#sendPiece(to, sending, frame));
      return;
    }
    sending.isBusy = false;
    sending.sentLast = frame.last !== null;
    sending.position++;
    sending.underWay.push(frame.records.length);
    if (sending.timer === null) this.#expectAnswer(to, sending);
    this.#sendNext(to, sending);
  }

  #expectAnswer(to: NodeId, sending: Sending): void {
    sending.timer?.();
    sending.timer = sending.underWay.length === 0 ? null : this.#clock.after(ANSWER_MS, () => this.#finish(to, false));
  }

  #finish(to: NodeId, ok: boolean): void {
    this.#forget(to);
    this.counts[ok ? 'sent' : 'failed'] += 1;
    this.#host.finished(to, ok);
  }

  #forget(to: NodeId): void {
    const sending = this.#sending.get(to);
    if (sending === undefined) return;
    sending.timer?.();
    sending.retry?.();
    sending.reader.close();
    this.#sending.delete(to);
  }
}
