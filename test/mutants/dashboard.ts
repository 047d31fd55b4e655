// Faults of the pages: who may read the dashboard, who may press its buttons, what it says of a handover; and the contract's page.
import { type Fault, listed } from './mutant.ts';

const BUTTONS = 'cli/control-http.test.ts';
const FEED = 'api/dashboard.test.ts';
const PLOTS = 'dashboard/traffic.test.ts';

const FAULTS: readonly Fault[] = [
  {
    title: 'an order counts from whatever site a browser is on',
    file: 'cli/control-http.ts',
    find: ' || !origins.has(origin))',
    replace: ')',
    suites: [BUTTONS],
  },
  {
    title: 'an order counts under whatever name was made to point to this machine',
    file: 'cli/control-http.ts',
    find: `host !== \`\${HOST}:\${port}\` || `,
    replace: '',
    suites: [BUTTONS],
  },
  {
    title: 'an order counts in a form that a browser sends without asking',
    file: 'cli/control-http.ts',
    find: "if (request.headers['content-type'] !== 'application/json')",
    replace: 'if (request.headers.host === undefined)',
    suites: [BUTTONS],
  },
  {
    title: 'every site may read the feed',
    file: 'api/dashboard-routes.ts',
    find: "if (origin !== undefined && origins(api).includes(origin.replace('//localhost:', '//127.0.0.1:')))",
    replace: 'if (origin !== undefined)',
    suites: [FEED],
  },
  {
    title: 'extensions push everything else out of the timeline',
    file: 'api/dashboard-feed.ts',
    find: " || event.type === 'extended'",
    replace: '',
    suites: [FEED],
  },
  {
    title: 'what happened to leases is forgotten with the next feed',
    file: 'api/dashboard-feed.ts',
    find: '[...found, ...this.#found].slice(0, FEED_EVENTS_MAX)',
    replace: 'found',
    suites: [FEED],
  },
  {
    title: 'what was long ago without a leader is told as of now',
    file: 'api/dashboard-feed.ts',
    find: ' + (leaderlessMs ?? 0)',
    replace: '',
    suites: [FEED],
  },
  {
    title: 'the page is not told whom it may ask',
    file: 'api/dashboard-routes.ts',
    find: "replace(ASKS, members.join(' '))",
    replace: "replace(ASKS, '')",
    suites: [FEED],
  },
  {
    title: 'calls that wait on purpose count as slow ones',
    file: 'api/request-latency.ts',
    find: ' && !WAITING.has(operation)',
    replace: '',
    suites: [FEED],
  },
  {
    title: 'traffic that is told twice is drawn twice',
    file: 'dashboard/traffic.ts',
    find: 'if (second <= source.covered) continue;',
    replace: '',
    suites: [PLOTS],
  },
  {
    title: 'the plots wait for a node that has died',
    file: 'dashboard/traffic.ts',
    find: 'nowMs - heardMs < SILENT_MS',
    replace: 'heardMs > 0',
    suites: [PLOTS],
  },
  {
    title: 'nobody is warned before the last majority goes',
    file: 'dashboard/risk.ts',
    find: 'left < Math.floor(voters.length / 2) + 1',
    replace: 'left < Math.floor(voters.length / 2)',
    suites: ['dashboard/model.test.ts'],
  },
  {
    title: 'a metric is called otherwise than in the example dashboard and alert rules',
    file: 'api/metrics-routes.ts',
    find: "'leasehold_lessor_overdue_leases'",
    replace: "'leasehold_lessor_late_leases'",
    suites: ['api/metrics.test.ts | every metric that'],
  },
  {
    title: 'a handover is told from the new leader to the old one',
    file: 'dashboard/model.ts',
    find: 'reigns[at - 1]?.node',
    replace: 'reigns[at + 1]?.node',
    suites: ['dashboard/model.test.ts'],
  },
  {
    title: 'the page of the contract takes a text for markup',
    file: 'api/docs-page.ts',
    find: 'return text.replace(/[&<>"\']/g, (character) => ENTITIES[character] ?? character);',
    replace: 'return ENTITIES[text] ?? text;',
    suites: ['api/docs.test.ts'],
  },
  {
    title: 'the page of the contract lets in scripts',
    file: 'api/openapi-routes.ts',
    find: '"default-src \'none\'",',
    replace: '"default-src *",',
    suites: ['api/docs.test.ts'],
  },
  {
    title: 'the page of the contract leaves out the fields of what a body holds',
    file: 'api/docs-page.ts',
    find: ', ...rowsOf(schema, whole)]',
    replace: ']',
    suites: ['api/docs.test.ts'],
  },
];

/** All of them. */
export const DASHBOARD = listed('dashboard', 'ours', FAULTS);
