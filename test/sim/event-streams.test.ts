// The property of event streams tested: readers do real work in it, and it finds planted faults.
import { afterEach, expect, test, vi } from 'vitest';
import { Events } from '../../src/lease/events.ts';
import { EventLog } from '../../src/replica/event-log.ts';
import { EventStreams } from './properties/event-streams.ts';
import { simulate } from './simulation.ts';

vi.setConfig({ testTimeout: 300_000 });

afterEach(() => {
  vi.restoreAllMocks();
});

const SEEDS = 20;

/** The first seed of a few in which the property finds something. */
function firstFound(): string | null {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const { violation } = simulate(seed);
    if (violation?.property === 'event-streams') return violation.message;
    if (violation !== null) throw violation;
  }
  return null;
}

test('readers see thousands of events, and are reset where a node has forgotten what comes next', () => {
  const kinds = new Map<string, number>();
  const { observe } = EventStreams.prototype;
  vi.spyOn(EventStreams.prototype, 'observe').mockImplementation(function count(this: EventStreams, fact) {
    kinds.set(fact.kind, (kinds.get(fact.kind) ?? 0) + 1);
    observe.call(this, fact);
  });
  for (let seed = 1; seed <= SEEDS; seed++) expect(simulate(seed).violation).toBeNull();
  expect(kinds.get('watch-saw')).toBeGreaterThan(2_000);
  expect(kinds.get('watch-reset')).toBeGreaterThan(0);
  expect(kinds.get('events-jumped')).toBeGreaterThan(5);
});

test.each([
  ['a node that goes on one event too late is found', 1],
  ['a node that goes on one event too early is found', -1],
])('%s', (_title, by) => {
  const { after } = EventLog.prototype;
  vi.spyOn(EventLog.prototype, 'after').mockImplementation(function shifted(this: EventLog, id) {
    const sequence = after.call(this, id);
    return sequence === null ? null : Math.min(this.end, Math.max(this.start, sequence + by));
  });
  expect(firstFound()).toMatch(/^event-streams: reader \d sees /);
});

test('an event that is told on some nodes only is found', () => {
  const { pin } = Events.prototype;
  let told = 0;
  vi.spyOn(Events.prototype, 'pin').mockImplementation(function deaf(this: Events, ...pinned) {
    told++;
    if (told % 5 !== 0) pin.apply(this, pinned);
  });
  let violation: string | undefined;
  for (let seed = 1; seed <= SEEDS && violation === undefined; seed++) violation = simulate(seed).violation?.message;
  expect(violation).toMatch(/event-streams|state-machine-safety/);
});

test('a node that forgets what it has without saying so is found', () => {
  const { startAfter } = EventLog.prototype;
  vi.spyOn(EventLog.prototype, 'startAfter').mockImplementation(function bold(this: EventLog, last, index) {
    startAfter.call(this, last, index);
    // Everybody may go on here, from anywhere.
    vi.spyOn(this, 'after').mockImplementation(() => this.end);
  });
  expect(firstFound()).toMatch(/^event-streams: reader \d /);
});
