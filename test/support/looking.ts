/** Looking at a page as people do: what stands in their way, in the forms that it takes, and how much it makes them load. */

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import axe from 'axe-core';
import type { Page } from 'playwright-core';

const DIST = fileURLToPath(new URL('../../src/web/dist/', import.meta.url));

/** Wide and narrow, light and dark. */
export const FORMS = [
  { name: 'wide light', width: 1280, height: 844, scheme: 'light' },
  { name: 'wide dark', width: 1280, height: 844, scheme: 'dark' },
  { name: 'narrow light', width: 390, height: 844, scheme: 'light' },
  { name: 'narrow dark', width: 390, height: 844, scheme: 'dark' },
] as const;

/** What stands in the way of people who see, hear or point otherwise, as axe finds it. */
export async function barriers(page: Page): Promise<string[]> {
  // As a debugger does, past the policy of the page, which runs no script that is handed to it.
  if ((await page.evaluate("typeof axe === 'undefined'")) === true) await page.evaluate(axe.source);
  const found = (await page.evaluate(
    "axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations'], preload: false }).then(({ violations }) => violations)",
  )) as { id: string; nodes: { html: string }[] }[];
  return found.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`);
}

/** Bytes of compressed script that a built page loads before anybody has done anything. */
export async function firstLoad(page: string): Promise<number> {
  const html = await readFile(join(DIST, page), 'utf8');
  const wanted = [...html.matchAll(/(?:src|href)="\.\/assets\/([^"]+\.js)"/g)].map(([, name]) => name ?? '');
  // What these import is loaded with them; what they load when it is wanted is not.
  for (const name of wanted) {
    const script = await readFile(join(DIST, 'assets', name), 'utf8');
    for (const [, imported] of script.matchAll(/(?:from|import)"\.\/([^"]+\.js)"/g)) {
      if (imported !== undefined && !wanted.includes(imported)) wanted.push(imported);
    }
  }
  const built = await readdir(join(DIST, 'assets'));
  let bytes = 0;
  for (const name of wanted) {
    const file = built.includes(`${name}.gz`) ? `${name}.gz` : name;
    bytes += (await readFile(join(DIST, 'assets', file))).length;
  }
  return bytes;
}

export interface LookOptions {
  /** Of the page as it is now. */
  name: string;
  /** Folder for screenshots; undefined: none are made. */
  screenshots: string | undefined;
}

/** In all four forms: what stands in the way of people, and what is wider than its window. */
export async function faultsOf(page: Page, { name, screenshots }: LookOptions): Promise<string[]> {
  const faults: string[] = [];
  for (const form of FORMS) {
    await page.setViewportSize({ width: form.width, height: form.height });
    await page.emulateMedia({ colorScheme: form.scheme, reducedMotion: 'reduce' });
    if (screenshots !== undefined) {
      await page.screenshot({ path: join(screenshots, `${name} ${form.name}.png`) });
    }
    faults.push(...(await barriers(page)).map((barrier) => `${name}, ${form.name}: ${barrier}`));
    const wide = await page.evaluate(
      "[document.documentElement, ...document.querySelectorAll('#main, dialog[open]')].filter((one) => one.scrollWidth > one.clientWidth + 1).length",
    );
    if (wide !== 0) faults.push(`${name}, ${form.name}: wider than its window`);
  }
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  return faults;
}
