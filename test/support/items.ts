import type { NewLocalItem } from '../../src/catalog/local-changes.ts';
import type { RemoteItem } from '../../src/catalog/remote-changes.ts';
import type { Database } from '../../src/database/database.ts';

const DIGEST = `sha-256:${'ab'.repeat(32)}`;

/** A local item as an import would add it, for tests that are not about importing. */
export function newItem(parts: Partial<NewLocalItem>): NewLocalItem {
  return {
    kind: 'IMAGE',
    title: 'untitled',
    description: null,
    filename: 'untitled.jpg',
    mimeType: 'image/jpeg',
    byteSize: 1000,
    digest: DIGEST,
    width: 40,
    height: 30,
    durationMs: null,
    pageCount: null,
    thumbhash: null,
    takenAt: null,
    takenAtOffset: null,
    tags: [],
    creator: null,
    license: null,
    properties: {},
    variants: [
      { name: 'original', mimeType: 'image/jpeg', size: 1000, digest: DIGEST, width: 40, height: 30 },
    ],
    ownerId: null,
    visibility: 'PEERS',
    storage: 'MANAGED',
    location: 'originals/none',
    locationMtime: null,
    ...parts,
  };
}

/** An item of a peer, as it is after checking. */
export function remoteItem(parts: Partial<RemoteItem> & { remoteId: string }): RemoteItem {
  return {
    version: '1',
    kind: 'IMAGE',
    title: 'untitled',
    description: null,
    filename: null,
    mimeType: 'image/jpeg',
    byteSize: 1000,
    digest: DIGEST,
    width: 40,
    height: 30,
    durationMs: null,
    pageCount: null,
    thumbhash: null,
    takenAt: null,
    takenAtOffset: null,
    createdAt: 0,
    updatedAt: 0,
    tags: [],
    albums: [],
    creator: null,
    license: null,
    properties: {},
    variants: [{ name: 'original', mimeType: 'image/jpeg', size: 1000, digest: DIGEST }],
    ...parts,
  };
}

/** The row of a paired peer, without a peer behind it. */
export function seedPeer(
  database: Database,
  parts: { id?: string; name?: string } = {},
): Promise<{ key: number; id: string }> {
  const id = parts.id ?? `peer_${crypto.randomUUID()}`;
  return database.prisma.peer.create({
    data: { id, name: parts.name ?? 'Peer', endpoint: 'http://127.0.0.1:1', pulls: true },
    select: { key: true, id: true },
  });
}
