/** Two who change the same rows at the same time wait for each other in turn, and never in a circle; stepped by hand. */
import { afterEach, describe, expect, it } from 'vitest';
import { DIALECTS, openNewPostgres } from '../../test/support/databases.ts';
import { eventually } from '../../test/support/eventually.ts';
import { newItem, remoteItem, seedPeer } from '../../test/support/items.ts';
import type { Database } from '../database/database.ts';
import { type Runnable, type Sql, sql } from '../database/sql.ts';
import { type Catalog, createCatalog } from './catalog.ts';
import { forgetOldRemovals } from './feed.ts';
import { readyItem } from './ready-item.ts';
import { applyRemotePage, applyRemoteParts, type RemotePage, type RemotePart } from './remote-changes.ts';
import { ensureIndexed } from './search-index.ts';
import { wantThumbnailsAgain } from './thumbnail-queue.ts';

const DAY = 24 * 3600_000;
const NO_SUM = { first: 0, second: 0 };
const READER = { kind: 'ADMIN', userId: null } as const;

const rowsOf = (database: Database) => database.prisma.item.findMany({ orderBy: { key: 'asc' } });

/** Where one stands still until the other waits for it. */
interface Halt {
  reached: Promise<void>;
  here(): Promise<void>;
  goOn(): void;
}

function halt(): Halt {
  const reached = Promise.withResolvers<void>();
  const going = Promise.withResolvers<void>();
  return {
    reached: reached.promise,
    here: () => {
      reached.resolve();
      return going.promise;
    },
    goOn: going.resolve,
  };
}

/** The same database, whose transactions halt once, after the first statement of that kind. */
function haltingAfter(database: Database, statement: RegExp, at: Halt): Database {
  let halted = false;
  const stepped = (tx: Sql): Sql => {
    const after = async <T>(given: Runnable, work: Promise<T>): Promise<T> => {
      const result = await work;
      if (!halted && statement.test(given.text)) {
        halted = true;
        await at.here();
      }
      return result;
    };
    return {
      dialect: tx.dialect,
      all: (given) => after(given, tx.all(given)),
      rows: (given) => after(given, tx.rows(given)),
      get: (given) => after(given, tx.get(given)),
      run: (given) => after(given, tx.run(given)),
      each: (text, rows) => tx.each(text, rows),
    };
  };
  return { ...database, write: (work) => database.write((tx) => work(stepped(tx))) };
}

describe.runIf(DIALECTS.includes('postgresql'))(
  'whoever changes what another is changing waits, and both succeed',
  () => {
    const opened: (() => Promise<void>)[] = [];
    afterEach(async () => {
      for (const close of opened.splice(0)) await close();
    });
    async function open(): Promise<{ database: Database; catalog: Catalog }> {
      const { database, close } = await openNewPostgres();
      opened.push(close);
      return { database, catalog: await createCatalog(database) };
    }

    /** Lets the first come to its halt, the second as far as it comes, and then both to their ends. */
    async function inEachOthersWay(
      database: Database,
      at: Halt,
      first: () => Promise<unknown>,
      second: () => Promise<unknown>,
    ): Promise<void> {
      const former = first();
      await Promise.race([at.reached, former]);
      const later = second();
      await eventually('the second to wait for the first', async () => {
        const [row] = await database.read.all<{ waiting: number }>(
          sql`SELECT COUNT(*) AS waiting FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
        );
        return (row?.waiting ?? 0) > 0;
      });
      at.goOn();
      const ends = await Promise.allSettled([former, later]);
      expect(ends.flatMap((end) => (end.status === 'rejected' ? [String(end.reason)] : []))).toEqual([]);
    }

    const album = (catalog: Catalog, items: readonly string[]) =>
      catalog.albums.create({ title: 'album', description: null, visibility: 'PEERS', ownerId: null, items });

    it('where an album is removed, and an item that is in it', async () => {
      const { database, catalog } = await open();
      const [item, other] = await catalog.local.add([newItem({}), newItem({})]);
      const id = await album(catalog, [item?.id ?? '', other?.id ?? '']);
      const at = halt();
      const halting = await createCatalog(haltingAfter(database, /^DELETE FROM album_items/, at));
      await inEachOthersWay(
        database,
        at,
        () => halting.albums.remove(id),
        () => catalog.local.remove([item?.id ?? '']),
      );
      expect(await rowsOf(database)).toMatchObject([{ id: other?.id, albums: '[]' }]);
      expect(await catalog.albums.count(READER, 'LOCAL')).toBe(0);
    });

    it('where a tombstone is forgotten, and its item is shared again', async () => {
      const { database, catalog } = await open();
      const [item] = await catalog.local.add([newItem({})]);
      const ids = [item?.id ?? ''];
      await catalog.local.setVisibility(ids, 'PRIVATE');
      const at = halt();
      await inEachOthersWay(
        database,
        at,
        () =>
          haltingAfter(database, /^DELETE FROM removals/, at).write((tx) =>
            forgetOldRemovals(tx, Date.now() + 100 * DAY),
          ),
        () => catalog.local.setVisibility(ids, 'PEERS'),
      );
      expect(await database.prisma.removal.count()).toBe(0);
      expect(await catalog.state()).toMatchObject({ sharedCount: 1, sequence: 3, removalFloor: 2 });
    });

    describe('where a peer’s items', () => {
      /** Two of a peer, whose second is the first on the page that a pull takes in. */
      async function withPeer() {
        const { database, catalog } = await open();
        const { key: source } = await seedPeer(database);
        const page = (version: string, remoteIds: readonly string[]): RemotePage => ({
          items: remoteIds.map((remoteId) => remoteItem({ remoteId, version, title: version })),
          skipped: [],
          removed: [],
          generation: 0,
        });
        await database.write((tx) => applyRemotePage(tx, source, page('1', ['one', 'two']), NO_SUM, 1));
        const ids = (await rowsOf(database)).map(({ id }) => id);
        /** As a pull does it: the row of the peer is locked, and the items come in the peer's order. */
        const pull = (at: Halt) =>
          database.write(async (tx) => {
            await tx.all(sql`SELECT key FROM federation_peers WHERE key = ${source} FOR UPDATE`);
            const part = (remoteId: string): RemotePart => {
              const { items, ...rest } = page('2', [remoteId]);
              return { ...rest, items: items.map((item) => readyItem(item, tx.dialect)) };
            };
            async function* parts() {
              yield part('two');
              await at.here();
              yield part('one');
            }
            await applyRemoteParts(tx, source, 0, parts(), NO_SUM, 2);
          });
        return { database, catalog, source, ids, pull };
      }
      type WithPeer = Awaited<ReturnType<typeof withPeer>>;

      it.each<[string, (world: WithPeer) => Promise<() => Promise<unknown>>]>([
        [
          'are hidden',
          async ({ catalog, ids }) =>
            () =>
              catalog.setHidden(ids, true),
        ],
        [
          'come into an album of ours',
          async ({ catalog, ids }) => {
            const id = await album(catalog, []);
            return () => catalog.albums.update(id, { add: ids });
          },
        ],
        [
          'are in an album of ours that is removed',
          async ({ catalog, ids }) => {
            const id = await album(catalog, ids);
            return () => catalog.albums.remove(id);
          },
        ],
        [
          'are in an album of ours that is given another title',
          async ({ catalog, ids }) => {
            const id = await album(catalog, ids);
            return () => catalog.albums.update(id, { title: 'another' });
          },
        ],
        [
          'have their thumbnails asked for again',
          async ({ database, source }) => {
            await database.prisma.item.updateMany({ data: { thumbState: 2 } });
            return () => database.write((tx) => wantThumbnailsAgain(tx, source));
          },
        ],
        [
          'are put into the search index anew',
          async ({ database }) => {
            await database.prisma.setting.update({ where: { key: 'search-index' }, data: { value: '0' } });
            return () => ensureIndexed(database, () => {});
          },
        ],
      ])('%s while a pull changes them', async (_name, prepare) => {
        const world = await withPeer();
        const act = await prepare(world);
        const at = halt();
        await inEachOthersWay(world.database, at, () => world.pull(at), act);
        expect(await rowsOf(world.database)).toMatchObject([
          { title: '2', version: '2' },
          { title: '2', version: '2' },
        ]);
      });

      it('are in an album of ours that is given another title, and one of them is hidden', async () => {
        const { database, catalog, ids } = await withPeer();
        const id = await album(catalog, ids);
        const at = halt();
        const halting = await createCatalog(haltingAfter(database, /^UPDATE catalog_state/, at));
        await inEachOthersWay(
          database,
          at,
          () => halting.albums.update(id, { title: 'another' }),
          () => catalog.setHidden([ids[1] ?? ''], true),
        );
        expect(await catalog.albums.titled(READER, 'another')).toMatchObject({ id });
      });
    });
  },
);
