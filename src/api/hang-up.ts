// Tells a handler that waits when its caller has gone.
import type { Socket } from 'node:net';
import type { ApiReply } from './api.ts';

/**
 * Who waits on each connection. Its end is listened for once, and on the connection itself: a response behind another one on the same
 * connection hears nothing of it.
 */
const waitingOn = new WeakMap<Socket, Set<() => void>>();

/** Calls `gone` once if the connection closes before the answer is written. The returned function stops watching. */
export function onHangUp(reply: ApiReply, gone: () => void): () => void {
  const { raw } = reply;
  const { socket } = raw.req;
  // Wrapped, so that two that share a function count as two.
  const closed = (): void => {
    if (!raw.writableEnded) gone();
  };
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
  waiting.add(closed);
  return () => {
    waiting.delete(closed);
  };
}
