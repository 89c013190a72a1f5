/** A real Chromium from an npm package, whose pages may speak to 127.0.0.1 and to nobody else. */

import { access, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import chromium from '@sparticuz/chromium';
import { type Browser, type BrowserContextOptions, type Page, chromium as playwright } from 'playwright-core';

/** Where the browser is unpacked to, until packages are installed again. */
const UNPACKED = fileURLToPath(new URL('../../node_modules/.cache/hedgerow-browser/', import.meta.url));

/** Ms that a page may take for one step. */
const STEP = 60_000;

let launched: Promise<Browser> | undefined;

/** One browser for all tests of a file; closed by `closeBrowser`. */
export async function launchBrowser(): Promise<Browser> {
  launched ??= unpacked().then((executablePath) =>
    playwright.launch({
      executablePath,
      // Not the package's own list: it is for functions in a cloud, puts everything in one process, and switches off
      // the very security of the web that is tested here.
      args: [
        // The sandbox cannot be had as root, nor in most containers; the pages are our own.
        '--no-sandbox',
        '--headless=shell',
        // Names are not even looked up, whatever a page asks for.
        '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
      ],
      headless: true,
    }),
  );
  return launched;
}

/**
 * The path of the browser. The package takes one that another process is still unpacking for a whole one: so it is unpacked
 * beside, and then renamed.
 */
async function unpacked(): Promise<string> {
  const whole = join(UNPACKED, 'whole');
  const program = join(whole, 'chromium');
  if (await isThere(program)) return program;
  await mkdir(UNPACKED, { recursive: true });
  const own = await mkdtemp(join(UNPACKED, 'part-'));
  const before = process.env['TMPDIR'];
  // It unpacks into the folder for what is temporary, and asks for that at once.
  process.env['TMPDIR'] = own;
  const done = chromium.executablePath();
  if (before === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = before;
  await done;
  try {
    await rename(own, whole);
  } catch (error) {
    await rm(own, { recursive: true, force: true });
    // Another process was faster.
    if (!(await isThere(program))) throw error;
  }
  return program;
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

export async function closeBrowser(): Promise<void> {
  const browser = await launched;
  launched = undefined;
  await browser?.close();
}

export interface WatchedPage extends AsyncDisposable {
  readonly page: Page;
  /**
   * What a page must not do: requests to another origin, errors in its scripts, violations of its content security
   * policy. Empty where all is well.
   */
  readonly complaints: string[];
}

/** A page in a profile of its own. @param origin where the page may load from */
export async function openPage(origin: string, options: BrowserContextOptions = {}): Promise<WatchedPage> {
  const browser = await launchBrowser();
  const context = await browser.newContext({ baseURL: origin, ...options });
  context.setDefaultTimeout(STEP);
  const complaints: string[] = [];
  context.on('request', (request) => {
    const url = new URL(request.url());
    if (url.protocol === 'data:' || url.protocol === 'blob:' || url.origin === new URL(origin).origin) return;
    complaints.push(`request to ${url.href}`);
  });
  context.on('weberror', (error) => complaints.push(`script: ${error.error().message}`));
  context.on('console', (message) => {
    const text = message.text();
    if (message.type() === 'error' && /content security policy|refused to|mime type/i.test(text)) {
      complaints.push(text);
    }
  });
  const page = await context.newPage();
  return { page, complaints, [Symbol.asyncDispose]: () => context.close() };
}
