/** A delivery over a real disk, database and peer, and files to deliver. */

import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Database } from '../../src/database/database.ts';
import {
  type CacheMode,
  createDelivery,
  type DeliverableFile,
  type Delivery,
  type DeliveryOptions,
} from '../../src/delivery/delivery.ts';
import { HedgerowError } from '../../src/lib/errors.ts';
import type { VariantName } from '../../src/lib/media.ts';
import type { BlobStore } from '../../src/storage/blob-store.ts';
import { openDiskBlobStore } from '../../src/storage/disk-blob-store.ts';
import { originalKey, segmentListKey } from '../../src/storage/paths.ts';
import { type BytePeer, digestsOf, startBytePeer } from './byte-peer.ts';

export interface DeliveryFixture extends AsyncDisposable {
  folder: string;
  database: Database;
  store: BlobStore;
  peer: BytePeer;
  delivery: Delivery;
  /** Every fault that delivery told of. */
  faults: Array<{ itemId: string; code: string }>;
  storeErrors: unknown[];
  fetched: { bytes: number };
  clock: { now: number };
  /** As after a restart: a delivery that knows nothing but what is written down. */
  restart(options?: Partial<DeliveryOptions>): Promise<Delivery>;
  /** As another process on the same database and store. */
  another(options?: Partial<DeliveryOptions>): Promise<Delivery>;
  addRemote(content: Buffer, options?: RemoteOptions): Promise<DeliverableFile>;
  addLocal(content: Buffer): Promise<DeliverableFile>;
}

export interface RemoteOptions {
  peerKey?: number;
  variant?: VariantName;
  cache?: CacheMode;
  /** What the peer's dialect does not tell. */
  without?: Array<'size' | 'digest' | 'segments'>;
}

export async function openDeliveryFixture(
  database: Database,
  options: Partial<DeliveryOptions> = {},
): Promise<DeliveryFixture> {
  const folder = await mkdtemp(join(tmpdir(), 'hedgerow-delivery-'));
  const store = options.store ?? (await openDiskBlobStore(folder));
  const peer = await startBytePeer();
  const clock = { now: Date.UTC(2026, 10, 20) };
  let serial = 0;
  const create = (more: Partial<DeliveryOptions>): Delivery =>
    createDelivery({
      database,
      store,
      cacheBudget: 1e9,
      now: () => clock.now,
      upstreamFor: async (peerKey) => {
        if (peerKey === 99) throw new HedgerowError('REVOKED');
        return peer.upstream;
      },
      onFault: (file, error) => fixture.faults.push({ itemId: file.itemId, code: error.code }),
      onStoreError: (error) => fixture.storeErrors.push(error),
      onFetched: (_peerKey, bytes) => {
        fixture.fetched.bytes += bytes;
      },
      ...options,
      ...more,
    });
  const addItem = async (content: Buffer, source: number, remoteId: string | null) => {
    const at = BigInt(clock.now);
    const { digest, segments, size } = digestsOf(content);
    return database.prisma.item.create({
      data: {
        id: `item_${serial}`,
        source,
        remoteId,
        kind: 0,
        title: 'A file',
        titleKey: 'a file',
        mimeType: 'video/mp4',
        byteSize: BigInt(content.length),
        digest,
        ...(source === 0 && {
          storage: 'MANAGED',
          location: originalKey(digest),
          variants: JSON.stringify([{ name: 'original', mimeType: 'video/mp4', size, digest, segments }]),
        }),
        timelineAt: at,
        addedAt: at,
        updatedAt: at,
      },
    });
  };
  const fixture: DeliveryFixture = {
    folder,
    database,
    store,
    peer,
    faults: [],
    storeErrors: [],
    fetched: { bytes: 0 },
    clock,
    delivery: undefined as unknown as Delivery,
    restart: async (more = {}) => {
      await fixture.delivery[Symbol.asyncDispose]();
      fixture.delivery = create(more);
      return fixture.delivery;
    },
    another: async (more = {}) => create(more),
    addRemote: async (
      content,
      { peerKey = 1, variant = 'original', cache = 'ON_ACCESS', without = [] } = {},
    ) => {
      serial += 1;
      const remoteId = `remote_${serial}`;
      const item = await addItem(content, peerKey, remoteId);
      peer.files.set(`${remoteId}/${variant}`, content);
      const { digest, segments } = digestsOf(content);
      return {
        itemId: item.id,
        itemKey: item.key,
        source: peerKey,
        remoteId,
        variant,
        mimeType: 'video/mp4',
        size: without.includes('size') ? null : content.length,
        digest: without.includes('digest') ? null : digest,
        segments: without.includes('segments') ? null : (segments ?? null),
        filename: 'Film.mp4',
        updatedAt: clock.now,
        local: null,
        cache,
      };
    },
    addLocal: async (content) => {
      serial += 1;
      // As the library does it: first the bytes, then the item.
      const { digest, segments, segmentList } = digestsOf(content);
      const key = originalKey(digest);
      await store.write(key, content, { sync: false });
      if (segments !== undefined && segmentList !== null) {
        await store.write(segmentListKey(segments.digest), segmentList, { sync: false });
      }
      const item = await addItem(content, 0, null);
      return {
        itemId: item.id,
        itemKey: item.key,
        source: 0,
        remoteId: null,
        variant: 'original',
        mimeType: 'video/mp4',
        size: content.length,
        digest,
        segments: segments ?? null,
        filename: 'Film.mp4',
        updatedAt: clock.now,
        local: { storage: 'MANAGED', key },
        cache: 'NONE',
      };
    },
    [Symbol.asyncDispose]: async () => {
      await fixture.delivery[Symbol.asyncDispose]();
      await peer[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
  fixture.delivery = create({});
  return fixture;
}

/** Random bytes, as a film is. */
export function content(bytes: number): Buffer {
  return randomBytes(bytes);
}
