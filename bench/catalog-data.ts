/**
 * The catalogs of bench/catalog.ts: generated into SQLite, copied from there into PostgreSQL, so that both have the same items;
 * each served from a copy, so that what is kept stays as it was made.
 */

import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import pg from 'pg';
import { hashSecret } from '../src/access/secrets.ts';
import { TOKEN_PREFIX } from '../src/access/tokens.ts';
import { createCatalog } from '../src/catalog/catalog.ts';
import { searchTexts } from '../src/catalog/search-index.ts';
import { openDatabase } from '../src/database/database.ts';
import { sql } from '../src/database/sql.ts';
import { administer } from '../test/support/postgres.ts';
import { generateCatalog } from './generate-catalog.ts';

/** Of a row in `api_tokens`: whoever answers looks it up, for each request. */
export const TOKEN = `${TOKEN_PREFIX}of-the-bench-of-the-catalog-0123456789abcdef`;

export interface CatalogSort {
  items: number;
  peers: number;
}

const nameOf = ({ items, peers }: CatalogSort): string => `hedgerow_bench_${items}_of_${peers}`;

/** The file of a catalog, made where it is not there yet. */
export async function sqliteCatalog(folder: string, sort: CatalogSort): Promise<string> {
  const path = join(folder, `${nameOf(sort)}.db`);
  if (existsSync(path)) return path;
  const began = performance.now();
  const unfinished = join(folder, 'unfinished');
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  {
    const made = join(unfinished, 'hedgerow.db');
    await using database = await openDatabase({ dialect: 'sqlite', path: made });
    await generateCatalog(database, sort);
    // Without a date of the camera an own item stands at the day on which it was made: all of them before everybody
    // else's, and the first page would have no peer on it.
    await database.write(async (tx) => {
      await tx.run(
        sql`UPDATE items SET added_at = ${Date.UTC(2006, 0, 1)} + (key * 7919 % 7300) * 86400000 WHERE source = 0`,
      );
      await tx.run(sql`UPDATE items SET timeline_at = added_at WHERE source = 0 AND taken_at IS NULL`);
    });
    await database.prisma.apiToken.create({ data: apiToken() });
    await database.read.all(sql`PRAGMA wal_checkpoint(TRUNCATE)`);
  }
  renameSync(join(unfinished, 'hedgerow.db'), path);
  rmSync(unfinished, { recursive: true, force: true });
  say(`${sort.items} items of ${sort.peers} peers on SQLite`, began);
  return path;
}

/**
 * A new database `name` with a catalog, which is made where the server does not have it yet.
 *
 * @param server - its URL, without a database
 */
export async function postgresCatalog(
  server: string,
  name: string,
  sort: CatalogSort,
  sqlite: () => Promise<string>,
): Promise<string> {
  const kept = nameOf(sort);
  const client = new pg.Client({ connectionString: `${server}/postgres` });
  await client.connect();
  const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [kept]);
  await client.end();
  if (rowCount === 0) {
    const from = await sqlite();
    const began = performance.now();
    const unfinished = `${kept}_unfinished`;
    await administer(server, `DROP DATABASE IF EXISTS ${unfinished} WITH (FORCE)`);
    await administer(server, `CREATE DATABASE ${unfinished}`);
    await copyInto(`${server}/${unfinished}`, from);
    await administer(server, `ALTER DATABASE ${unfinished} RENAME TO ${kept}`);
    say(`${sort.items} items of ${sort.peers} peers on PostgreSQL`, began);
  }
  await administer(server, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
  await administer(server, `CREATE DATABASE ${name} TEMPLATE ${kept}`);
  return `${server}/${name}`;
}

/** Rows of one statement. */
const AT_ONCE = 2_000;

async function copyInto(url: string, path: string): Promise<void> {
  const from = new BetterSqlite3(path, { readonly: true });
  {
    await using database = await openDatabase({ dialect: 'postgresql', url });
    await createCatalog(database);
    const peers = from
      .prepare(
        'SELECT key, id, peer_name AS name, health, audience, item_count AS itemCount FROM federation_peers ORDER BY key',
      )
      .all() as {
      key: number;
      id: string;
      name: string;
      health: string;
      audience: string;
      itemCount: number;
    }[];
    for (const peer of peers) {
      await database.prisma.peer.create({
        data: {
          ...peer,
          endpoint: 'http://127.0.0.1:1',
          pulls: true,
          lastSuccessAt: new Date(),
          remoteTotal: peer.itemCount,
          inSync: true,
        },
      });
    }
    await database.prisma.apiToken.create({ data: apiToken() });
  }
  const to = new pg.Client({ connectionString: url });
  await to.connect();
  const tables = ['items', 'item_tags', 'item_counts', 'catalog_state'];
  const { rows: indexes } = await to.query<{ name: string; definition: string }>(
    `SELECT indexname AS name, indexdef AS definition FROM pg_indexes WHERE tablename = ANY($1) AND indexname NOT LIKE '%pkey' AND schemaname = 'public'`,
    [[...tables, 'item_search']],
  );
  for (const { name } of indexes) await to.query(`DROP INDEX "${name}"`);
  await to.query('DELETE FROM catalog_state');
  for (const table of tables) {
    const { rows } = await to.query<{ name: string }>(
      `SELECT attname AS name FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''`,
      [table],
    );
    const columns = rows.map(({ name }) => `"${name}"`).join(', ');
    for (const batch of batches(from.prepare(`SELECT ${columns} FROM ${table}`).iterate())) {
      await to.query(
        `INSERT INTO ${table} (${columns}) SELECT ${columns} FROM json_populate_recordset(NULL::${table}, $1)`,
        [JSON.stringify(batch)],
      );
      if (table !== 'items') continue;
      const words = (batch as unknown as Texts[]).map(({ tags, properties, ...item }) =>
        searchTexts('postgresql', {
          ...item,
          tags: JSON.parse(tags),
          properties: JSON.parse(properties),
        }).join(),
      );
      await to.query(
        'INSERT INTO item_search (item_key, words) SELECT u.key, u.words::tsvector FROM unnest($1::int[], $2::text[]) AS u (key, words)',
        [(batch as unknown as Texts[]).map(({ key }) => key), words],
      );
    }
  }
  from.close();
  await to.query(`SET maintenance_work_mem = '512MB'`);
  for (const { definition } of indexes) await to.query(definition);
  for (const table of ['items', 'federation_peers']) {
    await to.query(`SELECT setval(pg_get_serial_sequence($1, 'key'), (SELECT MAX(key) FROM ${table}))`, [
      table,
    ]);
  }
  await to.query('VACUUM ANALYZE');
  await to.query(VIEWS);
  await to.end();
}

interface Texts {
  key: number;
  title: string;
  description: string | null;
  filename: string | null;
  creator: string | null;
  tags: string;
  properties: string;
}

/** What PostGraphile sees: the columns of the selection, of what everybody of this instance may see. */
const VIEWS = `
  CREATE SCHEMA bench;
  CREATE VIEW bench.peers AS SELECT key, id, peer_name AS name, health FROM public.federation_peers;
  CREATE VIEW bench.items AS
    SELECT key, source, id, kind, title, description, mime_type, byte_size, width, height, taken_at, added_at, timeline_at, tags
    FROM public.items WHERE visibility >= 1;
  COMMENT ON VIEW bench.peers IS E'@primaryKey key';
  COMMENT ON VIEW bench.items IS E'@primaryKey key\\n@foreignKey (source) references bench.peers (key)|@fieldName peer';
`;

function* batches(rows: Iterable<unknown>): Generator<unknown[]> {
  let batch: unknown[] = [];
  for (const row of rows) {
    batch.push(row);
    if (batch.length < AT_ONCE) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

function apiToken() {
  return {
    id: 'token_bench',
    name: 'bench',
    hash: hashSecret(TOKEN),
    prefix: TOKEN.slice(0, 8),
    scopes: 'CATALOG_READ',
  };
}

function say(what: string, began: number): void {
  console.error(`${what} in ${((performance.now() - began) / 1000).toFixed(1)} s`);
}
