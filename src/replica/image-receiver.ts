// Takes a state image from the leader piece by piece, to the disk and into a new state machine, beside the present ones.
import type { Cancel, Env, ImageMeta, ImageWriter, PeerFrame } from '../env.ts';
import type { StateMachine } from '../lease/state-machine.ts';
import { NONE, type NodeId } from '../raft/types.ts';
import type { ReplicaLimits } from './config.ts';
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

type ImageFrame = PeerFrame & { readonly kind: 'image' };
type ReceiverSeams = Pick<Env, 'store' | 'codec' | 'checksum' | 'clock'>;

interface Receiving {
  readonly from: NodeId;
  readonly id: number;
  readonly writer: ImageWriter;
  readonly state: StateMachine;
  /** Of the next piece that is expected. */
  position: number;
  /** Pieces that wait for the write of the one before. */
  readonly waiting: ImageFrame[];
  isWriting: boolean;
  /** Pieces and records written. */
  written: number;
  records: number;
}

export class ImageReceiver {
  readonly #seams: ReceiverSeams;
  readonly #limits: Pick<ReplicaLimits, 'imageWindowPieces' | 'imageSilenceMs'>;
  readonly #host: ImageReceiverHost;
  #receiving: Receiving | null = null;
  /** Ends the image when nothing arrives any more. */
  #silence: Cancel | null = null;

  constructor(seams: ReceiverSeams, limits: Pick<ReplicaLimits, 'imageWindowPieces' | 'imageSilenceMs'>, host: ImageReceiverHost) {
    this.#seams = seams;
    this.#limits = limits;
    this.#host = host;
  }

  /** What has come so far; null while nothing does. */
  get progress(): SnapshotProgress | null {
    return this.#receiving === null ? null : { sentRecords: this.#receiving.records, records: null, percent: null };
  }

  take(from: NodeId, frame: ImageFrame): void {
    if (frame.position === 0) {
      // The one before is displaced; its sender must not wait for it.
      if (this.#receiving !== null) this.#giveUp(this.#receiving);
      this.#receiving = {
        from,
        id: frame.id,
        writer: this.#seams.store.beginImage(),
        state: this.#host.newState(),
        position: 0,
        waiting: [],
        isWriting: false,
        written: 0,
        records: 0,
      };
    }
    const receiving = this.#receiving;
    if (receiving === null || receiving.from !== from || receiving.id !== frame.id || receiving.position !== frame.position) {
      // A piece of an image that was given up here; tell the sender, unless it is a repeat of what was taken.
      if (receiving === null || receiving.id !== frame.id) this.#host.send(from, { kind: 'image-ack', id: frame.id, position: -1 });
      return;
    }
    receiving.position++;
    receiving.waiting.push(frame);
    this.#expectMore(receiving);
    // No correct sender has more than its window under way; its window may be set wider than this node's.
    if (receiving.waiting.length > 8 * this.#limits.imageWindowPieces) this.#giveUp(receiving);
    else this.#writeNext(receiving);
  }

  /** The connection to `peer` is gone: the rest of its image will not come. */
  senderLost(peer: NodeId): void {
    if (this.#receiving?.from === peer) this.stop();
  }

  /** `leader` leads, or nobody: an image that another node began is of no use any more. */
  leaderIs(leader: NodeId): void {
    if (this.#receiving !== null && leader !== NONE && leader !== this.#receiving.from) this.#giveUp(this.#receiving);
  }

  #writeNext(receiving: Receiving): void {
    const frame = receiving.isWriting ? undefined : receiving.waiting.shift();
    if (frame === undefined) return;
    try {
      for (const [name, content] of frame.records) {
        if (content !== null) receiving.state.restore(name, this.#seams.codec.decode(content), this.#seams.checksum(name, content));
      }
      if (frame.last !== null) receiving.state.finishRestore(frame.last.index);
    } catch {
      this.#giveUp(receiving);
      return;
    }
    receiving.isWriting = true;
    receiving.writer.write(frame.records, (error) => {
      if (this.#receiving !== receiving) return;
      if (error !== undefined) {
        this.#giveUp(receiving);
        return;
      }
      receiving.isWriting = false;
      receiving.written++;
      receiving.records += frame.records.length;
      this.#expectMore(receiving);
      this.#host.send(receiving.from, { kind: 'image-ack', id: receiving.id, position: receiving.written });
      if (frame.last === null) {
        this.#writeNext(receiving);
        return;
      }
      this.#end();
      this.#host.received(receiving.from, frame.term, { meta: frame.last, writer: receiving.writer, state: receiving.state });
    });
  }

  /** Forgets an unfinished image. */
  stop(): void {
    this.#receiving?.writer.abort();
    this.#end();
  }

  /** Waits for the next piece, but not for ever: a sender may be silent on a connection that stands. */
  #expectMore(receiving: Receiving): void {
    this.#silence?.();
    this.#silence = this.#seams.clock.after(this.#limits.imageSilenceMs, () => {
      if (this.#receiving === receiving) this.#giveUp(receiving);
    });
  }

  #end(): void {
    this.#silence?.();
    this.#silence = null;
    this.#receiving = null;
  }

  #giveUp(receiving: Receiving): void {
    this.stop();
    this.#host.send(receiving.from, { kind: 'image-ack', id: receiving.id, position: -1 });
  }
}
