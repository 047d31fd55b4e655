// What can be measured of a page as a reader sees it: contrast of every text, what sticks out, and where the focus is.
import type { Page } from 'playwright-core';

/** Of a text to what is behind it, as WCAG 2.2 wants it of texts of ordinary size (1.4.3). */
export const CONTRAST_MIN = 4.5;

/** Runs in the page: every visible text with its contrast, as `[text, ratio]`. Backgrounds that let something through are laid over what is behind. */
const CONTRASTS = `(() => {
  const parse = (text) => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a)];
  const luminance = (rgb) => {
    const [r, g, b] = rgb.map((part) => (part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    const layers = [];
    for (let at = element; at !== null; at = at.parentElement) {
      const layer = parse(getComputedStyle(at).backgroundColor);
      layers.unshift(layer);
      if (layer[3] === 1) break;
    }
    return layers.reduce((below, layer) => over(layer, below), [255, 255, 255]);
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const { parentElement: element, textContent } = walker.currentNode;
    const text = textContent.trim();
    if (text === '' || ['SCRIPT', 'STYLE', 'NOSCRIPT'].includes(element.tagName) || !element.checkVisibility()) continue;
    const ground = behind(element);
    const [light, dark] = [luminance(over(parse(getComputedStyle(element).color), ground)), luminance(ground)].sort((a, b) => b - a);
    found.push([text, (light + 0.05) / (dark + 0.05)]);
  }
  return found;
})()`;

/** Texts whose contrast is too small, each with its ratio; and how many were looked at. */
export async function contrasts(page: Page): Promise<{ readonly poor: readonly string[]; readonly seen: number }> {
  const found = await page.evaluate<[string, number][]>(CONTRASTS);
  return {
    poor: found.filter(([, ratio]) => ratio < CONTRAST_MIN).map(([text, ratio]) => `${text}: ${ratio.toFixed(2)}`),
    seen: found.length,
  };
}

/** Elements that stand out of the page on the right, or whose text is cut off. */
export async function sticksOut(page: Page): Promise<readonly string[]> {
  return await page.evaluate<string[]>(`[...document.body.querySelectorAll('*')].flatMap((element) => {
    if (!element.checkVisibility() || element.closest('svg, thead') !== null) return [];
    const { right, left } = element.getBoundingClientRect();
    const isCut = getComputedStyle(element).overflowX === 'hidden' && element.scrollWidth > element.clientWidth + 1;
    return right > document.documentElement.clientWidth + 0.5 || left < -0.5 || isCut ? [element.tagName + '#' + element.id + '.' + element.className] : [];
  })`);
}

/** What has the focus: its label, and whether an outline of at least two pixels shows it. */
export async function focus(page: Page): Promise<{ readonly label: string; readonly isShown: boolean }> {
  return await page.evaluate<{ label: string; isShown: boolean }>(`(() => {
    const element = document.activeElement;
    const { outlineStyle, outlineWidth } = getComputedStyle(element);
    const label = element.getAttribute('aria-label') ?? (element.id || element.textContent.trim());
    return { label, isShown: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 };
  })()`);
}

/** Presses Tab until the element of that label has the focus; throws when it is not reached. */
export async function tabTo(page: Page, label: string): Promise<void> {
  for (let presses = 0; presses < 80; presses++) {
    if ((await focus(page)).label === label) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab does not reach ${label}`);
}
