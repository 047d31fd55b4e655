// What happened in a run: a line for people when asked for, and always a hash that two runs of one seed must share.
import type { PeerFrame } from '../../src/env.ts';

/** Takes every event of a run in order. */
export class Story {
  readonly #print: ((line: string) => void) | null;
  #low = 0x811c_9dc5;
  #high = 0xcbf2_9ce4;

  /** `print` is given each line; null when nobody reads along. */
  constructor(print: ((line: string) => void) | null) {
    this.#print = print;
  }

  /** Something that happened at `atMs`, told by `who` (a node, a client, the nemesis). */
  tell(atMs: number, who: string, what: string): void {
    const line = `${atMs.toFixed(3).padStart(10)} ${who.padEnd(8)} ${what}`;
    let low = this.#low;
    let high = this.#high;
    for (let place = 0; place < line.length; place += 1) {
      const code = line.charCodeAt(place);
      low = Math.imul(low ^ code, 0x0100_0193);
      high = Math.imul(high ^ (code + low), 0x0100_01b3);
    }
    this.#low = low;
    this.#high = high;
    this.#print?.(line);
  }

  /** 16 hexadecimal digits over everything told so far. */
  get hash(): string {
    return [this.#high, this.#low].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
  }
}

/** A frame in a few words. */
export function describeFrame(frame: PeerFrame): string {
  switch (frame.kind) {
    case 'raft': {
      const message = frame.message;
      const head = `${message.kind} term=${message.term}`;
      switch (message.kind) {
        case 'append':
          return `${head} after=${message.index}/${message.logTerm} entries=${message.entries.length} commit=${message.commit}`;
        case 'append-response':
          return `${head} index=${message.index}${message.rejected ? ` rejected hint=${message.rejectHint}/${message.logTerm}` : ''}`;
        case 'heartbeat':
          return `${head} commit=${message.commit} context=${message.context}`;
        case 'heartbeat-response':
        case 'read-index':
        case 'read-index-response':
          return `${head} context=${message.context}`;
        case 'vote':
        case 'pre-vote':
          return `${head} last=${message.index}/${message.logTerm}${message.transfer ? ' transfer' : ''}`;
        case 'vote-response':
        case 'pre-vote-response':
          return `${head} ${message.rejected ? 'rejected' : 'granted'}`;
        case 'snapshot':
          return `${head} at=${message.snapshot.index}/${message.snapshot.term}`;
        default:
          return head;
      }
    }
    case 'forward':
      return `forward term=${frame.term} commands=${frame.commands.length}`;
    case 'refuse':
      return `refuse term=${frame.term} ${frame.sequences.join(',')}`;
    case 'barrier':
      return `barrier term=${frame.term} id=${frame.id}`;
    case 'barrier-reply':
      return `barrier-reply id=${frame.id} index=${frame.index} time=${frame.timeMs}`;
    case 'image':
      return `image term=${frame.term} id=${frame.id} position=${frame.position} records=${frame.records.length}${frame.last === null ? '' : ` last at=${frame.last.index}`}`;
    case 'image-ack':
      return `image-ack id=${frame.id} position=${frame.position}`;
  }
}
