// Binds the port at which a node's peers reach it, or says what is wrong with the address.
import type { Server } from 'node:net';
import type { Address } from '../config.ts';

/** Rejects with an error for people when the port cannot be bound. */
export function listen(server: Server, address: Address, backlog: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void => reject(new Error(unboundText(error, address), { cause: error }));
    server.once('error', fail);
    server.listen({ host: address.host, port: address.port, backlog }, () => {
      server.off('error', fail);
      // Later ones concern a single connection (no file descriptor was left for it): the server goes on listening.
      server.on('error', () => {});
      resolve();
    });
  });
}

function unboundText(error: NodeJS.ErrnoException, { host, port }: Address): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `Port ${port} of ${host}, which nodes would use to reach this one, is in use by another process. Stop that process, or choose another peer port.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${host} is no address of this machine, so nothing can listen for other nodes at ${host}:${port}. Choose another peer address.`;
    case 'EACCES':
      return `This user may not listen on port ${port} of ${host}. Choose a peer port above 1023.`;
    default:
      return `Cannot listen for other nodes at ${host}:${port}: ${error.message}`;
  }
}
