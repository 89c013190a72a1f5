import { createHash, randomBytes } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { describeOnBothDatabases } from '../../test/support/databases.ts';
import { type Catalog, createCatalog } from '../catalog/catalog.ts';
import type { Item } from '../catalog/items.ts';
import { readState } from '../catalog/state.ts';
import type { Database } from '../database/database.ts';
import { HedgerowError } from '../lib/errors.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import { openDiskBlobStore } from '../storage/disk-blob-store.ts';
import { originalKey, renditionKey, segmentListKey } from '../storage/paths.ts';
import { type ImportContext, type ImportedFile, type ImportRequest, importFiles } from './import.ts';
import { createMediaPool, type MediaPool } from './media-worker.ts';

const SAMPLES = join(import.meta.dirname, '../../samples');

let pool: MediaPool;
let folder: string;
beforeAll(() => {
  pool = createMediaPool({ size: 2, ffmpeg: { ffmpeg: null, ffprobe: null } });
});
afterAll(() => pool[Symbol.asyncDispose]());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hedgerow-import-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

describeOnBothDatabases('an import', (open) => {
  let database: Database;
  let catalog: Catalog;
  let store: BlobStore;
  let drawn: string[];
  let written: number;

  beforeEach(async () => {
    database = await open();
    catalog = await createCatalog(database);
    const disk = await openDiskBlobStore(join(folder, 'data/media'));
    drawn = [];
    written = 0;
    store = {
      ...disk,
      write: (...args) => {
        written++;
        return disk.write(...args);
      },
    };
    await mkdir(join(folder, 'photos'));
  });

  const context = (parts: Partial<ImportContext> = {}): ImportContext => ({
    database,
    catalog,
    store,
    media: {
      process: (path) => {
        drawn.push(path);
        return pool.process(path);
      },
    },
    ownFolders: [join(folder, 'data')],
    ...parts,
  });
  const run = async (request: Partial<ImportRequest> = {}, parts: Partial<ImportContext> = {}) => {
    const files: ImportedFile[] = [];
    drawn.length = 0;
    written = 0;
    const summary = await importFiles(context(parts), {
      paths: [join(folder, 'photos')],
      onFile: (file) => {
        files.push(file);
      },
      ...request,
    });
    const of = (outcome: string) =>
      files.filter((file) => file.outcome === outcome).map((file) => file.path.slice(folder.length + 8));
    return { ...summary, list: files, of };
  };
  const items = async (): Promise<Item[]> => {
    const query = { origin: 'LOCAL', filter: {}, order: { field: 'TITLE', direction: 'ASC' } } as const;
    const page = await catalog.page({ kind: 'ADMIN', userId: null }, query, { first: 500 });
    return page.edges.map(({ item }) => item);
  };
  const photo = async (name: string, seed = name): Promise<Buffer> => {
    const path = join(folder, 'photos', name);
    const noise = createHash('shake256', { outputLength: 3 * 64 * 48 })
      .update(seed)
      .digest();
    const bytes = await sharp(noise, { raw: { width: 64, height: 48, channels: 3 } })
      .jpeg()
      .toBuffer();
    await mkdir(join(path, '..'), { recursive: true });
    await writeFile(path, bytes);
    return bytes;
  };

  it('takes every kind of file in, with its bytes, its small pictures and what it says of itself', async () => {
    const progress: number[] = [];
    const summary = await run({
      paths: [join(SAMPLES, 'garden'), join(SAMPLES, 'coast')],
      visibility: 'PEERS',
      tags: ['Summer', ' summer ', 'garden'],
      onProgress: ({ done }) => progress.push(done),
    });
    expect(summary).toMatchObject({ ended: 'DONE', error: null, files: 15 });
    expect(summary.outcomes).toMatchObject({ added: 15, broken: 0, unsupported: 0 });
    expect(progress.at(-1)).toBe(15);
    const all = await items();
    expect(all).toHaveLength(15);
    const dawn = all.find((item) => item.filename === 'dawn-over-the-valley.jpg');
    expect(dawn).toMatchObject({
      kind: 'IMAGE',
      title: 'Dawn over the valley',
      storage: 'MANAGED',
      visibility: 'PEERS',
      mimeType: 'image/jpeg',
      ownerId: null,
    });
    expect(dawn?.takenAt).toBeTypeOf('number');
    expect(dawn?.tags.slice(0, 2)).toEqual(['Summer', 'garden']);
    for (const item of all) {
      expect(item.variants.map(({ name }) => name)).toEqual(['thumbnail', 'preview', 'original']);
      for (const variant of item.variants) {
        const digest = variant.digest ?? '';
        const key = variant.name === 'original' ? originalKey(digest) : renditionKey(digest);
        const bytes = await buffer((await store.read(key)).body);
        expect(`sha-256:${createHash('sha256').update(bytes).digest('hex')}`).toBe(variant.digest);
        expect(bytes.length).toBe(variant.size);
        if (bytes.length <= 262_144) expect(variant.segments).toBeUndefined();
        else {
          const list = await buffer(
            (await store.read(segmentListKey(variant.segments?.digest ?? 'missing'))).body,
          );
          expect(list.length).toBe(32 * Math.ceil(bytes.length / 262_144));
        }
      }
    }
  });

  it('passes over what it has dealt with, without reading it, and takes what is new or changed', async () => {
    await photo('a.jpg');
    await photo('deep/b.jpg');
    await writeFile(join(folder, 'photos/notes.txt'), 'no picture');
    expect((await run()).outcomes).toMatchObject({ added: 2, unsupported: 1 });
    const second = await run();
    expect(second.outcomes).toMatchObject({ added: 0, unchanged: 3, duplicate: 0, unsupported: 0 });
    expect([drawn, written]).toEqual([[], 0]);
    await photo('c.jpg');
    await photo('a.jpg', 'other pixels');
    const third = await run();
    expect(third.of('added').sort()).toEqual(['a.jpg', 'c.jpg']);
    expect(third.outcomes.unchanged).toBe(2);
  });

  it('brings back what was removed only where the file itself is named', async () => {
    await photo('a.jpg');
    const [file] = (await run()).list;
    await catalog.local.remove([file?.itemId ?? '']);
    expect((await run()).outcomes.unchanged).toBe(1);
    expect((await run({ paths: [join(folder, 'photos/a.jpg')] })).outcomes.added).toBe(1);
    expect((await run({ paths: [join(folder, 'photos/a.jpg')] })).outcomes.unchanged).toBe(1);
  });

  it('makes one item of the same bytes, also when they come at the same moment', async () => {
    const bytes = await photo('a.jpg');
    for (const name of ['b', 'c', 'd', 'e']) await writeFile(join(folder, `photos/${name}.jpg`), bytes);
    const [one, other] = await Promise.all([run({}, { concurrency: 6 }), run({}, { concurrency: 6 })]);
    expect(one.outcomes.added + other.outcomes.added).toBe(1);
    expect(await items()).toHaveLength(1);
    const [item] = await items();
    await photo('f.jpg', 'a.jpg');
    const late = await run();
    expect(late.list.find((file) => file.outcome === 'duplicate')).toMatchObject({ itemId: item?.id });
    expect(late.outcomes).toMatchObject({ duplicate: 1, unchanged: 5 });
  });

  it('does not tell of somebody else’s private item by calling a file its duplicate', async () => {
    await photo('a.jpg');
    await run({ visibility: 'PRIVATE', ownerId: 'user_one' });
    await photo('b.jpg', 'a.jpg');
    expect((await run({ ownerId: 'user_two' })).outcomes).toMatchObject({ added: 1, duplicate: 0 });
  });

  it('reports what is broken, unsupported or gone, and takes the rest', async () => {
    await photo('good.jpg');
    const whole = await readFile(join(SAMPLES, 'coast/lighthouse.jpg'));
    await writeFile(join(folder, 'photos/cut off.jpg'), whole.subarray(0, 40_000));
    await writeFile(join(folder, 'photos/page.svg'), '<svg xmlns="http://www.w3.org/2000/svg"/>');
    await writeFile(join(folder, 'photos/empty.jpg'), '');
    await symlink('nowhere', join(folder, 'photos/dangling.jpg'));
    const summary = await run();
    expect(summary.ended).toBe('DONE');
    expect(summary.of('broken')).toEqual(['cut off.jpg']);
    expect(summary.of('unsupported')).toEqual(['empty.jpg', 'page.svg']);
    expect(summary.of('unreadable')).toEqual(['dangling.jpg']);
    expect(summary.of('added')).toEqual(['good.jpg']);
    expect(summary.list.find((file) => file.outcome === 'broken')).toMatchObject({
      code: 'UNSUPPORTED_MEDIA',
      reason: 'The picture is cut off: part of the file is missing.',
    });
    // What was copied of the broken one is not kept, and what could not be read is tried again.
    const kept = await Array.fromAsync(store.list('originals/'));
    expect(kept).toHaveLength(1);
    expect((await run()).outcomes).toMatchObject({ unchanged: 4, unreadable: 1 });
  });

  it('does not take a file that changes while it is read', async () => {
    await photo('a.jpg');
    const path = join(folder, 'photos/a.jpg');
    const media = {
      process: async (file: string) => {
        const result = await pool.process(file);
        await writeFile(path, randomBytes(100));
        return result;
      },
    };
    expect((await run({}, { media })).of('unreadable')).toEqual(['a.jpg']);
    expect(await items()).toEqual([]);
    expect(await Array.fromAsync(store.list('originals/'))).toEqual([]);
  });

  it('leaves out hidden files and our own folder, and goes round no loop of links', async () => {
    await photo('a.jpg');
    await photo('.hidden.jpg');
    await photo('.git/b.jpg');
    await photo('@eaDir/c.jpg');
    await symlink('..', join(folder, 'photos/up'));
    await symlink('.', join(folder, 'photos/here'));
    await symlink('a.jpg', join(folder, 'photos/z-again.jpg'));
    await photo('../data/thumb.jpg');
    const summary = await run({ paths: [folder, join(folder, 'photos')] });
    expect(summary.list.map(({ path }) => path).sort()).toEqual([
      join(folder, 'photos/a.jpg'),
      join(folder, 'photos/z-again.jpg'),
    ]);
    expect(summary.outcomes).toMatchObject({ added: 1, duplicate: 1 });
    await expect(run({ paths: [join(folder, 'data/media')] })).rejects.toMatchObject({ code: 'INVALID' });
    await expect(run({ paths: [join(folder, 'none')] })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('leaves originals in their folder where asked, and finds them again after they moved', async () => {
    await photo('a.jpg');
    await photo('b.jpg');
    const a = join(folder, 'photos/a.jpg');
    expect((await run({ inPlace: true })).outcomes.added).toBe(2);
    expect(await Array.fromAsync(store.list('originals/'))).toEqual([]);
    const [item] = await items();
    expect(item).toMatchObject({ storage: 'EXTERNAL', location: a });
    const { revision } = await readState(database.read);
    await rename(a, join(folder, 'photos/moved.jpg'));
    await utimes(join(folder, 'photos/b.jpg'), 1_000_000, 1_000_000);
    expect((await run({ inPlace: true })).outcomes).toMatchObject({ unchanged: 2, added: 0, duplicate: 0 });
    // Whoever remembers where the bytes lie has to read it anew.
    expect((await readState(database.read)).revision).toBeGreaterThan(revision);
    expect(
      (await items()).map(({ id, location, locationMtime }) => ({ id, location, locationMtime })),
    ).toEqual([
      { id: item?.id, location: join(folder, 'photos/moved.jpg'), locationMtime: item?.locationMtime },
      { id: expect.any(String), location: join(folder, 'photos/b.jpg'), locationMtime: 1_000_000_000 },
    ]);
    await copyFile(join(folder, 'photos/b.jpg'), join(folder, 'photos/copy.jpg'));
    expect((await run({ inPlace: true })).of('duplicate')).toEqual(['copy.jpg']);
  });

  it('stops after what is in work, and goes on from there', async () => {
    for (let number = 10; number < 40; number++) await photo(`${number}.jpg`);
    const stop = new AbortController();
    let seen = 0;
    const first = await run({
      signal: stop.signal,
      onFile: () => {
        if (++seen === 5) stop.abort();
      },
    });
    expect(first.ended).toBe('STOPPED');
    expect(first.files).toBeGreaterThanOrEqual(5);
    expect(first.files).toBeLessThan(15);
    expect(await items()).toHaveLength(first.outcomes.added);
    const second = await run();
    expect(second).toMatchObject({ ended: 'DONE', files: 30 });
    expect(second.outcomes).toMatchObject({ unchanged: first.files, added: 30 - first.files });
  });

  it('ends in a sentence where the disk is full, with nothing half taken, and goes on later', async () => {
    for (let number = 10; number < 20; number++) await photo(`${number}.jpg`);
    let room = 12;
    const full: BlobStore = {
      ...store,
      write: (key, source, options) => {
        if (--room >= 0) return store.write(key, source, options);
        if (!Buffer.isBuffer(source)) source.destroy();
        return Promise.reject(new HedgerowError('QUOTA_EXCEEDED', 'There is no room left on the disk.'));
      },
    };
    const first = await run({}, { store: full });
    expect(first).toMatchObject({
      ended: 'FAILED',
      error: { code: 'QUOTA_EXCEEDED', message: 'There is no room left on the disk.' },
    });
    for (const item of await items()) {
      for (const { name, digest } of item.variants) {
        expect(
          await store.stat(name === 'original' ? originalKey(digest ?? '') : renditionKey(digest ?? '')),
        ).not.toBeNull();
      }
    }
    const second = await run();
    expect(second.ended).toBe('DONE');
    expect(await items()).toHaveLength(10);
  });

  it('goes on after a crash at any point: bytes get their item, an item gets no second one', async () => {
    const bytes = await photo('a.jpg');
    await store.write(originalKey, bytes, { sync: false });
    expect((await run()).outcomes.added).toBe(1);
    await photo('b.jpg');
    await run();
    await database.prisma.importedFile.deleteMany();
    expect((await run()).outcomes).toMatchObject({ duplicate: 2, added: 0 });
    expect(await items()).toHaveLength(2);
  });
});
