import { type Sql, type Statement, sql } from './sql.ts';

/** A subquery over a list of any length that is one bound value, so that the statement stays the same. */
export function integers(on: Pick<Sql, 'dialect'>, list: string): Statement {
  return on.dialect === 'sqlite'
    ? sql`SELECT value FROM json_each(${list})`
    : sql`SELECT CAST(value AS int) FROM json_array_elements_text(CAST(${list} AS json))`;
}

/**
 * The same of texts. PostgreSQL's JSON refuses zero characters and halves of surrogate pairs, which no text of it can
 * hold; they become U+FFFD, so that such a text is like no other.
 */
export function texts(on: Pick<Sql, 'dialect'>, list: string): Statement {
  return on.dialect === 'sqlite'
    ? sql`SELECT value FROM json_each(${list})`
    : sql`SELECT value FROM json_array_elements_text(CAST(${list.replace(IMPOSSIBLE, keepBackslash)} AS json))`;
}

/** As JSON.stringify writes them; an escaped backslash is matched too, so that what follows it is not taken for one. */
const IMPOSSIBLE = /\\(?:\\|u0000|ud[89a-f][0-9a-f]{2})/g;

function keepBackslash(found: string): string {
  return found === '\\\\' ? found : '\\ufffd';
}
