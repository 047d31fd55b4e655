// A reader of watches for tests: keeps what came, waits for more, hangs up when told.
import { type IncomingMessage, request } from 'node:http';
import { EventStream, type StreamEvent } from '../../src/client/event-stream.ts';

/** What a watch may ask for. */
export interface WatchOptions {
  /** Behind `/v1/watch`, with its question mark. */
  readonly query?: string;
  readonly lastEventId?: string;
}

export class Watching {
  status = 0;
  headers: IncomingMessage['headers'] = {};
  /** Everything that came, as it came. */
  text = '';
  readonly events: StreamEvent[] = [];
  readonly comments: string[] = [];
  closed = false;
  /** Where to go on from. */
  readonly stream = new EventStream({
    event: (event) => this.events.push(event),
    comment: (text) => this.comments.push(text),
  });
  readonly #request: ReturnType<typeof request>;
  #response: IncomingMessage | null = null;

  constructor(origin: string, { query = '', lastEventId }: WatchOptions = {}) {
    const headers = { accept: 'text/event-stream', ...(lastEventId === undefined ? {} : { 'last-event-id': lastEventId }) };
    this.#request = request(`${origin}/v1/watch${query}`, { headers, agent: false });
    this.#request.on('response', (response) => {
      this.#response = response;
      this.status = response.statusCode ?? 0;
      this.headers = response.headers;
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        this.text += piece;
        this.stream.push(piece);
      });
      response.on('error', () => undefined);
      response.on('close', () => {
        this.closed = true;
      });
    });
    this.#request.on('error', () => {
      this.closed = true;
    });
    this.#request.end();
  }

  get isReady(): boolean {
    return this.comments.includes('ready');
  }

  /** What came, as `1.0 claimed l`. */
  get lines(): string[] {
    return this.events.map(({ id, type, data }) => {
      const { lease, key } = JSON.parse(data) as { lease?: string; key?: string };
      return `${id} ${type} ${key ?? lease ?? ''}`.trimEnd();
    });
  }

  /** Takes no more of what is sent, so that it piles up. */
  stopReading(): void {
    this.#response?.pause();
  }

  readOn(): void {
    this.#response?.resume();
  }

  hangUp(): void {
    this.#request.destroy();
  }
}
