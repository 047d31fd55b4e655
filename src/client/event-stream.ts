// Reads a stream of server-sent events (HTML standard, "server-sent events") as it arrives, in pieces cut anywhere.

/** One event with data. */
export interface StreamEvent {
  /** The last id that the stream has named up to here; '' for none. */
  readonly id: string;
  /** `message` where the stream names none. */
  readonly type: string;
  readonly data: string;
}

/** Told what the stream holds, in order. */
export interface StreamListener {
  event(event: StreamEvent): void;
  /** The text of a comment line, without the colon and one space. */
  comment?(text: string): void;
}

export class EventStream {
  readonly #listener: StreamListener;
  #rest = '';
  #lastId = '';
  #id: string | null = null;
  #type = '';
  #data: string[] = [];

  constructor(listener: StreamListener) {
    this.#listener = listener;
  }

  /** The last id of a whole block, also of one without data: where to go on from. '' for none. */
  get lastId(): string {
    return this.#lastId;
  }

  /** Takes the next piece of the decoded text. */
  push(piece: string): void {
    const lines = (this.#rest + piece).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#line(line.endsWith('\r') ? line.slice(0, -1) : line);
  }

  #line(line: string): void {
    if (line === '') {
      this.#dispatch();
      return;
    }
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(line.charAt(colon + 1) === ' ' ? colon + 2 : colon + 1);
    if (field === '') this.#listener.comment?.(value);
    else if (field === 'id') this.#id = value;
    else if (field === 'event') this.#type = value;
    else if (field === 'data') this.#data.push(value);
  }

  /** A block ends. Only now its id counts: a block that was cut is one that never came. */
  #dispatch(): void {
    const data = this.#data;
    const type = this.#type;
    if (this.#id !== null) this.#lastId = this.#id;
    this.#id = null;
    this.#type = '';
    this.#data = [];
    if (data.length > 0) this.#listener.event({ id: this.#lastId, type: type === '' ? 'message' : type, data: data.join('\n') });
  }
}
