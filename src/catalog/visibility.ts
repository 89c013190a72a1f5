import { empty, join, type Statement, sql } from '../database/sql.ts';

/** Who asks the catalog. The catalog knows no sessions and tokens; rooms above translate. */
export type Reader =
  | { kind: 'ANONYMOUS' }
  | { kind: 'USER'; userId: string | null }
  | { kind: 'ADMIN'; userId: string | null };

const INSTANCE = 1;
const PUBLIC = 3;

/**
 * The one clause that is in every read: which rows of `items i` this reader may see.
 *
 * Local: PRIVATE to its owner alone, also against admins; the rest to people of this instance; PUBLIC to
 * anyone. Remote: what the peer's audience allows, of peers that are neither revoked nor gone silent with an
 * ended grant. A hidden remote item has the visibility -1, below every bound.
 *
 * The plus before `source` changes no value: it keeps SQLite from answering the clause by an index of its own, for
 * then it would sort the whole catalog for one page. An order's index and this clause as a filter cost a page only.
 */
export function visibleTo(reader: Reader): Statement {
  if (reader.kind === 'ANONYMOUS') {
    return sql`(+i.source = 0 AND i.visibility >= ${PUBLIC} OR +i.source <> 0 AND i.visibility >= ${INSTANCE} AND ${peerShows(['ANYONE'])})`;
  }
  const audiences = reader.kind === 'ADMIN' ? ['ADMINS', 'USERS', 'ANYONE'] : ['USERS', 'ANYONE'];
  const own = reader.userId === null ? empty : sql` OR +i.source = 0 AND i.owner_id = ${reader.userId}`;
  return sql`((i.visibility >= ${INSTANCE} AND (+i.source = 0 OR ${peerShows(audiences)}))${own})`;
}

function peerShows(audiences: string[]): Statement {
  return sql`+i.source IN (SELECT p.key FROM federation_peers p WHERE p.status <> 'REVOKED' AND p.hidden_since IS NULL AND p.audience IN (${join(audiences)}))`;
}

/** Local items that peers may be told of. A peer's grant narrows it further. */
export function isShared(item: { source: number; visibility: number }): boolean {
  return item.source === 0 && item.visibility >= 2;
}
