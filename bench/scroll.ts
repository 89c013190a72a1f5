/**
 * A gallery of 100,000 items scrolled from end to end in the time that is given: how many frames there were, in how many of
 * them a task of the page took longer than 50 ms, and what its heap holds at the beginning, in the middle and at the end.
 * By turns it flies over a part of the whole, and goes to and fro there at a pace at which everything is read and drawn.
 * Ends with 1 where a goal is missed.
 *
 *   npm run bench:scroll -- [--items 100000] [--seconds 60] [--width 1280] [--database file, kept for the next run]
 */

import { copyFileSync, existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { type CDPSession, type Page, chromium as playwright } from 'playwright-core';
import sharp from 'sharp';
import { openDatabase } from '../src/database/database.ts';
import { openChromium, openGallery } from './gallery.ts';
import { generateCatalog } from './generate-catalog.ts';

/** Of the frames, those that may have a long task in them. */
const LONG_MAX = 0.01;
/** What the heap may grow by between the middle of the way and its end, × */
const GROWTH_MAX = 1.25;
/** ms of a turn that it flies, and that it goes to and fro at a pace at which all is read; px a second of the latter. */
const FLIGHT = 600;
const WALK = 1_400;
const SPEED = 2_500;
/** s beyond the way itself, after which something hangs. */
const GRACE = 60;

const { values } = parseArgs({
  options: {
    items: { type: 'string', default: '100000' },
    seconds: { type: 'string', default: '60' },
    width: { type: 'string', default: '1280' },
    database: { type: 'string' },
  },
});
const SECONDS = Number(values.seconds);

interface Asked {
  /** Parts of the height to begin and to end at. */
  from: number;
  to: number;
  turns: number;
  /** ms of a turn that it flies, and that it goes at a pace, of px a second. */
  flight: number;
  walk: number;
  speed: number;
}

interface Way {
  frames: number;
  ms: number;
  /** ms of each task of over 50 ms, of which there is one in a frame at most. */
  tasks: number[];
  /** Px gone. */
  gone: number;
  /** After the turns: tiles, and those of them that were still without their item. */
  shown: number;
  blank: number;
}

/** What there is of a page, of which this program does not have the types. */
interface Window {
  document: {
    querySelector(selector: string): { scrollTop: number; scrollHeight: number; clientHeight: number };
    querySelectorAll(selector: string): { length: number };
  };
  requestAnimationFrame(frame: () => void): void;
  PerformanceObserver: new (
    told: (list: { getEntries(): { duration: number }[] }) => void,
  ) => { observe(options: { type: string }): void; disconnect(): void };
}

await using gallery = await openGallery({ fill, settings: { HEDGEROW_FEDERATION: 'off' } });
await using browser = await openChromium();
const steered = await playwright.connectOverCDP(`http://127.0.0.1:${browser.port}`);
const context = await steered.newContext({ viewport: { width: Number(values.width), height: 800 } });
const [name = '', value = ''] = gallery.cookie.split(/=(.*)/s);
// The items of a generated catalog have no bytes: each is given the same picture.
const picture = await readFile(new URL('../samples/garden/sunflower.webp', import.meta.url));
const thumbnail = await sharp(picture).resize(320, 240).webp().toBuffer();
await context.route(/\/thumbnail$/, (route) => route.fulfill({ contentType: 'image/webp', body: thumbnail }));
await context.addCookies([{ name, value, url: gallery.url }]);
const page = await context.newPage();
page.setDefaultTimeout(GRACE * 1000);
await page.goto(gallery.url);
await page.locator('.tile:not(.empty)').first().waitFor();
const wire = await context.newCDPSession(page);

console.log(`${Number(values.items).toLocaleString('en')} items, load ${loadavg()[0]?.toFixed(1)}`);
const heaps = [await heap(wire)];
const ways: Way[] = [];
for (const half of [0, 1]) {
  ways.push(await go(page, half / 2, (half + 1) / 2, SECONDS / 2));
  heaps.push(await heap(wire));
}
const load = loadavg()[0]?.toFixed(1);
const sum = (of: (way: Way) => number): number => ways.reduce((total, way) => total + of(way), 0);
const frames = sum((way) => way.frames);
const tasks = ways.flatMap((way) => way.tasks);
const seconds = sum(({ ms }) => ms) / 1000;
console.log(
  `${Math.round(sum(({ gone }) => gone)).toLocaleString('en')} px in ${seconds.toFixed(1)} s: ${frames} frames, ${(frames / seconds).toFixed(1)} a second; without their item after a turn: ${sum(({ blank }) => blank)} of ${sum(({ shown }) => shown)} tiles`,
);
console.log(
  `frames with a task over 50 ms: ${tasks.length}, ${((100 * tasks.length) / frames).toFixed(2)} %; longest ${Math.max(0, ...tasks).toFixed(0)} ms`,
);
console.log(`heap, MiB: ${heaps.map((bytes) => (bytes / 2 ** 20).toFixed(1)).join(', ')}; load ${load}`);
await steered.close();
const [, middle = 0, end = 0] = heaps;
if (tasks.length / frames > LONG_MAX || end > middle * GROWTH_MAX) process.exitCode = 1;

async function fill(path: string): Promise<void> {
  const kept = values.database;
  if (kept !== undefined && existsSync(kept)) {
    copyFileSync(kept, path);
    return;
  }
  {
    await using database = await openDatabase({ dialect: 'sqlite', path });
    await generateCatalog(database, { items: Number(values.items), peers: 3 });
  }
  if (kept !== undefined) copyFileSync(path, kept);
}

/** @param from part of the height to begin at @param to where to end */
async function go(page: Page, from: number, to: number, seconds: number): Promise<Way> {
  const turns = Math.max(1, Math.round((seconds * 1000) / (FLIGHT + WALK)));
  const asked: Asked = { from, to, turns, flight: FLIGHT, walk: WALK, speed: SPEED };
  const way = page.evaluate(`(${scroll.toString()})(${JSON.stringify(asked)})`) as Promise<Way>;
  const late = AbortSignal.timeout((seconds + GRACE) * 1000);
  return Promise.race([
    way,
    new Promise<never>((_, reject) => {
      late.addEventListener('abort', () => reject(new Error('The way did not come to its end.')));
    }),
  ]);
}

/**
 * In the page. By turns it flies, at which nothing is read, and goes at a pace at which everything is; each frame goes to
 * where the clock says it should be, of the height as it then is.
 */
function scroll({ from, to, turns, flight, walk, speed }: Asked): Promise<Way> {
  const { document, requestAnimationFrame, PerformanceObserver } = globalThis as unknown as Window;
  const scroller = document.querySelector('.scroller');
  const tasks: number[] = [];
  const observer = new PerformanceObserver((list) => {
    tasks.push(...list.getEntries().map(({ duration }) => duration));
  });
  observer.observe({ type: 'longtask' });
  const way: Way = { frames: 0, ms: 0, tasks, gone: 0, shown: 0, blank: 0 };
  const begun = performance.now();

  const move = (ms: number, at: (part: number) => number): Promise<void> =>
    new Promise((resolve) => {
      const start = performance.now();
      const frame = (): void => {
        const part = Math.min(1, (performance.now() - start) / ms);
        const before = scroller.scrollTop;
        scroller.scrollTop = at(part);
        way.frames += 1;
        way.gone += Math.abs(scroller.scrollTop - before);
        if (part < 1) requestAnimationFrame(frame);
        else resolve();
      };
      requestAnimationFrame(frame);
    });

  const go = async (): Promise<Way> => {
    for (let turn = 0; turn < turns; turn++) {
      const [start, end] = [turn, turn + 1].map((one) => from + ((to - from) * one) / turns) as [
        number,
        number,
      ];
      const height = (): number => scroller.scrollHeight - scroller.clientHeight;
      await move(flight, (part) => (start + (end - start) * part) * height());
      const here = scroller.scrollTop;
      // Back, so that the end of the last turn is the end of the whole, and the last one goes as far as the others.
      await move(walk, (part) => here - Math.sin(part * Math.PI) * (walk / 1000) * (speed / 2));
      way.shown += document.querySelectorAll('.tile').length;
      way.blank += document.querySelectorAll('.tile.empty').length;
    }
    way.ms = performance.now() - begun;
    // What the last frames brought about is told a little later.
    await new Promise((resolve) => setTimeout(resolve, 500));
    observer.disconnect();
    return way;
  };
  return go();
}

/** Bytes that are used once what nobody holds is gone. */
async function heap(wire: CDPSession): Promise<number> {
  await wire.send('HeapProfiler.collectGarbage');
  const { usedSize } = await wire.send('Runtime.getHeapUsage');
  return usedSize;
}
