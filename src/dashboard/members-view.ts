// The members, one card each, with the buttons that `leasehold cluster` gives them.
import type { DashboardFeed } from '../contract/dashboard.ts';
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

/** `states`: of the processes, null where there is nobody to give orders to. `give` is called when a button is pressed. */
export function showMembers(
  { cluster }: DashboardFeed,
  states: ReadonlyMap<string, ProcessState> | null,
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
      const role = child.querySelector('.role');
      if (role !== null) showRole(role, wordOf(member, state, isLeader, down));
      const index = down ? null : member.id === cluster.node ? cluster.index : member.matchIndex;
      const lag = index === null ? null : Math.max(0, cluster.commitIndex - index);
      const contact = member.id === cluster.node ? 'now' : member.lastContactMs === null ? 'never' : durationText(member.lastContactMs);
      const facts = [down ? '–' : String(cluster.term), index === null ? '–' : String(index), lag === null ? '–' : String(lag), contact];
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
function wordOf({ role }: Member, state: ProcessState | null, isLeader: boolean, down: boolean): string {
  if (state === 'paused' || state === 'down') return state;
  if (down) return 'unreachable';
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
