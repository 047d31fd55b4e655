// Who is let in when there is too much to do: what keeps a lease or gives one back before what wants a new one.
import type { Command } from '../lease/commands.ts';

/** Renewals and whatever shortens a queue; claims and writes are shed first. */
export function isPreferred(command: Command): boolean {
  const { kind } = command.kind === 'once' ? command.command : command;
  return kind === 'renew' || kind === 'extend' || kind === 'release' || kind === 'leave';
}

/** Whether one more request may enter where `used` of `max` requests or bytes wait. Others than the preferred have 7/8 of the room. */
export function isAdmitted(isPreferredRequest: boolean, used: number, max: number): boolean {
  return used < (isPreferredRequest ? max : (max * 7) / 8);
}
