// Whether the node lives, and whether it can serve.
import { HealthReply, NotReadyReply, ReadyReply } from '../contract/cluster.ts';
import { problemAnswer, sendAnswer } from './answer.ts';
import type { Api, ApiReply, ApiServer } from './api.ts';
import { invalidArgument } from './errors.ts';
import { readText } from './query.ts';
import { judgeReadiness, type Readiness } from './readiness.ts';
import { sendBody } from './reply.ts';

/** Path that answers as long as the process turns, even while it is stopping. */
export const LIVE_URL = '/livez';

/** Registers the routes of health. A node that drains still serves, but is not ready. */
export function healthRoutes(server: ApiServer, api: Api, isDraining: () => boolean = () => false): void {
  const { service } = api;

  // Depends on the event loop alone: a liveness probe that looked at anything else would restart healthy members.
  server.get(LIVE_URL, { schema: { response: { 200: HealthReply } } }, (_request, reply) => {
    sendBody(service, reply, 200, { status: 'ok' });
  });

  server.get(
    '/readyz',
    { schema: { response: { 200: ReadyReply, 503: NotReadyReply } }, config: { query: ['verbose'] } },
    (request, reply) => {
      const verbose = readText(request, 'verbose');
      if (verbose !== null && verbose !== '' && verbose !== 'true') throw invalidArgument('verbose takes no value');
      judgeReadiness(service, isDraining, (readiness) => sendReadiness(api, reply, readiness, verbose !== null));
    },
  );
}

function sendReadiness({ service }: Api, reply: ApiReply, { checks, detail }: Readiness, isVerbose: boolean): void {
  const shown = isVerbose ? { checks: [...checks] } : {};
  const failed = checks.flatMap(({ name, ok }) => (ok === false ? [name] : []));
  if (failed.length === 0) {
    sendBody(service, reply, 200, { status: 'ok', ...shown } satisfies ReadyReply);
    return;
  }
  const code = failed.includes('stopping') ? 'stopping' : 'no-leader';
  const why = detail === null ? '' : `: ${detail}`;
  const { body, ...answer } = problemAnswer(code, `the node is not ready: it fails the check ${failed.join(', ')}${why}`);
  sendAnswer(service, reply, { ...answer, body: { ...(body as object), failed, ...shown } as NotReadyReply });
}
