/** A gallery to measure: an instance, the session of its admin, and a Chromium of its own. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import chromium from '@sparticuz/chromium';
import { ensurePagesBuilt } from '../test/support/web.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const ADMIN_TOKEN = 'a-token-of-the-benchmark-that-is-long-enough';
const NAME = 'Ada';
const PASSWORD = 'hedges grow in silence';

export interface BenchGallery extends AsyncDisposable {
  readonly url: string;
  /** Of the admin, as a browser sends it. */
  readonly cookie: string;
}

export interface GalleryOptions {
  /** Fills the database before the start; it is not there yet. */
  fill?: (path: string) => Promise<void>;
  /** Folders to be imported. */
  samples?: readonly string[];
  settings?: Record<string, string>;
}

/** In a process of its own, so that the server does not wait for whoever measures, nor the other way round. */
export async function openGallery({ fill, samples = [], settings }: GalleryOptions): Promise<BenchGallery> {
  await ensurePagesBuilt();
  const folder = await mkdtemp(join(tmpdir(), 'hedgerow-bench-gallery-'));
  const data = join(folder, 'data');
  await mkdir(data);
  await fill?.(join(data, 'hedgerow.db'));
  const hedgerow = (...words: string[]) =>
    spawn(process.execPath, ['bin/hedgerow.js', ...words], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        PATH: process.env['PATH'],
        HEDGEROW_NAME: 'Hedgerow',
        HEDGEROW_DATA_DIR: data,
        HEDGEROW_PORT: '0',
        HEDGEROW_LOG_LEVEL: 'error',
        HEDGEROW_ADMIN_TOKEN: ADMIN_TOKEN,
        HEDGEROW_REQUESTS_PER_MINUTE: '1000000',
        ...settings,
      },
    });
  if (samples.length > 0) {
    const [code] = await once(hedgerow('import', ...samples, '--visibility', 'peers'), 'exit');
    if (code !== 0) throw new Error('The samples could not be imported.');
  }
  const server = hedgerow('serve');
  const ended = once(server, 'exit');
  const [, url = ''] = await lineOf(server.stdout, /(http:\/\/127\.0\.0\.1:\d+)/);
  const send = async (path: string, body: object, headers: Record<string, string>): Promise<Response> => {
    const answer = await fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: url, ...headers },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${path} was answered ${answer.status}: ${await answer.text()}`);
    return answer;
  };
  const query = `mutation { createUser(input: { name: "${NAME}", role: ADMIN, password: "${PASSWORD}" }) { user { id } } }`;
  await send('/graphql', { query }, { authorization: `Bearer ${ADMIN_TOKEN}` });
  const session = await send('/session', { name: NAME, password: PASSWORD }, {});
  return {
    url,
    cookie: session.headers
      .getSetCookie()
      .map((one) => one.split(';', 1)[0])
      .join('; '),
    [Symbol.asyncDispose]: async () => {
      server.kill('SIGTERM');
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The first line that matches; what follows is read and forgotten. */
function lineOf(stream: Readable, pattern: RegExp): Promise<RegExpExecArray> {
  const lines = createInterface({ input: stream });
  return new Promise((resolve, reject) => {
    lines.on('line', (line) => {
      const found = pattern.exec(line);
      if (found !== null) resolve(found);
    });
    lines.on('close', () => reject(new Error('It ended before it was ready.')));
  });
}

export interface BenchBrowser extends AsyncDisposable {
  /** Where it is steered from, on 127.0.0.1. */
  readonly port: number;
}

/** The Chromium of the tests with nothing else at its wires, and a profile that is thrown away. */
export async function openChromium(...args: string[]): Promise<BenchBrowser> {
  const profile = await mkdtemp(join(tmpdir(), 'hedgerow-bench-profile-'));
  const child = spawn(
    await chromium.executablePath(),
    [
      '--no-sandbox',
      '--headless=shell',
      '--remote-debugging-port=0',
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
      `--user-data-dir=${profile}`,
      ...args,
      'about:blank',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const ended = once(child, 'exit');
  const [, port] = await lineOf(child.stderr, /^DevTools listening on ws:\/\/127\.0\.0\.1:(\d+)\//);
  return {
    port: Number(port),
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await ended;
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
