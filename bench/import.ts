/**
 * How fast an import is beside what it cannot do without: drawing the same two renditions by sharp alone, and hashing
 * the same files by sha256sum. All three take turns on the same files, in one run.
 *
 *   npm run bench:import [-- <files>]
 */

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import sharp from 'sharp';
import { createCatalog } from '../src/catalog/catalog.ts';
import { openDatabase } from '../src/database/database.ts';
import { importFiles } from '../src/library/import.ts';
import { createMediaPool } from '../src/library/media-worker.ts';
import { PREVIEW_EDGE, THUMBNAIL_EDGE } from '../src/library/renditions.ts';
import { openDiskBlobStore } from '../src/storage/disk-blob-store.ts';

const FILES = Number(process.argv[2] ?? 120);
const ROUNDS = 4;
/** 12 megapixels, as cameras and phones make them. */
const WIDTH = 4000;
const HEIGHT = 3000;

const run = promisify(execFile);
const cores = availableParallelism();
const folder = await mkdtemp(join(tmpdir(), 'hedgerow-bench-'));
try {
  await main();
} finally {
  await rm(folder, { recursive: true, force: true });
}

interface Measured {
  files: number;
  bytes: number;
  seconds: number;
}

async function main(): Promise<void> {
  const rounds: string[] = [];
  for (let round = 0; round < ROUNDS; round++) rounds.push(await makeRound(round));

  await using database = await openDatabase({ dialect: 'sqlite', path: join(folder, 'hedgerow.db') });
  const catalog = await createCatalog(database);
  const store = await openDiskBlobStore(join(folder, 'store'));
  await using media = createMediaPool();
  const context = { database, catalog, store, media, ownFolders: [] };
  const take = async (path: string, inPlace = false): Promise<void> => {
    const { outcomes } = await importFiles(context, { paths: [path], inPlace });
    if (outcomes.added !== (await readdir(path)).length)
      throw new Error(`Not all was added: ${JSON.stringify(outcomes)}`);
  };
  const again = async (path: string): Promise<void> => {
    await importFiles(context, { paths: [path] });
  };
  sharp.cache(false);
  // As in the children of the pool: a thread for each file, a file for each core.
  sharp.concurrency(1);

  const warmUp = await makeRound(-1, cores);
  await take(warmUp);
  await drawAll(warmUp);
  const totals = new Map<string, Measured>();
  for (const [index, path] of rounds.entries()) {
    const turns: [string, () => Promise<unknown>][] = [
      ['import', () => take(path)],
      ['sharp alone, the same renditions', () => drawAll(path)],
      ['sha256sum', () => hashAll(path)],
    ];
    // Each goes first in turn: whoever does reads from a colder cache.
    for (let turn = 0; turn < turns.length; turn++) {
      const [name, work] = turns[(turn + index) % turns.length] ?? ['', async () => {}];
      await measure(totals, name, path, work);
    }
    await measure(totals, 'import again, nothing new', path, () => again(path));
  }
  print(totals);
}

async function measure(
  totals: Map<string, Measured>,
  name: string,
  path: string,
  work: () => Promise<unknown>,
): Promise<void> {
  const started = performance.now();
  await work();
  const seconds = (performance.now() - started) / 1000;
  const before = totals.get(name) ?? { files: 0, bytes: 0, seconds: 0 };
  const paths = await list(path);
  const sizes = await Promise.all(paths.map(async (file) => (await stat(file)).size));
  totals.set(name, {
    files: before.files + paths.length,
    bytes: before.bytes + sizes.reduce((sum, size) => sum + size, 0),
    seconds: before.seconds + seconds,
  });
}

async function drawAll(path: string): Promise<void> {
  const paths = await list(path);
  const next = paths.values();
  await Promise.all(
    Array.from({ length: cores }, async () => {
      for (const file of next) await draw(file);
    }),
  );
}

/** What src/library/renditions.ts does to a picture, and nothing else. */
async function draw(file: string): Promise<void> {
  const { data, info } = await sharp(file)
    .autoOrient()
    .resize(PREVIEW_EDGE, PREVIEW_EDGE, { fit: 'inside', withoutEnlargement: true })
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  const preview = sharp(data, { raw: { width, height, channels } });
  await preview
    .clone()
    .resize(THUMBNAIL_EDGE, THUMBNAIL_EDGE, { fit: 'inside' })
    .webp({ quality: 76, effort: 4 })
    .toBuffer();
  await preview.clone().webp({ quality: 80, effort: 2 }).toBuffer();
}

async function hashAll(path: string): Promise<void> {
  await run('sha256sum', await list(path));
}

async function list(path: string): Promise<string[]> {
  return (await readdir(path)).sort().map((name) => join(path, name));
}

/** A folder of pictures that differ: windows of one large picture of soft shapes and grain. */
async function makeRound(round: number, files = Math.ceil(FILES / ROUNDS)): Promise<string> {
  const path = join(folder, `round ${round}`);
  await mkdir(path);
  const canvas = await sharp({
    create: {
      width: 70,
      height: 54,
      channels: 3,
      background: '#777',
      noise: { type: 'gaussian', mean: 120, sigma: 60 },
    },
  })
    .resize(WIDTH + 400, HEIGHT + 400, { kernel: 'cubic', fit: 'fill' })
    .composite([
      {
        input: await sharp({
          create: {
            width: WIDTH + 400,
            height: HEIGHT + 400,
            channels: 3,
            background: '#777',
            noise: { type: 'gaussian', mean: 128, sigma: 12 },
          },
        })
          .png({ compressionLevel: 0 })
          .toBuffer(),
        blend: 'soft-light',
      },
    ])
    .removeAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  const raw = { width: canvas.info.width, height: canvas.info.height, channels: canvas.info.channels };
  for (let number = 0; number < files; number++) {
    await sharp(canvas.data, { raw })
      .extract({ left: (number * 37) % 400, top: (number * 53) % 400, width: WIDTH, height: HEIGHT })
      .jpeg({ quality: 88 })
      .toFile(join(path, `${number}.jpg`));
  }
  return path;
}

function print(totals: Map<string, Measured>): void {
  const rate = ({ files, seconds }: Measured): number => files / seconds;
  const own = totals.get('import');
  if (own === undefined) return;
  console.log(
    `${own.files} pictures of ${WIDTH} × ${HEIGHT}, ${(own.bytes / own.files / 1e6).toFixed(1)} MB each;`,
  );
  console.log(`${cores} cores (${cpus()[0]?.model.trim()}), Node ${process.version}\n`);
  console.log('| | files/s | MB/s | import takes |');
  console.log('|---|---:|---:|---:|');
  for (const [name, measured] of totals) {
    const { bytes, seconds } = measured;
    const ratio = name === 'import' ? '' : `× ${(rate(measured) / rate(own)).toPrecision(3)}`;
    console.log(
      `| ${name} | ${rate(measured).toFixed(1)} | ${(bytes / seconds / 1e6).toFixed(0)} | ${ratio} |`,
    );
  }
}
