// Faults at the edge to HTTP: conditions that are ignored, hosts that are not the node's, bodies and readers without bounds.
import { type Fault, listed } from './mutant.ts';

const CONDITIONS = 'api/conditions.test.ts';
const HEADERS = 'api/answer-headers.test.ts';
const HOSTS = 'api/host-names.test.ts';
const BODIES = 'api/hostile-bodies.test.ts';
const SOCKETS = 'api/sockets.test.ts';

const FAULTS: readonly Fault[] = [
  {
    title: 'a condition that a route does not honor is ignored',
    file: 'api/condition-headers.ts',
    find: 'if (isCondition(lower) && !honored.includes(lower)) throw notHonored(lower, honored);',
    replace: 'void honored, notHonored;',
    suites: [CONDITIONS],
  },
  {
    title: 'a transaction ignores lease-if',
    file: 'api/txn-routes.ts',
    find: 'readAssertions(request.headers, body.assert)',
    replace: 'readAssertions({}, body.assert)',
    suites: ['api/kv.test.ts | a transaction', CONDITIONS],
  },
  {
    title: 'a weak tag matches as a strong one does',
    file: 'api/conditions.ts',
    find: 'if (match[1] === undefined) strong = revision;',
    replace: 'strong = revision;',
    suites: ['api/kv.test.ts | a weak tag'],
  },
  {
    title: 'any host that begins with a name of the node is taken for it',
    file: 'api/host-names.ts',
    find: 'const match = /^(?:\\[',
    replace: 'const match = /^(?:localhost.*|\\[',
    suites: [HOSTS],
  },
  {
    title: 'the host in the target of an absolute request does not count',
    file: 'api/host-names.ts',
    find: 'for (const each of [host, target]) {',
    replace: 'for (const each of [host, target].slice(0, 1)) {',
    suites: [HOSTS],
  },
  {
    title: 'caches may keep answers',
    file: 'api/stamp.ts',
    find: "export const NO_STORE = 'no-store';",
    replace: "export const NO_STORE = 'no-cache';",
    suites: [HEADERS],
  },
  {
    title: 'what cannot be parsed is answered in place of a request whose outcome is open',
    file: 'api/server.ts',
    find: 'if (connections.owesAnswer(socket)) socket.destroy();',
    replace: 'if (socket.destroyed) socket.destroy();',
    suites: [HEADERS],
  },
  {
    title: 'the fields of a body are not counted before it is parsed',
    file: 'api/body.ts',
    find: '(fieldsAt[depth] as number) > OBJECT_MAX_FIELDS',
    replace: '(fieldsAt[depth] as number) > OBJECT_MAX_FIELDS * 1e9',
    suites: [BODIES],
  },
  {
    title: 'large bodies are all parsed in one turn',
    file: 'api/large-work.ts',
    find: '      this.#schedule();\n      this.#bytes -=',
    replace: '      for (const next of this.#pieces.splice(0)) queueMicrotask(next.run);\n      this.#bytes -=',
    suites: [BODIES],
  },
  {
    title: 'a connection has any number of pages made at a time',
    file: 'api/connections.ts',
    find: 'if (underWay.length > 0 && (isAlone ||',
    replace: 'if (underWay.length > 1e9 && (isAlone ||',
    suites: [`${SOCKETS} | does not read its answers`],
  },
  {
    title: 'a reader that stalls is never cut off',
    file: 'api/connections.ts',
    find: 'if (forMs >= this.#limits.readerStallMs &&',
    replace: 'if (forMs >= this.#limits.readerStallMs * 1e9 &&',
    suites: [`${SOCKETS} | is cut off when`],
    mayHang: true,
  },
  {
    title: 'requests that are incomplete hold up the end of the server',
    file: 'api/connections.ts',
    find: 'const STOP_INCOMPLETE_MS = 1_000;',
    replace: 'const STOP_INCOMPLETE_MS = 60_000;',
    suites: [`${SOCKETS} | is not held up by`],
    mayHang: true,
  },
  {
    title: 'clients may have all descriptors of the node',
    file: 'cli/open-files.ts',
    find: 'descriptors - RESERVED_DESCRIPTORS',
    replace: 'descriptors',
    suites: ['cli/open-files.test.ts'],
  },
];

export const HTTP_EDGES = listed('http', 'at the edge to HTTP', FAULTS);
