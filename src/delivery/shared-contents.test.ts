/** The same bytes of several: stored once, and answered for none but those from whom they came. */

import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { digestsOf } from '../../test/support/byte-peer.ts';
import { expectTruth } from '../../test/support/cache-truth.ts';
import {
  describeOnBothDatabases,
  openNewPostgres,
  openTemporarySqlite,
  type TemporaryDatabase,
} from '../../test/support/databases.ts';
import { content, type DeliveryFixture, openDeliveryFixture } from '../../test/support/delivery-fixture.ts';
import { eventually } from '../../test/support/eventually.ts';
import { frozenAt } from '../../test/support/frozen.ts';
import { type S3Server, startS3Server } from '../../test/support/s3-server.ts';
import { SEGMENT_BYTES } from '../lib/media.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import { cachedFileKey, contentKey, originalKey } from '../storage/paths.ts';
import { openS3BlobStore } from '../storage/s3-blob-store.ts';
import { contentOf } from './contents.ts';
import type { DeliverableFile } from './delivery.ts';

const SEGMENT = SEGMENT_BYTES;
const FILM = content(3 * SEGMENT + 1234);
const PICTURE = content(20_000);
const OTHER = content(2 * SEGMENT);
const CONTENTS = new Map([FILM, PICTURE, OTHER].map((bytes) => [digestsOf(bytes).digest, bytes]));

/** Nobody else writes into the store of a test. */
const ALONE = { othersWrite: 0 };

async function readOf(
  fixture: DeliveryFixture,
  file: DeliverableFile,
  range: [number, number] | null = null,
) {
  const opened = await fixture.delivery.open(
    file,
    range === null ? null : { start: range[0], end: range[1] },
    { fill: true },
  );
  const received = await buffer(opened.body);
  await fixture.delivery.flush();
  return { source: opened.source, received };
}

/** Removes an item of this instance as the library does: the row, then what nobody needs. */
async function removeLocal(fixture: DeliveryFixture, file: DeliverableFile): Promise<void> {
  await fixture.database.prisma.item.delete({ where: { key: file.itemKey } });
  await fixture.delivery.leaveLibrary(file.digest ?? '');
  await fixture.store.delete(originalKey(file.digest ?? ''));
}

describeOnBothDatabases('bytes that several have', (open) => {
  let fixture: DeliveryFixture;
  beforeEach(async () => {
    fixture = await openDeliveryFixture(await open(), ALONE);
  });
  afterEach(() => fixture[Symbol.asyncDispose]());
  const read = (file: DeliverableFile, range: [number, number] | null = null) => readOf(fixture, file, range);
  const truth = () => expectTruth(fixture, CONTENTS);

  it('are stored once, count once in all and whole for each peer, and are fetched from each of them', async () => {
    const one = await fixture.addRemote(FILM);
    const two = await fixture.addRemote(FILM, { peerKey: 2 });
    expect((await read(one)).source).toBe('peer');
    const again = await read(two);
    // The second peer is asked for every byte, and cannot tell that they were here.
    expect(again.source).toBe('peer');
    expect(again.received.equals(FILM)).toBe(true);
    expect(fixture.fetched.bytes).toBe(2 * (FILM.length + 4 * 32));
    expect(await truth()).toEqual({
      stored: FILM.length,
      peers: new Map([
        [1, FILM.length],
        [2, FILM.length],
      ]),
    });
    await fixture.peer.goDown();
    expect((await read(one)).source).toBe('cache');
    expect((await read(two)).source).toBe('cache');
  });

  it('answer for no peer that only names them', async () => {
    const owner = await fixture.addRemote(FILM);
    const small = await fixture.addRemote(PICTURE, { variant: 'thumbnail' });
    for (const file of [owner, small]) await read(file);
    const naming = await fixture.addRemote(FILM, { peerKey: 2 });
    const thumbnail = await fixture.addRemote(PICTURE, { peerKey: 2, variant: 'thumbnail' });
    fixture.peer.files.delete(`${naming.remoteId}/original`);
    fixture.peer.files.delete(`${thumbnail.remoteId}/thumbnail`);
    for (const file of [naming, thumbnail]) {
      await expect(read(file)).rejects.toMatchObject({ code: 'NOT_FOUND' });
      await expect(read(file, [5, 9])).rejects.toMatchObject({ code: 'NOT_FOUND' });
      expect(await fixture.delivery.kept(file)).toBeNull();
    }
    // Whoever gave one segment is answered from that one.
    fixture.peer.files.set(`${naming.remoteId}/original`, FILM);
    await read(naming, [0, 9]);
    await fixture.peer.goDown();
    expect((await read(naming, [0, 9])).source).toBe('cache');
    await expect(read(naming, [SEGMENT, SEGMENT + 9])).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
    expect(await fixture.delivery.has([naming.itemKey, thumbnail.itemKey])).toEqual(
      new Map([[naming.itemKey, 'PARTIAL']]),
    );
    await truth();
  });

  it('are not harmed by a peer that names them and gives others', async () => {
    const owner = await fixture.addRemote(FILM);
    await read(owner);
    const forged = content(FILM.length);
    // Under the digest and the segment list of the film, and under the digest with a list of its own.
    const first = await fixture.addRemote(FILM, { peerKey: 2 });
    fixture.peer.files.set(`${first.remoteId}/original`, forged);
    await expect(read(first)).rejects.toMatchObject({ code: 'INTEGRITY_FAILED' });
    const second = await fixture.addRemote(forged, { peerKey: 2 });
    const named = { ...second, digest: owner.digest };
    expect((await read(named)).received.equals(forged)).toBe(true);
    await fixture.restart();
    await fixture.peer.goDown();
    expect((await read(owner)).received.equals(FILM)).toBe(true);
    expect((await read(named)).received.equals(forged)).toBe(true);
  });

  it('stay for the one when the other is purged, evicted or deleted', async () => {
    const files = [
      await fixture.addRemote(FILM),
      await fixture.addRemote(FILM, { peerKey: 2 }),
      await fixture.addRemote(FILM, { peerKey: 3 }),
      await fixture.addRemote(FILM, { peerKey: 4 }),
    ] as const;
    const [purged, deleted, evicted, last] = files;
    for (const file of files) {
      await read(file, file === last ? [SEGMENT, 3 * SEGMENT] : null);
      fixture.clock.now += 1000;
    }
    await fixture.delivery.purgePeer(purged.source);
    expect(await truth()).toMatchObject({ stored: FILM.length });
    await fixture.database.prisma.item.delete({ where: { key: deleted.itemKey } });
    await fixture.delivery.purgeItem(deleted.itemKey, deleted.source);
    expect(await truth()).toMatchObject({ stored: FILM.length });
    await fixture.restart({ cacheBudget: FILM.length + 1.5 * SEGMENT, ...ALONE });
    await read(await fixture.addRemote(OTHER));
    // Only what the last one has not is gone with the one that was evicted.
    expect(await fixture.delivery.kept(evicted)).toBeNull();
    expect(await fixture.delivery.kept(last)).toMatchObject({ segments: 3 });
    expect(await truth()).toMatchObject({ stored: FILM.length - SEGMENT + OTHER.length });
    await fixture.delivery.purgeAll();
    expect(await truth()).toMatchObject({ stored: 0 });
  });

  it('take no room where this instance has them itself, and take it again before they leave the library', async () => {
    const remote = await fixture.addRemote(FILM);
    const small = await fixture.addRemote(PICTURE);
    const own = await fixture.addLocal(FILM);
    for (const file of [remote, small]) await read(file);
    await read(await fixture.addRemote(FILM, { peerKey: 2 }), [0, SEGMENT]);
    // Two segments for the peer of which not all is here.
    expect(await truth()).toMatchObject({ stored: 2 * SEGMENT + PICTURE.length });
    const ownSmall = await fixture.addLocal(PICTURE);
    await fixture.delivery.joinLibrary(ownSmall.digest ?? '');
    const peers = new Map([
      [1, FILM.length + PICTURE.length],
      [2, 2 * SEGMENT],
    ]);
    expect(await truth()).toEqual({ stored: 2 * SEGMENT, peers });
    expect(await fixture.delivery.room(1)).toBe(1e9 - 2 * SEGMENT);
    await fixture.peer.goDown();
    const whole = async (): Promise<void> => {
      expect((await read(remote)).received.equals(FILM)).toBe(true);
      expect((await read(remote, [SEGMENT - 5, SEGMENT + 5])).source).toBe('cache');
      expect((await read(small)).received.equals(PICTURE)).toBe(true);
    };
    await whole();
    await fixture.restart(ALONE);
    await whole();
    for (const file of [own, ownSmall]) await removeLocal(fixture, file);
    expect(await truth()).toEqual({ stored: FILM.length + PICTURE.length, peers });
    await whole();
    await fixture.restart(ALONE);
    await whole();
  });

  it('are taken for those of an original only where all segments are the same', async () => {
    const secret = await fixture.addLocal(FILM);
    const forged = await fixture.addRemote(content(FILM.length), { peerKey: 2 });
    const naming = { ...forged, digest: secret.digest };
    const { received } = await read(naming);
    expect(received.equals(FILM)).toBe(false);
    await fixture.delivery.joinLibrary(secret.digest ?? '');
    expect((await read(naming)).received.equals(received)).toBe(true);
    expect(await fixture.database.prisma.cachedFile.findMany()).toMatchObject([{ local: false }]);
  });

  it('are fetched from the peer again where the original is damaged, which stays as it is', async () => {
    await fixture.restart({ ...ALONE, verifyShare: 1 });
    const remote = await fixture.addRemote(FILM);
    const own = await fixture.addLocal(FILM);
    await read(remote);
    expect(await truth()).toMatchObject({ stored: 0 });
    const damaged = Buffer.from(FILM);
    damaged[SEGMENT + 3] = (damaged[SEGMENT + 3] ?? 0) ^ 1;
    await fixture.store.write(originalKey(own.digest ?? ''), damaged, { sync: false });
    expect((await read(remote)).received.equals(FILM)).toBe(true);
    expect(await fixture.store.stat(originalKey(own.digest ?? ''))).toMatchObject({ size: FILM.length });
    // Of what cannot be verified on its way out nothing is kept.
    await removeLocal(fixture, own);
    expect((await read(remote)).received.equals(FILM)).toBe(true);
    await truth();
  });

  it('are found where another process has put them', async () => {
    const remote = await fixture.addRemote(FILM);
    await read(remote);
    const other = await fixture.another(ALONE);
    const own = await fixture.addLocal(FILM);
    await other.joinLibrary(own.digest ?? '');
    await fixture.peer.goDown();
    expect((await read(remote)).received.equals(FILM)).toBe(true);
    await fixture.database.prisma.item.delete({ where: { key: own.itemKey } });
    await other.leaveLibrary(own.digest ?? '');
    await fixture.store.delete(originalKey(own.digest ?? ''));
    expect((await read(remote)).received.equals(FILM)).toBe(true);
    await other[Symbol.asyncDispose]();
    await truth();
  });
});

describeOnBothDatabases('a store into which several processes write', (open) => {
  let fixture: DeliveryFixture;
  beforeEach(async () => {
    fixture = await openDeliveryFixture(await open(), { othersWrite: 600_000 });
  });
  afterEach(() => fixture[Symbol.asyncDispose]());
  const blobs = async (): Promise<string[]> =>
    (await Array.fromAsync(fixture.store.list('cache/'))).map(({ key }) => key);

  it('has a row for whatever is in it, before it is in it', async () => {
    const rowsAtWrite: number[] = [];
    const store: BlobStore = {
      ...fixture.store,
      write: async (key, source, options) => {
        if (typeof key === 'string' && !key.endsWith('/list')) {
          const content = key.split('/').slice(1, 3).join('/');
          rowsAtWrite.push(await fixture.database.prisma.cachedFile.count({ where: { content } }));
        }
        return fixture.store.write(key, source, options);
      },
    };
    await fixture.restart({ store });
    await readOf(fixture, await fixture.addRemote(FILM));
    expect(rowsAtWrite).toEqual([1, 1, 1, 1]);
    await truthOf(fixture);
  });

  it('loses nothing that another writes at the moment when somebody’s same bytes go', async () => {
    const first = await fixture.addRemote(FILM);
    await readOf(fixture, first, [0, 2 * SEGMENT - 1]);
    const second = await fixture.addRemote(FILM, { peerKey: 2 });
    // What it brings is in the store alone until its next batch of rows.
    const rows = Promise.withResolvers<void>();
    const { database } = fixture;
    const other = await fixture.another({
      database: Object.create(database, {
        write: {
          value: async <T>(work: Parameters<typeof database.write<T>>[0]) => {
            await rows.promise;
            return database.write(work);
          },
        },
      }),
    });
    let goOn = (): void => {};
    fixture.peer.faults.gate = {
      at: 2 * SEGMENT,
      open: new Promise((resolve) => {
        goOn = resolve;
      }),
    };
    const { body } = await other.open(second, null, { fill: true });
    let arrived = 0;
    body.on('data', (chunk: Buffer) => {
      arrived += chunk.length;
    });
    const received = buffer(body);
    const key = contentKey(contentOf(second, FILM.length) ?? '');
    await eventually('two segments of the other', async () => arrived === 2 * SEGMENT);
    await fixture.delivery.purgePeer(1);
    expect(await blobs()).toEqual(expect.arrayContaining([`${key}/0`, `${key}/1`]));
    rows.resolve();
    goOn();
    expect((await received).equals(FILM)).toBe(true);
    await other[Symbol.asyncDispose]();
    await truthOf(fixture);
  });

  it('is rid in time of what an unclean stop left, and keeps what was written again meanwhile', async () => {
    const kept = await fixture.addRemote(OTHER);
    await readOf(fixture, kept);
    const again = await fixture.addRemote(FILM);
    const key = contentKey(contentOf(again, FILM.length) ?? '');
    const unnamed = cachedFileKey(1, kept.itemKey, 'preview', 'abc');
    const nobodys = contentKey(`small/${'a'.repeat(64)}`);
    const left = [`${key}/0`, `${key}/3`, unnamed, nobodys];
    for (const each of left) await fixture.store.write(each, Buffer.alloc(10), { sync: false });
    const before = await blobs();
    expect(await fixture.delivery.sweep({ olderThan: 700 })).toMatchObject({ files: 0, rows: 0 });
    expect(await blobs()).toEqual(before);
    await readOf(fixture, again, [0, 9]);
    await eventually('what was left to go', async () => {
      await fixture.delivery.sweepAgain(600_000);
      return !(await blobs()).some((each) => left.slice(1).includes(each));
    });
    expect(await blobs()).toContain(`${key}/0`);
    await fixture.peer.goDown();
    for (const file of [kept, again]) expect((await readOf(fixture, file, [0, 9])).source).toBe('cache');
    await truthOf(fixture);
  });
});

async function truthOf(fixture: DeliveryFixture): Promise<void> {
  await expectTruth(fixture, CONTENTS);
}

let server: S3Server;
beforeAll(async () => {
  server = await startS3Server();
});
afterAll(() => server?.[Symbol.asyncDispose]());

const STORES = {
  'on a disk': async (database: TemporaryDatabase['database']) => openDeliveryFixture(database, ALONE),
  'in a bucket': async (database: TemporaryDatabase['database']) => {
    const store = await openS3BlobStore(await server.bucket());
    const fixture = await openDeliveryFixture(database, { ...ALONE, store });
    return {
      ...fixture,
      get delivery() {
        return fixture.delivery;
      },
      [Symbol.asyncDispose]: async () => {
        await fixture[Symbol.asyncDispose]();
        await store[Symbol.asyncDispose]();
      },
    };
  },
};
const DATABASES = { sqlite: openTemporarySqlite, postgresql: openNewPostgres };

describe.each(Object.entries(STORES))('what is kept %s', (where, openFixture) => {
  describe.each(Object.entries(DATABASES))('(%s)', (dialect, openDatabase) => {
    let temporary: TemporaryDatabase;
    let fixture: DeliveryFixture;
    beforeAll(async () => {
      temporary = await openDatabase();
      fixture = await openFixture(temporary.database);
    });
    afterAll(async () => {
      await fixture?.[Symbol.asyncDispose]();
      await temporary?.close();
    });

    it('is what the rows say, once each, after whatever was done with it', async () => {
      const step = fc.oneof(
        {
          weight: 6,
          arbitrary: fc.record({
            type: fc.constant('read' as const),
            file: fc.nat(5),
            first: fc.nat(3),
            count: fc.integer({ min: 1, max: 4 }),
          }),
        },
        fc.record({
          type: fc.constantFrom('purge' as const, 'pin' as const, 'unpin' as const, 'delete' as const),
          file: fc.nat(5),
        }),
        fc.record({ type: fc.constant('purgePeer' as const), peer: fc.integer({ min: 1, max: 2 }) }),
        fc.record({ type: fc.constantFrom('take in' as const, 'remove' as const), content: fc.nat(2) }),
        fc.record({
          type: fc.constant('restart' as const),
          budget: fc.constantFrom(1e9, 2 * SEGMENT, 5 * SEGMENT),
          clean: fc.boolean(),
        }),
      );
      const bytes = [FILM, PICTURE, OTHER];
      await fc.assert(
        fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 14 }), async (steps) => {
          await fixture.restart(ALONE);
          await fixture.delivery.purgeAll();
          await fixture.database.prisma.item.deleteMany({});
          const add = (index: number) =>
            fixture.addRemote(bytes[index % 3] as Buffer, { peerKey: 1 + Math.floor(index / 3) });
          const files = [];
          for (let index = 0; index < 6; index += 1) files.push(await add(index));
          const own: Array<DeliverableFile | null> = [null, null, null];
          for (const each of steps) {
            fixture.clock.now += 1000;
            switch (each.type) {
              case 'read': {
                const file = files[each.file] as DeliverableFile;
                const size = file.size ?? 0;
                const start = Math.min(each.first * SEGMENT, size - 1);
                const end = Math.min(start + each.count * SEGMENT, size) - 1;
                const { received } = await readOf(fixture, file, [start, end]);
                const whole = bytes[each.file % 3] as Buffer;
                expect(received.equals(whole.subarray(start, end + 1))).toBe(true);
                break;
              }
              case 'purge':
                await fixture.delivery.purgeItem((files[each.file] as DeliverableFile).itemKey);
                break;
              case 'pin':
              case 'unpin':
                await fixture.delivery.pin(
                  (files[each.file] as DeliverableFile).itemKey,
                  each.type === 'pin',
                );
                break;
              case 'delete': {
                const file = files[each.file] as DeliverableFile;
                await fixture.database.prisma.item.delete({ where: { key: file.itemKey } });
                await fixture.delivery.purgeItem(file.itemKey, file.source);
                files[each.file] = await add(each.file);
                break;
              }
              case 'purgePeer':
                await fixture.delivery.purgePeer(each.peer);
                break;
              case 'take in':
                if (own[each.content] === null) {
                  const taken = await fixture.addLocal(bytes[each.content] as Buffer);
                  own[each.content] = taken;
                  await fixture.delivery.joinLibrary(taken.digest ?? '');
                }
                break;
              case 'remove': {
                const leaving = own[each.content] ?? null;
                own[each.content] = null;
                if (leaving !== null) await removeLocal(fixture, leaving);
                break;
              }
              case 'restart':
                await fixture.restart({ cacheBudget: each.budget, ...ALONE });
                if (!each.clean) await fixture.delivery.sweep({ unclean: true });
                await fixture.delivery.enforceBudgets();
                break;
            }
            await expectTruth(fixture, CONTENTS);
          }
          expect(fixture.storeErrors).toEqual([]);
        }),
        { numRuns: Number(process.env['SHARED_RUNS'] ?? 8), seed: 20_261_201 },
      );
    });

    it('is whole or not at all wherever a process was killed, and nobody’s bytes go with another’s', async () => {
      // Each step on a disk with SQLite; together all of them, too, on PostgreSQL and in a bucket.
      const [first, stride] =
        where.endsWith('disk') && dialect === 'sqlite' ? [1, 1] : [dialect === 'sqlite' ? 1 : 2, 2];
      for (let at = first; ; at += stride) {
        await fixture.restart(ALONE);
        await fixture.delivery.purgeAll();
        await fixture.database.prisma.item.deleteMany({});
        const [one, two] = [
          await fixture.addRemote(FILM),
          await fixture.addRemote(FILM, { peerKey: 2 }),
        ] as const;
        await readOf(fixture, two, [0, SEGMENT - 1]);
        const own = await fixture.addLocal(FILM);
        // Everything that moves bytes or bits, by a process that ends at its step `at`.
        const dying = frozenAt(at, fixture);
        const process = await fixture.another({ ...ALONE, ...dying });
        const life = (async () => {
          const file = await process.open(one, null, { fill: true });
          await buffer(file.body);
          await process.flush();
          await fixture.database.prisma.item.deleteMany({ where: { key: own.itemKey } });
          await process.leaveLibrary(own.digest ?? '');
          await dying.store.delete(originalKey(own.digest ?? ''));
          await process.purgeItem(one.itemKey, one.source);
          await process[Symbol.asyncDispose]();
        })();
        const ended = await Promise.race([life.then(() => true), dying.died.then(() => false)]);
        await fixture.restart(ALONE);
        await fixture.delivery.sweep({ unclean: true });
        await expectTruth(fixture, CONTENTS);
        // What came from the second peer before is there, whatever became of the first one's.
        await fixture.peer.goDown();
        expect((await readOf(fixture, two, [0, SEGMENT - 1])).source).toBe('cache');
        await fixture.peer.comeUp();
        expect((await readOf(fixture, one)).received.equals(FILM)).toBe(true);
        await expectTruth(fixture, CONTENTS);
        if (ended) {
          expect(at).toBeGreaterThan(12);
          break;
        }
      }
      expect(fixture.storeErrors).toEqual([]);
    });
  });
});
