/** Whether what the rows say is kept is kept, nothing besides, and all of it counted as it is. */

import { buffer } from 'node:stream/consumers';
import { expect } from 'vitest';
import type { Database } from '../../src/database/database.ts';
import type { Delivery } from '../../src/delivery/delivery.ts';
import { SegmentMap, segmentCount } from '../../src/delivery/segment-map.ts';
import { SEGMENT_BYTES } from '../../src/lib/media.ts';
import type { BlobStore } from '../../src/storage/blob-store.ts';
import { contentKey, originalKey } from '../../src/storage/paths.ts';

export interface Truth {
  /** Bytes in the cache, segment lists not counted. */
  stored: number;
  /** Bytes that came from each peer. */
  peers: Map<number, number>;
}

/** @param contents - every file that may be kept, by the digest of its whole */
export async function expectTruth(
  { database, store, delivery }: { database: Database; store: BlobStore; delivery: Delivery },
  contents: ReadonlyMap<string, Buffer>,
): Promise<Truth> {
  await delivery.flush();
  const usage = await delivery.usage();
  const rows = await database.prisma.cachedFile.findMany({ orderBy: { id: 'asc' } });
  const blobs = new Map<string, number>();
  for await (const { key, size } of store.list('cache/')) {
    if (!key.endsWith('/list')) blobs.set(key, size);
  }
  const needed = new Set<string>();
  const peers = new Map<number, number>();
  for (const row of rows) {
    const size = Number(row.size);
    const whole = contents.get(row.digest ?? '');
    if (whole === undefined || row.content === null) throw new Error(`Nobody knows what row ${row.id} is.`);
    const segments = new SegmentMap(segmentCount(size), row.whole ? 'all' : row.segments);
    let bytes = 0;
    for (const index of segments) {
      const segment = whole.subarray(index * SEGMENT_BYTES, (index + 1) * SEGMENT_BYTES);
      bytes += segment.length;
      if (row.local) continue;
      const key = contentKey(row.content) + (segments.count === 1 ? '' : `/${index}`);
      needed.add(key);
      expect([key, (await store.bytes(key, 0, SEGMENT_BYTES)).equals(segment)]).toEqual([key, true]);
    }
    if (row.local) {
      const original = await buffer((await store.read(originalKey(row.digest ?? ''))).body);
      expect([row.digest, row.whole, original.equals(whole)]).toEqual([row.digest, true, true]);
    }
    expect(Number(row.bytes)).toBe(bytes);
    if (bytes > 0) peers.set(row.source, (peers.get(row.source) ?? 0) + bytes);
  }
  expect([...blobs.keys()].sort()).toEqual([...needed].sort());
  const stored = [...blobs.values()].reduce((sum, size) => sum + size, 0);
  expect(usage.bytes).toBe(stored);
  expect(new Map(usage.peers.map(({ peerKey, bytes }) => [peerKey, bytes]))).toEqual(peers);
  return { stored, peers };
}
