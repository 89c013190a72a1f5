import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { SLOT_BYTES, writeByThread } from './file-writer.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hedgerow-writer-'));
  await mkdir(join(folder, 'temporary'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const write = (name: string, path: string, bytes: Buffer) =>
  writeByThread(join(folder, 'temporary', name), join(folder, path), bytes);
const left = () => readdir(join(folder, 'temporary'));

it('writes many at once, each whole under its own name in folders that it makes, and refuses what is too many or too long', async () => {
  const contents = Array.from({ length: 60 }, (_, at) =>
    randomBytes(at % 3 === 0 ? SLOT_BYTES : 1 + at * 999),
  );
  const given = contents.map((bytes, at) => {
    const source = Buffer.from(bytes);
    const writing = write(`${at}`, `cache/${at % 5}/${at}`, source);
    // It was copied already.
    source.fill(0);
    return writing;
  });
  const taken = given.map((writing) => writing !== null);
  expect(taken.indexOf(false)).toBeGreaterThan(1);
  expect(taken.includes(true, taken.indexOf(false))).toBe(false);
  await Promise.all(given);
  for (const [at, bytes] of contents.entries()) {
    const path = join(folder, 'cache', `${at % 5}`, `${at}`);
    if (taken[at]) expect((await readFile(path)).equals(bytes)).toBe(true);
    else await expect(stat(path)).rejects.toMatchObject({ code: 'ENOENT' });
  }
  expect(await left()).toEqual([]);
  expect(write('long', 'long', Buffer.alloc(SLOT_BYTES + 1))).toBeNull();
  // There is room again.
  await write('next', 'next', contents[1] as Buffer);
  expect((await readFile(join(folder, 'next'))).equals(contents[1] as Buffer)).toBe(true);
});

it('leaves nothing of what fails, says why as the file system does, and goes on with the others', async () => {
  await writeFile(join(folder, 'file'), 'in the way');
  await mkdir(join(folder, 'full/of'), { recursive: true });
  const bytes = randomBytes(100);
  const results = await Promise.allSettled([
    write('a', 'file/below', bytes),
    write('b', 'fine', bytes),
    write('c', 'full', bytes),
    write('d', `${'x'.repeat(300)}`, bytes),
    writeByThread(join(folder, 'gone', 'e'), join(folder, 'e'), bytes),
  ]);
  expect(results.map((each) => (each.status === 'fulfilled' ? null : each.reason.code))).toEqual([
    'ENOTDIR',
    null,
    'EISDIR',
    'ENAMETOOLONG',
    'ENOENT',
  ]);
  expect(await left()).toEqual([]);
  expect((await readFile(join(folder, 'fine'))).equals(bytes)).toBe(true);
  expect(await readFile(join(folder, 'file'), 'utf8')).toBe('in the way');
});

it('never writes over what is being written by another under the same temporary name', async () => {
  await writeFile(join(folder, 'temporary/taken'), 'half of it');
  await expect(write('taken', 'one', randomBytes(10))).rejects.toMatchObject({ code: 'EEXIST' });
  await expect(stat(join(folder, 'one'))).rejects.toMatchObject({ code: 'ENOENT' });
  expect(await readFile(join(folder, 'temporary/taken'), 'utf8')).toBe('half of it');
});
