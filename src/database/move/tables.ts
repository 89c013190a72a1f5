/** Which tables are moved, and what they are made of, as the two databases themselves say. */
import { HedgerowError } from '../../lib/errors.ts';
import { type Sql, sql } from '../sql.ts';
import { MOVE_INDEXES, MOVE_TABLE, MOVE_TABLES } from './marks.ts';
import { KINDS, type Kind } from './values.ts';

export interface MovedTable {
  name: string;
  columns: readonly MovedColumn[];
  /** Columns of its primary key, by which it is read in order. */
  key: readonly string[];
}

export interface MovedColumn {
  name: string;
  /** As PostgreSQL names it. */
  type: keyof typeof KINDS;
  kind: Kind;
}

/** What is made anew rather than moved: the search index is of another make in each database. */
const MADE_ANEW = ['_prisma_migrations', 'item_search', MOVE_TABLE, MOVE_TABLES, MOVE_INDEXES];

/**
 * In an order in which no row comes before one that it refers to.
 *
 * @throws HedgerowError INTERNAL where the two are not of one set of models
 */
export async function movedTables(sqlite: Sql, postgres: Sql): Promise<MovedTable[]> {
  const ours = await sqlite.all<{ table: string; column: string; key: number }>(
    sql`SELECT l.name AS "table", c.name AS "column", c.pk AS key FROM pragma_table_list l JOIN pragma_table_xinfo(l.name) c WHERE l.schema = 'main' AND l.type = 'table' AND l.name NOT LIKE 'sqlite%' AND c.hidden = 0`,
  );
  const theirs = await postgres.all<{ table: string; column: string; type: string }>(
    sql`SELECT c.table_name AS "table", c.column_name AS "column", c.data_type AS type FROM information_schema.columns c JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE' AND c.is_generated = 'NEVER' ORDER BY c.table_name, c.ordinal_position`,
  );
  const references = await postgres.all<{ table: string; to: string }>(
    sql`SELECT r.relname AS "table", f.relname AS "to" FROM pg_constraint k JOIN pg_class r ON r.oid = k.conrelid JOIN pg_class f ON f.oid = k.confrelid JOIN pg_namespace n ON n.oid = r.relnamespace WHERE k.contype = 'f' AND n.nspname = current_schema()`,
  );
  const columnsOf = (rows: readonly { table: string; column: string }[]): string =>
    JSON.stringify(
      rows
        .filter(({ table }) => !MADE_ANEW.includes(table))
        .map(({ table, column }) => `${table}.${column}`)
        .sort(),
    );
  if (columnsOf(ours) !== columnsOf(theirs)) {
    throw new HedgerowError('INTERNAL', 'The two databases do not have the same tables and columns.');
  }
  const tables = new Map<string, MovedColumn[]>();
  for (const { table, column, type } of theirs) {
    if (MADE_ANEW.includes(table)) continue;
    if (!isKnown(type)) throw new HedgerowError('INTERNAL', `The type ${type} cannot be moved.`);
    const columns = tables.get(table) ?? [];
    columns.push({ name: column, type, kind: KINDS[type] });
    tables.set(table, columns);
  }
  const keyOf = (name: string): string[] =>
    ours
      .filter(({ table, key }) => table === name && key > 0)
      .sort((one, other) => one.key - other.key)
      .map(({ column }) => column);
  return inOrder(tables, references).map((table) => ({ ...table, key: keyOf(table.name) }));
}

function isKnown(type: string): type is keyof typeof KINDS {
  return Object.hasOwn(KINDS, type);
}

function inOrder(
  tables: ReadonlyMap<string, MovedColumn[]>,
  references: readonly { table: string; to: string }[],
): Omit<MovedTable, 'key'>[] {
  const ordered = new Map<string, Omit<MovedTable, 'key'>>();
  const enter = (name: string): void => {
    const columns = tables.get(name);
    if (columns === undefined || ordered.has(name)) return;
    for (const { table, to } of references) if (table === name && to !== name) enter(to);
    ordered.set(name, { name, columns });
  };
  for (const name of tables.keys()) enter(name);
  return [...ordered.values()];
}
