// Alarms of one node: named conditions that an operator must know about. Their owners set and clear them.

/** Every alarm, in the order in which they are shown. */
export const ALARMS = ['disk-stall', 'disk-low', 'no-room', 'memory', 'fds', 'divergence'] as const;
export type Alarm = (typeof ALARMS)[number];

/**
 * An alarm is a condition, not a latch: it is active exactly as long as its owner says so, and no command clears it.
 * Each alarm has one owner.
 */
export class Alarms {
  readonly #changed: (alarm: Alarm, isActive: boolean) => void;
  readonly #set = new Set<Alarm>();
  #active: readonly Alarm[] = [];

  /** `changed` is called when an alarm becomes active or inactive, not when it is set to what it is. */
  constructor(changed: (alarm: Alarm, isActive: boolean) => void = () => {}) {
    this.#changed = changed;
  }

  /** Sets or clears `alarm`. Cheap if nothing changes. */
  set(alarm: Alarm, isActive: boolean): void {
    if (this.#set.has(alarm) === isActive) return;
    if (isActive) this.#set.add(alarm);
    else this.#set.delete(alarm);
    this.#active = ALARMS.filter((each) => this.#set.has(each));
    this.#changed(alarm, isActive);
  }

  has(alarm: Alarm): boolean {
    return this.#set.has(alarm);
  }

  /** The active alarms in the order of {@link ALARMS}. Constant until the next change. */
  active(): readonly Alarm[] {
    return this.#active;
  }
}
