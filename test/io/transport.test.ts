// The network between real nodes: the conformance suite, and what only sockets can do to it.
import { TcpWorld } from './tcp-world.ts';
import { transportSuite } from './transport.suite.ts';

transportSuite('TCP', () => TcpWorld.begin({ queueMaxBytes: 8 * 1024 * 1024 }));
