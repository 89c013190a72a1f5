/** What every blob store does, whatever is behind it. */

import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BlobEntry, BlobStore } from '../../src/storage/blob-store.ts';
import { cachedFileKey, originalKey } from '../../src/storage/paths.ts';
import { segmentDigests, sha256 } from '../../src/storage/segment-digests.ts';

export interface StoreUnderTest extends AsyncDisposable {
  store: BlobStore;
  /** How many files or uploads are there that are no blob. */
  leftovers(): Promise<number>;
  /** Leaves what a crash in the middle of a write would leave. */
  crash(): Promise<void>;
}

export function describeBlobStore(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`the blob store ${name}`, () => {
    let test: StoreUnderTest;
    let store: BlobStore;
    beforeEach(async () => {
      test = await open();
      store = test.store;
    });
    afterEach(() => test[Symbol.asyncDispose]());

    const content = randomBytes(700_001);
    const key = originalKey(sha256(content));

    it('gives back what was written, whole and by range', async () => {
      await store.write(key, content, { sync: true });
      const { body, size } = await store.read(key);
      expect(size).toBe(content.length);
      expect((await buffer(body)).equals(content)).toBe(true);
      for (const [start, end] of [
        [0, 0],
        [5, 300_000],
        [content.length - 1, content.length - 1],
        [262_143, 262_144],
      ] as const) {
        const part = await store.read(key, { start, end });
        expect((await buffer(part.body)).equals(content.subarray(start, end + 1))).toBe(true);
        expect(part.size).toBe(content.length);
      }
      expect((await store.bytes(key, 100, 200_000)).equals(content.subarray(100, 200_100))).toBe(true);
      expect((await store.bytes(key, content.length - 3, 100)).equals(content.subarray(-3))).toBe(true);
      expect(await store.stat(key)).toMatchObject({ size: content.length });
    });

    it('computes size, digest and segment list while it writes, and can name the blob by its digest', async () => {
      const written = await store.write((digest) => originalKey(digest), chunksOf(content, 9_973), {
        sync: false,
      });
      expect(written).toEqual({ key, ...(await segmentDigests(Readable.from([content]))) });
      expect(written.segments?.count).toBe(3);
      expect((await buffer((await store.read(key)).body)).equals(content)).toBe(true);
    });

    it('keeps an empty blob', async () => {
      const empty = originalKey(sha256(Buffer.alloc(0)));
      await store.write(empty, Buffer.alloc(0), { sync: false });
      expect(await store.stat(empty)).toMatchObject({ size: 0 });
      expect(await buffer((await store.read(empty)).body)).toHaveLength(0);
    });

    it('keeps nothing where the digest or the size is another', async () => {
      await expect(
        store.write(key, content, { sync: false, digest: sha256(Buffer.from('other')) }),
      ).rejects.toMatchObject({ code: 'INTEGRITY_FAILED' });
      await expect(
        store.write(key, chunksOf(content, 50_000), { sync: false, size: content.length + 1 }),
      ).rejects.toMatchObject({ code: 'INTEGRITY_FAILED' });
      expect(await store.stat(key)).toBeNull();
      expect(await test.leftovers()).toBe(0);
    });

    it('keeps nothing of a source that fails half way', async () => {
      const failing = Readable.from(
        (async function* () {
          yield content.subarray(0, 300_000);
          throw new Error('the sender went away');
        })(),
      );
      await expect(store.write(key, failing, { sync: false })).rejects.toThrow('the sender went away');
      expect(await store.stat(key)).toBeNull();
      expect(await test.leftovers()).toBe(0);
    });

    it('tells absence as a result of stat and as NOT_FOUND of reads', async () => {
      expect(await store.stat(key)).toBeNull();
      await expect(store.read(key)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(store.bytes(key, 0, 10)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await store.delete(key);
    });

    it('refuses a range outside the blob', async () => {
      await store.write(key, content, { sync: false });
      await expect(store.read(key, { start: 0, end: content.length })).rejects.toMatchObject({
        code: 'RANGE_NOT_SATISFIABLE',
      });
    });

    it('refuses names that are not keys, above all those that climb', async () => {
      for (const wrong of [
        '../secret',
        'originals/../../x',
        '/etc/passwd',
        'originals/',
        'cache/1/2/a.b/../c',
        '',
      ]) {
        await expect(store.write(wrong, content, { sync: false })).rejects.toMatchObject({ code: 'INVALID' });
        await expect((async () => store.read(wrong))()).rejects.toMatchObject({ code: 'INVALID' });
      }
      await expect((async () => store.deleteAll('originals'))()).rejects.toMatchObject({ code: 'INVALID' });
      await expect((async () => store.deleteAll(''))()).rejects.toMatchObject({ code: 'INVALID' });
      expect(await test.leftovers()).toBe(0);
    });

    it('lists and deletes under a prefix, and nothing beside it', async () => {
      const small = Buffer.from('a small one');
      const first = cachedFileKey(1, 1234, 'original', 'abc');
      const keys = [`${first}/list`, `${first}/0`, `${first}/2001`, cachedFileKey(1, 1234, 'thumbnail', 'd')];
      const others = [
        cachedFileKey(1, 123, 'thumbnail', 'd'),
        cachedFileKey(12, 1234, 'thumbnail', 'd'),
        key,
      ];
      for (const each of [...keys, ...others]) await store.write(each, small, { sync: false });
      expect(await namesOf(store.list('cache/1/1234/'))).toEqual([...keys].sort());
      expect(await namesOf(store.list('cache/1/'))).toEqual([...keys, others[0]].sort());
      for await (const entry of store.list('cache/')) expect(entry.size).toBe(small.length);
      expect(await namesOf(store.list('cache/99/'))).toEqual([]);
      await store.deleteAll(`${first}/`);
      expect(await namesOf(store.list('cache/1/1234/'))).toEqual([keys[3]]);
      await store.deleteAll('cache/1/');
      expect(await namesOf(store.list('cache/'))).toEqual([others[1]]);
      expect(await store.stat(key)).not.toBeNull();
      await store.deleteAll('cache/77/');
    });

    it('reads what it has read before as it is by then, and says so where it is gone', async () => {
      const place = cachedFileKey(1, 2, 'original', 'again');
      for (const bytes of [content.subarray(0, 1000), content.subarray(1000, 3000)]) {
        await store.write(place, bytes, { sync: false, digest: sha256(bytes), verified: true });
        for (const _ of [1, 2, 3]) {
          const read = await store.bytes(place, 10, 3000);
          expect(read.equals(bytes.subarray(10))).toBe(true);
        }
      }
      await store.delete(place);
      await expect(store.bytes(place, 0, 10)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await store.write(place, content.subarray(5, 10), { sync: false });
      expect((await store.bytes(place, 0, 10)).equals(content.subarray(5, 10))).toBe(true);
    });

    it('replaces a blob in one step: a reader sees the former or the latter', async () => {
      const one = Buffer.alloc(300_000, 1);
      const two = Buffer.alloc(300_000, 2);
      const place = cachedFileKey(1, 1, 'original', 'x');
      await store.write(place, one, { sync: false });
      const { body } = await store.read(place);
      await store.write(place, two, { sync: false });
      expect((await buffer(body)).equals(one)).toBe(true);
      expect((await store.bytes(place, 0, 5)).equals(two.subarray(0, 5))).toBe(true);
    });

    it('writes and deletes side by side in the same folders', async () => {
      const work = Array.from({ length: 60 }, async (_, index) => {
        const place = cachedFileKey(1, 7, 'original', `t${index % 5}`);
        if (index % 3 === 0) await store.delete(place);
        else await store.write(place, Buffer.from(String(index)), { sync: false });
      });
      await Promise.all(work);
      expect(await test.leftovers()).toBe(0);
    });

    it('copies what is under a prefix, again without harm, and each name lives by itself', async () => {
      const places = [
        cachedFileKey(1, 7, 'thumbnail', 't1'),
        `${cachedFileKey(1, 7, 'original', 't1')}/0`,
        `${cachedFileKey(1, 7, 'original', 't1')}/list`,
      ];
      for (const place of places) await store.write(place, Buffer.from(place), { sync: false });
      await store.write(cachedFileKey(1, 77, 'thumbnail', 't1'), content, { sync: false });
      await store.copyAll('cache/1/7/', 'cache/2/7/');
      await store.copyAll('cache/1/7/', 'cache/2/7/');
      await store.copyAll('cache/1/8/', 'cache/2/8/');
      expect(await test.leftovers()).toBe(0);
      expect(await namesOf(store.list('cache/2/'))).toEqual(
        places.map((place) => place.replace('cache/1', 'cache/2')).sort(),
      );
      await store.deleteAll('cache/1/7/');
      expect(await namesOf(store.list('cache/1/'))).toEqual([cachedFileKey(1, 77, 'thumbnail', 't1')]);
      for (const place of places) {
        const bytes = await store.bytes(place.replace('cache/1', 'cache/2'), 0, 200);
        expect(bytes.toString()).toBe(place);
      }
    });

    it('sweeps what a crash left, and no blob', async () => {
      await store.write(key, content, { sync: false });
      await test.crash();
      expect(await test.leftovers()).toBeGreaterThan(0);
      await store.sweep(60_000);
      expect(await test.leftovers()).toBeGreaterThan(0);
      expect((await store.sweep()).files).toBeGreaterThan(0);
      expect(await test.leftovers()).toBe(0);
      expect(await store.stat(key)).not.toBeNull();
    });
  });
}

function chunksOf(content: Buffer, length: number): Readable {
  return Readable.from(
    (function* () {
      for (let at = 0; at < content.length; at += length) yield content.subarray(at, at + length);
    })(),
  );
}

async function namesOf(entries: AsyncIterable<BlobEntry>): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of entries) names.push(entry.key);
  return names.sort();
}
