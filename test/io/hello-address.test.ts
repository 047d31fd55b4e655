// An address in a hello at which nobody is found is none: it does not take the place of a good one.
import { expect, test } from 'vitest';
import { codec } from '../../src/io/codec.ts';
import { ManualClock } from '../../src/io/manual-clock.ts';
import { PROTOCOL_VERSION, readHello } from '../../src/io/transport-hello.ts';
import { EMPTY_CONF_STATE } from '../../src/raft/types.ts';
import { ClusterView } from '../../src/replica/cluster-view.ts';

const read = (http: string) => readHello(codec.encode([PROTOCOL_VERSION, 'c', 2, 'n2', http, 'd', 1, 'i', 1]), codec);

test.each([
  ['0.0.0.0:7801', ''],
  ['[::]:7801', ''],
  ['0:7801', ''],
  ['nonsense', ''],
  ['', ''],
  ['[::1]:7801', '[::1]:7801'],
  ['h:7801', 'h:7801'],
])('%j is taken as %j', (told, taken) => {
  expect(read(told)).toMatchObject({ peer: { http: taken } });
});

test('the address of the log stays where a hello has none', () => {
  const view = new ClusterView({ node: 1, name: 'n1', http: 'h1:1', disk: 'd1' }, new ManualClock());
  const member = (node: number) => ({ node, name: `n${node}`, peer: `h${node}:2`, http: `h${node}:1`, disk: null, promote: false });
  view.setMembers([member(1), member(2)] as unknown as Parameters<ClusterView['setMembers']>[0]);
  view.up({ node: 2, name: 'n2', http: '', disk: 'd2' });
  const raft = {
    id: 1,
    role: 'follower',
    term: 1,
    vote: 0,
    leader: 0,
    commit: 0,
    applied: 0,
    transferee: 0,
    conf: EMPTY_CONF_STATE,
    progress: null,
  };
  const status = view.status(
    raft as Parameters<ClusterView['status']>[0],
    () => null,
    () => null,
  );
  expect(status.members.map(({ http }) => http)).toEqual(['h1:1', 'h2:1']);
});
