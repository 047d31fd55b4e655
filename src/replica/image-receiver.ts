// Takes a state image from the leader piece by piece, to the disk and into a new state machine, beside the present ones.
import type { Codec, ImageMeta, ImageWriter, LogStore, PeerFrame, RecordChecksum } from '../env.ts';
import type { StateMachine } from '../lease/state-machine.ts';
import type { NodeId } from '../raft/types.ts';
import type { SnapshotProgress } from './service.ts';

export interface ReceivedImage {
  readonly meta: ImageMeta;
  readonly writer: ImageWriter;
  readonly state: StateMachine;
}

export interface ImageReceiverHost {
  newState(): StateMachine;
  send(to: NodeId, frame: PeerFrame): void;
  /** All of it is here and fits together. The receiver has forgotten it; whoever does not install it aborts its writer. */
  received(from: NodeId, term: number, image: ReceivedImage): void;
}

interface Receiving {
  readonly from: NodeId;
  readonly id: number;
  readonly writer: ImageWriter;
  readonly state: StateMachine;
  position: number;
  /** Records written. */
  records: number;
}

export class ImageReceiver {
  readonly #seams: { readonly store: LogStore; readonly codec: Codec; readonly checksum: RecordChecksum };
  readonly #host: ImageReceiverHost;
  #receiving: Receiving | null = null;

  constructor(seams: { readonly store: LogStore; readonly codec: Codec; readonly checksum: RecordChecksum }, host: ImageReceiverHost) {
    this.#seams = seams;
    this.#host = host;
  }

  /** What has come so far; null while nothing does. */
  get progress(): SnapshotProgress | null {
    return this.#receiving === null ? null : { sentRecords: this.#receiving.records, records: null, percent: null };
  }

  take(from: NodeId, frame: PeerFrame & { readonly kind: 'image' }): void {
    if (frame.position === 0) {
      // The one before is displaced; its sender must not wait for it.
      if (this.#receiving !== null) this.#giveUp(this.#receiving);
      this.#receiving = {
        from,
        id: frame.id,
        writer: this.#seams.store.beginImage(),
        state: this.#host.newState(),
        position: 0,
        records: 0,
      };
    }
    const receiving = this.#receiving;
    if (receiving === null || receiving.from !== from || receiving.id !== frame.id || receiving.position !== frame.position) {
      // A piece of an image that was given up here; tell the sender, unless it is a repeat of what was taken.
      if (receiving === null || receiving.id !== frame.id) this.#host.send(from, { kind: 'image-ack', id: frame.id, position: -1 });
      return;
    }
    try {
      for (const [name, content] of frame.records) {
        if (content !== null) receiving.state.restore(name, this.#seams.codec.decode(content), this.#seams.checksum(name, content));
      }
      if (frame.last !== null) receiving.state.finishRestore(frame.last.index);
    } catch {
      this.#giveUp(receiving);
      return;
    }
    receiving.position++;
    receiving.writer.write(frame.records, (error) => {
      if (this.#receiving !== receiving) return;
      if (error !== undefined) {
        this.#giveUp(receiving);
        return;
      }
      receiving.records += frame.records.length;
      this.#host.send(from, { kind: 'image-ack', id: receiving.id, position: receiving.position });
      if (frame.last === null) return;
      this.#receiving = null;
      this.#host.received(from, frame.term, { meta: frame.last, writer: receiving.writer, state: receiving.state });
    });
  }

  /** Forgets an unfinished image. */
  stop(): void {
    this.#receiving?.writer.abort();
    this.#receiving = null;
  }

  #giveUp(receiving: Receiving): void {
    this.stop();
    this.#host.send(receiving.from, { kind: 'image-ack', id: receiving.id, position: -1 });
  }
}
