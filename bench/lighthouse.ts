/**
 * Lighthouse on the gallery, as somebody sees it who is signed in: the samples of this project in a whole instance, on a
 * phone as Lighthouse imagines it and on a desk.
 *
 *   npm run bench:lighthouse -- [--rounds 3] [--lighthouse 13]
 *
 * Lighthouse itself comes by npx: 85 packages and 176 MB for one number in four are no dependency of the project.
 */

import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import chromium from '@sparticuz/chromium';
import { pino } from 'pino';
import { chromium as playwright } from 'playwright-core';
import { startApp } from '../src/app.ts';
import { decideConfig } from '../src/config/config.ts';
import { ensurePagesBuilt } from '../test/support/web.ts';

const PASSWORD = 'correct horse battery';
const SAMPLES = fileURLToPath(new URL('../samples/', import.meta.url));
const CATEGORIES = ['performance', 'accessibility', 'best-practices', 'seo'] as const;
const METRICS = [
  'first-contentful-paint',
  'largest-contentful-paint',
  'total-blocking-time',
  'cumulative-layout-shift',
] as const;

interface Report {
  categories: Record<string, { score: number | null }>;
  audits: Record<string, { title: string; score: number | null; displayValue?: string }>;
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' },
    lighthouse: { type: 'string', default: '13' },
  },
});

const folder = await mkdtemp(join(tmpdir(), 'hedgerow-bench-lighthouse-'));
try {
  await measure();
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function measure(): Promise<void> {
  await ensurePagesBuilt();
  const { config, secrets } = decideConfig({
    HEDGEROW_NAME: 'Garden',
    HEDGEROW_DATA_DIR: join(folder, 'data'),
    HEDGEROW_PORT: '0',
    HEDGEROW_LOG_LEVEL: 'silent',
  });
  await using app = await startApp({ config, secrets, log: pino({ level: 'silent' }) });
  await app.library.importFiles({ paths: [SAMPLES], visibility: 'PEERS' });
  await app.access.users.create({ name: 'Ada', role: 'ADMIN', password: PASSWORD });

  const port = await freePort();
  const browser = await playwright.launch({
    executablePath: await chromium.executablePath(),
    args: ['--no-sandbox', '--headless=shell', `--remote-debugging-port=${port}`],
  });
  try {
    const context = await browser.newContext({ baseURL: app.url });
    const page = await context.newPage();
    await page.goto('/');
    await page.getByLabel('Name').fill('Ada');
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForURL(`${app.url}/`);
    const cookies = await context.cookies();
    await context.close();
    const headers = join(folder, 'headers.json');
    const cookie = cookies.map(({ name, value }) => `${name}=${value}`).join('; ');
    await writeFile(headers, JSON.stringify({ cookie }));

    console.log(`Load ${(loadavg()[0] ?? 0).toFixed(1)} before it`);
    console.log('');
    console.log(`| Form | ${[...CATEGORIES, ...METRICS].join(' | ')} |`);
    console.log(`| --- |${' ---: |'.repeat(CATEGORIES.length + METRICS.length)}`);
    const faults = new Set<string>();
    for (const form of ['phone', 'desk'] as const) {
      for (let round = 0; round < Number(values.rounds); round++) {
        const report = await lighthouse(app.url, port, headers, form);
        const scores = CATEGORIES.map((name) => Math.round((report.categories[name]?.score ?? 0) * 100));
        const metrics = METRICS.map((name) => report.audits[name]?.displayValue ?? '–');
        console.log(`| ${form} | ${[...scores, ...metrics].join(' | ')} |`);
        for (const [id, { title, score, displayValue = '' }] of Object.entries(report.audits)) {
          if (score !== null && score < 0.9) faults.add(`${form}: ${id}, ${title} ${displayValue}`);
        }
      }
    }
    console.log('');
    for (const fault of faults) console.log(fault);
  } finally {
    await browser.close();
  }
}

async function lighthouse(
  url: string,
  port: number,
  headers: string,
  form: 'phone' | 'desk',
): Promise<Report> {
  const output = join(folder, 'report.json');
  await promisify(execFile)('npx', [
    '--yes',
    `lighthouse@${values.lighthouse}`,
    `${url}/`,
    `--port=${port}`,
    '--quiet',
    '--output=json',
    `--output-path=${output}`,
    `--extra-headers=${headers}`,
    `--only-categories=${CATEGORIES.join(',')}`,
    ...(form === 'desk' ? ['--preset=desktop'] : []),
  ]);
  return JSON.parse(await readFile(output, 'utf8')) as Report;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
