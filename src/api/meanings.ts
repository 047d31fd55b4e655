// What each field of the contract means, in a sentence, for the OpenAPI document. A field means the same wherever it stands, with the exceptions here.

/** By field. Several where the word has more than one sense: the first whose `beside` stands beside it counts. */
const MEANINGS: Readonly<Record<string, string | readonly { readonly beside?: string; readonly text: string }[]>> = {
  namespace: 'The first part of a lease’s name.',
  model: 'The second part of a lease’s name.',
  lease: [
    { beside: 'namespace', text: 'The third part of a lease’s name.' },
    { text: 'Id of the granted lease by which the key lives; in a request none detaches it, in an answer null means none.' },
  ],
  holder: 'Who claims or holds the lease: a name that the claimer chose. Null for nobody.',
  fence: 'The log index that began the tenure: greater for every new one, the same for as long as a holder extends. Null for nobody.',
  durationMs:
    'How long the claim lasts from the start of the call, in milliseconds; in an answer, the one that the present deadline came from.',
  remainingMs: 'How long it lasts from now on, in milliseconds, never negative; null while pinned.',
  waitMs: 'Queue for the lease at most so long, in milliseconds, if another holds it; first come, first served.',
  session: 'Id of the granted lease by which the claim lives in place of a duration of its own; null for none.',
  pinnedBy: 'The entities that keep it from expiring, sorted.',
  index: 'The log index that decided, or that the answer is as of.',
  attempt: 'From 1 on the assertion carries the index of the barrier; 0 unless said otherwise.',
  held: 'Always true; when it is not held, the answer is an error.',
  assertion: 'What a gated write takes under `assert`.',
  minIndex: 'The index of the barrier at which it was held.',
  expired: 'Always true: nobody holds it.',
  entity: 'Who pins; need not be the holder.',
  entities: 'Who pins it, sorted.',
  pins: 'In order of the names.',
  leases: 'The items of this page.',
  next: 'Goes into `after` for the next page; absent on the last.',
  history: 'What happened, in the order of the log.',
  truncated: 'Something older, or between, may have been forgotten.',
  type: [
    { beside: 'title', text: 'A name for the code, as RFC 9457 wants it; no page.' },
    {
      text: 'What happened: claimed, extended, pinned, unpinned, session-joined, session-ended, fence-used, fence-refused, released, expired, revoked or leader-changed. A field that does not apply is absent.',
    },
  ],
  timeMs: 'Lease time at which it happened, in milliseconds.',
  count: 'How many of them are told together, up to the index.',
  lateMs: 'How long after the deadline, in milliseconds; of several extensions the most.',
  lateIndex: 'Which extension that was.',
  by: 'The entity that pins.',
  cause: 'Why the tenure ended: holder, deadline, session-expired or session-revoked.',
  term: 'Raft’s term.',
  from: 'Who led before, where known.',
  to: 'Who leads since; in a request, who is to lead.',
  leaderlessMs: 'How long the new leader had known none, by its own clock, in milliseconds.',
  id: [
    { beside: 'peer', text: 'A member’s name.' },
    { beside: 'code', text: 'Of the granted lease that the request spoke of.' },
    { text: 'What it is known by: of a granted lease a decimal string, of a member its name.' },
  ],
  ttlMs: 'How long a granted lease lasts without being renewed, in milliseconds.',
  keys: [{ beside: 'ttlMs', text: 'The keys that live by it, sorted.' }, { text: 'In order.' }],
  claims: 'The claims that live by it.',
  key: 'A key of the store.',
  value: [
    {
      beside: 'target',
      text: 'What it is compared with: a number, or text where the target is value or lease. An absent key has 0 for every number.',
    },
    { text: 'Text of at most 64 KiB.' },
  ],
  createRevision: 'The log index that made the key.',
  modRevision: 'The log index that last wrote the key; null when there is no such key.',
  version: 'How often the key was written since it was made.',
  revision: 'The log index that last changed any key.',
  prefix: 'All keys that begin so.',
  assert: 'Leases that must be held, decided when the write is applied; else 412 and nothing is written.',
  compare: 'All must be true for `success` to be carried out, else `failure` is.',
  target: 'What of the key is compared.',
  op: 'How it is compared.',
  success: 'Carried out in one entry, all or nothing, when every comparison is true.',
  failure: 'Carried out likewise when one is not.',
  put: 'Writes a key, with the fields of that call.',
  get: 'Reads a key, or all under a prefix.',
  delete: 'Deletes a key; in a transaction, or all under a prefix.',
  ops: 'Each with exactly one field, the name of the call, and in it the fields of that call’s path and body. At most 1 000.',
  claim: 'As PUT of a lease, without waitMs.',
  extend: 'As the call of that name.',
  release: 'As DELETE of a lease.',
  check: 'As the call of that name.',
  renew: 'As the call of that name.',
  node: 'The member that answers.',
  leader: 'The member that leads, as far as is known; null where none is.',
  commitIndex: 'How far the log is committed.',
  members: 'Who belongs to the cluster, as the node asked knows them.',
  http: 'Where it answers clients, host:port.',
  peer: 'Where it listens for its peers, host:port.',
  role: 'What it is in Raft; a candidate is only known to itself.',
  voter: 'Whether it has a vote.',
  matchIndex: 'How far its log is known to agree with the leader’s; null where not known.',
  appliedIndex: 'How far it has applied the log; null where not known.',
  lastContactMs: 'When it was last heard, milliseconds ago; null where not known.',
  reachable: 'Whether it can be reached from the node that answers.',
  snapshot: 'How far the state is that it is being sent, because it is too far behind for the log; null when it is not.',
  alarms: 'Conditions of the node that an operator must know about; each clears by itself. Null where not known.',
  sentRecords: 'Records that were sent, or have come.',
  records: 'How many there are; null until that is known.',
  percent: 'The same in percent; null until that is known.',
  number: 'A member’s number, never given twice.',
  founders: 'The members from which the log begins.',
  replaces: 'The member that leaves in the step in which this one becomes a voter.',
  promote: 'Whether it becomes a voter by itself once it has caught up; true unless said otherwise.',
  disk: 'The name of its data directory; sent by the node itself when it joins.',
  status: [{ beside: 'title', text: 'The HTTP status.' }, { text: 'Always ok; when it is not, the answer is an error.' }],
  title: 'The code in words, the same for each code.',
  detail: 'What was wrong with this request, for people. May change; programs look at the code.',
  code: 'What went wrong, under a stable name.',
  failed: 'The assertion that does not hold, as it was given.',
};

/** What a field means that stands among `siblings`. Throws for one that nobody has described, so that no document goes out with it. */
export function meaningOf(field: string, siblings: readonly string[]): string {
  const meaning = MEANINGS[field];
  const text =
    typeof meaning === 'string' ? meaning : meaning?.find(({ beside }) => beside === undefined || siblings.includes(beside))?.text;
  if (text === undefined) throw new Error(`the field ${field} is not described in api/meanings.ts`);
  return text;
}

/** All that are described. */
export const DESCRIBED: readonly string[] = Object.keys(MEANINGS);
