// A real browser for the tests: an installed Chrome or Chromium, or the one inside the npm package @sparticuz/chromium.
import { existsSync } from 'node:fs';
import bundled from '@sparticuz/chromium';
import { type Browser, chromium } from 'playwright-core';

const INSTALLED = [
  '/usr/bin/google-chrome',
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
];
const FLAGS = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-component-update'];

/** Starts it without a window. Throws with how to get one where there is none. */
export async function startBrowser(): Promise<Browser> {
  return await chromium.launch({ executablePath: await findBrowser(), headless: true, args: [...FLAGS, '--disable-sync'] });
}

async function findBrowser(): Promise<string> {
  const named = process.env.LEASEHOLD_CHROME ?? INSTALLED.find((path) => existsSync(path));
  if (named !== undefined) return named;
  if (process.platform === 'linux' && process.arch === 'x64') return await bundled.executablePath();
  throw new Error('no browser was found: install Chrome or Chromium, or name one in the variable LEASEHOLD_CHROME');
}
