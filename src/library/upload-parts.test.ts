import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { BlobStore } from '../storage/blob-store.ts';
import { openDiskBlobStore } from '../storage/disk-blob-store.ts';
import { partKey } from '../storage/paths.ts';
import { createUploadParts, type UploadParts } from './upload-parts.ts';

const ID = `upload_${'a'.repeat(30)}`;

let root: string;
let store: BlobStore;
let folders: [string, string];
let here: UploadParts;
let there: UploadParts;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'hedgerow-parts-'));
  store = await openDiskBlobStore(join(root, 'store'));
  folders = [join(root, 'here'), join(root, 'there')];
  for (const folder of folders) await mkdir(folder);
  here = createUploadParts(store, folders[0]);
  there = createUploadParts(store, folders[1]);
});
afterEach(() => rm(root, { recursive: true, force: true }));

const fileOf = (folder: string) => readFile(join(folder, ID));

it('brings what one process has taken to another, and back', async () => {
  const bytes = randomBytes(300_000);
  await writeFile(join(folders[0], ID), bytes.subarray(0, 100_000));
  await here.keep(ID, 0, 100_000);
  await there.fetch(ID, 100_000);
  expect((await fileOf(folders[1])).equals(bytes.subarray(0, 100_000))).toBe(true);
  await writeFile(join(folders[1], ID), bytes);
  await there.keep(ID, 100_000, 300_000);
  await here.fetch(ID, 300_000);
  expect((await fileOf(folders[0])).equals(bytes)).toBe(true);
});

it('leaves out what was kept and never acknowledged', async () => {
  const bytes = randomBytes(50_000);
  await writeFile(join(folders[0], ID), bytes);
  await here.keep(ID, 0, 50_000);
  await there.fetch(ID, 20_000);
  expect((await fileOf(folders[1])).equals(bytes.subarray(0, 20_000))).toBe(true);
});

it('goes on with a file that was begun before there were others, and gives it to them', async () => {
  const bytes = randomBytes(40_000);
  // Beyond what was acknowledged there may be more.
  await writeFile(join(folders[0], ID), bytes);
  await here.fetch(ID, 30_000);
  expect((await fileOf(folders[0])).subarray(0, 30_000).equals(bytes.subarray(0, 30_000))).toBe(true);
  await there.fetch(ID, 30_000);
  expect((await fileOf(folders[1])).equals(bytes.subarray(0, 30_000))).toBe(true);
});

it('makes up nothing in the place of a part that is lost', async () => {
  const bytes = randomBytes(60_000);
  await writeFile(join(folders[0], ID), bytes);
  await here.keep(ID, 0, 20_000);
  await here.keep(ID, 20_000, 40_000);
  await here.keep(ID, 40_000, 60_000);
  await store.delete(partKey(ID, 20_000));
  await expect(there.fetch(ID, 60_000)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(there.fetch(`upload_${'b'.repeat(30)}`, 10)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  // Nor is what is here half taken for the whole later.
  await expect(there.fetch(ID, 60_000)).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
