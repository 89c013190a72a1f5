/**
 * The gallery with a hundred thousand items, scrolled from one end to the other in a real Chromium: how many frames
 * there were, how long the slow ones took, how many tasks of the page took longer than 50 ms, and what memory it held on
 * the way.
 *
 *   npm run bench:gallery -- [--items 100000] [--step 400] [--width 1280] [--height 800]
 *
 * The thumbnails are ours, since the peers of a generated catalog are nowhere: sixty pictures of 320 px, given out in place
 * of the server's. Everything else is the server's own.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import type { Page } from 'playwright-core';
import sharp from 'sharp';
import { rgbaToThumbHash } from 'thumbhash';
import { startApp } from '../src/app.ts';
import { decideConfig } from '../src/config/config.ts';
import { type Database, openDatabase } from '../src/database/database.ts';
import { sql } from '../src/database/sql.ts';
import { closeBrowser, openPage } from '../test/support/browser.ts';
import { ensurePagesBuilt } from '../test/support/web.ts';
import { generateCatalog } from './generate-catalog.ts';

const PASSWORD = 'correct horse battery';
const PICTURES = 60;
/** Ms until the page has come to rest. */
const PATIENCE = 60_000;

/** What the page writes down while it is scrolled. */
interface Watched {
  frames: number[];
  tasks: number[];
  done: boolean;
  /** Tiles that had nothing to show yet, summed over the frames, and all that were drawn. */
  empty: number;
  drawn: number;
}

const { values } = parseArgs({
  options: {
    items: { type: 'string', default: '100000' },
    step: { type: 'string', default: '400' },
    width: { type: 'string', default: '1280' },
    height: { type: 'string', default: '800' },
  },
});

const folder = await mkdtemp(join(tmpdir(), 'hedgerow-bench-gallery-'));
try {
  await measure();
} finally {
  await closeBrowser();
  await rm(folder, { recursive: true, force: true });
}

async function measure(): Promise<void> {
  await ensurePagesBuilt();
  const { config, secrets } = decideConfig({
    HEDGEROW_NAME: 'Bench',
    HEDGEROW_DATA_DIR: folder,
    HEDGEROW_PORT: '0',
    HEDGEROW_LOG_LEVEL: 'silent',
  });
  const database = await openDatabase(config.database);
  try {
    await generateCatalog(database, { items: Number(values.items), peers: 3 });
    await givePlaceholders(database);
  } finally {
    await database[Symbol.asyncDispose]();
  }
  await using app = await startApp({ config, secrets, log: pino({ level: 'silent' }) });
  await app.access.users.create({ name: 'Ada', role: 'ADMIN', password: PASSWORD });

  const pictures = await Promise.all(Array.from({ length: PICTURES }, (_, at) => picture(at)));
  await using watched = await openPage(app.url, {
    viewport: { width: Number(values.width), height: Number(values.height) },
    serviceWorkers: 'block',
  });
  const { page } = watched;
  let given = 0;
  await page.route(/\/thumbnail/, (route) =>
    route.fulfill({ contentType: 'image/webp', body: pictures[given++ % PICTURES] ?? '' }),
  );
  await page.goto('/');
  await page.getByLabel('Name').fill('Ada');
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.locator('.tile img.there').first().waitFor({ timeout: PATIENCE });

  const client = await page.context().newCDPSession(page);
  await client.send('Performance.enable');
  const memory = async () => {
    await client.send('HeapProfiler.collectGarbage');
    const { metrics } = await client.send('Performance.getMetrics');
    const of = (name: string) => metrics.find((metric) => metric.name === name)?.value ?? 0;
    return { heap: of('JSHeapUsedSize') / 2 ** 20, nodes: of('Nodes'), listeners: of('JSEventListeners') };
  };

  const rows: Row[] = [];
  const load = loadavg()[0] ?? 0;
  const height = Number(await page.evaluate("document.querySelector('.scroller').scrollHeight"));
  rows.push({ at: 'start', ...(await memory()) });
  const all: Watched = { frames: [], tasks: [], done: false, empty: 0, drawn: 0 };
  for (const quarter of [1, 2, 3, 4]) {
    const part = await scrollTo(page, quarter / 4, Number(values.step));
    all.frames.push(...part.frames);
    all.tasks.push(...part.tasks);
    all.empty += part.empty;
    all.drawn += part.drawn;
    rows.push({ at: `${quarter} / 4`, ...(await memory()) });
  }
  await page.evaluate("document.querySelector('.scroller').scrollTop = 0");
  await page.locator('.tile img.there').first().waitFor({ timeout: PATIENCE });
  rows.push({ at: 'back at the start', ...(await memory()) });
  print(all, rows, height, load);
}

/** As in life each picture has a placeholder of its own, which the page has to draw. */
async function givePlaceholders(database: Database): Promise<void> {
  const hashes: string[] = [];
  for (let at = 0; at < 5_000; at++) hashes.push(placeholderOf(at));
  await database.write(async (tx) => {
    await tx.run(sql`CREATE TEMPORARY TABLE hashes (at INTEGER PRIMARY KEY, hash TEXT NOT NULL)`);
    await tx.run(
      sql`INSERT INTO hashes (at, hash) SELECT key, value FROM json_each(${JSON.stringify(hashes)})`,
    );
    await tx.run(
      sql`UPDATE items SET thumbhash = (SELECT hash FROM hashes WHERE at = items.key % ${hashes.length})`,
    );
  });
}

function placeholderOf(at: number): string {
  const [width, height] = [8, 6];
  const pixels = new Uint8Array(width * height * 4);
  for (let pixel = 0; pixel < width * height; pixel++) {
    pixels.set([(at * 7 + pixel * 5) % 256, (at * 13 + pixel * 3) % 256, (at * 29) % 256, 255], pixel * 4);
  }
  return Buffer.from(rgbaToThumbHash(width, height, pixels)).toString('base64');
}

interface Row {
  at: string;
  heap: number;
  nodes: number;
  listeners: number;
}

/** By one step a frame, as far down as the share of the whole says. */
async function scrollTo(page: Page, share: number, step: number): Promise<Watched> {
  await page.evaluate(`(() => {
    const scroller = document.querySelector('.scroller');
    const watched = { frames: [], tasks: [], done: false, empty: 0, drawn: 0 };
    window.watched = watched;
    const observer = new PerformanceObserver((list) => {
      for (const { duration } of list.getEntries()) watched.tasks.push(duration);
    });
    observer.observe({ type: 'longtask' });
    let before = performance.now();
    const next = (now) => {
      watched.frames.push(now - before);
      before = now;
      watched.empty += document.getElementsByClassName('empty').length;
      watched.drawn += document.getElementsByClassName('tile').length;
      const end = (scroller.scrollHeight - scroller.clientHeight) * ${share};
      if (scroller.scrollTop >= end - 1) {
        observer.disconnect();
        watched.done = true;
        return;
      }
      scroller.scrollTop = Math.min(end, scroller.scrollTop + ${step});
      requestAnimationFrame(next);
    };
    requestAnimationFrame((now) => { before = now; requestAnimationFrame(next); });
  })()`);
  // The page's policy lets Playwright wait in no other way.
  while ((await page.evaluate('window.watched.done')) !== true) await sleep(500);
  return (await page.evaluate('window.watched')) as Watched;
}

async function picture(at: number): Promise<Buffer> {
  const hue = (at * 47) % 360;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="320" height="240"><linearGradient id="g" x2="1" y2="1"><stop stop-color="hsl(${hue} 55% 70%)"/><stop offset="1" stop-color="hsl(${(hue + 60) % 360} 45% 35%)"/></linearGradient><path fill="url(#g)" d="M0 0h320v240H0z"/><circle cx="${40 + ((at * 31) % 240)}" cy="${40 + ((at * 17) % 160)}" r="36" fill="#fff6"/></svg>`;
  return sharp(Buffer.from(svg)).webp({ quality: 70 }).toBuffer();
}

function print(all: Watched, rows: readonly Row[], height: number, load: number): void {
  const sorted = all.frames.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
  const long = all.tasks.filter((task) => task > 50);
  console.log(`${values.items} items, ${height.toLocaleString('en')} px, load ${load.toFixed(1)} before it`);
  console.log('');
  console.log(
    '| Frames | p50, ms | p99, ms | longest, ms | tasks over 50 ms | longest, ms | share of frames | tiles still empty |',
  );
  console.log('| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |');
  console.log(
    `| ${all.frames.length} | ${at(0.5).toFixed(1)} | ${at(0.99).toFixed(1)} | ${at(1).toFixed(1)} | ${long.length} | ${Math.max(0, ...long).toFixed(0)} | ${((long.length / all.frames.length) * 100).toFixed(2)} % | ${((all.empty / all.drawn) * 100).toFixed(1)} % |`,
  );
  console.log('');
  console.log('| At | heap, MiB | nodes | listeners |');
  console.log('| --- | ---: | ---: | ---: |');
  for (const row of rows) {
    console.log(`| ${row.at} | ${row.heap.toFixed(1)} | ${row.nodes} | ${row.listeners} |`);
  }
}
