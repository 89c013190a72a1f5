import type { Database } from '../database/database.ts';
import { type Sql, type SqlDialect, sql } from '../database/sql.ts';
import { lockPeers } from './locks.ts';
import { fts5Texts, indexedWords, type SearchableTexts, tsvectorText, WORDS_VERSION } from './words.ts';

export interface IndexEntry {
  key: number;
  /** Of `searchTexts`. */
  texts: readonly string[];
}

/** What the index of this database is given of an item: for SQLite a text for each part, for PostgreSQL one vector. */
export function searchTexts(dialect: SqlDialect, item: SearchableTexts): string[] {
  const words = indexedWords(item);
  return dialect === 'sqlite' ? fts5Texts(words) : [tsvectorText(words)];
}

/**
 * FTS5 gathers words in memory and writes them down together, unless a statement comes that might have to be undone by
 * itself: one of several rows, or one that a trigger follows. So here, and between two of these, are statements of one row.
 */
const ROW = 'INTO item_search (rowid, title, tags, rest) VALUES (?, ?, ?, ?)';
const ADD = `INSERT ${ROW}`;
const REPLACE = `INSERT OR REPLACE ${ROW}`;
type IndexRow = [key: number, ...texts: string[]];

/** Puts items into the search index, in place of what it had of them. */
export async function indexItems(tx: Sql, entries: readonly IndexEntry[]): Promise<void> {
  if (entries.length === 0) return;
  if (tx.dialect === 'sqlite') {
    // In the order of their keys: at one that is smaller than the last FTS5 writes down what it has gathered.
    const rows = entries.map(({ key, texts }): IndexRow => [key, ...texts]).sort(([a], [b]) => a - b);
    await tx.each(REPLACE, rows);
  } else {
    const keys = entries.map(({ key }) => key);
    const vectors = entries.map(({ texts: [vector] }) => vector);
    await tx.run(
      sql`INSERT INTO item_search (item_key, words) SELECT u.key, CAST(u.words AS tsvector) FROM unnest(CAST(${keys} AS int[]), CAST(${vectors} AS text[])) AS u (key, words) ON CONFLICT (item_key) DO UPDATE SET words = excluded.words`,
    );
  }
}

/** SQLite: puts items into the search index that were never in it, in the order of their keys. */
export async function indexNewItems(tx: Sql, entries: readonly IndexEntry[]): Promise<void> {
  await tx.each(
    ADD,
    entries.map(({ key, texts }): IndexRow => [key, ...texts]),
  );
}

/** Takes items out of the search index. PostgreSQL does it by itself, with the item's row. */
export async function unindexItems(tx: Sql, keys: readonly number[]): Promise<void> {
  if (keys.length === 0 || tx.dialect !== 'sqlite') return;
  await tx.run(
    sql`DELETE FROM item_search WHERE rowid IN (SELECT value FROM json_each(${JSON.stringify(keys)}))`,
  );
}

/** Where the settings say what the index holds: the version, and behind a slash the last key that is done, if not all. */
const SETTING = 'search-index';
/** Items of one transaction: about 10 ms. */
const ITEMS_AT_ONCE = 250;

type IndexedRow = Omit<SearchableTexts, 'tags' | 'properties'> & {
  key: number;
  tags: string;
  properties: string;
};

/**
 * Indexes every item anew where the index was made by another version of the words. It goes on where it was
 * parted, and two processes may do it at once.
 *
 * @param onBegin - told once, where there is something to do.
 */
export async function ensureIndexed(database: Database, onBegin: () => void): Promise<void> {
  const version = String(WORDS_VERSION);
  const setting = await database.read.get<{ value: string }>(
    sql`SELECT value FROM settings WHERE key = ${SETTING}`,
  );
  if (setting?.value === version) return;
  const [of, done] = setting?.value.split('/') ?? [];
  let after = of === version ? Number(done) : 0;
  for (let first = true; ; first = false) {
    const keys = await database.writeRecoverable(async (tx) => {
      const next = sql`FROM items WHERE key > ${after} ORDER BY key LIMIT ${ITEMS_AT_ONCE}`;
      await lockPeers(tx, sql`SELECT source FROM (SELECT source ${next}) AS n`);
      const lock = tx.dialect === 'sqlite' ? sql`` : sql` FOR UPDATE`;
      const rows = await tx.all<IndexedRow>(
        sql`SELECT key, title, description, filename, creator, tags, properties ${next}${lock}`,
      );
      if (first && rows.length > 0) onBegin();
      await indexItems(
        tx,
        rows.map(({ key, tags, properties, ...texts }) => ({
          key,
          texts: searchTexts(tx.dialect, {
            ...texts,
            tags: JSON.parse(tags),
            properties: JSON.parse(properties),
          }),
        })),
      );
      const last = rows.at(-1)?.key ?? after;
      const value = rows.length < ITEMS_AT_ONCE ? version : `${version}/${last}`;
      await tx.run(
        sql`INSERT INTO settings (key, value) VALUES (${SETTING}, ${value}) ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
      );
      return rows.map(({ key }) => key);
    });
    if (keys.length < ITEMS_AT_ONCE) return;
    after = keys.at(-1) ?? after;
  }
}
