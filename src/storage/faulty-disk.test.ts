import { execFile, execFileSync } from 'node:child_process';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { describeBlobStore } from '../../test/support/blob-store-contract.ts';
import { ALLOWED, LATTER, live, ORIGINAL, prepare } from '../../test/support/dying-store.ts';
import { OneFailure, plannedFiles, plans } from '../../test/support/failing-files.ts';
import { isCode } from '../lib/errors.ts';
import type { BlobStore, WriteKey, WriteOptions } from './blob-store.ts';
import { openDiskBlobStore } from './disk-blob-store.ts';
import { cachedFileKey, TEMPORARY } from './paths.ts';

const CODES = ['ENOSPC', 'EIO'];

/** Steps that every operation on the way through the suite was broken off at. */
const broken = new Set<string>();

/**
 * Each operation is done again and again, with its first step failing, then its second, until it has come to its end
 * without a failure. What a failure left must be what was there before or what was to be there.
 */
async function persistent<T>(
  store: BlobStore,
  work: () => Promise<T>,
  check: () => Promise<void>,
): Promise<T> {
  under.way += 1;
  try {
    for (let at = 1; ; at += 1) {
      const plan = new OneFailure(at, CODES[at % CODES.length] ?? 'EIO');
      let refusal: { error: unknown } | null = null;
      try {
        const result = await plans.run(plan, work);
        if (!plan.reached) return result;
      } catch (error) {
        if (!plan.reached) throw error;
        // What was refused anyway is refused, also where the disk fails while it is tidied up.
        if (!isCode(error, 'QUOTA_EXCEEDED', 'UNAVAILABLE')) refusal = { error };
      }
      broken.add(plan.operation);
      // Of several at once each may have changed what another looks at, or be writing what would be swept.
      if (under.way === 1) {
        await check();
        // What the failure of tidying up has left, the next start removes.
        await store.sweep();
      }
      if (refusal !== null) throw refusal.error;
    }
  } finally {
    under.way -= 1;
  }
}

const under = { way: 0 };

function stubborn(store: BlobStore): BlobStore {
  const current = async (key: WriteKey): Promise<Buffer | null> => {
    if (typeof key !== 'string') return null;
    try {
      return await buffer((await store.read(key)).body);
    } catch {
      return null;
    }
  };
  return {
    ...store,
    write: async (key: WriteKey, source: Readable | Buffer, options: WriteOptions) => {
      const former = await current(key);
      const { chunks, failure } = await taken(source);
      const whole = Buffer.concat(chunks);
      const again = (): Readable | Buffer =>
        Buffer.isBuffer(source)
          ? source
          : Readable.from(
              (async function* () {
                yield* chunks;
                if (failure !== null) throw failure.error;
              })(),
            );
      return persistent(
        store,
        () => store.write(key, again(), options),
        async () => {
          const now = await current(key);
          const allowed = failure === null ? [former, whole] : [former];
          expect(allowed.some((each) => (each === null ? now === null : now?.equals(each) === true))).toBe(
            true,
          );
        },
      );
    },
    delete: (key) =>
      persistent(
        store,
        () => store.delete(key),
        async () => {},
      ),
    deleteAll: (prefix) =>
      persistent(
        store,
        () => store.deleteAll(prefix),
        async () => {},
      ),
    copyAll: (from, to) =>
      persistent(
        store,
        () => store.copyAll(from, to),
        async () => {},
      ),
  };
}

async function taken(
  source: Readable | Buffer,
): Promise<{ chunks: Buffer[]; failure: { error: unknown } | null }> {
  const chunks: Buffer[] = [];
  if (Buffer.isBuffer(source)) return { chunks: [source], failure: null };
  try {
    for await (const chunk of source) chunks.push(chunk as Buffer);
    return { chunks, failure: null };
  } catch (error) {
    return { chunks, failure: { error } };
  }
}

describeBlobStore('on a disk that fails at every step before it gives in', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'hedgerow-faulty-'));
  return {
    store: stubborn(
      await openDiskBlobStore(
        folder,
        plannedFiles(() => plans.getStore()),
      ),
    ),
    leftovers: async () => (await readdir(join(folder, TEMPORARY))).length,
    crash: () => writeFile(join(folder, TEMPORARY, 'half'), 'half of it'),
    [Symbol.asyncDispose]: async () => {
      for (const step of ['open', 'write', 'rename']) expect(broken).toContain(step);
      await rm(folder, { recursive: true, force: true });
    },
  };
});

describe('a process that is killed', () => {
  const program = fileURLToPath(new URL('../../test/support/dying-store.ts', import.meta.url));
  /** The signal that ended the process; null where it came to its end. */
  const killedAt = (folder: string, step: number): Promise<NodeJS.Signals | null> =>
    new Promise((resolve, reject) => {
      execFile(process.execPath, [program, folder, String(step)], (error, _out, err) => {
        if (error === null) resolve(null);
        else if (error.signal !== null && error.signal !== undefined) resolve(error.signal as NodeJS.Signals);
        else reject(new Error(err));
      });
    });

  it('at any write, rename, link or removal leaves whole blobs or none, and what it leaves besides is swept', async () => {
    let steps = 0;
    const killOne = async (step: number): Promise<boolean> => {
      const folder = await mkdtemp(join(tmpdir(), 'hedgerow-killed-'));
      try {
        await prepare(await openDiskBlobStore(folder));
        const signal = await killedAt(folder, step);
        if (signal === null) return false;
        expect(signal).toBe('SIGKILL');
        const store = await openDiskBlobStore(folder);
        await store.sweep();
        expect(await readdir(join(folder, TEMPORARY))).toEqual([]);
        for (const prefix of ['originals/', 'cache/']) {
          for await (const { key } of store.list(prefix)) {
            const found = await buffer((await store.read(key)).body);
            expect([key, ALLOWED.get(key)?.some((each) => each.equals(found))]).toEqual([key, true]);
          }
        }
        // Done once more it comes to its end.
        await prepare(store);
        await live(store);
        expect((await buffer((await store.read(ORIGINAL)).body)).equals(LATTER)).toBe(true);
        steps += 1;
        return true;
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    };
    for (let step = 1; ; step += 4) {
      const killed = await Promise.all([0, 1, 2, 3].map((more) => killOne(step + more)));
      if (killed.includes(false)) break;
    }
    expect(steps).toBeGreaterThan(12);
  });
});

// Only root may mount; a disk that is full is also what the suite above pretends at every step.
describe.skipIf(process.getuid?.() !== 0 || process.platform !== 'linux')('a disk of fixed size', () => {
  it('that is full says so, keeps what it has, and takes more once there is room', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hedgerow-full-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]);
    try {
      const store = await openDiskBlobStore(folder);
      const keyOf = (index: number): string => cachedFileKey(1, index, 'thumbnail', 'abc');
      const contentOf = (index: number): Buffer => Buffer.alloc(200_000, index);
      let kept = 0;
      for (;;) {
        const result = await store
          .write(keyOf(kept), contentOf(kept), { sync: false })
          .catch((error) => error);
        if (result instanceof Error) {
          expect(result).toMatchObject({ code: 'QUOTA_EXCEEDED' });
          break;
        }
        kept += 1;
      }
      expect(kept).toBeGreaterThan(2);
      expect(await store.stat(keyOf(kept))).toBeNull();
      const half = Readable.from([Buffer.alloc(90_000, 7), Buffer.alloc(90_000, 8)]);
      await expect(store.write(keyOf(kept), half, { sync: true })).rejects.toMatchObject({
        code: 'QUOTA_EXCEEDED',
      });
      expect(await readdir(join(folder, TEMPORARY))).toEqual([]);
      for (let index = 0; index < kept; index += 1) {
        expect((await store.bytes(keyOf(index), 0, 200_000)).equals(contentOf(index))).toBe(true);
      }
      await store.delete(keyOf(0));
      await store.write(keyOf(kept), contentOf(kept), { sync: true });
    } finally {
      execFileSync('umount', [folder]);
      await rm(folder, { recursive: true, force: true });
    }
  });
});
