import { type Sql, type Statement, sql } from './sql.ts';

/** A subquery over a list of any length that is one bound value, so that the statement stays the same. */
export function integers(on: Pick<Sql, 'dialect'>, list: string): Statement {
  return on.dialect === 'sqlite'
    ? sql`SELECT value FROM json_each(${list})`
    : sql`SELECT CAST(value AS int) FROM json_array_elements_text(CAST(${list} AS json))`;
}

export function texts(on: Pick<Sql, 'dialect'>, list: string): Statement {
  return on.dialect === 'sqlite'
    ? sql`SELECT value FROM json_each(${list})`
    : sql`SELECT value FROM json_array_elements_text(CAST(${list} AS json))`;
}
