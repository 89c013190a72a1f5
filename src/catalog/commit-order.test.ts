/** Numbers of the one sequence become visible in their order: whoever has read up to one will not miss a smaller one. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { DIALECTS, newPostgresUrl, openTemporarySqlite } from '../../test/support/databases.ts';
import { newItem } from '../../test/support/items.ts';
import { type Database, openDatabase } from '../database/database.ts';
import { sql } from '../database/sql.ts';
import { type Catalog, createCatalog } from './catalog.ts';
import { readFeed } from './feed.ts';
import { WHOLE_SCOPE } from './grant.ts';

const PAIR = { key: 0, grant: WHOLE_SCOPE };

for (const dialect of DIALECTS) {
  describe(`the order of commits (${dialect})`, () => {
    const opened: AsyncDisposable[] = [];
    afterEach(async () => {
      for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]();
    });

    /** The same database as two servers have it; a file of SQLite belongs to one. */
    async function openTwice(): Promise<[Database, Database]> {
      if (dialect === 'sqlite') {
        const { database, close } = await openTemporarySqlite();
        opened.push({ [Symbol.asyncDispose]: close });
        return [database, database];
      }
      const url = await newPostgresUrl();
      const one = await openDatabase({ dialect, url });
      const other = await openDatabase({ dialect, url });
      opened.push(one, other);
      return [one, other];
    }

    it('a change that is not committed holds up every later one, and nobody reads past it', async () => {
      const [one, other] = await openTwice();
      const plain = await createCatalog(other);
      const reached = Promise.withResolvers<void>();
      const release = Promise.withResolvers<void>();
      let holding = false;
      const slow = await createCatalog({
        ...one,
        write: (work) =>
          one.write(async (tx) => {
            const result = await work(tx);
            if (holding) {
              reached.resolve();
              await release.promise;
            }
            return result;
          }),
      });
      await plain.local.add([newItem({ title: 'before' })]);
      const { sequence } = await plain.state();
      const read = () => readFeed(other.read, PAIR, { after: sequence, start: sequence, limit: 10 });

      holding = true;
      const former = slow.local.add([newItem({ title: 'former' })]);
      await reached.promise;
      holding = false;
      let ended = false;
      const later = plain.local.add([newItem({ title: 'later' })]).finally(() => {
        ended = true;
      });
      // Long enough for many commits, were it not held up.
      for (let reads = 0; reads < 50; reads++) {
        expect(await read()).toMatchObject({ entries: [], sequence, complete: true });
      }
      expect(ended).toBe(false);
      release.resolve();
      await Promise.all([former, later]);
      const { entries } = await read();
      expect(entries.map((entry) => entry.type === 'item' && entry.item.title)).toEqual(['former', 'later']);
      expect(entries.map((entry) => entry.sequence)).toEqual([sequence + 1, sequence + 2]);
    });

    it('many writers at once give each change a number that a reader meets, whatever it has read before', async () => {
      const [one, other] = await openTwice();
      const catalogs = [await createCatalog(one), await createCatalog(other)];
      const [first] = catalogs as [Catalog, Catalog];
      // Every one of these changes once and no more: what a reader misses, no later change brings.
      const there = (
        await first.local.add(Array.from({ length: 120 }, (_, at) => newItem({ title: `${at}` })))
      ).map(({ id }) => id);
      const album = await first.albums.create({
        title: 'album',
        description: null,
        visibility: 'PEERS',
        ownerId: null,
        items: [],
      });
      const { sequence: begin } = await first.state();
      const seen = new Map<string, number>();
      let after = begin;
      let pages = 0;
      const read = async (): Promise<boolean> => {
        const page = await readFeed(other.read, PAIR, { after, start: begin, limit: 7 });
        for (const entry of page.entries) {
          expect(entry.sequence).toBeGreaterThan(after);
          after = entry.sequence;
          seen.set(entry.type === 'item' ? entry.item.id : entry.id, entry.sequence);
        }
        // As the cursor of a last page does.
        if (page.complete) after = page.sequence;
        pages += 1;
        return page.complete;
      };
      let writing = true;
      const writer = async (at: number) => {
        const catalog = catalogs[at % 2] as Catalog;
        for (let place = at; place < there.length; place += 8) {
          const id = there[place] ?? '';
          if (place % 5 === 0) await catalog.local.remove([id]);
          else if (place % 5 === 1) await catalog.local.setVisibility([id], 'PRIVATE');
          else if (place % 5 === 2) await catalog.albums.update(album, { add: [id] });
          else if (place % 5 === 3) await catalog.local.update(id, { title: `new ${place}` });
          else await catalog.local.add([newItem({ title: `added ${place}` })]);
        }
      };
      const reader = async () => {
        while (writing) {
          await read();
          // Whoever reads without a pause leaves no turn to those who write.
          if (pages % 4 === 0) await nextTurn();
        }
      };
      const writers = Promise.all([0, 1, 2, 3, 4, 5, 6, 7].map(writer)).finally(() => {
        writing = false;
      });
      await Promise.all([writers, reader()]);
      while (!(await read()));
      const rows = await one.read.all<{ id: string; sequence: number }>(
        sql`SELECT id, sequence FROM items WHERE sequence > ${begin} UNION ALL SELECT item_id AS id, sequence FROM removals WHERE sequence > ${begin}`,
      );
      expect(rows.length).toBe(120);
      expect(seen).toEqual(new Map(rows.map(({ id, sequence }) => [id, sequence])));
      expect(pages).toBeGreaterThan(20);
    });
  });
}
