/** A hash over all that a database holds, to show that something wrote nothing. */

import { createHash } from 'node:crypto';
import type { Database } from '../../src/database/database.ts';
import { raw, sql } from '../../src/database/sql.ts';

/** What is kept of requests whatever becomes of them. */
const ASIDE: Readonly<Record<string, readonly string[]>> = {
  audit_events: ['*'],
  // When a peer was last here, and what it took.
  federation_peers: ['last_seen_at', 'bytes_served'],
};

/**
 * The hash of each table's rows, by name: SQLite only.
 *
 * @param aside - further tables, or columns of them, that do not count
 */
export async function fingerprint(
  { read }: Pick<Database, 'read'>,
  aside: Readonly<Record<string, readonly string[]>> = {},
): Promise<Record<string, string>> {
  const tables = await read.all<{ name: string }>(
    sql`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`,
  );
  const hashes: Record<string, string> = {};
  for (const { name } of tables) {
    const left = [...(ASIDE[name] ?? []), ...(aside[name] ?? [])];
    if (left.includes('*')) continue;
    const rows = await read.all<Record<string, unknown>>(sql`SELECT * FROM ${raw(`"${name}"`)}`);
    const hash = createHash('sha256');
    for (const row of rows.map((each) => serialized(each, left)).sort()) hash.update(row).update('\n');
    hashes[name] = `${rows.length} rows, ${hash.digest('hex').slice(0, 16)}`;
  }
  return hashes;
}

function serialized(row: Record<string, unknown>, left: readonly string[]): string {
  return JSON.stringify(
    Object.entries(row).filter(([column]) => !left.includes(column)),
    (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value),
  );
}
