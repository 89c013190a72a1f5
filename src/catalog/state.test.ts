import { expect, it } from 'vitest';
import { describeOnBothDatabases } from '../../test/support/databases.ts';
import { seedPeer } from '../../test/support/items.ts';
import type { Prisma } from '../database/generated/sqlite/client.ts';
import { ensureState, readState } from './state.ts';

/** What everybody is told of a peer (`Peer`, `CatalogSource`), each with another value than a new row has. */
const SHOWN: Prisma.PeerUpdateInput[] = [
  { name: 'another' },
  { publicKey: '{}' },
  { thumbprint: 'another' },
  { health: 'OFFLINE' },
  { lastSuccessAt: new Date(5000) },
  { interval: 77 },
  { listing: false },
  { itemCount: 7 },
  { skippedCount: 7 },
  { heldCount: 7 },
  { remoteTotal: 7 },
  { inSync: true },
  { agents: '[{}]' },
  { cacheMode: 'NONE' },
];
/** Who sees its items. */
const SEEN: Prisma.PeerUpdateInput[] = [
  { audience: 'ADMINS' },
  { hiddenSince: new Date(5000) },
  { status: 'PAUSED' },
];
/** What is the admins' alone, or nobody's. */
const APART: Prisma.PeerUpdateInput[] = [
  { cursor: 'c1' },
  { bytesFetched: 5 },
  { bytesServed: 5 },
  { lastSeenAt: new Date(5000) },
  { lastAttemptAt: new Date(5000) },
  { nextAttemptAt: new Date(5000) },
  { lag: 5 },
  { roundTripMs: 5 },
  { errorCode: 'INTERNAL' },
];

describeOnBothDatabases('the revision of peers', (open) => {
  it('moves with every column that everybody is shown, and with a new row', async () => {
    const database = await open();
    await ensureState(database);
    const { id } = await seedPeer(database, { name: 'one' });
    let before = await readState(database.read);
    expect(before.peersRevision).toBeGreaterThan(0);
    for (const data of SHOWN) {
      await database.prisma.peer.update({ where: { id }, data });
      const after = await readState(database.read);
      expect(after.peersRevision, JSON.stringify(data)).toBeGreaterThan(before.peersRevision);
      expect(after.revision, JSON.stringify(data)).toBe(before.revision);
      before = after;
    }
  });

  it("moves the catalog's own too where it is about who sees the items", async () => {
    const database = await open();
    await ensureState(database);
    const { id } = await seedPeer(database, { name: 'one' });
    let before = await readState(database.read);
    for (const data of SEEN) {
      await database.prisma.peer.update({ where: { id }, data });
      const after = await readState(database.read);
      expect(after.peersRevision, JSON.stringify(data)).toBeGreaterThan(before.peersRevision);
      expect(after.revision, JSON.stringify(data)).toBeGreaterThan(before.revision);
      before = after;
    }
  });

  it('stays with what is written again as it was, and with what only admins are shown', async () => {
    const database = await open();
    await ensureState(database);
    const { id } = await seedPeer(database, { name: 'one' });
    for (const data of [...SHOWN, ...SEEN]) await database.prisma.peer.update({ where: { id }, data });
    const before = await readState(database.read);
    for (const data of [...SHOWN, ...SEEN, ...APART]) {
      await database.prisma.peer.update({ where: { id }, data });
    }
    expect(await readState(database.read)).toEqual(before);
  });
});
