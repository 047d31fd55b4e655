// A socket without manners: says to a transport whatever bytes a test wants, and keeps what comes back.
import { connect, type Socket } from 'node:net';
import { codec } from '../../src/io/codec.ts';
import { FrameReader, frameOf } from '../../src/io/frame.ts';
import { PROTOCOL_VERSION } from '../../src/io/transport-hello.ts';

/** The fields of a hello in their order. */
export type HelloFields = [
  version: unknown,
  cluster: unknown,
  node: unknown,
  name: unknown,
  http: unknown,
  disk: unknown,
  expected: unknown,
  instance: unknown,
  dial: unknown,
];

/** A hello that n1 accepts as n2's. */
export function honestHello(): HelloFields {
  return [PROTOCOL_VERSION, 'blue', 2, 'n2', '127.0.0.1:7802', 'disk-2', 1, 'raw', 1];
}

export class RawPeer {
  readonly frames: { readonly kind: number; readonly body: Buffer }[] = [];
  closed = false;
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    const reader = new FrameReader(2 ** 24);
    socket.on('data', (chunk) => reader.push(chunk, (kind, body) => this.frames.push({ kind, body }) > 0));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.closed = true;
    });
  }

  static connect(port: number): Promise<RawPeer> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true }, () => resolve(new RawPeer(socket)));
      socket.once('error', reject);
    });
  }

  /** Says hello and waits for the answer: the other side's hello. Then says ready. */
  async greet(hello: HelloFields = honestHello()): Promise<void> {
    this.send(frameOf(1, codec.encode(hello)));
    await this.until(() => this.frames.length > 0 || this.closed);
    if (this.frames.length === 0) throw new Error('no answer to hello');
    this.send(frameOf(2, Buffer.alloc(0)));
  }

  send(bytes: Uint8Array): void {
    this.#socket.write(bytes);
  }

  /** The refusal that came, as [code, text]; null when none did. */
  refusal(): unknown {
    const frame = this.frames.find(({ kind }) => kind === 3);
    return frame === undefined ? null : codec.decode(frame.body);
  }

  async until(condition: () => boolean, mostMs = 5_000): Promise<boolean> {
    const startedMs = performance.now();
    while (!condition()) {
      if (performance.now() - startedMs > mostMs) return false;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return true;
  }

  stopReading(): void {
    this.#socket.pause();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
