// Who the members are, over HTTP: adding, removing and promoting them. Any node takes the call; the leader decides.
import { AddMemberBody, MEMBER_PATH, MemberPath, MemberReply } from '../contract/cluster.ts';
import { NoBody } from '../contract/shapes.ts';
import type { MemberChange, MemberResult } from '../replica/service.ts';
import { DONE, sendAnswer } from './answer.ts';
import type { Api, ApiReply, ApiRequest, ApiServer } from './api.ts';
import { allowEmptyBody } from './empty-body.ts';
import { invalidArgument, sendProblem } from './errors.ts';
import { readText } from './query.ts';
import { sendBody } from './reply.ts';

/** Registers the routes of the members. */
export function memberRoutes(server: ApiServer, { service }: Api): void {
  const change = (reply: ApiReply, wanted: MemberChange, accept: (done: MemberResult & { ok: true }) => void): void => {
    service.changeMembers(wanted, (result) => {
      if (result.ok) accept(result);
      else sendProblem(service, reply, result.code, result.detail);
    });
  };
  const sendMember = (reply: ApiReply, status: number, { member, index }: MemberResult & { ok: true }): void => {
    const { id, number, peer, http, voter } = member;
    sendBody(service, reply, status, { id, number, peer, http, voter, founders: [...service.founders], index } satisfies MemberReply);
  };
  const config = { query: ['force'] };

  server.post(
    MEMBER_PATH,
    { schema: { body: AddMemberBody, response: { 200: MemberReply, 201: MemberReply } }, config },
    (request, reply) => {
      const { id, peer, http = '', disk = null, replaces = null, promote = true } = request.body;
      change(reply, { kind: 'add', id, peer, http, disk, replaces, promote, force: readForce(request) }, (done) =>
        sendMember(reply, done.member.created ? 201 : 200, done),
      );
    },
  );

  server.delete(`${MEMBER_PATH}/:id`, { schema: { params: MemberPath }, config }, (request, reply) => {
    change(reply, { kind: 'remove', id: request.params.id, force: readForce(request) }, () => sendAnswer(service, reply, DONE));
  });

  server.post(
    `${MEMBER_PATH}/:id/promote`,
    { schema: { params: MemberPath, body: NoBody, response: { 200: MemberReply } }, preValidation: allowEmptyBody, config },
    (request, reply) => {
      change(reply, { kind: 'promote', id: request.params.id, force: readForce(request) }, (done) => sendMember(reply, 200, done));
    },
  );
}

/** Whether what guards the availability of the cluster is to be skipped. */
function readForce(request: ApiRequest): boolean {
  const text = readText(request, 'force');
  if (text === null || text === 'false') return false;
  if (text === 'true') return true;
  throw invalidArgument('force must be true or false');
}
