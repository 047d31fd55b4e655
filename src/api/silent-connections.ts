// Connections on which nothing has been asked yet: Node counts them as busy, so a server that closes would wait for them.
import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** Notes the connections of `server`; the returned function closes those that have been silent since they began. */
export function trackSilentConnections(server: Server): () => void {
  const connections = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  return () => {
    for (const socket of connections) if (socket.bytesRead === 0) socket.destroy();
  };
}
