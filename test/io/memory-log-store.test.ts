// The conformance suite on the log store in memory.
import { checksum } from '../../src/io/codec.ts';
import { MemoryDisk, MemoryLogStore } from '../../src/io/memory-log-store.ts';
import { logStoreSuite } from './log-store.suite.ts';

logStoreSuite({
  name: 'memory',
  checksum,
  async make() {
    const disk = new MemoryDisk();
    return {
      open: async () => new MemoryLogStore(disk, checksum, (run) => setImmediate(run)),
      dispose: async () => {},
    };
  },
});
