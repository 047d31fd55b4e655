// What was found and made when a data directory was opened.
import type { Codec, RecordChecksum, Recovered } from '../env.ts';
import type { Identity } from './identity.ts';
import type { StoredMeta } from './image-meta.ts';
import type { Generation } from './keys.ts';
import type { Database, RecoveredLog } from './log-recovery.ts';
import type { Mark } from './mark.ts';

export interface OpenedDirectory {
  readonly directory: string;
  readonly identity: Identity;
  readonly database: Database;
  readonly mark: Mark;
  readonly image: StoredMeta;
  /** The greatest generation of which the database held a record when it was opened. */
  readonly lastGeneration: Generation;
  readonly log: RecoveredLog;
  readonly recovered: Recovered;
  readonly codec: Codec;
  readonly checksum: RecordChecksum;
}
