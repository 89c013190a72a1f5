/** The sums that are kept of items, made anew from the items themselves: whether a copy of the catalog is the catalog. */
import { type Sql, sql } from '../database/sql.ts';
import { addChecksum, checksumTerm, EMPTY_CHECKSUM, formatChecksum } from '../lib/checksum.ts';

export interface Recount {
  /** Null: what this instance shares; else the peer whose catalog it is. */
  peer: { id: string; name: string } | null;
  /** How many items, and their checksum, as kept and as found; alike, unless something is wrong. */
  kept: { items: number; checksum: string };
  found: { items: number; checksum: string };
}

interface PeerRow {
  key: number;
  id: string;
  name: string;
  items: number;
  skipped: number;
  first: number;
  second: number;
}

const ROWS = 5000;

/** Of what is shared, and of each peer with a catalog here. */
export async function recount(database: Sql): Promise<Recount[]> {
  const state = await database.get<{ items: number; first: number; second: number }>(
    sql`SELECT shared_count AS items, checksum_first AS "first", checksum_second AS "second" FROM catalog_state WHERE id = 1`,
  );
  const results: Recount[] = [];
  if (state !== undefined) {
    const shared = await sumUp((after) =>
      database.all<Term>(
        sql`SELECT key AS place, id, version FROM items WHERE source = 0 AND sequence IS NOT NULL AND key > ${Number(after)} ORDER BY key LIMIT ${ROWS}`,
      ),
    );
    results.push({
      peer: null,
      kept: { items: state.items, checksum: formatChecksum(state) },
      found: shared,
    });
  }
  const peers = await database.all<PeerRow>(
    sql`SELECT key, id, peer_name AS name, item_count AS items, skipped_count AS skipped, checksum_first AS "first", checksum_second AS "second" FROM federation_peers WHERE pulls = ${true} AND status <> ${'REVOKED'} ORDER BY key`,
  );
  for (const { key, id, name, items, skipped, ...checksum } of peers) {
    const shown = await sumUp((after) =>
      database.all<Term>(
        sql`SELECT key AS place, remote_id AS id, version FROM items WHERE source = ${key} AND held = ${false} AND generation >= 0 AND key > ${Number(after)} ORDER BY key LIMIT ${ROWS}`,
      ),
    );
    const left = await sumUp((after) =>
      database.all<Term>(
        sql`SELECT remote_id AS place, remote_id AS id, version FROM skipped_items WHERE source = ${key} AND remote_id > ${after} ORDER BY remote_id LIMIT ${ROWS}`,
      ),
    );
    results.push({
      peer: { id, name },
      kept: { items: items + skipped, checksum: formatChecksum(checksum) },
      found: {
        items: shown.items + left.items,
        checksum: formatChecksum(addChecksum(shown.sum, left.sum)),
      },
    });
  }
  return results;
}

interface Term {
  /** By which they are read in order. */
  place: number | string;
  id: string;
  version: string;
}

async function sumUp(read: (after: string) => Promise<Term[]>) {
  let sum = EMPTY_CHECKSUM;
  let items = 0;
  let after = '';
  for (;;) {
    const rows = await read(after);
    for (const { id, version } of rows) sum = addChecksum(sum, checksumTerm(id, version));
    items += rows.length;
    if (rows.length < ROWS) return { items, sum, checksum: formatChecksum(sum) };
    after = String(rows.at(-1)?.place ?? after);
  }
}
