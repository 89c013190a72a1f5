/** What a poll of the feed reads, however many items there are. */
import { expect, it } from 'vitest';
import { describeOnBothDatabases } from '../../test/support/databases.ts';
import { newItem, seedPeer } from '../../test/support/items.ts';
import { type Runnable, type Sql, sql } from '../database/sql.ts';
import { createCatalog } from './catalog.ts';
import { countBehind, readFeed } from './feed.ts';
import type { GrantScope } from './grant.ts';

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

async function planOf(database: Sql, { sql: text, text: numbered, values }: Runnable): Promise<string> {
  const explain = database.dialect === 'sqlite' ? 'EXPLAIN QUERY PLAN' : 'EXPLAIN';
  const rows = await database.all<Record<string, unknown>>({
    sql: `${explain} ${text}`,
    text: `${explain} ${numbered}`,
    values,
  });
  return rows.map((row) => row['detail'] ?? row['QUERY PLAN']).join('\n');
}
