import { raw, type Sql, type Statement } from '../database/sql.ts';

/** A column that Prisma keeps as DateTime, as ms since 1970. @param column a constant of the program */
export function milliseconds({ dialect }: Pick<Sql, 'dialect'>, column: string): Statement {
  return raw(
    dialect === 'sqlite'
      ? `CAST(round(unixepoch(${column}, 'subsec') * 1000) AS INTEGER)`
      : `round(extract(epoch FROM ${column}) * 1000)`,
  );
}
