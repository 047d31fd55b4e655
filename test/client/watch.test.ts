// The watch iterator over any stream that HTML allows, and over streams that break.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { LeaseholdClient } from '../../src/client/client.ts';
import type { WatchEvent } from '../../src/client/watch.ts';

interface Node {
  readonly url: string;
  readonly requests: { readonly url: string; readonly lastEventId: string | null }[];
}

/** A node whose n-th watch is answered by the n-th of `streams`, the last one again and again. */
async function node(...streams: ((response: ServerResponse) => void)[]): Promise<Node> {
  const requests: { url: string; lastEventId: string | null }[] = [];
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    requests.push({ url: request.url ?? '', lastEventId: request.headers['last-event-id']?.toString() ?? null });
    streams[Math.min(requests.length, streams.length) - 1]?.(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

const sends =
  (...pieces: string[]) =>
  (response: ServerResponse): void => {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'leasehold-node': 'n1' });
    const [piece = '', ...rest] = pieces;
    response.write(piece);
    const next = (): void => {
      const more = rest.shift();
      if (more === undefined) return;
      response.write(more);
      setTimeout(next, 5);
    };
    setTimeout(next, 5);
  };

const breaksAfter =
  (text: string) =>
  (response: ServerResponse): void => {
    sends(text)(response);
    setTimeout(() => response.destroy(), 30);
  };

const event = (id: string, type = 'claimed'): string => `id: ${id}\ndata: {"type":"${type}","index":${Number.parseInt(id, 10)}}\n\n`;

async function take(events: AsyncGenerator<WatchEvent>, count: number): Promise<string[]> {
  const ids: string[] = [];
  for await (const { id } of events) if (ids.push(id) === count) break;
  return ids;
}

function watcher(...nodes: Node[]): LeaseholdClient {
  const client = new LeaseholdClient({ endpoints: nodes.map(({ url }) => url) });
  onTestFinished(() => client.close());
  return client;
}

test('events come in order, whatever the line ends are and wherever the pieces are cut', async () => {
  const text = `: ready\nid: 3.9\n\n${event('4.0')}${event('4.1').replaceAll('\n', '\r\n')}: comment\n\n${event('5.0')}${event('6.0')}`;
  const { url, requests } = await node(sends(...text));
  const ids = await take(watcher({ url, requests }).watch({ namespace: 'jobs', model: 'prod', lease: 'a/b' }), 4);
  expect(ids).toEqual(['4.0', '4.1', '5.0', '6.0']);
  expect(requests).toEqual([{ url: '/v1/watch?namespace=jobs&model=prod&lease=a%2Fb', lastEventId: null }]);
});

test('data of several lines and of many bytes is one event', async () => {
  const data = JSON.stringify({ type: 'put', index: 7, value: 'é'.repeat(3) }, null, 1)
    .split('\n')
    .map((line) => `data: ${line}\n`)
    .join('');
  const bytes = Buffer.from(`id: 7.0\n${data}\n`);
  const one = await node((response) => {
    sends('')(response);
    for (let at = 0; at < bytes.length; at++) response.write(bytes.subarray(at, at + 1));
  });
  for await (const got of watcher(one).watch({ prefix: '' })) {
    expect(got).toEqual({ id: '7.0', type: 'put', index: 7, value: 'ééé' });
    break;
  }
});

test('a stream that breaks is resumed behind the last event, on the next endpoint', async () => {
  const first = await node(breaksAfter(event('4.0') + event('4.1')), sends(event('9.0')));
  const second = await node(breaksAfter(event('5.0')));
  expect(await take(watcher(first, second).watch(), 4)).toEqual(['4.0', '4.1', '5.0', '9.0']);
  expect(second.requests[0]?.lastEventId).toBe('4.1');
  expect(first.requests[1]?.lastEventId).toBe('5.0');
});

test('a stream that breaks before its first event is resumed from the position that it began with', async () => {
  const only = await node(breaksAfter(': ready\nid: 3.2\n\n'), sends(event('4.0')));
  expect(await take(watcher(only).watch(), 1)).toEqual(['4.0']);
  expect(only.requests.map(({ lastEventId }) => lastEventId)).toEqual([null, '3.2']);
});

test('a half event at the end of a broken stream is not given', async () => {
  const only = await node(breaksAfter(`${event('4.0')}id: 4.1\ndata: {"type":"cl`), sends(event('4.1')));
  expect(await take(watcher(only).watch(), 2)).toEqual(['4.0', '4.1']);
  expect(only.requests[1]?.lastEventId).toBe('4.0');
});

test('a node that ends the watch with a reason is left for another', async () => {
  const first = await node(sends('event: error\ndata: {"code":"overloaded","detail":"too slow"}\n\n'));
  const second = await node(sends(event('4.0')));
  expect(await take(watcher(first, second).watch({ after: '3.0' }), 1)).toEqual(['4.0']);
  expect(second.requests[0]?.lastEventId).toBe('3.0');
});

test('what does not mend itself is thrown', async () => {
  const bad = await node((response) => {
    response.writeHead(400, { 'content-type': 'application/problem+json' });
    response.end(JSON.stringify({ code: 'invalid-argument', status: 400, detail: 'malformed event id' }));
  });
  await expect(take(watcher(bad).watch({ after: 'x' }), 1)).rejects.toMatchObject({ code: 'invalid-argument' });
});

test('an aborted watch throws the reason and closes its connection', async () => {
  let closed = false;
  const only = await node((response) => {
    sends(event('4.0'))(response);
    response.on('close', () => {
      closed = true;
    });
  });
  const reason = new Error('enough');
  const controller = new AbortController();
  const seen: string[] = [];
  const watching = (async () => {
    for await (const { id } of watcher(only).watch({ signal: controller.signal })) {
      seen.push(id);
      setTimeout(() => controller.abort(reason), 20);
    }
  })();
  await expect(watching).rejects.toBe(reason);
  expect(seen).toEqual(['4.0']);
  await expect.poll(() => closed).toBe(true);
});
