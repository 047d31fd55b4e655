// Faults of the dashboard: who may read it, who may press its buttons, and what it says of a handover.
import { type Fault, listed } from './mutant.ts';

const BUTTONS = 'cli/control-http.test.ts';
const FEED = 'api/dashboard.test.ts';

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
    title: 'a handover is told from the new leader to the old one',
    file: 'dashboard/model.ts',
    find: 'reigns[at - 1]?.node',
    replace: 'reigns[at + 1]?.node',
    suites: ['dashboard/model.test.ts'],
  },
];

/** All of them. */
export const DASHBOARD = listed('dashboard', 'ours', FAULTS);
