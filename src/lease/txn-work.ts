// Counts what the operations of a transaction read, delete, and pass over, before any of them is carried out.
import { tooMany } from './claiming.ts';
import type { TxnOp } from './commands.ts';
import type { KeySpace } from './key-space.ts';
import { TXN_DELETED_KEYS_MAX, TXN_PASSED_KEYS_MAX, TXN_READ_KEYS_MAX, TXN_READ_MAX_CHARACTERS } from './limits.ts';
import type { Outcome } from './outcomes.ts';

/** The refusal of operations that could take more than one entry may: it holds up every node that applies it. `null` if they do not. */
export function excessOf(ops: readonly TxnOp[], keys: KeySpace): Outcome | null {
  const puts: { readonly key: string; readonly value: string }[] = [];
  let read = 0;
  let characters = 0;
  let deleted = 0;
  let passed = 0;
  for (const op of ops) {
    if (op.kind === 'put') puts.push(op);
    if (op.kind === 'put' || op.kind === 'delete') continue;
    const present = op.kind === 'get' ? [keys.get(op.key)] : keys.rangeWithHidden(op.prefix);
    const written = puts.filter(({ key }) => (op.kind === 'get' ? key === op.key : key.startsWith(op.prefix)));
    for (const records of [present, written]) {
      for (const record of records) {
        if (record === null) passed += 1;
        else if (op.kind === 'delete-prefix') deleted += 1;
        else {
          read += 1;
          characters += record?.value.length ?? 0;
        }
        if (passed > TXN_PASSED_KEYS_MAX) return tooMany(PASSES_TOO_MANY);
        if (read > TXN_READ_KEYS_MAX || characters > TXN_READ_MAX_CHARACTERS || deleted > TXN_DELETED_KEYS_MAX) return tooLarge;
      }
    }
  }
  return null;
}

const PASSES_TOO_MANY =
  `more than ${TXN_PASSED_KEYS_MAX} keys with these prefixes ended with their lease and are being removed. ` +
  'Try again in a moment, or use longer prefixes';

const tooLarge: Outcome = {
  kind: 'refused',
  refusal: {
    code: 'too-large',
    detail:
      `a transaction reads at most ${TXN_READ_KEYS_MAX} keys and ${TXN_READ_MAX_CHARACTERS} characters of their values, ` +
      `and deletes at most ${TXN_DELETED_KEYS_MAX} keys by prefixes`,
  },
};
