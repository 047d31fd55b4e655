// Run as a process of its own and killed by log-store-kill.test.ts: appends, truncates, saves and compacts at random, and tells each intent before
// and each acknowledgement after. Arguments: directory, seed.

import { checksum, codec } from '../../src/io/codec.ts';
import { openLogStore } from '../../src/io/log-store.ts';
import type { HardState } from '../../src/raft/types.ts';
import { answered, entriesOf, StateModel } from './log-store.suite.ts';
import { seeded } from './seeded.ts';

const [directory = '', seed = '0'] = process.argv.slice(2);
const { below } = seeded(Number(seed));
const tell = (event: readonly unknown[]): void => {
  process.stdout.write(`${JSON.stringify(event)}\n`);
};

const store = await openLogStore({ directory, cluster: 'c', node: 'n1', codec });
const { recovered } = store;
let last = recovered.entries.at(-1)?.index ?? recovered.image.index;
let term = Math.max(recovered.hardState.term, 1);
let saved = recovered.image.index;
const model = new StateModel(checksum);
await answered((done) => store.readState((records) => model.change(records), done));
/** Term of each entry. */
const terms = new Map(recovered.entries.map((entry) => [entry.index, entry.term]));
tell(['opened']);

for (;;) {
  const cut = last > saved && below(8) === 0;
  if (cut) term++;
  const first = cut ? saved + 1 + below(last - saved) : last + 1;
  const end = first + below(20);
  const hardState: HardState = { term, vote: 1 + below(3), commit: saved };
  tell(['append', first, end, hardState]);
  const append = answered((done) => store.append({ hardState, entries: entriesOf(first, end, term, `#${seed}`) }, done)).then(() =>
    tell(['appended']),
  );
  if (below(5) === 0 && saved < first - 1) {
    // Beside the append: the image stands before whatever that replaces.
    saved = first - 1;
    const savedTerm = terms.get(saved) ?? recovered.image.term;
    const drawn = Array.from({ length: below(30) }, (): [string, Buffer | null] => [
      `lease/${below(100)}`,
      below(4) === 0 ? null : Buffer.from(`${saved}`),
    ]);
    const changes = [...new Map(drawn)];
    model.change(changes);
    const at = saved;
    await answered((done) => store.saveState(model.meta(at, savedTerm), changes, done));
    tell(['saved', at]);
    store.compact(at);
  }
  await append;
  for (let index = first; index <= end; index++) terms.set(index, term);
  last = end;
}
