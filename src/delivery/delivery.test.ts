import { appendFile, mkdir, rename, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { digestsOf } from '../../test/support/byte-peer.ts';
import { describeOnBothDatabases } from '../../test/support/databases.ts';
import { content, type DeliveryFixture, openDeliveryFixture } from '../../test/support/delivery-fixture.ts';
import { faultyStore } from '../../test/support/faulty-store.ts';
import { sql } from '../database/sql.ts';
import { HedgerowError } from '../lib/errors.ts';
import { SEGMENT_BYTES } from '../lib/media.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import { release } from '../storage/buffer-pool.ts';
import { cachedFileKey, contentKey, pathOf } from '../storage/paths.ts';
import { contentOf } from './contents.ts';
import { createDelivery, type DeliverableFile, type OpenedFile } from './delivery.ts';

const FILL = { fill: true };
const SEGMENT = SEGMENT_BYTES;

/** 10,000 by `npm run test:ranges`. */
const RANGES = Number(process.env['RANDOM_RANGES'] ?? 400);
const RANGES_SEED = Number(process.env['RANDOM_SEED'] ?? 20_261_120);

describeOnBothDatabases('delivery of a peer’s file', (open) => {
  let fixture: DeliveryFixture;
  beforeEach(async () => {
    fixture = await openDeliveryFixture(await open());
  });
  afterEach(() => fixture[Symbol.asyncDispose]());

  const read = async (file: DeliverableFile, start?: number, end?: number, options = FILL) => {
    const range = start === undefined || end === undefined ? null : { start, end };
    const opened = await fixture.delivery.open(file, range, options);
    const received = await buffer(opened.body);
    // What was passed on a moment ago is on its way into the store.
    await fixture.delivery.flush();
    return { ...opened, content: received };
  };
  const rows = () => fixture.database.prisma.cachedFile.findMany({ orderBy: { id: 'asc' } });
  const blobs = async (prefix = 'cache/') => {
    const keys: string[] = [];
    for await (const blob of fixture.store.list(prefix)) keys.push(blob.key);
    return keys.sort();
  };

  it('fetches a long file once, passes it on unchanged, and serves it again with the peer switched off', async () => {
    const film = content(3 * SEGMENT + 1234);
    const file = await fixture.addRemote(film);
    const first = await read(file);
    expect(first.content.equals(film)).toBe(true);
    expect(first).toMatchObject({
      source: 'peer',
      cacheStatus: 'hedgerow; fwd=miss; stored',
      start: 0,
      end: film.length - 1,
      size: film.length,
    });
    expect(fixture.peer.bytesRequests()).toEqual(['whole']);
    expect(fixture.fetched.bytes).toBe(film.length + 4 * 32);
    await fixture.restart();
    await fixture.peer.goDown();
    const again = await read(file);
    expect(again.content.equals(film)).toBe(true);
    expect(again).toMatchObject({ source: 'cache', cacheStatus: 'hedgerow; hit' });
    expect(await rows()).toMatchObject([
      { whole: true, segments: null, bytes: BigInt(film.length), size: BigInt(film.length) },
    ]);
    expect(await fixture.delivery.has([file.itemKey, 12_345])).toEqual(new Map([[file.itemKey, 'CACHED']]));
  });

  it('keeps a thumbnail whole, from the first reading on or ahead of it', async () => {
    const thumbnail = content(20_000);
    const file = await fixture.addRemote(thumbnail, { variant: 'thumbnail' });
    expect(await fixture.delivery.prefetch(file)).toBe('kept');
    expect(await fixture.delivery.prefetch(file)).toBe('kept');
    await fixture.peer.goDown();
    for (let round = 0; round < 3; round += 1) {
      expect((await read(file)).content.equals(thumbnail)).toBe(true);
      expect((await read(file, 5, 10)).content.equals(thumbnail.subarray(5, 11))).toBe(true);
    }
    expect(fixture.peer.bytesRequests()).toEqual(['whole']);
    // A thumbnail alone makes nobody say that the item is here.
    expect(await fixture.delivery.has([file.itemKey])).toEqual(new Map());
  });

  it('fetches for a seek only the segments that it touches, by one request', async () => {
    const film = content(40 * SEGMENT);
    const file = await fixture.addRemote(film);
    const from = 20 * SEGMENT + 5;
    const to = 22 * SEGMENT + 7;
    expect((await read(file, from, to)).content.equals(film.subarray(from, to + 1))).toBe(true);
    expect(fixture.peer.bytesRequests()).toEqual([`bytes=${20 * SEGMENT}-${23 * SEGMENT - 1}`]);
    expect(fixture.fetched.bytes).toBe(3 * SEGMENT + 40 * 32);
    expect(await fixture.delivery.has([file.itemKey])).toEqual(new Map([[file.itemKey, 'PARTIAL']]));
    // What is here already is left out of the next request.
    const around = await read(file, 19 * SEGMENT, 24 * SEGMENT - 1);
    expect(around.content.equals(film.subarray(19 * SEGMENT, 24 * SEGMENT))).toBe(true);
    expect(around.cacheStatus).toBe('hedgerow; fwd=partial; stored');
    expect(fixture.peer.bytesRequests().slice(1)).toEqual([
      `bytes=${19 * SEGMENT}-${20 * SEGMENT - 1}`,
      `bytes=${23 * SEGMENT}-${24 * SEGMENT - 1}`,
    ]);
  });

  it('calls a hit what is verified and only on its way into the store, with the peer switched off', async () => {
    const taken = Promise.withResolvers<void>();
    const write: BlobStore['write'] = async (...given) => {
      await taken.promise;
      return fixture.store.write(...given);
    };
    await fixture.restart({ store: { ...fixture.store, write } });
    try {
      // Short enough that none of them waits for the store.
      const films = [content(2 * SEGMENT - 9), content(100_000), content(20_000)];
      const files = await Promise.all(films.map((film) => fixture.addRemote(film)));
      for (const [at, file] of files.entries()) {
        const first = await fixture.delivery.open(file, null, FILL);
        expect(first).toMatchObject({ source: 'peer', cacheStatus: 'hedgerow; fwd=miss; stored' });
        expect((await buffer(first.body)).equals(films[at] as Buffer)).toBe(true);
      }
      await fixture.peer.goDown();
      for (const [at, file] of files.entries()) {
        const again = await fixture.delivery.open(file, { start: 10, end: 999 }, FILL);
        expect(again).toMatchObject({ source: 'cache', cacheStatus: 'hedgerow; hit' });
        expect((await buffer(again.body)).equals((films[at] as Buffer).subarray(10, 1000))).toBe(true);
      }
    } finally {
      taken.resolve();
    }
  });

  it('stops fetching a while after a reader who stops reading', async () => {
    const film = content(40 * SEGMENT);
    const file = await fixture.addRemote(film);
    const opened = await fixture.delivery.open(file, null, FILL);
    await sleep(300);
    expect(fixture.fetched.bytes).toBeLessThanOrEqual(5 * SEGMENT + 40 * 32);
    opened.body.destroy();
    await until(() => fixture.peer.open === 0);
  });

  it('makes one fetch for fifty cold readers, and feeds all of them while it arrives', async () => {
    const film = content(6 * SEGMENT + 99);
    const file = await fixture.addRemote(film);
    let openGate = (): void => {};
    fixture.peer.faults.gate = {
      at: 3 * SEGMENT,
      open: new Promise((resolve) => {
        openGate = resolve;
      }),
    };
    const opened = await Promise.all(
      Array.from({ length: 50 }, () => fixture.delivery.open(file, null, FILL)),
    );
    expect(opened.filter((each) => each.cacheStatus?.includes('collapsed')).length).toBe(49);
    const contents = opened.map((each) => buffer(each.body));
    openGate();
    for (const each of await Promise.all(contents)) expect(each.equals(film)).toBe(true);
    expect(fixture.peer.bytesRequests()).toEqual(['whole']);
    expect(fixture.peer.requests.length).toBe(2);
  });

  it('makes one fetch for many cold readers of a thumbnail that must not be kept', async () => {
    const file = await fixture.addRemote(content(9_000), { variant: 'thumbnail', cache: 'NONE' });
    let openGate = (): void => {};
    fixture.peer.faults.gate = {
      at: 100,
      open: new Promise((resolve) => {
        openGate = resolve;
      }),
    };
    const readers = Array.from({ length: 20 }, () => read(file));
    await until(() => fixture.peer.open === 1);
    openGate();
    for (const each of await Promise.all(readers)) expect(each.cacheStatus).toMatch(/^hedgerow; fwd=bypass/);
    expect(fixture.peer.bytesRequests()).toEqual(['whole']);
    expect(await blobs()).toEqual([]);
    expect(await rows()).toEqual([]);
  });

  it('goes on for the others when one reader leaves, and ends with the last', async () => {
    const film = content(12 * SEGMENT);
    const file = await fixture.addRemote(film);
    fixture.peer.faults.gate = { at: 2 * SEGMENT, open: sleep(100) };
    const [leaving, staying] = await Promise.all([
      fixture.delivery.open(file, null, FILL),
      fixture.delivery.open(file, null, FILL),
    ]);
    leaving.body.destroy();
    expect((await buffer(staying.body)).equals(film)).toBe(true);
    expect(fixture.peer.bytesRequests()).toEqual(['whole']);

    const other = await fixture.addRemote(content(60 * SEGMENT));
    const readers = await Promise.all([1, 2].map(() => fixture.delivery.open(other, null, FILL)));
    expect(fixture.peer.open).toBe(1);
    for (const reader of readers) reader.body.destroy();
    await until(() => fixture.peer.open === 0);
    expect(fixture.peer.requests.at(-1)?.aborted || fixture.peer.requests.at(-2)?.aborted).toBe(true);
  });

  it.each([true, false])('lets one slow reader hold back nobody (kept: %s)', async (fill) => {
    const film = content(16 * SEGMENT);
    const file = await fixture.addRemote(film);
    const [slow, fast] = await Promise.all([
      fixture.delivery.open(file, null, { fill }),
      fixture.delivery.open(file, null, { fill }),
    ]);
    expect((await buffer(fast.body)).equals(film)).toBe(true);
    expect((await buffer(slow.body)).equals(film)).toBe(true);
    if (fill) expect(fixture.peer.bytesRequests()).toEqual(['whole']);
    else expect(await blobs()).toEqual([]);
  });

  it.each([true, false])(
    'gives all of many readers the right bytes, however soon they give their pieces back (kept: %s)',
    async (fill) => {
      const films = [content(9 * SEGMENT + 77), content(9 * SEGMENT + 78)];
      const files = await Promise.all(films.map((film) => fixture.addRemote(film)));
      const read = async (which: number, turns: number): Promise<void> => {
        const { body } = await fixture.delivery.open(files[which] as DeliverableFile, null, { fill });
        const parts: Buffer[] = [];
        for await (const chunk of body) {
          // Some wait before they look, and others before they let go of it.
          for (let turn = 0; turn < turns; turn += 1) await nextTurn();
          parts.push(Buffer.from(chunk));
          if (turns % 2 === 0) await nextTurn();
          release(chunk);
        }
        expect(Buffer.concat(parts).equals(films[which] as Buffer)).toBe(true);
      };
      await Promise.all([0, 1, 2, 5, 20].flatMap((turns) => [read(0, turns), read(1, turns)]));
    },
  );

  it('stores and passes on nothing of a wrong segment, and tells of it', async () => {
    const film = content(5 * SEGMENT);
    const file = await fixture.addRemote(film);
    fixture.peer.faults.corrupt = [2];
    const opened = await fixture.delivery.open(file, null, FILL);
    const { received, error } = await drain(opened.body);
    expect(received.equals(film.subarray(0, 2 * SEGMENT))).toBe(true);
    expect(error).toMatchObject({ code: 'INTEGRITY_FAILED' });
    await expect(
      fixture.delivery.open(file, { start: 2 * SEGMENT, end: 2 * SEGMENT }, FILL),
    ).rejects.toMatchObject({ code: 'INTEGRITY_FAILED', status: 502 });
    expect(fixture.faults).toEqual([
      { itemId: file.itemId, code: 'INTEGRITY_FAILED' },
      { itemId: file.itemId, code: 'INTEGRITY_FAILED' },
    ]);
    await fixture.delivery.flush();
    expect(
      (await blobs()).filter((key) => !key.endsWith('/list')).map((key) => key.split('/').at(-1)),
    ).toEqual(['0', '1']);
    // Mended at the peer, the rest comes without the beginning being fetched again.
    fixture.peer.faults.corrupt = [];
    expect((await read(file)).content.equals(film)).toBe(true);
    expect(fixture.peer.bytesRequests().at(-1)).toBe(`bytes=${2 * SEGMENT}-${5 * SEGMENT - 1}`);
  });

  it('refuses a whole small file, a segment list, and a length that are wrong', async () => {
    const small = await fixture.addRemote(content(1000), { variant: 'preview' });
    fixture.peer.faults.corrupt = [0];
    await expect(read(small)).rejects.toMatchObject({ code: 'INTEGRITY_FAILED' });
    fixture.peer.faults = { wrongList: true };
    const long = await fixture.addRemote(content(2 * SEGMENT));
    await expect(read(long)).rejects.toMatchObject({ code: 'INTEGRITY_FAILED' });
    fixture.peer.faults = {};
    const grown = await fixture.addRemote(content(5000));
    fixture.peer.files.set(`${grown.remoteId}/original`, content(5001));
    await expect(read(grown)).rejects.toMatchObject({ code: 'INTEGRITY_FAILED' });
    expect(fixture.faults.length).toBe(3);
    expect(await blobs()).toEqual([]);
  });

  it('takes up an answer that broke off where it ended, and gives up where it brings nothing', async () => {
    const film = content(6 * SEGMENT);
    const file = await fixture.addRemote(film);
    fixture.peer.faults = { cutAt: 3 * SEGMENT + 500, cuts: 1 };
    expect((await read(file)).content.equals(film)).toBe(true);
    expect(fixture.peer.bytesRequests()).toEqual(['whole', `bytes=${3 * SEGMENT}-${6 * SEGMENT - 1}`]);

    const other = await fixture.addRemote(film);
    fixture.peer.faults = { cutAt: 3 * SEGMENT + 500 };
    const { received, error } = await drain((await fixture.delivery.open(other, null, FILL)).body);
    expect(received.equals(film.subarray(0, 3 * SEGMENT))).toBe(true);
    expect(error).toMatchObject({ code: 'PEER_UNREACHABLE' });
    expect(fixture.faults).toEqual([]);
  });

  it('throws what the upstream throws before the first byte', async () => {
    const film = content(3 * SEGMENT);
    const file = await fixture.addRemote(film);
    fixture.peer.faults.status = 410;
    await expect(read(file)).rejects.toMatchObject({ code: 'MEDIA_GONE' });
    fixture.peer.faults.status = 404;
    await expect(read(file)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await fixture.peer.goDown();
    await expect(read(file)).rejects.toMatchObject({ code: 'PEER_UNREACHABLE', status: 503, retryAfter: 7 });
    const revoked = await fixture.addRemote(film, { peerKey: 99 });
    await expect(read(revoked)).rejects.toMatchObject({ code: 'REVOKED' });
    await fixture.peer.comeUp();
    fixture.peer.faults = {};
    expect((await read(file)).content.equals(film)).toBe(true);
  });

  it('serves the segments that are here while the peer is down, and fails at the first that is not', async () => {
    const film = content(4 * SEGMENT);
    const file = await fixture.addRemote(film);
    await read(file, 0, 2 * SEGMENT - 1);
    await fixture.restart();
    await fixture.peer.goDown();
    expect((await read(file, 10, 2 * SEGMENT - 10)).cacheStatus).toBe('hedgerow; hit');
    const { received, error } = await drain((await fixture.delivery.open(file, null, FILL)).body);
    expect(received.equals(film.subarray(0, 2 * SEGMENT))).toBe(true);
    expect(error).toMatchObject({ code: 'PEER_UNREACHABLE' });
    await expect(read(file, 3 * SEGMENT, 3 * SEGMENT)).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
  });

  it('keeps only thumbnails where the peer’s mode says so, and nothing for a reader who must not fill the cache', async () => {
    const film = content(2 * SEGMENT);
    const original = await fixture.addRemote(film, { cache: 'THUMBNAILS' });
    const thumbnail = await fixture.addRemote(content(3000), { cache: 'THUMBNAILS', variant: 'thumbnail' });
    expect((await read(original)).content.equals(film)).toBe(true);
    expect((await read(thumbnail, undefined, undefined, { fill: false })).cacheStatus).toBe(
      'hedgerow; fwd=miss',
    );
    expect(await blobs()).toEqual([]);
    expect(await fixture.delivery.prefetch(original)).toBe('refused');
    expect(await fixture.delivery.prefetch(thumbnail)).toBe('kept');
    expect((await blobs()).length).toBe(1);
  });

  it('deletes the bytes of an earlier version when the item has others', async () => {
    const file = await fixture.addRemote(content(2 * SEGMENT));
    await read(file);
    await fixture.delivery.flush();
    const next = content(2 * SEGMENT + 5);
    const other = await fixture.addRemote(next);
    const changed = { ...other, itemKey: file.itemKey, itemId: file.itemId };
    expect((await read(changed)).content.equals(next)).toBe(true);
    await fixture.delivery.flush();
    expect(await rows()).toMatchObject([{ digest: changed.digest, bytes: BigInt(next.length) }]);
    for (const key of await blobs()) expect(key).toContain(keyOf(changed));
  });

  it('evicts what was used least recently, and neither what is pinned nor what is being read', async () => {
    await fixture.restart({ cacheBudget: 10 * SEGMENT });
    const add = async () => {
      fixture.clock.now += 60_000;
      const file = await fixture.addRemote(content(2 * SEGMENT));
      await read(file);
      return file;
    };
    const pinned = await add();
    expect(await fixture.delivery.pin(pinned.itemKey, true)).toBe(true);
    const oldest = await add();
    const second = await add();
    const third = await add();
    fixture.clock.now += 60_000;
    await read(oldest);
    const running = await fixture.delivery.open(second, null, FILL);
    fixture.clock.now += 60_000;
    const large = await fixture.addRemote(content(5 * SEGMENT));
    expect((await read(large)).content.length).toBe(5 * SEGMENT);
    await fixture.delivery.flush();
    const kept = new Set((await rows()).map((row) => row.itemKey));
    expect(kept).toEqual(new Set([pinned.itemKey, second.itemKey, large.itemKey]));
    expect(kept.has(third.itemKey)).toBe(false);
    const usage = await fixture.delivery.usage();
    expect(usage.bytes).toBeLessThanOrEqual(10 * SEGMENT);
    expect(usage).toMatchObject({ pinnedBytes: 2 * SEGMENT, items: 3, budget: 10 * SEGMENT });
    running.body.destroy();

    // Item by item, the largest first, those of one size by their ids; page by page the same.
    const asked = { peerKey: null, pinned: null, after: null, take: 10 };
    const items = await fixture.delivery.keptItems(asked);
    expect(items.map(({ bytes, pinned: held }) => [bytes, held])).toEqual([
      [5 * SEGMENT, false],
      ...(items[1]?.pinned ? [true, false] : [false, true]).map((held) => [2 * SEGMENT, held]),
    ]);
    expect(items[0]?.usedAt).toBe(fixture.clock.now);
    for (let at = 0; at < items.length; at++) {
      expect(await fixture.delivery.keptItems({ ...asked, after: items[at - 1] ?? null, take: 1 })).toEqual([
        items[at],
      ]);
    }
    expect(await fixture.delivery.keptItems({ ...asked, pinned: true })).toEqual(
      items.filter((item) => item.pinned),
    );
    expect(await fixture.delivery.keptItems({ ...asked, peerKey: 9_999 })).toEqual([]);
  });

  it('streams on without keeping what no budget has room for', async () => {
    await fixture.restart({ cacheBudget: 3 * SEGMENT });
    const film = content(8 * SEGMENT);
    const file = await fixture.addRemote(film);
    expect((await read(file)).content.equals(film)).toBe(true);
    const usage = await fixture.delivery.usage();
    expect(usage.bytes).toBeLessThanOrEqual(3 * SEGMENT);
    expect((await blobs()).filter((key) => !key.endsWith('list')).length).toBeLessThanOrEqual(3);
    expect((await read(file)).content.equals(film)).toBe(true);
  });

  it('keeps to a budget of one peer', async () => {
    const row = await fixture.database.prisma.peer.create({
      data: { id: 'peer_1', name: 'Birch', cacheBudget: BigInt(3 * SEGMENT) },
    });
    for (let index = 0; index < 4; index += 1) {
      fixture.clock.now += 60_000;
      await read(await fixture.addRemote(content(SEGMENT), { peerKey: row.key }));
      await read(await fixture.addRemote(content(SEGMENT), { peerKey: row.key + 1 }));
    }
    const { peers } = await fixture.delivery.usage();
    expect(peers[0]?.bytes).toBeLessThanOrEqual(3 * SEGMENT);
    expect(peers[0]?.budget).toBe(3 * SEGMENT);
    expect(peers[1]).toMatchObject({ bytes: 4 * SEGMENT, budget: null });
  });

  it('purges by item and by peer, also what is being read and what the catalog has forgotten', async () => {
    const one = await fixture.addRemote(content(3 * SEGMENT));
    const two = await fixture.addRemote(content(5000));
    const other = await fixture.addRemote(content(5000), { peerKey: 2 });
    for (const file of [one, two, other]) await read(file);
    const reading = await fixture.delivery.open(one, null, FILL);
    await fixture.delivery.purgeItem(one.itemKey);
    expect((await blobs()).filter((key) => key.startsWith(keyOf(one)))).toEqual([]);
    expect((await buffer(reading.body)).length).toBe(3 * SEGMENT);
    await fixture.delivery.flush();
    expect((await rows()).map((row) => row.itemKey)).toEqual([two.itemKey, other.itemKey]);
    await fixture.database.prisma.item.delete({ where: { key: two.itemKey } });
    await fixture.delivery.purgeItem(two.itemKey, 1);
    expect(await blobs()).toEqual([keyOf(other)]);
    await fixture.delivery.purgePeer(2);
    expect(await blobs()).toEqual([]);
    expect(await fixture.delivery.usage()).toMatchObject({ bytes: 0, items: 0, peers: [] });
    expect((await read(other)).source).toBe('peer');
    await fixture.delivery.purgeAll();
    expect(await rows()).toEqual([]);
  });

  it('gives what is kept to another peer, also for a process that remembers the former one', async () => {
    const film = content(4 * SEGMENT);
    const [long, short, left, unnamed] = [
      await fixture.addRemote(film),
      await fixture.addRemote(content(5000)),
      await fixture.addRemote(content(5000)),
      await fixture.addRemote(content(2 * SEGMENT), { without: ['digest', 'segments'] }),
    ];
    await read(long, 0, 2 * SEGMENT - 1);
    for (const file of [short, left, unnamed]) await read(file);
    await fixture.delivery.pin(short.itemKey, true);
    // What is on its way into the store when it begins is given along.
    const other = createDelivery({
      database: fixture.database,
      store: fixture.store,
      cacheBudget: 1e9,
      upstreamFor: async () => fixture.peer.upstream,
    });
    const keys = [long, short, left, unnamed].map(({ itemKey }) => itemKey);
    await other.takeOver(1, 2, keys, async (tx) => {
      await tx.run(sql`UPDATE items SET source = 2 WHERE key <> ${left.itemKey}`);
      return [long.itemKey, short.itemKey, unnamed.itemKey];
    });
    await other[Symbol.asyncDispose]();
    expect((await blobs()).filter((key) => key === keyOf(left))).toEqual([]);
    expect(await blobs('cache/1/')).toEqual([]);
    const asked = fixture.peer.requests.length;
    for (const file of [
      { ...long, source: 2 },
      { ...short, source: 2 },
      { ...unnamed, source: 2 },
    ]) {
      const opened = await fixture.delivery.open(file, { start: 0, end: 999 }, FILL);
      expect((await buffer(opened.body)).length).toBe(1000);
      expect(opened.source).toBe('cache');
    }
    expect(fixture.peer.requests.length).toBe(asked);
    // The rest of the film is fetched, and kept under the new peer.
    const { body } = await fixture.delivery.open({ ...long, source: 2 }, null, FILL);
    expect((await buffer(body)).equals(film)).toBe(true);
    await fixture.delivery.flush();
    expect(await fixture.delivery.usage()).toMatchObject({
      pinnedBytes: 5000,
      peers: [{ peerKey: 2, bytes: film.length + 5000 + 2 * SEGMENT, items: 3 }],
    });
    // Nothing is there under two names, and nothing under none.
    expect(await fixture.delivery.sweep()).toMatchObject({ files: 0, rows: 0 });
  });

  it('makes rows and blobs agree after a crash', async () => {
    const film = content(4 * SEGMENT);
    const file = await fixture.addRemote(film);
    const lost = await fixture.addRemote(content(5000));
    await read(file, 0, 3 * SEGMENT - 1);
    await read(lost);
    await fixture.restart();
    const key = keyOf(file);
    await fixture.store.delete(`${key}/0`);
    await fixture.store.write(`${key}/1`, Buffer.alloc(7), { sync: false });
    await fixture.store.write(`${key}/3`, film.subarray(3 * SEGMENT), { sync: false });
    await fixture.store.write(cachedFileKey(1, 4711, 'thumbnail', 'ab'), Buffer.alloc(9), { sync: false });
    await fixture.store.write(`${cachedFileKey(5, 1, 'original', 'cd')}/8`, Buffer.alloc(9), { sync: false });
    await fixture.store.delete(keyOf(lost));
    await writeFile(join(fixture.folder, 'temporary', 'half'), 'half');
    const swept = await fixture.delivery.sweep();
    // One that no row tells of may have come from anybody, although it is right.
    expect(swept).toMatchObject({ files: 5, rows: 2 });
    const [row] = await rows();
    expect(await rows()).toHaveLength(1);
    expect(row?.segments?.[0]).toBe(0b0100);
    expect((await blobs()).map((each) => each.split('/').at(-1))).toEqual(['2', 'list']);
    expect((await read(file)).content.equals(film)).toBe(true);
  });

  it('verifies again what was written last where the last run did not end by itself, and drops what is not right', async () => {
    const film = content(4 * SEGMENT + 9);
    const file = await fixture.addRemote(film);
    const small = await fixture.addRemote(content(5000));
    const unnamed = await fixture.addRemote(content(6000), { without: ['digest', 'segments'] });
    const early = await fixture.addRemote(content(7000));
    for (const each of [early, file, small, unnamed]) await read(each);
    await fixture.restart();
    const key = keyOf(file);
    // What a power cut leaves: the name and the length, without the bytes.
    await fixture.store.write(`${key}/1`, Buffer.alloc(SEGMENT), { sync: false });
    await fixture.store.write(keyOf(small), Buffer.alloc(5000), { sync: false });
    const old = keyOf(early);
    await fixture.store.write(old, Buffer.alloc(7000), { sync: false });
    const long = new Date(Date.now() - 3_600_000);
    await utimes(pathOf(fixture.folder, old), long, long);

    expect(await fixture.delivery.sweep()).toMatchObject({ files: 0, rows: 0 });
    // The one without a digest cannot be verified, so it goes too; what was written long before is not looked at.
    expect(await fixture.delivery.sweep({ unclean: true })).toMatchObject({ files: 3, rows: 3 });
    expect(await fixture.delivery.kept(file)).toMatchObject({ segments: 4, segmentCount: 5 });
    expect(await fixture.delivery.kept(small)).toBeNull();
    expect(await fixture.delivery.kept(early)).toMatchObject({ segments: 1 });
    expect((await read(file)).content.equals(film)).toBe(true);
  });

  it('finds a flipped bit among what is kept, tells of it, and fetches only that segment again', async () => {
    const damaged: string[] = [];
    await fixture.restart({ verifyShare: 1, onDamage: (file) => damaged.push(file.itemId) });
    const film = content(4 * SEGMENT);
    const file = await fixture.addRemote(film);
    const small = content(5000);
    const picture = await fixture.addRemote(small, { variant: 'thumbnail' });
    await read(file);
    await read(picture);
    await fixture.restart({ verifyShare: 1, onDamage: (of) => damaged.push(of.itemId) });
    const key = keyOf(file);
    const flipped = Buffer.from(film.subarray(2 * SEGMENT, 3 * SEGMENT));
    flipped[1000] = (flipped[1000] ?? 0) ^ 1;
    await fixture.store.write(`${key}/2`, flipped, { sync: false });
    const thumbnail = keyOf(picture);
    await fixture.store.write(thumbnail, Buffer.alloc(5000), { sync: false });
    fixture.fetched.bytes = 0;
    expect((await read(file)).content.equals(film)).toBe(true);
    expect((await read(picture)).content.equals(small)).toBe(true);
    expect(damaged).toEqual([file.itemId, picture.itemId]);
    expect(fixture.fetched.bytes).toBe(SEGMENT + 5000);
    // It is the disk that was wrong, not the peer.
    expect(fixture.faults).toEqual([]);
    await fixture.delivery.flush();
    await fixture.peer.goDown();
    expect((await read(file)).content.equals(film)).toBe(true);
    expect(damaged).toHaveLength(2);
  });

  it('serves damaged bytes on where nothing can tell, and never a part of a segment that was found wrong', async () => {
    await fixture.restart({ verifyShare: 1 });
    const film = content(3 * SEGMENT);
    const file = await fixture.addRemote(film);
    await read(file);
    await fixture.restart({ verifyShare: 1 });
    const key = keyOf(file);
    await fixture.store.write(`${key}/1`, Buffer.alloc(SEGMENT), { sync: false });
    await fixture.peer.goDown();
    await expect(read(file, SEGMENT, SEGMENT + 9)).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
  });

  it('answers what is read again from memory, verified, and not of films, nor what was purged', async () => {
    const readings: string[] = [];
    const store: BlobStore = {
      ...fixture.store,
      bytes: (key, start, length) => {
        readings.push(key);
        return fixture.store.bytes(key, start, length);
      },
    };
    await fixture.restart({ store, verifyShare: 0 });
    const picture = content(7 * SEGMENT + 5);
    const film = content(33 * SEGMENT);
    const [one, two] = [await fixture.addRemote(picture), await fixture.addRemote(film)];
    for (const [file, bytes] of [
      [one, picture],
      [two, film],
    ] as const) {
      for (let turn = 0; turn < 4; turn += 1) {
        readings.length = 0;
        expect((await read(file)).content.equals(bytes)).toBe(true);
        // What comes into memory is read once for that and for whoever asks.
        if (turn === 2 && file === one) expect(readings).toHaveLength(8);
      }
      expect(readings.length > 0).toBe(file === two);
    }
    readings.length = 0;
    const part = await read(one, SEGMENT - 3, 2 * SEGMENT + 3);
    expect(part.content.equals(picture.subarray(SEGMENT - 3, 2 * SEGMENT + 4))).toBe(true);
    expect(readings).toEqual([]);
    await fixture.delivery.purgeItem(one.itemKey);
    const before = fixture.peer.bytesRequests().length;
    expect((await read(one)).content.equals(picture)).toBe(true);
    expect(fixture.peer.bytesRequests()).toHaveLength(before + 1);
    // Damage on the disk is found before the bytes are answered from memory.
    const third = await fixture.addRemote(content(3 * SEGMENT));
    await read(third);
    const [key = ''] = (await blobs()).filter((each) => each.startsWith(keyOf(third)) && each.endsWith('/1'));
    const path = pathOf(fixture.folder, key);
    await writeFile(path, Buffer.alloc(SEGMENT, 9));
    await read(third, 0, 10);
    const whole = fixture.peer.files.get(`${third.remoteId}/original`) as Buffer;
    await read(third);
    expect((await read(third)).content.equals(whole)).toBe(true);
  });

  it('keeps what is pinned before and after its bytes are another version, until it is unpinned', async () => {
    await fixture.restart({ cacheBudget: 3 * SEGMENT });
    const file = await fixture.addRemote(content(SEGMENT));
    expect(await fixture.delivery.pin(file.itemKey, true)).toBe(false);
    expect(await fixture.delivery.pin(file.itemKey, true, file)).toBe(true);
    expect(await fixture.delivery.usage()).toMatchObject({ bytes: 0, items: 0 });
    await read(file);
    expect(await fixture.delivery.kept(file)).toMatchObject({ pinned: true, segments: 1 });
    const other = content(SEGMENT + 10);
    const { digest, segments } = digestsOf(other);
    fixture.peer.files.set(`${file.remoteId}/original`, other);
    const changed = { ...file, size: other.length, digest, segments: segments ?? null };
    await read(changed);
    for (let index = 0; index < 4; index += 1) await read(await fixture.addRemote(content(SEGMENT)));
    await fixture.delivery.flush();
    expect(await fixture.delivery.kept(changed)).toMatchObject({ pinned: true, segments: 2 });
    expect(await fixture.delivery.usage()).toMatchObject({ pinnedBytes: other.length });
    await fixture.delivery.pin(file.itemKey, false);
    for (let index = 0; index < 4; index += 1) {
      fixture.clock.now += 1000;
      await read(await fixture.addRemote(content(SEGMENT)));
    }
    expect(await fixture.delivery.kept(changed)).toBeNull();
  });

  it.each(['read', 'bytes', 'write', 'delete', 'deleteAll'] as const)(
    'gives every byte right, and keeps nothing wrong, where the store fails at %s now and then',
    async (operation) => {
      let failing = true;
      let count = 0;
      const store = faultyStore(fixture.store, (each) => {
        if (!failing || each !== operation) return false;
        count += 1;
        return count % 2 === 1;
      });
      await fixture.restart({ store, verifyShare: 0.5, cacheBudget: 12 * SEGMENT });
      const films = [content(5 * SEGMENT + 77), content(8 * SEGMENT), content(9000)];
      const files: DeliverableFile[] = [];
      for (const film of films) files.push(await fixture.addRemote(film));
      for (let turn = 0; turn < 24; turn += 1) {
        const which = turn % films.length;
        const film = films[which] as Buffer;
        const start = (turn * 700_001) % film.length;
        const end = Math.min(film.length - 1, start + (turn % 4) * SEGMENT);
        const { content: received } = await read(files[which] as DeliverableFile, start, end);
        expect(received.equals(film.subarray(start, end + 1))).toBe(true);
        // Another version of one of them now and then.
        if (turn % 8 === 7) {
          const other = content(5 * SEGMENT + turn);
          const { digest, segments } = digestsOf(other);
          films[0] = other;
          const former = files[0] as DeliverableFile;
          fixture.peer.files.set(`${former.remoteId}/original`, other);
          files[0] = { ...former, size: other.length, digest, segments: segments ?? null };
        }
      }
      failing = false;
      await fixture.restart({ store, verifyShare: 1 });
      await fixture.delivery.sweep();
      expect((await fixture.delivery.usage()).bytes).toBeLessThanOrEqual(12 * SEGMENT);
      const damaged: string[] = [];
      await fixture.restart({ store, verifyShare: 1, onDamage: (file) => damaged.push(file.itemId) });
      for (const [at, film] of films.entries()) {
        expect((await read(files[at] as DeliverableFile)).content.equals(film)).toBe(true);
      }
      expect(damaged).toEqual([]);
      expect(fixture.faults).toEqual([]);
    },
  );

  it('answers from a local item with the same bytes, and from the peer where that cannot be read', async () => {
    const film = content(2 * SEGMENT + 5);
    const own = await fixture.addLocal(film);
    const twin = own.local ?? undefined;
    const file = { ...(await fixture.addRemote(film)), twin };
    expect(await read(file, 10, SEGMENT + 9)).toMatchObject({ source: 'local', start: 10, end: SEGMENT + 9 });
    expect((await read(file)).content.equals(film)).toBe(true);
    expect(fixture.peer.requests).toEqual([]);
    expect(await blobs()).toEqual([]);
    await fixture.store.deleteAll('originals/');
    const fetched = await read(file);
    expect(fetched.source).toBe('peer');
    expect(fetched.content.equals(film)).toBe(true);
    // What is missing is missing of the local item; the peer's is as it should be.
    await expect(read(own)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('evicts at once what a smaller budget of a peer no longer holds, and of no other', async () => {
    const { key } = await fixture.database.prisma.peer.create({ data: { id: 'peer_small', name: 'Birch' } });
    const early = await fixture.addRemote(content(SEGMENT), { peerKey: key });
    const late = await fixture.addRemote(content(SEGMENT), { peerKey: key });
    const other = await fixture.addRemote(content(SEGMENT), { peerKey: key + 1 });
    for (const each of [other, early, late]) {
      await read(each);
      fixture.clock.now += 1000;
    }
    await fixture.database.prisma.peer.update({ where: { key }, data: { cacheBudget: BigInt(SEGMENT) } });
    await fixture.delivery.enforceBudgets();
    expect(await fixture.delivery.kept(early)).toBeNull();
    expect(await fixture.delivery.kept(late)).toMatchObject({ segments: 1 });
    expect(await fixture.delivery.kept(other)).toMatchObject({ segments: 1 });
  });

  it('tells how much room there is without evicting anything, of all and of one peer', async () => {
    await fixture.restart({ cacheBudget: 5 * SEGMENT });
    await fixture.database.prisma.peer.create({
      data: { id: 'peer_room', name: 'Birch', cacheBudget: BigInt(2 * SEGMENT) },
    });
    const { key } = await fixture.database.prisma.peer.findUniqueOrThrow({ where: { id: 'peer_room' } });
    expect(await fixture.delivery.room(key)).toBe(2 * SEGMENT);
    await read(await fixture.addRemote(content(SEGMENT), { peerKey: key }));
    await fixture.delivery.flush();
    expect(await fixture.delivery.room(key)).toBe(SEGMENT);
    expect(await fixture.delivery.room(key + 1)).toBe(4 * SEGMENT);
  });

  it('holds little for many slow readers of what is here, and gives quick ones large pieces', async () => {
    const film = content(12 * SEGMENT);
    const file = await fixture.addRemote(film);
    const local = await fixture.addLocal(film);
    await read(file);
    for (const each of [file, local]) {
      const { body } = await fixture.delivery.open(each, null, FILL);
      const sizes: number[] = [];
      let bytes = 0;
      for await (const chunk of body) {
        sizes.push(chunk.length);
        bytes += chunk.length;
        // A slow one at first.
        if (sizes.length <= 3) await sleep(30);
      }
      expect(bytes).toBe(film.length);
      expect(Math.max(...sizes.slice(0, 3))).toBeLessThanOrEqual(SEGMENT / 4);
      expect(Math.max(...sizes)).toBe(SEGMENT);
      const idle = await fixture.delivery.open(each, null, FILL);
      await sleep(20);
      expect(idle.body.readableLength).toBeLessThanOrEqual(SEGMENT / 4);
      idle.body.destroy();
    }
  });

  it('fetches again what has vanished from the store behind its back', async () => {
    const film = content(3 * SEGMENT);
    const file = await fixture.addRemote(film);
    const small = await fixture.addRemote(content(500), { variant: 'thumbnail' });
    await read(file);
    await read(small);
    await fixture.store.deleteAll('cache/');
    expect((await read(file)).content.equals(film)).toBe(true);
    expect((await read(small)).content.length).toBe(500);
    expect((await blobs()).length).toBe(5);
  });

  it('lets the stream flow where the store takes nothing', async () => {
    const full: BlobStore = {
      ...fixture.store,
      write: async () => {
        throw new HedgerowError('QUOTA_EXCEEDED');
      },
    };
    await fixture.restart({ store: full });
    const film = content(7 * SEGMENT + 3);
    const file = await fixture.addRemote(film);
    expect((await read(file)).content.equals(film)).toBe(true);
    expect(fixture.storeErrors.length).toBeGreaterThan(0);
    expect((await fixture.delivery.usage()).bytes).toBe(0);
  });

  it('serves a dialect that tells neither digest nor size', async () => {
    const small = content(70_000);
    const unknown = await fixture.addRemote(small, { without: ['size', 'digest'], variant: 'thumbnail' });
    fixture.peer.faults.noLength = true;
    const readers = await Promise.all(Array.from({ length: 5 }, () => read(unknown)));
    for (const each of readers) expect(each.content.equals(small)).toBe(true);
    expect(fixture.peer.bytesRequests()).toEqual(['whole']);
    await fixture.restart();
    expect((await read(unknown, 3, 9)).cacheStatus).toBe('hedgerow; hit');
    const long = content(3 * SEGMENT + 50);
    const endless = await fixture.addRemote(long, { without: ['size', 'digest', 'segments'] });
    const passed = await read(endless);
    expect(passed.content.equals(long)).toBe(true);
    expect(passed).toMatchObject({ size: null, cacheStatus: 'hedgerow; fwd=bypass' });
    fixture.peer.faults = {};
    expect((await read(endless)).content.equals(long)).toBe(true);
    expect((await read(endless, 5, SEGMENT + 5)).cacheStatus).toBe('hedgerow; hit');
  });

  it('checks the whole where a dialect has a digest and no segments', async () => {
    const film = content(3 * SEGMENT + 50);
    const file = await fixture.addRemote(film, { without: ['segments'] });
    fixture.peer.faults.corrupt = [1];
    await read(file);
    await until(() => fixture.faults.length === 1);
    await until(async () => (await blobs()).length === 0);
    fixture.peer.faults.corrupt = [];
    expect((await read(file)).content.equals(film)).toBe(true);
    await fixture.delivery.flush();
    expect((await read(file)).cacheStatus).toBe('hedgerow; hit');
  });

  it('gets along with a peer that knows no ranges', async () => {
    const film = content(4 * SEGMENT);
    const file = await fixture.addRemote(film);
    fixture.peer.faults.noRanges = true;
    const part = await read(file, 2 * SEGMENT + 1, 3 * SEGMENT);
    expect(part.content.equals(film.subarray(2 * SEGMENT + 1, 3 * SEGMENT + 1))).toBe(true);
  });

  it.each([
    ['everything is kept', 1e9, true],
    ['hardly anything can be kept', 3 * SEGMENT, true],
    ['nothing may be kept', 1e9, false],
  ])('serves a crowd that seeks, lags and leaves, where %s', async (_name, cacheBudget, fill) => {
    await fixture.restart({ cacheBudget });
    const film = content(12 * SEGMENT + 77);
    const file = await fixture.addRemote(film);
    let seed = 4_711;
    const random = (below: number): number => {
      seed = (seed * 48_271) % 2_147_483_647;
      return seed % below;
    };
    const visits = Array.from({ length: 60 }, async (_, index) => {
      const start = random(film.length);
      const end = Math.min(film.length - 1, start + random(film.length));
      const leavesAfter = index % 3 === 0 ? random(3 * SEGMENT) : Number.POSITIVE_INFINITY;
      const pause = index % 5 === 0 ? 5 : 0;
      await sleep(random(40));
      const { body } = await fixture.delivery.open(file, { start, end }, { fill });
      let at = start;
      for await (const chunk of body) {
        if (!film.subarray(at, at + chunk.length).equals(chunk)) throw new Error(`${at} differs`);
        at += chunk.length;
        if (at - start > leavesAfter) return;
        if (pause > 0) await sleep(pause);
      }
      expect(at).toBe(end + 1);
    });
    await Promise.all(visits);
    await until(() => fixture.peer.open === 0);
    await fixture.delivery.flush();
    expect(fixture.faults).toEqual([]);
    expect(fixture.storeErrors).toEqual([]);
    const { bytes } = await fixture.delivery.usage();
    expect(bytes).toBeLessThanOrEqual(fill ? cacheBudget : 0);
    // Where all is kept no segment comes twice, but for those that a reader's leaving interrupted.
    if (cacheBudget === 1e9 && fill) expect(fixture.fetched.bytes).toBeLessThanOrEqual(film.length + 13 * 32);
  });

  it('stops waiting when the one who asks goes away', async () => {
    const file = await fixture.addRemote(content(2 * SEGMENT));
    fixture.peer.faults.gate = { at: 0, open: new Promise(() => {}) };
    const controller = new AbortController();
    const opening = fixture.delivery.open(file, null, { fill: true, signal: controller.signal });
    await until(() => fixture.peer.open === 1);
    controller.abort();
    await expect(opening).rejects.toThrow();
    await until(() => fixture.peer.open === 0);
  });

  it('prefetches a long file whole, and stops when told to', async () => {
    const film = content(5 * SEGMENT + 1);
    const file = await fixture.addRemote(film, { cache: 'MIRROR' });
    expect(await fixture.delivery.prefetch(file)).toBe('kept');
    await fixture.peer.goDown();
    expect((await read(file)).content.equals(film)).toBe(true);
    await expect(fixture.delivery.prefetch(file, AbortSignal.abort())).resolves.toBe('kept');
    const other = await fixture.addRemote(film, { cache: 'MIRROR' });
    await expect(fixture.delivery.prefetch(other, AbortSignal.abort())).rejects.toThrow();
  });

  it(
    'gives random ranges byte for byte, whether local, cold, partly or wholly cached, or with the peer off',
    async () => {
      const film = content(9 * SEGMENT + 4321);
      const local = await fixture.addLocal(film);
      const warm = await fixture.addRemote(film);
      const uncached = await fixture.addRemote(film, { cache: 'NONE' });
      const partial = await fixture.addRemote(film);
      await read(warm);
      let seed = RANGES_SEED;
      const random = (below: number): number => {
        seed = (seed * 48_271) % 2_147_483_647;
        return seed % below;
      };
      const anywhere = (): [start: number, end: number] => {
        const start = random(film.length);
        return [start, Math.min(film.length - 1, start + random(random(4) === 0 ? film.length : 3000))];
      };
      let checked = 0;
      const check = async (
        file: DeliverableFile,
        [start, end]: readonly [number, number],
      ): Promise<OpenedFile> => {
        const got = await fixture.delivery.open(file, { start, end }, FILL);
        if (!(await buffer(got.body)).equals(film.subarray(start, end + 1))) {
          throw new Error(`${start}-${end} of ${file.itemId} differs, seed ${RANGES_SEED}`);
        }
        checked += 1;
        return got;
      };
      let cold = await fixture.addRemote(film);
      while (checked < RANGES * 0.8) {
        if (checked % 200 === 0) cold = await fixture.addRemote(film);
        const [, hit] = await Promise.all([
          check(local, anywhere()),
          check(warm, anywhere()),
          check(checked % 40 === 0 ? uncached : cold, anywhere()),
          check(partial, anywhere()),
        ]);
        expect(hit.cacheStatus).toBe('hedgerow; hit');
      }
      // Of the last one the first three segments and the sixth are here, then the peer is gone.
      cold = await fixture.addRemote(film);
      await read(cold, 0, 3 * SEGMENT - 1);
      await read(cold, 5 * SEGMENT, 5 * SEGMENT + 9);
      await fixture.delivery.flush();
      await fixture.peer.goDown();
      while (checked < RANGES) {
        const start = random(3 * SEGMENT);
        const end = Math.min(3 * SEGMENT - 1, start + random(SEGMENT));
        await check(cold, [start, end]);
        await check(cold, [5 * SEGMENT + random(1000), 6 * SEGMENT - 1 - random(1000)]);
        await check(warm, anywhere());
        await check(local, anywhere());
        const missing = 3 * SEGMENT + random(2 * SEGMENT);
        await expect(
          fixture.delivery.open(cold, { start: missing, end: missing + random(5000) }, FILL),
        ).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
      }
      expect(fixture.faults).toEqual([]);
      expect(fixture.storeErrors).toEqual([]);
    },
    60_000 + RANGES * 50,
  );
});

describeOnBothDatabases('delivery of a local file', (open) => {
  let fixture: DeliveryFixture;
  beforeEach(async () => {
    fixture = await openDeliveryFixture(await open());
  });
  afterEach(() => fixture[Symbol.asyncDispose]());

  it('reads managed files from the store, and says so where one is missing', async () => {
    for (const size of [0, 100, 3 * SEGMENT]) {
      const bytes = content(size);
      const file = await fixture.addLocal(bytes);
      const opened = await fixture.delivery.open(file, null, { fill: false });
      expect((await buffer(opened.body)).equals(bytes)).toBe(true);
      expect(opened).toMatchObject({ source: 'local', cacheStatus: null, size });
    }
    const gone = await fixture.addLocal(content(200_000));
    await fixture.store.deleteAll('originals/');
    await expect(fixture.delivery.open(gone, null, FILL)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(fixture.faults).toEqual([{ itemId: gone.itemId, code: 'UNAVAILABLE' }]);
  });

  it('serves an external file as long as it is the one that was read, and never takes absence for deletion', async () => {
    const folder = join(fixture.folder, 'photos');
    await mkdir(folder);
    const path = join(folder, 'film.mp4');
    const bytes = content(400_000);
    await writeFile(path, bytes);
    await utimes(path, 1_700_000_000, 1_700_000_000.123);
    const { mtimeMs } = await stat(path);
    const file: DeliverableFile = {
      ...(await fixture.addLocal(bytes)),
      local: { storage: 'EXTERNAL', path, size: bytes.length, mtime: Math.trunc(mtimeMs) },
    };
    const part = await fixture.delivery.open(file, { start: 5, end: 300_000 }, FILL);
    expect((await buffer(part.body)).equals(bytes.subarray(5, 300_001))).toBe(true);
    await rename(folder, `${folder}-unmounted`);
    await expect(fixture.delivery.open(file, null, FILL)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('mounted'),
    });
    await rename(`${folder}-unmounted`, folder);
    await appendFile(path, 'x');
    await expect(fixture.delivery.open(file, null, FILL)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringContaining('scanned'),
    });
    expect(fixture.faults).toEqual([]);
  });
});

async function drain(body: Readable): Promise<{ received: Buffer; error: unknown }> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of body) chunks.push(chunk as Buffer);
    return { received: Buffer.concat(chunks), error: null };
  } catch (error) {
    return { received: Buffer.concat(chunks), error };
  }
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (await condition()) return;
    await sleep(10);
  }
  throw new Error('It did not come about.');
}

/** Where the blobs of a file lie that has segments, or is one. */
function keyOf(file: DeliverableFile): string {
  return contentKey(contentOf(file, file.size ?? 0) ?? '');
}
