// The dashboard in a real browser: the leader is killed by its button, the page goes on with another node, and nothing of it looks broken.
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startBrowser } from './browser.ts';
import { contrasts, focus, sticksOut, tabTo } from './page-checks.ts';
import { endAll, freePorts, freshDirectory, leasehold, until } from './processes.ts';

const WIDE = { width: 1280, height: 960 };
const NARROW = { width: 390, height: 844 };
/** Between two writes. */
const LOAD_MS = 40;
/** Where a look at the pictures is wanted, name a directory here. */
const PICTURES = process.env.LEASEHOLD_PICTURES;

let browser: Browser;
let httpPort = 0;
let load: ReturnType<typeof setInterval> | undefined;

beforeAll(async () => {
  browser = await startBrowser();
  httpPort = await freePorts(6);
  const cluster = leasehold(['cluster', '--data', freshDirectory(), '--http-port', `${httpPort}`, '--peer-port', `${httpPort + 3}`]);
  for (const words of ['n1 answers', 'n2 answers', 'n3 answers', /n[123] leads term \d+/]) await cluster.says(words);
  await call('PUT', 'leases/jobs/prod/nightly', { holder: 'worker-7', durationMs: 600_000 });
  await call('PUT', 'leases/jobs/prod/billing', { holder: 'worker-2', durationMs: 3_600_000 });
  await call('PUT', 'leases/jobs/prod/pinned', { holder: 'worker-3', durationMs: 60_000 });
  await call('PUT', 'leases/jobs/prod/pinned/pins/backup', undefined);
  let turn = 0;
  // Something to plot, at every node in turn, whichever of them is dead.
  load = setInterval(() => void call('PUT', `kv/load-${turn % 10}`, { value: 'x' }, turn++ % 3).catch(() => {}), LOAD_MS);
});
afterAll(async () => {
  clearInterval(load);
  await browser?.close();
  await endAll();
});

async function call(method: string, path: string, body: unknown, node = 0): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${httpPort + node}/v1/${path}`, {
    method,
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
}

/** A page with what it complained of, and the addresses that it asked. */
interface Opened {
  readonly page: Page;
  readonly faults: string[];
  readonly asked: Set<string>;
}

async function open(url: string, options: BrowserContextOptions = {}): Promise<Opened> {
  await until(async () => (await fetch(`${url}readyz`).catch(() => null))?.ok === true, `${url} to serve`);
  const context = await browser.newContext({ viewport: WIDE, ...options });
  const page = await context.newPage();
  const opened: Opened = { page, faults: [], asked: new Set() };
  page.on('pageerror', (error) => opened.faults.push(error.message));
  page.on('console', (message) => {
    // The browser itself says so of each node that is asked and dead.
    if (message.type() === 'error' && !/net::ERR_(CONNECTION|EMPTY|SOCKET)/.test(message.text())) opened.faults.push(message.text());
  });
  page.on('request', (request) => opened.asked.add(new URL(request.url()).host));
  await page.goto(url);
  await page.locator('#members > li').first().waitFor();
  return opened;
}

async function picture(page: Page, name: string): Promise<void> {
  if (PICTURES !== undefined) await page.screenshot({ path: join(PICTURES, `${name}.png`) });
}

const url = (node: string) => `http://127.0.0.1:${httpPort + Number(node.slice(1)) - 1}/`;
const card = (page: Page, node: string) => page.getByLabel(`Member ${node}`, { exact: true });
const row = (page: Page, lease: string) => page.locator('#leases tr', { hasText: `jobs/prod/${lease}` });

const button = (page: Page, node: string, name: string) => card(page, node).getByRole('button', { name: `${name}: ${node}` });
const hostsOf = (asked: ReadonlySet<string>) => [...new Set([...asked].map((host) => host.split(':')[0]))];

/** Presses a button, by pointer or with the keys alone, and means it where a dialog asks. */
async function press(page: Page, by: 'pointer' | 'keyboard', node: string, name: string): Promise<void> {
  if (by === 'pointer') {
    await button(page, node, name).click();
    return;
  }
  await tabTo(page, `${name}: ${node}`);
  expect(await focus(page)).toMatchObject({ isShown: true });
  await page.keyboard.press('Enter');
}

async function confirm(page: Page, by: 'pointer' | 'keyboard', words: RegExp): Promise<void> {
  const dialog = page.getByRole('dialog', { name: words });
  await dialog.waitFor();
  expect((await contrasts(page)).poor).toEqual([]);
  if (by === 'pointer') {
    await dialog.getByRole('button').last().click();
    return;
  }
  // It has the focus, on the button that does nothing.
  expect(await focus(page)).toEqual({ label: 'confirm-no', isShown: true });
  await tabTo(page, 'confirm-yes');
  expect(await focus(page)).toMatchObject({ isShown: true });
  await page.keyboard.press('Enter');
}

async function leaderOn(page: Page): Promise<string> {
  await page.locator('#standing', { hasText: / leads term \d+/ }).waitFor();
  return ((await page.locator('#standing').textContent()) ?? '').split(' ')[0] ?? '';
}

async function secondsLeft(page: Page, lease: string): Promise<number> {
  const text = (await row(page, lease).locator('.left').textContent()) ?? '';
  const [, minutes, seconds] = /^(\d+) min (\d+) s$/.exec(text) ?? [];
  return Number(minutes) * 60 + Number(seconds);
}

describe('the page of a node of leasehold cluster', () => {
  for (const [name, viewport, colorScheme, by] of [
    ['narrow', NARROW, 'dark', 'pointer'],
    ['narrow', NARROW, 'light', 'keyboard'],
    ['wide', WIDE, 'dark', 'keyboard'],
    ['wide', WIDE, 'light', 'pointer'],
  ] as const) {
    test(`${name}, ${colorScheme}, by ${by}: kills the leader, and shows the new one, the measured gap, and the lease that survived, counting down`, async () => {
      await call('PUT', 'leases/jobs/prod/brief', { holder: 'worker-5', durationMs: 500 });
      const first = await open(url('n1'));
      const old = await leaderOn(first.page);
      await first.page.context().close();
      // The page of the very node that dies, so that it must go on with the others.
      const { page, faults, asked } = await open(url(old), { colorScheme, viewport });
      await row(page, 'nightly').waitFor();
      await page.locator('#timeline .expired', { hasText: 'jobs/prod/brief expired, worker-5 had it' }).first().waitFor();
      const background = await page.evaluate('getComputedStyle(document.body).backgroundColor');
      expect(background).toBe(colorScheme === 'light' ? 'rgb(245, 246, 248)' : 'rgb(18, 21, 26)');
      const before = await secondsLeft(page, 'nightly');
      expect(before).toBeGreaterThan(300);
      await page.locator('#calls-answered', { hasText: /^[1-9]/ }).waitFor();
      const target = await button(page, old, 'Kill').boundingBox();
      expect(target?.height).toBeGreaterThanOrEqual(name === 'narrow' ? 44 : 36);

      await press(page, by, old, 'Kill');
      await page.getByRole('dialog').waitFor();
      await picture(page, `${name}-${colorScheme}-dialog`);
      await confirm(page, by, new RegExp(`Kill ${old}`));
      await card(page, old).locator('.role', { hasText: 'down' }).waitFor();
      await until(async () => (await leaderOn(page)) !== old, 'the page to show another leader');
      const leader = await leaderOn(page);
      await page.locator('#handover-text', { hasText: `${leader} took over from ${old} in term ` }).waitFor();
      expect(await page.locator('#handover-gap').textContent()).toMatch(/^\d+(\.\d)? m?s$/);
      expect(await page.locator('#timeline .leads').first().textContent()).toMatch(
        new RegExp(`^${leader} leads term \\d+ after .* without a leader$`),
      );

      expect(await row(page, 'nightly').textContent()).toContain('worker-7');
      const after = await secondsLeft(page, 'nightly');
      expect(after).toBeLessThanOrEqual(before);
      expect(after).toBeGreaterThan(before - 120);
      await until(async () => (await secondsLeft(page, 'nightly')) < after, 'the countdown to go on');

      // Both plots go on, and mark the time without a leader.
      for (const plot of ['calls', 'latency']) {
        await page
          .locator(`#${plot} .gap title`, { hasText: `${leader} leads term` })
          .last()
          .waitFor({ state: 'attached' });
        expect(await page.locator(`#${plot} path`).first().getAttribute('d')).toMatch(/^M[\d.,]+h0/);
      }
      expect(await page.getByRole('img', { name: /^Calls per second over the last (minute|\d minutes): \d+ now/ }).count()).toBe(1);
      expect(await page.getByRole('img', { name: /^Latency over the last (minute|\d minutes): median [\d.]+ ms/ }).count()).toBe(1);

      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(viewport.width);
      expect(await sticksOut(page)).toEqual([]);
      const { poor, seen } = await contrasts(page);
      expect(poor).toEqual([]);
      expect(seen).toBeGreaterThan(60);
      await picture(page, `${name}-${colorScheme}`);
      if (PICTURES !== undefined) await page.screenshot({ path: join(PICTURES, `${name}-${colorScheme}-full.png`), fullPage: true });

      // The button that went away handed its focus to the one that took its place.
      if (by === 'keyboard') expect((await focus(page)).label).toBe(`Restart: ${old}`);
      await press(page, by, old, 'Restart');
      await card(page, old).locator('.role', { hasText: 'follower' }).waitFor();
      expect(faults).toEqual([]);
      expect(hostsOf(asked)).toEqual(['127.0.0.1']);
      await page.context().close();
    });
  }

  test('Tab reaches every button that is offered, in order, and shows where it is; Escape is a no', async () => {
    const { page, faults } = await open(url('n1'));
    await leaderOn(page);
    const offered = await page.getByRole('button').evaluateAll((buttons) => buttons.map((each) => each.getAttribute('aria-label')));
    expect(offered.length).toBeGreaterThanOrEqual(11);
    const reached: string[] = [];
    for (let presses = 0; presses < 40 && reached.length < offered.length; presses++) {
      await page.keyboard.press('Tab');
      const { label, isShown } = await focus(page);
      expect(isShown, label).toBe(true);
      if (offered.includes(label)) reached.push(label);
    }
    expect(reached).toEqual(offered);
    await tabTo(page, 'Kill: n1');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
    expect((await focus(page)).label).toBe('Kill: n1');
    expect(await card(page, 'n1').locator('.role').textContent()).not.toBe('down');
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test('pauses, resumes, and hands leadership over; says before what would leave no majority, and shows the time without a leader', async () => {
    const { page, faults } = await open(url('n2'));
    const leader = await leaderOn(page);
    const [follower = '', other = ''] = ['n1', 'n2', 'n3'].filter((node) => node !== leader);
    await button(page, follower, 'Pause').click();
    await card(page, follower).locator('.role', { hasText: 'paused' }).waitFor();
    await button(page, other, 'Pause').click();
    await page
      .getByRole('dialog', { name: `Pause ${other}?` })
      .getByText('Only 1 of 3 voters would be left')
      .waitFor();
    // Meant all the same: the page shows the time without a leader while it passes, and leases stand still.
    await confirm(page, 'pointer', new RegExp(`Pause ${other}`));
    await page.locator('#standing', { hasText: 'nobody leads' }).waitFor();
    await page.locator('#handover.open', { hasText: 'without a leader so far; until there is one, no lease runs out' }).waitFor();
    const [gap, left] = [await page.locator('#handover-gap').textContent(), await secondsLeft(page, 'nightly')];
    await until(async () => (await page.locator('#handover-gap').textContent()) !== gap, 'the gap to be counted up');
    await page.locator('#calls .gap title', { hasText: 'without a leader so far' }).waitFor({ state: 'attached' });
    expect((await contrasts(page)).poor).toEqual([]);
    await picture(page, 'no-leader');
    await button(page, follower, 'Resume').click();
    await button(page, other, 'Resume').click();
    await page.locator('#standing', { hasText: / leads term / }).waitFor();
    expect(await secondsLeft(page, 'nightly')).toBeGreaterThanOrEqual(left - 5);
    for (const node of [follower, other])
      await card(page, node)
        .locator('.role', { hasText: /follower|leader/ })
        .waitFor();
    const [to = ''] = ['n1', 'n2', 'n3'].filter((node) => node !== leader).slice((await leaderOn(page)) === follower ? 1 : 0);
    await button(page, to, 'Make leader').click();
    await page.locator('#standing', { hasText: `${to} leads term` }).waitFor();
    await card(page, to).locator('.role', { hasText: 'leader' }).waitFor();
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test('shows pins, those who wait, and what expired; a holder whose name is markup stays a name', async () => {
    const { page, faults } = await open(url('n3'));
    // It queues, and is not waited for.
    void call('PUT', 'leases/jobs/prod/nightly', { holder: 'worker-8', durationMs: 60_000, waitMs: 300_000 }).catch(() => {});
    await call('PUT', 'leases/jobs/prod/markup', { holder: '<img/src=x>', durationMs: 300 });
    expect(await row(page, 'pinned').textContent()).toMatch(/held by its pin.*backup/);
    await row(page, 'nightly').locator('[data-label="Waiting"]', { hasText: /^1$/ }).waitFor();
    await page.locator('#timeline .expired', { hasText: 'jobs/prod/markup expired, <img/src=x> had it' }).waitFor();
    expect(await page.locator('img').count()).toBe(0);
    // The longest names that there are break no other column, and no screen.
    await call('PUT', `leases/jobs/prod/${'long-'.repeat(51)}`, { holder: 'x'.repeat(256), durationMs: 600_000 });
    await row(page, 'long-').waitFor();
    for (const viewport of [WIDE, NARROW]) {
      await page.setViewportSize(viewport);
      expect(await sticksOut(page)).toEqual([]);
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(viewport.width);
    }
    await page.setViewportSize(WIDE);
    expect(await page.evaluate("Math.max(...[...document.querySelectorAll('th')].map((each) => each.offsetHeight))")).toBeLessThan(40);
    await picture(page, 'long-names');
    expect(faults).toEqual([]);
    await page.context().close();
  });

  test('a member that joins while the page is open is asked by it, too, and the focus stays where it was', async () => {
    const { page, faults, asked } = await open(url('n1'));
    await leaderOn(page);
    await tabTo(page, 'Restart: n2');
    const port = await freePorts(2);
    const [http, peer] = [`127.0.0.1:${port}`, `127.0.0.1:${port + 1}`];
    leasehold(['node', '--id', 'n4', '--http', http, '--peer', peer, '--data', freshDirectory(), '--join', url('n1').replace(/\/$/, '')]);
    await card(page, 'n4').locator('.role').waitFor();
    await until(() => asked.has(http), 'the page to ask the member that joined');
    await card(page, 'n4').locator('dd', { hasText: /^\d+$/ }).first().waitFor();
    await until(async () => (await focus(page)).label === 'Restart: n2', 'the focus to be where it was');
    expect(await card(page, 'n4').getByRole('button').count()).toBe(0);
    expect(hostsOf(asked)).toEqual(['127.0.0.1']);
    expect(faults).toEqual([]);
    await page.context().close();
  });
});

test('a node that stands alone shows its cluster, and no button', async () => {
  const port = await freePorts(2);
  const peer = `127.0.0.1:${port + 1}`;
  leasehold(['node', '--id', 'n1', '--http', `127.0.0.1:${port}`, '--peer', peer, '--members', `n1=${peer}`, '--data', freshDirectory()]);
  const { page, faults } = await open(`http://127.0.0.1:${port}/`);
  await page.locator('#standing', { hasText: 'n1 leads term' }).waitFor();
  expect(await page.getByRole('button').count()).toBe(0);
  expect(faults).toEqual([]);
  await page.context().close();
});
