// The second node of a test, as a process of its own that can be killed. Arguments: its port, the first node's port. Its events go to stdout.
import { realClock } from '../../src/io/clock.ts';
import { codec } from '../../src/io/codec.ts';
import { realRandom } from '../../src/io/random.ts';
import { openTransport } from '../../src/io/transport.ts';

const [port = 0, firstPort = 0] = process.argv.slice(2).map(Number);
const transport = await openTransport({
  self: { node: 2, name: 'n2', http: '127.0.0.1:7802', disk: 'disk-2' },
  cluster: 'blue',
  listen: { host: '127.0.0.1', port },
  vetPeer: async () => true,
  clock: realClock,
  random: realRandom(),
  codec,
});
transport.setMembers([{ node: 1, name: 'n1', peer: `127.0.0.1:${firstPort}`, disk: null }], 2);
transport.start({
  frame: (from, frame) => transport.send(from, frame),
  up: () => process.stdout.write('up\n'),
  down: () => process.stdout.write('down\n'),
  refused: () => process.stdout.write('refused\n'),
});
// A test that dies must not leave this behind.
setTimeout(() => process.exit(1), 60_000);
