import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createMediaPool, type MediaPool } from './media-worker.ts';

const SAMPLES = join(import.meta.dirname, '../../samples');
const FAULTY = new URL('./testing/faulty-child.ts', import.meta.url);
const USER = join(import.meta.dirname, 'testing/idle-pool.ts');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hedgerow-pool-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** What the faulty child answers in place of a medium. */
async function ask(pool: MediaPool, path: string): Promise<{ pid: number; env: string[] }> {
  return (await pool.process(path)) as unknown as { pid: number; env: string[] };
}

async function ended(pid: number): Promise<boolean> {
  for (let attempt = 0; attempt < 400; attempt++) {
    try {
      process.kill(pid, 0);
      // A child that nobody waited for is a zombie: ended, but still in the table.
      if (/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))) return true;
    } catch {
      return true;
    }
    await wait(50);
  }
  return false;
}

/** One that was left behind would take a core from all tests that follow. */
function endIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // As it should be.
  }
}

test('real files are sniffed, probed and drawn in other processes, and broken ones reported', async () => {
  await using pool = createMediaPool({ size: 2, ffmpeg: { ffmpeg: null, ffprobe: null } });
  const broken = join(folder, 'broken.jpg');
  await writeFile(broken, readFileSync(join(SAMPLES, 'coast/lighthouse.jpg')).subarray(0, 40_000));
  const names = [
    'garden/dawn-over-the-valley.jpg',
    'garden/a-hedgerow-almanac.pdf',
    'coast/waves-on-the-beach.mp4',
  ];
  const [photo, document, video] = await Promise.all(names.map((name) => pool.process(join(SAMPLES, name))));
  expect(photo).toMatchObject({
    sniffed: { mimeType: 'image/jpeg' },
    probe: { title: 'Dawn over the valley' },
  });
  expect(photo?.renditions.preview.bytes).toBeInstanceOf(Uint8Array);
  expect(document?.probe.pageCount).toBe(4);
  expect(video?.renditions.generic).toBe(true);
  await expect(pool.process(broken)).rejects.toMatchObject({ code: 'UNSUPPORTED_MEDIA' });
  await expect(pool.process(join(SAMPLES, 'README.md'))).rejects.toMatchObject({ code: 'UNSUPPORTED_MEDIA' });
  await expect(pool.process(join(folder, 'none'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

describe('whatever a file does to its process, the pool goes on', () => {
  test.each(['crash', 'exit'])('%s: the file is broken', async (fault) => {
    await using pool = createMediaPool({ size: 1, program: FAULTY });
    const { pid } = await ask(pool, 'good');
    await expect(ask(pool, fault)).rejects.toMatchObject({
      code: 'UNSUPPORTED_MEDIA',
      message: expect.stringMatching(/crashed its reader/),
    });
    expect((await ask(pool, 'good')).pid).not.toBe(pid);
  });

  test('a file that takes too long ends with its process', async () => {
    await using pool = createMediaPool({ size: 1, program: FAULTY, timeoutMs: 1500 });
    const { pid } = await ask(pool, 'good');
    await expect(ask(pool, 'hang')).rejects.toMatchObject({
      code: 'UNSUPPORTED_MEDIA',
      message: expect.stringMatching(/took too long/),
    });
    expect(await ended(pid)).toBe(true);
    await ask(pool, 'good');
  });

  test.runIf(process.platform === 'linux')('a file that eats memory ends with its process', async () => {
    await using pool = createMediaPool({ size: 1, program: FAULTY, maxMemoryMb: 300, timeoutMs: 30_000 });
    await expect(ask(pool, 'eat')).rejects.toMatchObject({
      code: 'UNSUPPORTED_MEDIA',
      message: expect.stringMatching(/too much memory/),
    });
    await ask(pool, 'good');
  });

  test('others in work and in the queue are answered all the same', async () => {
    await using pool = createMediaPool({ size: 2, program: FAULTY });
    const results = await Promise.allSettled(
      ['good', 'crash', 'good', 'good', 'crash', 'good'].map((path) => ask(pool, path)),
    );
    expect(results.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
  });
});

test('a reader that cannot start does not make files broken', async () => {
  await using pool = createMediaPool({
    size: 1,
    program: new URL('./testing/not-there.ts', import.meta.url),
  });
  await expect(pool.process('anything')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});

test('a process sees nothing of the server in its environment', async () => {
  process.env['HEDGEROW_SECRET_OF_A_TEST'] = 'x';
  await using pool = createMediaPool({ size: 1, program: FAULTY });
  const { env } = await ask(pool, 'good');
  delete process.env['HEDGEROW_SECRET_OF_A_TEST'];
  expect(env.filter((name) => /HEDGEROW|SECRET|TOKEN|URL|NODE_OPTIONS/.test(name))).toEqual([]);
});

test('a process is replaced after its share of files', async () => {
  await using pool = createMediaPool({ size: 1, program: FAULTY, filesPerProcess: 2 });
  const pids = [];
  for (let file = 0; file < 5; file++) pids.push((await ask(pool, 'good')).pid);
  expect(new Set(pids).size).toBe(3);
});

test('closing ends the processes and refuses what waits', async () => {
  const pool = createMediaPool({ size: 1, program: FAULTY });
  const { pid } = await ask(pool, 'good');
  const working = expect(ask(pool, 'hang')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  const waiting = expect(ask(pool, 'good')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  await pool[Symbol.asyncDispose]();
  await Promise.all([working, waiting]);
  expect(await ended(pid)).toBe(true);
  await expect(ask(pool, 'good')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});

describe('when the main process goes, its children go', () => {
  test('an idle pool that nobody closed keeps nothing alive', async () => {
    const { stdout } = await promisify(execFile)(process.execPath, [USER], { timeout: 20_000 });
    expect(await ended(Number(stdout))).toBe(true);
  });

  // The thread of the second and the third is blocked, so that it cannot be told anything.
  test.runIf(process.platform === 'linux').each([
    ['idle', 'media-child.ts', "await pool.process(file); console.log('ready');"],
    [
      'hanging',
      'testing/hanging-child.ts',
      "pool.process(file); setTimeout(() => console.log('ready'), 1000);",
    ],
    ['beginning', 'testing/hanging-child.ts', "pool.process(file); console.log('ready');"],
  ])('a killed main process takes the %s reader with it', async (_state, child, work) => {
    const program = `
      import { createMediaPool } from ${JSON.stringify(new URL('./media-worker.ts', import.meta.url).href)};
      const program = new URL(${JSON.stringify(new URL(`./${child}`, import.meta.url).href)});
      const file = ${JSON.stringify(join(SAMPLES, 'garden/butterfly.gif'))};
      const pool = createMediaPool({ size: 1, program });
      setInterval(() => {}, 1000);
      ${work}`;
    const main = spawn(process.execPath, ['--input-type=module-typescript', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((done) => main.stdout.once('data', done));
    const list = readFileSync(`/proc/${main.pid}/task/${main.pid}/children`, 'latin1');
    const children = list.trim().split(' ').map(Number);
    expect(children[0]).toBeGreaterThan(0);
    main.kill('SIGKILL');
    try {
      for (const pid of children) expect(await ended(pid)).toBe(true);
    } finally {
      for (const pid of children) endIfThere(pid);
    }
  });
});
