import { type Sql, sql } from '../database/sql.ts';
import { fts5Text, indexedWords, type SearchableTexts, tsvectorText } from './words.ts';

export interface IndexEntry {
  key: number;
  texts: SearchableTexts;
}

/** Puts items into the search index, in place of what it had of them. */
export async function indexItems(tx: Sql, entries: readonly IndexEntry[]): Promise<void> {
  if (entries.length === 0) return;
  if (tx.dialect === 'sqlite') {
    const rows = JSON.stringify(entries.map(({ key, texts }) => [key, fts5Text(indexedWords(texts))]));
    await tx.run(
      sql`INSERT OR REPLACE INTO item_search (rowid, words) SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(${rows})`,
    );
  } else {
    const keys = entries.map(({ key }) => key);
    const vectors = entries.map(({ texts }) => tsvectorText(indexedWords(texts)));
    await tx.run(
      sql`INSERT INTO item_search (item_key, words) SELECT u.key, CAST(u.words AS tsvector) FROM unnest(CAST(${keys} AS int[]), CAST(${vectors} AS text[])) AS u (key, words) ON CONFLICT (item_key) DO UPDATE SET words = excluded.words`,
    );
  }
}

/** Takes items out of the search index. PostgreSQL does it by itself, with the item's row. */
export async function unindexItems(tx: Sql, keys: readonly number[]): Promise<void> {
  if (keys.length === 0 || tx.dialect !== 'sqlite') return;
  await tx.run(
    sql`DELETE FROM item_search WHERE rowid IN (SELECT value FROM json_each(${JSON.stringify(keys)}))`,
  );
}
