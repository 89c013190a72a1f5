import { expect, it } from 'vitest';
import { describeOnBothDatabases } from '../../../test/support/databases.ts';
import { remoteItem, seedPeer } from '../../../test/support/items.ts';
import { createCatalog } from '../../catalog/catalog.ts';
import { applyRemotePage } from '../../catalog/remote-changes.ts';
import type { Database } from '../../database/database.ts';
import { EMPTY_CHECKSUM } from '../../lib/checksum.ts';
import { HedgerowError } from '../../lib/errors.ts';
import { fetchThumbnails, type ThumbnailOptions } from './thumbnails.ts';

const MINUTE = 60_000;
const THUMBNAIL = {
  name: 'thumbnail' as const,
  mimeType: 'image/webp',
  size: 10,
  digest: `sha-256:${'cd'.repeat(32)}`,
};

describeOnBothDatabases('the queue of thumbnails', (open) => {
  /** A peer with so many items, and a clock that moves when nothing is to be done. */
  async function peerWith(ids: readonly string[]) {
    const database = await open();
    await createCatalog(database);
    const { key } = await seedPeer(database);
    let at = Date.UTC(2026, 0, 1);
    const put = (some: readonly string[], version = '1') =>
      database.write((tx) =>
        applyRemotePage(
          tx,
          key,
          {
            items: some.map((remoteId) => remoteItem({ remoteId, version, variants: [THUMBNAIL] })),
            skipped: [],
            removed: [],
            generation: 1,
          },
          EMPTY_CHECKSUM,
          at,
        ),
      );
    for (let from = 0; from < ids.length; from += 100) await put(ids.slice(from, from + 100));
    return {
      database,
      key,
      put,
      now: () => at,
      pass: (ms: number) => {
        at += ms;
      },
      states: async () => countsOf(database),
      /** Works, and waits by the clock, until nothing is wanted or the test has seen enough. */
      drain: async (fetch: ThumbnailOptions['fetch'], enough = () => false) => {
        for (let rounds = 0; rounds < 5_000 && !enough(); rounds += 1) {
          const next = await fetchThumbnails(
            key,
            { database, fetch, now: () => at, random: () => 0.5 },
            new AbortController().signal,
          );
          if (next === null) return;
          at = Math.max(at + 1, next);
        }
      },
    };
  }

  it('brings a thousand from a peer that takes thirty requests a minute, and loses none', async () => {
    const ids = Array.from({ length: 1_000 }, (_, index) => `item${index}`);
    const { drain, now, states } = await peerWith(ids);
    const begun = now();
    const answered: number[] = [];
    const got = new Map<string, number>();
    let refused = 0;
    await drain(async (item) => {
      const window = answered.filter((at) => at > now() - MINUTE);
      if (window.length >= 30) {
        refused += 1;
        const [first = 0] = window;
        throw new HedgerowError('PEER_RATE_LIMITED', undefined, {
          retryAfter: Math.ceil((first + MINUTE - now()) / 1000),
        });
      }
      answered.push(now());
      got.set(item.remoteId ?? '', (got.get(item.remoteId ?? '') ?? 0) + 1);
      return true;
    });
    expect(await states()).toEqual({ 2: 1_000 });
    expect(got.size).toBe(1_000);
    expect([...got.values()].every((times) => times === 1)).toBe(true);
    const minutes = (now() - begun) / MINUTE;
    expect(minutes).toBeGreaterThan(33 - 1);
    expect(minutes).toBeLessThan(33 * 1.3);
    // Each time it is asked to wait, those few that were on their way are refused, and then nobody asks.
    expect(refused).toBeLessThanOrEqual(34 * 4);
  });

  it('asks nothing while the peer wants to be left alone, for as long as it says', async () => {
    const { drain, now } = await peerWith(['one', 'two']);
    const asked: number[] = [];
    const begun = now();
    await drain(async () => {
      asked.push(now());
      if (now() - begun < 3600_000)
        throw new HedgerowError('PEER_RATE_LIMITED', undefined, { retryAfter: 3600 });
      return true;
    });
    expect(asked.filter((at) => at > begun && at < begun + 3600_000)).toEqual([]);
    expect(asked.length).toBeGreaterThanOrEqual(3);
  });

  it('tries one again ever more seldom, gives it up, and takes it up again when the item changes', async () => {
    const { drain, put, states, now } = await peerWith(['bad', 'good']);
    const tries: number[] = [];
    let broken = true;
    const fetch: ThumbnailOptions['fetch'] = async (item) => {
      if (item.remoteId === 'good') return true;
      tries.push(now());
      if (broken) throw new HedgerowError('INTEGRITY_FAILED');
      return true;
    };
    await drain(fetch);
    expect(tries).toHaveLength(8);
    const apart = tries.slice(1).map((at, index) => at - (tries[index] ?? 0));
    expect(apart.every((wait, index) => wait > (apart[index - 1] ?? 0))).toBe(true);
    expect(await states()).toEqual({ 2: 1, 3: 1 });

    broken = false;
    await put(['bad'], '2');
    await drain(fetch);
    expect(await states()).toEqual({ 2: 2 });
  });

  it('fetches anew what has changed, also while the old one was on its way', async () => {
    const { drain, put, states } = await peerWith(['one']);
    const versions: string[] = [];
    await drain(async (item) => {
      versions.push(item.version);
      if (item.version === '1') await put(['one'], '2');
      return true;
    });
    expect(versions).toEqual(['1', '2']);
    expect(await states()).toEqual({ 2: 1 });
    await put(['one'], '3');
    expect(await states()).toEqual({ 1: 1 });
    await drain(async (item) => versions.push(item.version) > 0);
    expect(versions).toEqual(['1', '2', '3']);
  });

  it('loses nothing to a peer that is away, and leaves one alone that refuses us', async () => {
    const { drain, states, now } = await peerWith(['one', 'two', 'three']);
    const begun = now();
    await drain(
      async () => {
        throw new HedgerowError('PEER_UNREACHABLE');
      },
      () => now() - begun > 3600_000,
    );
    expect(await states()).toEqual({ 1: 3 });
    let asked = 0;
    await drain(async () => {
      asked += 1;
      throw new HedgerowError('REVOKED');
    });
    expect(asked).toBeLessThanOrEqual(4);
    expect(await states()).toEqual({ 1: 3 });
    await drain(async () => true);
    expect(await states()).toEqual({ 2: 3 });
  });
});

/** How many items are in which state: 1 wanted, 2 here, 3 given up. */
async function countsOf(database: Database): Promise<Record<number, number>> {
  const rows = await database.prisma.item.groupBy({ by: ['thumbState'], _count: true });
  return Object.fromEntries(rows.map(({ thumbState, _count }) => [thumbState, _count]));
}
