// What a node tells others of its addresses: never one at which nobody finds it.
import { describe, expect, test } from 'vitest';
import { EffectiveSettings } from '../../src/cli/effective-settings.ts';
import { configOf } from '../../src/cli/node-command.ts';
import { advertisedHttp, isUnspecified } from '../../src/config.ts';

const PLACE = { id: 'n1', http: '127.0.0.1:7801', peer: '127.0.0.1:7901', data: './data' };
const MEMBERS = 'n1=h1:7901,n2=h2:7901,n3=h3:7901';
const JOIN = 'http://h1:7801';
const read = (flags: Record<string, string>) => configOf(new EffectiveSettings('node', { ...PLACE, ...flags }, {}));

test.each(['0.0.0.0', '0', '0x0', '00.0.0.0', '::', '0:0:0:0:0:0:0:0', '::0', '::ffff:0.0.0.0', '[::]'])('%s is unspecified', (host) => {
  expect(isUnspecified({ host, port: 1 })).toBe(true);
});

test.each(['127.0.0.1', '::1', '0.0.0.1', 'localhost', 'n0', 'zero.example', '::ffff:127.0.0.1', 'n_1'])('%s is an address', (host) => {
  expect(isUnspecified({ host, port: 1 })).toBe(false);
});

describe('where clients find it', () => {
  test.each(['0.0.0.0:7801', '[::]:7801', '0:7801'])('%s is refused without --advertise-http', (http) => {
    expect(() => read({ http, members: MEMBERS })).toThrow(/cannot be told to other members: add --advertise-http/);
    expect(() => read({ http, join: JOIN })).toThrow('--advertise-http');
    // A node of a directory that knows its cluster has others to tell.
    expect(() => read({ http })).toThrow('--advertise-http');
    const config = read({ http, members: MEMBERS, advertiseHttp: 'n1.example:80' });
    expect(advertisedHttp(config)).toBe('n1.example:80');
    expect(`${config.http.port}`).toBe('7801');
  });

  test('is where it listens unless given, IPv6 included', () => {
    expect(advertisedHttp(read({ members: MEMBERS }))).toBe('127.0.0.1:7801');
    expect(advertisedHttp(read({ http: '[::1]:7801', members: MEMBERS }))).toBe('[::1]:7801');
  });

  test('is told to nobody by a cluster of one that listens everywhere', () => {
    expect(advertisedHttp(read({ http: '0.0.0.0:7801', members: 'n1=127.0.0.1:7901' }))).toBe('');
  });
});

describe('where its peers find it', () => {
  test('an unspecified address is refused for a node that joins, and in --members', () => {
    expect(() => read({ peer: '0.0.0.0:7901', join: JOIN })).toThrow(/cannot be told to a cluster that n1 joins: add --advertise-peer/);
    expect(() => read({ peer: '[::]:7901', join: JOIN })).toThrow('--advertise-peer');
    expect(() => read({ members: 'n1=0.0.0.0:7901,n2=h2:7901,n3=h3:7901' })).toThrow('cannot be reached from elsewhere');
    expect(() => read({ members: 'n1=[::]:7901' })).toThrow('cannot be reached from elsewhere');
  });

  test('--members says it for a member: it may listen everywhere', () => {
    expect(read({ peer: '0.0.0.0:7901', members: MEMBERS }).peer.host).toBe('0.0.0.0');
    expect(read({ peer: '0.0.0.0:7901', join: JOIN, advertisePeer: 'n1.example:7901' }).advertisePeer).toEqual({
      host: 'n1.example',
      port: 7901,
    });
  });

  test.each(['advertiseHttp', 'advertisePeer'])('%s itself must be an address at which it is found', (name) => {
    for (const address of ['0.0.0.0:1', '[::]:1', '0:1'])
      expect(() => read({ members: MEMBERS, [name]: address })).toThrow('cannot be reached from elsewhere');
    expect(() => read({ members: MEMBERS, [name]: 'h' })).toThrow('is no address');
  });
});

describe('--members with --join', () => {
  test('--members counts for a node that is among them', () => {
    const { members, join } = read({ members: MEMBERS, join: JOIN });
    expect([members.length, join]).toEqual([3, []]);
  });

  test('--join counts for any other', () => {
    const { members, join } = read({ id: 'n4', members: MEMBERS, join: JOIN });
    expect([members, join]).toEqual([[], [JOIN]]);
    expect(() => read({ id: 'n4', members: MEMBERS })).toThrow('is not among --members');
  });
});
