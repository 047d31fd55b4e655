// Tells a handler that waits when its caller has gone.
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { ApiReply } from './api.ts';

/**
 * Who waits on each connection. Its end is listened for once, and on the connection itself: a response behind another one on the same
 * connection hears nothing of it.
 */
const waitingOn = new WeakMap<Socket, Set<() => void>>();

/** Calls `gone` once if the connection closes before the answer is written. The returned function stops watching. */
export function onHangUp({ raw }: ApiReply, gone: () => void): () => void {
  return onConnectionClosed(raw, () => {
    if (!raw.writableEnded) gone();
  });
}

/** Calls `closed` once when the connection closes, also before the answer's turn on it has come. The returned function stops watching. */
export function onConnectionClosed({ req }: ServerResponse, closed: () => void): () => void {
  const { socket } = req;
  // Wrapped, so that two that share a function count as two.
  const entry = (): void => closed();
  let waiting = waitingOn.get(socket);
  if (waiting === undefined) {
    const all = new Set<() => void>();
    waiting = all;
    waitingOn.set(socket, all);
    socket.once('close', () => {
      waitingOn.delete(socket);
      for (const each of [...all]) each();
    });
  }
  waiting.add(entry);
  return () => {
    waiting.delete(entry);
  };
}
