// The dashboard in a real browser: the leader is killed by its button, the page goes on with another node, and nothing of it looks broken.
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startBrowser } from './browser.ts';
import { endAll, freePorts, freshDirectory, leasehold, until } from './processes.ts';

const WIDE = { width: 1280, height: 820 };
const NARROW = { width: 390, height: 844 };
/** Where a look at the pictures is wanted, name a directory here. */
const PICTURES = process.env.LEASEHOLD_PICTURES;

let browser: Browser;
let httpPort = 0;

beforeAll(async () => {
  browser = await startBrowser();
  httpPort = await freePorts(6);
  const cluster = leasehold(['cluster', '--data', freshDirectory(), '--http-port', `${httpPort}`, '--peer-port', `${httpPort + 3}`]);
  for (const words of ['n1 answers', 'n2 answers', 'n3 answers', /n[123] leads term \d+/]) await cluster.says(words);
  await call('PUT', 'leases/jobs/prod/nightly', { holder: 'worker-7', durationMs: 600_000 });
  await call('PUT', 'leases/jobs/prod/billing', { holder: 'worker-2', durationMs: 3_600_000 });
  await call('PUT', 'leases/jobs/prod/pinned', { holder: 'worker-3', durationMs: 60_000 });
  await call('PUT', 'leases/jobs/prod/pinned/pins/backup', undefined);
  await call('PUT', 'leases/jobs/prod/brief', { holder: 'worker-5', durationMs: 500 });
});
afterAll(async () => {
  await browser?.close();
  await endAll();
});

async function call(method: string, path: string, body: unknown): Promise<void> {
  const answer = await fetch(`http://127.0.0.1:${httpPort}/v1/${path}`, {
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
    if (/Content Security Policy|CORS/.test(message.text())) opened.faults.push(message.text());
  });
  page.on('request', (request) => opened.asked.add(new URL(request.url()).hostname));
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
  test('kills the leader by its button, and shows the new leader, the measured gap, and the lease that survived, counting down', async () => {
    const first = await open(url('n1'));
    const old = await leaderOn(first.page);
    await first.page.context().close();
    // The page of the very node that dies, so that it must go on with the others.
    const { page, faults, asked } = await open(url(old), { colorScheme: 'light' });
    await page.locator('#timeline .expired', { hasText: 'jobs/prod/brief expired, worker-5 had it' }).waitFor();
    const before = await secondsLeft(page, 'nightly');
    expect(before).toBeGreaterThan(500);
    await picture(page, 'wide-light-before');

    await card(page, old).getByRole('button', { name: 'Kill' }).click();
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
    await picture(page, 'wide-light-after');

    // By keyboard: the button that went away handed its focus to the one that took its place.
    await page.locator('button:focus', { hasText: 'Restart' }).waitFor();
    await page.keyboard.press('Enter');
    await card(page, old).locator('.role', { hasText: 'follower' }).waitFor();
    expect(faults).toEqual([]);
    expect([...asked]).toEqual(['127.0.0.1']);
    await page.context().close();
  });

  test('pauses, resumes, and hands leadership over', async () => {
    const { page, faults } = await open(url('n2'));
    const leader = await leaderOn(page);
    const [follower = ''] = ['n1', 'n2', 'n3'].filter((node) => node !== leader);
    await card(page, follower).getByRole('button', { name: 'Pause' }).click();
    await card(page, follower).locator('.role', { hasText: 'paused' }).waitFor();
    await card(page, follower).getByRole('button', { name: 'Resume' }).click();
    await card(page, follower).locator('.role', { hasText: 'follower' }).waitFor();
    await card(page, follower).getByRole('button', { name: 'Make leader' }).click();
    await page.locator('#standing', { hasText: `${follower} leads term` }).waitFor();
    await card(page, follower).locator('.role', { hasText: 'leader' }).waitFor();
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
    expect(faults).toEqual([]);
    await page.context().close();
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    for (const [name, viewport] of [
      ['wide', WIDE],
      ['narrow', NARROW],
    ] as const) {
      test(`fits a ${name} screen in ${colorScheme}, and nothing is cut off`, async () => {
        const { page } = await open(url('n1'), { colorScheme, viewport });
        await row(page, 'nightly').waitFor();
        const background = await page.evaluate('getComputedStyle(document.body).backgroundColor');
        expect(background).toBe(colorScheme === 'light' ? 'rgb(245, 246, 248)' : 'rgb(18, 21, 26)');
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(viewport.width);
        const target = await card(page, 'n1').getByRole('button').first().boundingBox();
        expect(target?.height).toBeGreaterThanOrEqual(name === 'narrow' ? 44 : 36);
        await picture(page, `${name}-${colorScheme}`);
        if (PICTURES !== undefined && name === 'narrow')
          await page.screenshot({ path: join(PICTURES, `${name}-${colorScheme}-full.png`), fullPage: true });
        await page.context().close();
      });
    }
  }
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
