// State images of one node: those it sends as a leader, the one it receives, and the installation of that one.
import type { Env, PeerFrame } from '../env.ts';
import type { StateMachine } from '../lease/state-machine.ts';
import type { HardState, Index, NodeId, SnapshotMeta, Term } from '../raft/types.ts';
import type { ReplicaLimits } from './config.ts';
import { ImageReceiver, type ReceivedImage } from './image-receiver.ts';
import { ImageSender } from './image-sender.ts';
import { ReceivedImages } from './received-images.ts';
import type { Founder } from './roster.ts';
import type { SnapshotProgress } from './service.ts';

export interface ImagesHost {
  newState(): StateMachine;
  /** A peer has all of its image, or that was given up. */
  sent(to: NodeId, ok: boolean): void;
  /** Whether an image is being installed. */
  isInstalling(): boolean;
  /** All of an image is here: Raft decides whether it is wanted. */
  received(from: NodeId, term: Term, snapshot: SnapshotMeta): void;
  /** The image is on the disk in place of state and log. */
  installed(image: ReceivedImage): void;
}

export class Images {
  readonly #sender: ImageSender;
  readonly #receiver: ImageReceiver;
  readonly #received: ReceivedImages;

  constructor(env: Env, limits: ReplicaLimits, founders: readonly Founder[], host: ImagesHost) {
    const send = (to: NodeId, frame: PeerFrame): boolean => env.transport.send(to, frame);
    this.#sender = new ImageSender(env.store, env.clock, { send, finished: (to, ok) => host.sent(to, ok) }, limits);
    this.#received = new ReceivedImages(env, founders, { installed: (image) => host.installed(image) });
    this.#receiver = new ImageReceiver(env, limits, {
      newState: () => host.newState(),
      send,
      received: (from, term, image) => {
        // The leader finds out by itself whether one that is dropped here is still needed.
        if (!this.#received.keep(image, term, host.isInstalling())) return;
        const { index, term: lastTerm, conf } = image.meta;
        host.received(from, term, { index, term: lastTerm, conf });
      },
    });
  }

  /** Images since the start: those that a peer has taken, those given up under way, those that this node took. */
  get counts(): { readonly sent: number; readonly failed: number; readonly received: number } {
    return { ...this.#sender.counts, received: this.#received.installed };
  }

  take(from: NodeId, frame: PeerFrame & { readonly kind: 'image' | 'image-ack' }): void {
    if (frame.kind === 'image') this.#receiver.take(from, frame);
    else this.#sender.acknowledged(from, frame.id, frame.position);
  }

  /** Begins anew when one is under way already. Returns the index at which the image is. */
  begin(to: NodeId, term: Term): Index {
    return this.#sender.start(to, term);
  }

  /** How far `node` is with its image; null if it is sent none. */
  sending(node: NodeId): SnapshotProgress | null {
    return this.#sender.progress(node);
  }

  /** The part of its image that `node` has been sent, from 0 to 1; null if it is sent none. */
  sentShare(node: NodeId): number | null {
    const progress = this.#sender.progress(node);
    if (progress === null) return null;
    const { sentRecords, records } = progress;
    return records === null || records === 0 ? 0 : sentRecords / records;
  }

  /** How far this node is with the image that it receives; null if there is none. */
  get receiving(): SnapshotProgress | null {
    return this.#receiver.progress;
  }

  install(snapshot: SnapshotMeta, hardState: HardState, done: (error?: Error) => void): void {
    this.#received.install(snapshot, hardState, done);
  }

  /** Raft has looked at what is here, and installs nothing of it. */
  dropUnwanted(): void {
    this.#received.drop();
  }

  /** The connection to the peer is gone, and with it what was on its way in either direction. */
  peerLost(peer: NodeId): void {
    this.#sender.stop(peer);
    this.#receiver.senderLost(peer);
  }

  /** `leader` leads in the present term: nobody else's image is of use. This node sends images only while it leads. */
  leaderIs(leader: NodeId, isSelf: boolean): void {
    this.#receiver.leaderIs(leader);
    if (!isSelf) this.#sender.stopAll();
  }

  stop(): void {
    this.#sender.stopAll();
    this.#receiver.stop();
  }
}
