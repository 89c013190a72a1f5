import { empty, raw, type Statement, sql } from '../database/sql.ts';
import { HIDDEN } from './items.ts';

/** Who asks the catalog. The catalog knows no sessions and tokens; rooms above translate. */
export type Reader =
  | { kind: 'ANONYMOUS' }
  | { kind: 'USER'; userId: string | null }
  | { kind: 'ADMIN'; userId: string | null };

// They stand in the text of the statements: what PostgreSQL knows it need not plan for anew with each value.
const INSTANCE = raw('1');
const PUBLIC = raw('3');
const HIDDEN_VALUE = raw(String(HIDDEN));

/** Tables with the columns that the clause asks for: `items i` and `items o`, `albums a`, `item_counts c`, `departures d`. */
export type ItemTable = 'i' | 'o' | 'a' | 'c' | 'd';

/**
 * The one clause that is in every read: which rows of a table this reader may see.
 *
 * Local: PRIVATE to its owner alone, also against admins; the rest to people of this instance; PUBLIC to
 * anyone. Remote: what the peer's audience allows, of peers that are neither revoked nor gone silent with an
 * ended grant. A hidden remote item has the visibility -1, below every bound.
 *
 * The plus before `source` changes no value: it keeps SQLite from answering the clause by an index of its own, for
 * then it would sort the whole catalog for one page. An order's index and this clause as a filter cost a page only.
 */
export function visibleTo(reader: Reader, table: ItemTable = 'i'): Statement {
  const of = raw(table);
  if (reader.kind === 'ANONYMOUS') {
    return sql`(+${of}.source = 0 AND ${of}.visibility >= ${PUBLIC} OR +${of}.source <> 0 AND ${of}.visibility >= ${INSTANCE} AND ${peerShows(reader, of)})`;
  }
  const own =
    reader.userId === null ? empty : sql` OR +${of}.source = 0 AND ${of}.owner_id = ${reader.userId}`;
  return sql`((${of}.visibility >= ${INSTANCE} AND (+${of}.source = 0 OR ${peerShows(reader, of)}))${own})`;
}

/** What an admin hid of peers: seen by admins alone, and only where it is asked for. */
export function hiddenSeenBy(reader: Reader, table: ItemTable = 'i'): Statement {
  if (reader.kind !== 'ADMIN') return sql`1 = 0`;
  const of = raw(table);
  return sql`(${of}.visibility = ${HIDDEN_VALUE} AND ${peerShows(reader, of)})`;
}

const AUDIENCES = {
  ANONYMOUS: raw("'ANYONE'"),
  USER: raw("'USERS', 'ANYONE'"),
  ADMIN: raw("'ADMINS', 'USERS', 'ANYONE'"),
};

function peerShows(reader: Reader, of: Statement): Statement {
  return sql`+${of}.source IN (SELECT p.key FROM federation_peers p WHERE p.status <> 'REVOKED' AND p.hidden_since IS NULL AND p.audience IN (${AUDIENCES[reader.kind]}))`;
}

/** Local items that peers may be told of. A peer's grant narrows it further. */
export function isShared(item: { source: number; visibility: number }): boolean {
  return item.source === 0 && item.visibility >= 2;
}
