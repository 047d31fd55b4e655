// Tells a handler that waits when its caller has gone.
import type { ApiReply } from './api.ts';

/** Calls `gone` once if the connection closes before the answer is written. The returned function stops watching. */
export function onHangUp(reply: ApiReply, gone: () => void): () => void {
  const { raw } = reply;
  const closed = (): void => {
    if (!raw.writableEnded) gone();
  };
  raw.once('close', closed);
  return () => {
    raw.removeListener('close', closed);
  };
}
