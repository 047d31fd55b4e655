// Remembers on which disk each peer was last met, in the identity file: a peer that comes back on another one has lost what it promised.
import { type Identity, writeIdentity } from './identity.ts';

/** How the disk of a peer compares with the one on which that peer was last met. */
export type PeerDisk = 'same' | 'new' | 'different';

/** The peers of one open directory. */
export class PeerDisks {
  readonly #directory: string;
  #identity: Identity;
  /** Settles when the question before has been answered; never rejects. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(directory: string, identity: Identity) {
    this.#directory = directory;
    this.#identity = identity;
  }

  /** Compares, and remembers a peer that was not known. Durable when it settles; `different` changes nothing. */
  remember(name: string, disk: string): Promise<PeerDisk> {
    const answer = this.#turn.then(() => this.#remember(name, disk));
    this.#turn = answer.catch(() => {});
    return answer;
  }

  /** Settles when nothing is under way. */
  async idle(): Promise<void> {
    await this.#turn;
  }

  async #remember(name: string, disk: string): Promise<PeerDisk> {
    const known = this.#identity.peers.find(([peer]) => peer === name);
    if (known !== undefined) return known[1] === disk ? 'same' : 'different';
    const identity: Identity = { ...this.#identity, peers: [...this.#identity.peers, [name, disk]] };
    await writeIdentity(this.#directory, identity);
    this.#identity = identity;
    return 'new';
  }
}
