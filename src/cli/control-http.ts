// The dashboard's buttons: how the page of a node asks the process that started all nodes, over HTTP on this machine, and why nobody else's page can.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ControlReply, ControlRequest, NodeProcess } from './control.ts';

const HOST = '127.0.0.1';
const BODY_MAX_BYTES = 4_096;
const ORDERS = ['kill', 'pause', 'resume', 'restart', 'lead'];

/** A listening server for buttons. */
export interface ButtonServer {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  close(): void;
}

/**
 * Listens on a free port of 127.0.0.1. `GET /processes` tells the processes, `POST /orders` carries out one order (JSON, as on the control socket).
 *
 * A browser sends what any site on the web tells it to send, so a request counts only if it comes from a page of one of `nodes` (its `origin`,
 * which no script can forge) and was meant for this address (its `host`, so that no other name was made to point here). An order must be JSON as
 * well, which a browser sends nowhere else without asking first (`OPTIONS`), and is told no.
 */
export async function serveButtons(
  nodes: readonly { readonly http: string }[],
  cluster: { processes(): NodeProcess[] },
  carryOut: (request: ControlRequest) => Promise<ControlReply>,
): Promise<ButtonServer> {
  const origins = new Set(nodes.flatMap(({ http }) => [`http://${http}`, `http://${http.replace(HOST, 'localhost')}`]));
  const server = createServer((request, response) => {
    const { port } = server.address() as AddressInfo;
    const { origin = '', host } = request.headers;
    if (host !== `${HOST}:${port}` || !origins.has(origin))
      return answer(response, 403, { ok: false, text: 'only the pages of its own nodes may ask' });
    response.setHeader('access-control-allow-origin', origin);
    response.setHeader('vary', 'origin');
    switch (`${request.method} ${request.url}`) {
      case 'OPTIONS /orders':
        response.setHeader('access-control-allow-methods', 'POST');
        response.setHeader('access-control-allow-headers', 'content-type');
        return answer(response, 200, { ok: true, text: '' });
      case 'GET /processes':
        return answer(response, 200, { processes: cluster.processes() });
      case 'POST /orders':
        readOrder(request)
          .then(carryOut)
          .catch((error: Error) => ({ ok: false, text: error.message }))
          .then((reply) => answer(response, reply.ok ? 200 : 409, reply));
        return;
      default:
        return answer(response, 404, { ok: false, text: 'there are GET /processes and POST /orders' });
    }
  });
  await new Promise<void>((settle, fail) => {
    server.once('error', fail);
    server.listen(0, HOST, settle);
  });
  return {
    url: `http://${HOST}:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Throws an `Error` for people on anything but one of {@link ORDERS} for a node. */
async function readOrder(request: IncomingMessage): Promise<ControlRequest> {
  if (request.headers['content-type'] !== 'application/json') throw new Error('an order is application/json');
  let text = '';
  request.setEncoding('utf8');
  for await (const chunk of request) {
    text += chunk;
    if (text.length > BODY_MAX_BYTES) throw new Error('an order is shorter');
  }
  const order = JSON.parse(text) as { do?: unknown; node?: unknown } | null;
  if (!ORDERS.includes(String(order?.do)) || typeof order?.node !== 'string')
    throw new Error(`an order is one of ${ORDERS.join(', ')}, and a node`);
  return order as ControlRequest;
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(JSON.stringify(body));
}
