import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeBlobStore } from '../../test/support/blob-store-contract.ts';
import { SEGMENT_BYTES } from '../lib/media.ts';
import { lease, release } from './buffer-pool.ts';
import { openDiskBlobStore } from './disk-blob-store.ts';
import { openFileStream } from './file-stream.ts';
import { cachedFileKey, keyOf, originalKey, parseCacheKey, pathOf, TEMPORARY } from './paths.ts';
import { createDigestHasher, segmentDigests } from './segment-digests.ts';

describeBlobStore('on a disk', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hedgerow-store-'));
  return {
    store: await openDiskBlobStore(folder),
    leftovers: async () => (await readdir(join(folder, TEMPORARY))).length,
    crash: () => writeFile(join(folder, TEMPORARY, 'half'), 'half of it'),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
});

describe('the layout on disk', () => {
  it('finds every key again from its path', () => {
    const hex = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 64, maxLength: 64 });
    const number = fc.nat(10_000_000);
    const file = fc
      .tuple(number, number, fc.constantFrom('thumbnail', 'original'), hex)
      .map(([peer, item, variant, tag]) =>
        cachedFileKey(peer, item, variant as 'original', tag.slice(0, 32)),
      );
    const key = fc.oneof(
      fc.tuple(fc.constantFrom('originals', 'renditions', 'segments'), hex).map((parts) => parts.join('/')),
      file,
      fc.tuple(file, fc.oneof(fc.constant('list'), number.map(String))).map((parts) => parts.join('/')),
    );
    fc.assert(
      fc.property(key, (each) => {
        expect(keyOf('/store', pathOf('/store', each))).toBe(each);
        expect(parseCacheKey(each) !== null).toBe(each.startsWith('cache/'));
      }),
    );
  });

  it('spreads files over folders of about a thousand', () => {
    expect(pathOf('/r', originalKey('ab'.repeat(32)))).toBe(`/r/originals/ab/${'ab'.repeat(32)}`);
    expect(pathOf('/r', `${cachedFileKey(3, 12_345, 'original', 'ff')}/2001`)).toBe(
      '/r/cache/3/12/12345/original.ff/2/2001',
    );
  });
});

describe('a blob that was read a short while ago', () => {
  it('is read as it is now: any part of it, shorter, gone, and in its place again', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hedgerow-store-'));
    try {
      const store = await openDiskBlobStore(folder);
      const key = originalKey('ab'.repeat(32));
      const path = pathOf(folder, key);
      const content = randomBytes(2 * SEGMENT_BYTES + 1000);
      const read = async (start: number, length: number): Promise<Buffer> => {
        const bytes = await store.bytes(key, start, length);
        const own = Buffer.from(bytes);
        release(bytes);
        return own;
      };
      await store.write(key, content, { sync: false });
      for (let time = 0; time < 3; time += 1) {
        expect((await read(0, SEGMENT_BYTES)).equals(content.subarray(0, SEGMENT_BYTES))).toBe(true);
        expect(
          (await read(SEGMENT_BYTES, 100)).equals(content.subarray(SEGMENT_BYTES).subarray(0, 100)),
        ).toBe(true);
        expect((await read(2 * SEGMENT_BYTES, 5000)).equals(content.subarray(2 * SEGMENT_BYTES))).toBe(true);
        expect(await read(3 * SEGMENT_BYTES, 10)).toHaveLength(0);
      }
      // By another process, or by hand.
      await writeFile(path, 'short');
      expect((await read(0, SEGMENT_BYTES)).toString()).toBe('short');
      await rm(path);
      await expect(read(0, SEGMENT_BYTES)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(read(SEGMENT_BYTES, 100)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await store.write(key, content, { sync: false });
      expect((await read(SEGMENT_BYTES, 100)).equals(content.subarray(SEGMENT_BYTES).subarray(0, 100))).toBe(
        true,
      );
      await store.delete(key);
      await expect(read(0, 10)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe('segment digests', () => {
  it('agree with a digest of each segment, whatever the chunks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(
          0,
          1,
          SEGMENT_BYTES - 1,
          SEGMENT_BYTES,
          SEGMENT_BYTES + 1,
          3 * SEGMENT_BYTES,
          700_000,
        ),
        fc.integer({ min: 1000, max: 600_000 }),
        async (size, chunk) => {
          const content = randomBytes(size);
          const hasher = createDigestHasher();
          for (let at = 0; at < size; at += chunk) hasher.update(content.subarray(at, at + chunk));
          const digests = hasher.finish();
          const list: Buffer[] = [];
          for (let at = 0; at < size; at += SEGMENT_BYTES) {
            list.push(hex(content.subarray(at, at + SEGMENT_BYTES)));
          }
          expect(digests.size).toBe(size);
          expect(digests.digest).toBe(`sha-256:${hex(content).toString('hex')}`);
          if (size <= SEGMENT_BYTES) {
            expect(digests.segments).toBeUndefined();
            expect(digests.segmentList).toBeNull();
          } else {
            expect(digests.segmentList?.equals(Buffer.concat(list))).toBe(true);
            expect(digests.segments).toEqual({
              count: list.length,
              digest: `sha-256:${hex(Buffer.concat(list)).toString('hex')}`,
            });
          }
        },
      ),
      { numRuns: 30 },
    );
  });
});

describe('a file as a stream', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'hedgerow-stream-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('survives recycling of its chunks and being destroyed in the middle', async () => {
    const path = join(folder, 'file');
    const content = randomBytes(3_000_000);
    await writeFile(path, content);
    for (let round = 0; round < 20; round += 1) {
      const { body } = await openFileStream(path);
      body.once('data', () => body.destroy());
      await new Promise((resolve) => body.once('close', resolve));
    }
    const sum = createHash('sha256');
    for await (const chunk of (await openFileStream(path)).body) {
      sum.update(chunk);
      release(chunk);
    }
    expect(sum.digest('hex')).toBe(hex(content).toString('hex'));
    expect((await segmentDigests(path)).size).toBe(content.length);
    await expect(segmentDigests(join(folder, 'absent'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(openFileStream(folder)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('gives a buffer back once, and takes none that it did not lend', async () => {
    const one = lease();
    release(one.subarray(0, 10));
    release(one);
    const two = lease();
    const three = lease();
    expect(two.buffer).not.toBe(three.buffer);
    const stranger = Buffer.allocUnsafeSlow(262_144);
    release(stranger);
    expect(lease().buffer).not.toBe(stranger.buffer);
    expect(await buffer(Readable.from([Buffer.from('x')]))).toHaveLength(1);
  });
});

function hex(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
