/** What a person may have under way, also where everything comes at the same moment. */

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ALONE } from '../../test/support/alone.ts';
import { describeOnBothDatabases } from '../../test/support/databases.ts';
import type { Database } from '../database/database.ts';
import { isCode } from '../lib/errors.ts';
import type { FileImporter } from './import-file.ts';
import { createUploads, type NewUpload, type Uploads } from './uploads.ts';

const QUOTA = 1000;
const MAX = 400;

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hedgerow-uploads-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** No test here lets a file become whole, so nothing is imported. */
const NO_IMPORTER = {} as FileImporter;

describeOnBothDatabases('uploads', (open) => {
  const make = (database: Database, importer = NO_IMPORTER): Uploads =>
    createUploads({
      database,
      processes: ALONE,
      importer,
      folder,
      maxBytes: MAX,
      quotaBytes: QUOTA,
      now: () => 1_800_000_000_000,
    });
  const of = (ownerId: string | null): NewUpload => ({
    ownerId,
    filename: null,
    visibility: 'INSTANCE',
    tags: [],
  });
  const outcomes = async (work: Promise<unknown>[]) => {
    const settled = await Promise.allSettled(work);
    const refused = settled.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    for (const { reason } of refused) expect(isCode(reason, 'QUOTA_EXCEEDED'), String(reason)).toBe(true);
    return { taken: settled.length - refused.length, refused: refused.length };
  };

  test('that are announced at the same moment share the quota of their owner, and nobody else’s', async () => {
    const database = await open();
    // As two processes would, which know nothing of each other.
    const [one, two] = [make(database), make(database)];
    for (const owner of ['user_a', 'user_b', null]) {
      const work = Array.from({ length: 20 }, (_, at) => (at % 2 ? one : two).create(of(owner), 300));
      expect(await outcomes(work), String(owner)).toEqual({ taken: 3, refused: 17 });
    }
    // Of what was refused nothing is left.
    expect(await readdir(folder)).toHaveLength(9);
    expect(await database.prisma.upload.count()).toBe(9);
  });

  test('are a hundred at most, however many are announced at once', async () => {
    const database = await open();
    const uploads = make(database);
    const work = Array.from({ length: 110 }, () => uploads.create(of('user_a'), 1));
    expect(await outcomes(work)).toEqual({ taken: 100, refused: 10 });
  });

  test('whose length nobody said share what is left, and leave nothing where it is not enough', async () => {
    const database = await open();
    const uploads = make(database);
    await uploads.create(of('user_a'), 400);
    // 600 bytes are left for four of 350, of which none ends before three were refused: what one leaves is another's.
    const refused = Promise.withResolvers<void>();
    let overQuota = 0;
    async function* body(): AsyncGenerator<Buffer> {
      for (let chunk = 0; chunk < 34; chunk++) yield Buffer.alloc(10);
      await refused.promise;
      yield Buffer.alloc(10);
    }
    await Promise.allSettled(
      [1, 2, 3, 4].map(async () => {
        await uploads.take(of('user_a'), Readable.from(body())).catch((error: unknown) => {
          if (isCode(error, 'QUOTA_EXCEEDED')) overQuota += 1;
          if (overQuota === 3) refused.resolve();
        });
      }),
    );
    expect(overQuota).toBeGreaterThanOrEqual(3);
    expect((await readdir(folder)).filter((name) => name.startsWith('stream_'))).toEqual([]);
    // What they had counts no longer.
    await uploads.create(of('user_a'), 400);
  });

  test('whose length nobody said have one quota at two processes, also while what one has taken is not an item yet', async () => {
    const database = await open();
    const reading = Promise.withResolvers<void>();
    const read = Promise.withResolvers<void>();
    // It is of no kind that is taken, which an import notes as the first that it does.
    const ledger = {
      note: async () => {
        reading.resolve();
        await read.promise;
      },
    };
    const [one, two] = [make(database, { ledger } as unknown as FileImporter), make(database)];
    await two.create(of('user_a'), 400);
    const first = one.take(of('user_a'), Readable.from([Buffer.alloc(350)]));
    await Promise.race([reading.promise, first]);
    const beyond = two.take(of('user_a'), Readable.from([Buffer.alloc(350)]));
    await expect(beyond).rejects.toSatisfy((error) => isCode(error, 'QUOTA_EXCEEDED'));
    await expect(two.create(of('user_a'), 300)).rejects.toSatisfy((error) => isCode(error, 'QUOTA_EXCEEDED'));
    await two.create(of('user_b'), 400);
    read.resolve();
    expect(await first).toMatchObject({ code: 'UNSUPPORTED_MEDIA' });
    // What was not taken takes no room.
    await two.create(of('user_a'), 300);
    expect(await readdir(folder)).toHaveLength(3);
  });
});
