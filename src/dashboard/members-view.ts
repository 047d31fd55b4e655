// The members, one card each, with the buttons that `leasehold cluster` gives them.
import type { DashboardFeed, NodeReport } from '../contract/dashboard.ts';
import { byId, element, keepInStep, say } from './dom.ts';
import { durationText } from './model.ts';
import type { Order, ProcessState } from './orders.ts';

type Member = DashboardFeed['cluster']['members'][number];

const FACTS = ['Term', 'Index', 'Behind', 'Last contact'] as const;
const ORDERS: Readonly<Record<Order, string>> = {
  kill: 'Kill',
  pause: 'Pause',
  resume: 'Resume',
  restart: 'Restart',
  lead: 'Make leader',
};

/** `Kill n1`, `Make n2 leader`. */
export function orderWords(order: Order, node: string): string {
  return order === 'lead' ? `Make ${node} leader` : `${ORDERS[order]} ${node}`;
}

/**
 * `states`: of the processes, null where there is nobody to give orders to. `reports`: what nodes have just said of themselves. `give` is called
 * when a button is pressed.
 */
export function showMembers(
  { cluster }: DashboardFeed,
  states: ReadonlyMap<string, ProcessState> | null,
  reports: ReadonlyMap<string, NodeReport>,
  give: (order: Order, node: string, button: HTMLButtonElement) => void,
): void {
  const make = ({ id }: Member) => card(id, give);
  keepInStep(
    byId('members'),
    cluster.members,
    ({ id }) => id,
    make,
    (child, member) => {
      const state = states?.get(member.id) ?? null;
      const isLeader = member.id === cluster.leader;
      // A process that has just been started runs, and is no member yet that anybody hears.
      const down = state === 'down' || !(member.reachable || member.id === cluster.node);
      child.classList.toggle('leader', isLeader && !down);
      const link = child.querySelector('a');
      if (link !== null && member.http !== '') {
        link.href = `http://${member.http}/`;
        say(link, member.http);
      }
      const report = down || state === 'paused' ? undefined : reports.get(member.id);
      const role = child.querySelector('.role');
      if (role !== null) showRole(role, wordOf(member, state, isLeader, down, report));
      // The leader's account of the others is of the same moment as its commit index; a node's own is not, but better than none.
      const index = down ? null : member.id === cluster.node ? cluster.index : (member.matchIndex ?? report?.appliedIndex ?? null);
      const term = member.id === cluster.node ? cluster.term : report?.term;
      const lag = index === null ? null : Math.max(0, cluster.commitIndex - index);
      const contact = member.id === cluster.node ? 'now' : member.lastContactMs === null ? 'never' : durationText(member.lastContactMs);
      const facts = [
        term === undefined ? '–' : String(term),
        index === null ? '–' : String(index),
        lag === null ? '–' : String(lag),
        contact,
      ];
      for (const [at, fact] of child.querySelectorAll('dd').entries()) say(fact, facts[at] ?? '');
      showButtons(child, state, isLeader);
    },
  );
}

function card(id: string, give: (order: Order, node: string, button: HTMLButtonElement) => void): HTMLLIElement {
  const card = element('li');
  card.setAttribute('aria-label', `Member ${id}`);
  const title = element('div', '', 'title');
  title.append(element('strong', id), element('span', '', 'role'), element('a'));
  const facts = element('dl');
  for (const name of FACTS) facts.append(element('dt', name), element('dd'));
  const buttons = element('div', '', 'buttons');
  for (const [order, label] of Object.entries(ORDERS) as [Order, string][]) {
    const button = element('button', label);
    button.type = 'button';
    button.dataset.order = order;
    button.setAttribute('aria-label', `${label}: ${id}`);
    button.addEventListener('click', () => give(order, id, button));
    buttons.append(button);
  }
  card.append(title, facts, buttons);
  return card;
}

/** Down is what is known to be; where there is no process to look at, it is only out of reach. */
function wordOf({ role }: Member, state: ProcessState | null, isLeader: boolean, down: boolean, report: NodeReport | undefined): string {
  if (state === 'paused' || state === 'down') return state;
  if (down) return 'unreachable';
  if (report?.role === 'candidate') return 'candidate';
  return isLeader ? 'leader' : role === 'leader' ? 'follower' : role;
}

function showRole(role: Element, word: string): void {
  say(role, word);
  role.className = `role ${{ leader: '', down: 'bad', unreachable: 'bad', paused: 'warn', candidate: 'warn' }[word] ?? 'plain'}`;
}

/** Only what makes sense now is offered; a button that goes away hands its focus to the first that stays. */
function showButtons(card: HTMLElement, state: ProcessState | null, isLeader: boolean): void {
  const offered: readonly Order[] =
    state === null
      ? []
      : state === 'down'
        ? ['restart']
        : state === 'paused'
          ? ['resume', 'kill', 'restart']
          : ['kill', 'pause', 'restart', 'lead'];
  const buttons = [...card.querySelectorAll('button')];
  const focused = document.activeElement;
  for (const button of buttons) {
    const order = button.dataset.order as Order;
    button.hidden = !offered.includes(order) || (order === 'lead' && isLeader);
  }
  if (focused instanceof HTMLButtonElement && focused.hidden && card.contains(focused)) buttons.find((button) => !button.hidden)?.focus();
}
