/** What a poll of the feed reads, however many items there are. */
import { expect, it } from 'vitest';
import { describeOnBothDatabases, openTemporarySqlite } from '../../test/support/databases.ts';
import { newItem, seedPeer } from '../../test/support/items.ts';
import { type Runnable, type Sql, sql } from '../database/sql.ts';
import { WHOLE_GRANT } from '../federation/grants.ts';
import { putGrant } from '../federation/peers/grant-changes.ts';
import type { Grant } from '../federation/wire/messages.ts';
import { addChecksum, checksumTerm, EMPTY_CHECKSUM, formatChecksum } from '../lib/checksum.ts';
import { createCatalog } from './catalog.ts';
import { countBehind, readFeed } from './feed.ts';
import { type GrantScope, versionFor } from './grant.ts';
import { countPairView } from './pair-views.ts';

const WHOLE: GrantScope = { kinds: null, tags: null, albums: null, access: 'originals' };
const GRANTS: [what: string, grant: GrantScope][] = [
  ['the whole', WHOLE],
  ['kinds', { ...WHOLE, kinds: ['image'] }],
  ['tags', { ...WHOLE, tags: ['hedge', 'river'] }],
  ['albums', { ...WHOLE, albums: ['album_1'] }],
  ['all of them', { ...WHOLE, kinds: ['image'], tags: ['hedge'], albums: ['album_1'] }],
];

describeOnBothDatabases('the feed under a grant of', (open, dialect) => {
  it.each(GRANTS)('%s reads only what comes after the cursor', async (_what, grant) => {
    const database = await open();
    const catalog = await createCatalog(database);
    const { key } = await seedPeer(database);
    for (let at = 0; at < 4; at++) {
      await catalog.local.add(
        Array.from({ length: 500 }, (_, n) => newItem({ title: `${n}`, tags: n % 2 === 0 ? ['hedge'] : [] })),
      );
    }
    if (dialect === 'postgresql') await database.write((tx) => tx.run(sql`ANALYZE items`));
    const asked: Runnable[] = [];
    const noting: Sql = {
      ...database.read,
      all: (statement) => {
        asked.push(statement);
        return database.read.all(statement);
      },
      get: (statement) => {
        asked.push(statement);
        return database.read.get(statement);
      },
    };
    await readFeed(noting, { key, grant }, { after: 1990, start: 1990, limit: 100 });
    await countBehind(noting, { key, grant }, 1990, 1990, 100);
    expect(asked.length).toBe(2);
    for (const statement of asked) {
      const plan = await planOf(database.read, statement);
      expect(plan).toMatch(/items_sequence_key/);
      // Nothing is read by another index, or as a whole, and sorted then. PostgreSQL sorts so few as these.
      expect(plan).not.toMatch(/\bi USING INDEX items_(?!sequence)|TEMP B-TREE|SCAN i\b/);
    }
  });
});

it('a narrowed feed is looked through in pieces, in which others have their turn, and is as of its last moment', async () => {
  const { database, close } = await openTemporarySqlite();
  try {
    const catalog = await createCatalog(database);
    const { key } = await seedPeer(database);
    const grant: Grant = { ...WHOLE_GRANT, tags: ['hedge'] };
    await database.prisma.peer.update({ where: { key }, data: { serves: true } });
    await database.prisma.$transaction((tx) => putGrant(tx, key, null, grant));
    const { grantRevision } = await database.prisma.peer.findUniqueOrThrow({ where: { key } });
    await countPairView(database, key, grantRevision);
    const add = async (title: string) =>
      (await catalog.local.add([newItem({ title, tags: ['hedge'] }), newItem({ title: 'not theirs' })]))[0]
        ?.id ?? '';
    /** As if so many changes of others lay between. */
    const pass = (many: number) =>
      database.write((tx) => tx.run(sql`UPDATE catalog_state SET sequence = sequence + ${many}`));
    const [edited, removed, untagged] = [await add('edited'), await add('removed'), await add('untagged')];
    await pass(40_000);
    const late = await add('late');
    await pass(40_000);
    const turns: number[] = [];
    let asked = 0;
    const reading: Sql = {
      ...database.read,
      all: async (statement) => {
        asked += 1;
        setImmediate(() => turns.push(asked));
        const rows = await database.read.all(statement);
        if (asked === 3) {
          await catalog.local.update(edited, { title: 'edited since' });
          await catalog.local.remove([removed]);
          await catalog.local.update(untagged, { tags: [] });
        }
        return rows as never;
      },
    };
    const read = await readFeed(reading, { key, grant }, { after: 0, start: 0, limit: 100 });
    expect(read.complete).toBe(true);
    expect(
      read.entries.map((entry) => (entry.type === 'item' ? entry.item.title : [entry.id, entry.reason])),
    ).toEqual(['late', 'edited since', [removed, 'deleted'], [untagged, 'grant-changed']]);
    const shown = read.entries.flatMap((entry) => (entry.type === 'item' ? [entry.item] : []));
    const terms = shown.map((item) => checksumTerm(item.id, versionFor(grant, item)));
    expect(read.sum).toEqual({
      total: 2,
      checksum: formatChecksum(terms.reduce((sum, term) => addChecksum(sum, term), EMPTY_CHECKSUM)),
    });
    // Each piece came after everybody else had been heard.
    expect(asked).toBeGreaterThan(10);
    expect(new Set(turns).size).toBeGreaterThanOrEqual(asked - 1);

    // A page that is full ends where it is full.
    const first = await readFeed(database.read, { key, grant }, { after: 0, start: 0, limit: 1 });
    expect(first).toMatchObject({ complete: false, entries: [{ type: 'item', item: { id: late } }] });
    expect(await countBehind(database.read, { key, grant }, 0, 0, 100)).toBe(4);
    expect(await countBehind(database.read, { key, grant }, 0, 0, 2)).toBe(2);
  } finally {
    await close();
  }
});

async function planOf(database: Sql, { sql: text, text: numbered, values }: Runnable): Promise<string> {
  const explain = database.dialect === 'sqlite' ? 'EXPLAIN QUERY PLAN' : 'EXPLAIN';
  const rows = await database.all<Record<string, unknown>>({
    sql: `${explain} ${text}`,
    text: `${explain} ${numbered}`,
    values,
  });
  return rows.map((row) => row['detail'] ?? row['QUERY PLAN']).join('\n');
}
