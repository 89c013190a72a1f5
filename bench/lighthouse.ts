/**
 * What Lighthouse says of the gallery, signed in, with the sample items: all four categories, as a phone and as a desktop
 * computer, each in several turns of which the median counts. Ends with 1 where one is below the goal.
 *
 *   npm run bench:lighthouse -- [--rounds 3] [--path /] [--report folder]
 */

import { writeFile } from 'node:fs/promises';
import { loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import lighthouse, { desktopConfig, type Result } from 'lighthouse';
import { openChromium, openGallery } from './gallery.ts';

const SAMPLES = fileURLToPath(new URL('../samples/', import.meta.url));
const GOAL = 95;
/** ms that a page has until it is looked at. */
const LOADED = 15_000;
const FORMS = { phone: undefined, desktop: desktopConfig } as const;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    path: { type: 'string', default: '/' },
    report: { type: 'string' },
  },
});

await using gallery = await openGallery({ samples: [join(SAMPLES, 'garden'), join(SAMPLES, 'coast')] });

console.log(`load ${loadavg()[0]?.toFixed(1)}`);
const wanting = new Map<string, string>();
for (const [form, config] of Object.entries(FORMS)) {
  const scores = new Map<string, number[]>();
  for (let round = 0; round < Number(values.rounds); round++) {
    const result = await look(config);
    for (const { title, score } of Object.values(result.categories)) {
      scores.set(title, [...(scores.get(title) ?? []), Math.round((score ?? 0) * 100)]);
    }
    if (values.report !== undefined) {
      await writeFile(join(values.report, `${form}-${round}.json`), JSON.stringify(result));
    }
    for (const [id, value] of faults(result)) wanting.set(`${form}, ${id}`, value);
  }
  for (const [title, numbers] of scores) {
    numbers.sort((a, b) => a - b);
    const median = numbers[numbers.length >> 1] ?? 0;
    console.log(`${form}, ${title}: ${median} (${numbers[0]} to ${numbers.at(-1)})`);
    if (median < GOAL) process.exitCode = 1;
  }
}
console.log(`load ${loadavg()[0]?.toFixed(1)}`);
for (const [name, value] of wanting) console.log(`  ${name}: ${value}`);

async function look(config: (typeof FORMS)[keyof typeof FORMS]): Promise<Result> {
  // A browser for each turn: nothing is kept from the one before.
  await using browser = await openChromium();
  const answer = await lighthouse(
    gallery.url + values.path,
    {
      port: browser.port,
      // The page follows the server by a stream, so that its wires are never quiet.
      maxWaitForLoad: LOADED,
      logLevel: 'error',
      output: 'json',
      extraHeaders: { Cookie: gallery.cookie },
    },
    config,
  );
  const result = answer?.lhr;
  if (result === undefined) throw new Error('Lighthouse has nothing to say.');
  if (result.runtimeError !== undefined) throw new Error(result.runtimeError.message);
  // A page that leads away says nothing of the one that was asked for.
  if (new URL(result.finalDisplayedUrl).pathname !== new URL(values.path, gallery.url).pathname) {
    throw new Error(`It came out at ${result.finalDisplayedUrl}.`);
  }
  return result;
}

/** What counts in a category and is not whole. */
function faults({ categories, audits }: Result): [string, string][] {
  return Object.values(categories).flatMap(({ auditRefs }) =>
    auditRefs
      .filter(({ weight, id }) => weight > 0 && (audits[id]?.score ?? 1) < 0.9)
      .map(({ id }): [string, string] => [id, audits[id]?.displayValue ?? audits[id]?.title ?? '']),
  );
}
