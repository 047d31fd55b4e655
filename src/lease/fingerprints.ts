// Fingerprints of commands: a repeat under an idempotency key must be the same command.
import { toTuple } from './command-codec.ts';
import type { BareCommand, Command } from './commands.ts';
import { sha256 } from './sha256.ts';

/** 128 bits of SHA-256 as hexadecimal; a number for one of version 0.1.0. */
export type Fingerprint = string | number;

const FINGERPRINT_WORDS = 4;

/** Whether `value` can be a fingerprint. */
export function isFingerprint(value: unknown): value is Fingerprint {
  return typeof value === 'string' ? /^[0-9a-f]{32}$/.test(value) : Number.isSafeInteger(value) && (value as number) >= 0;
}

/** The fingerprint of a command. For how long a claim waits does not count. */
export function fingerprintOf(command: BareCommand): string {
  return sha256(textOf(command), FINGERPRINT_WORDS);
}

/** The fingerprint of version 0.1.0: 53 bits, for which another command can be constructed. Only for its entries and records. */
export function oldFingerprintOf(command: BareCommand): number {
  const text = textOf(command);
  let high = 0x9e3779b1;
  let low = 0x85ebca77;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    high = Math.imul(high ^ code, 0x27d4eb2f);
    low = Math.imul(low ^ code, 0x165667b1);
  }
  high = Math.imul(high ^ (high >>> 16), 0x85ebca6b) ^ Math.imul(low ^ (low >>> 13), 0xc2b2ae35);
  low = Math.imul(low ^ (low >>> 16), 0x85ebca6b) ^ Math.imul(high ^ (high >>> 13), 0xc2b2ae35);
  return (high & 0x1fffff) * 2 ** 32 + (low >>> 0);
}

function textOf(command: BareCommand): string {
  return JSON.stringify(toTuple(withoutWait(command)));
}

function withoutWait(command: BareCommand): Command {
  if (command.kind === 'claim') return { kind: 'claim', key: command.key, holder: command.holder, durationMs: command.durationMs };
  if (command.kind === 'claim-session') {
    return { kind: 'claim-session', key: command.key, holder: command.holder, session: command.session };
  }
  return command;
}
