/**
 * Moves everything of a file of SQLite into a PostgreSQL database, so that it can be broken off anywhere and gone on with.
 *
 * Rows go in transactions of some hundred, each with the place up to which its table has arrived. At the end each table is
 * read back, and counts and sums of its rows are compared with those that were taken when they were read. Only then does the
 * file say that it was moved, and only then can the other database be opened (marks.ts).
 */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { HedgerowError } from '../../lib/errors.ts';
import { type Database, openDatabase, reason } from '../database.ts';
import { inspectMigrations } from '../migrations.ts';
import { openPostgres } from '../postgres.ts';
import { join, prepared, raw, type Sql, type Statement, sql } from '../sql.ts';
import {
  clearMoveMark,
  isMoveUnderWay,
  MOVE_INDEXES,
  MOVE_SETTING,
  MOVE_TABLE,
  MOVE_TABLES,
  type MoveMark,
  readMoveMark,
  writeMoveMark,
} from './marks.ts';
import { type MovedTable, movedTables } from './tables.ts';
import { type Cell, createRowSum, fromPostgres, fromSqlite, readBack, toPostgres } from './values.ts';

export interface MoveOptions {
  /** A file of SQLite, opened for its move; nobody else has it open. */
  source: Database;
  /** Of PostgreSQL. */
  url: string;
  migrations?: string;
  /** Of the instance that is moved; null for one that was never started. */
  instance: string | null;
  now: () => number;
  signal: AbortSignal;
  onProgress: (progress: MoveProgress) => void;
  /** Once it is certain that the database can be moved into, and before its rows are. */
  before: () => Promise<void>;
  /** What belongs to the rows and is made of them anew, such as the search index; may be broken off and called again. */
  complete: (target: Database) => Promise<void>;
  /** Rows of one transaction. */
  rowsAtOnce?: number;
}

export interface MoveProgress {
  step: 'copy' | 'indexes' | 'compare';
  /** Or the index. */
  table: string;
  /** Rows of all tables, or indexes. */
  done: number;
  total: number;
}

export interface TableReport {
  table: string;
  rows: number;
  /** Sum of the SHA-256 of its rows, the same in both: 64 hex digits. */
  sum: string;
}

export interface MoveReport {
  /** `already`: an earlier run has done it all. */
  outcome: 'moved' | 'already';
  /** `anew`: what an earlier run had copied was of no use, for the instance was in use since then. */
  begun: 'new' | 'resumed' | 'anew';
  /** The database without its password. */
  to: string;
  tables: readonly TableReport[];
  /** Texts in which a zero character, which PostgreSQL cannot keep, became U+FFFD. */
  zeroCharacters: number;
}

/** ms until a server must have answered. */
const CONNECT = 10_000;
/** Rows of one transaction: of the widest table, a few megabytes. */
const ROWS = 1000;
/** Of the advisory lock that whoever moves into a database holds. */
const LOCK = 0x48_47_4d_56;

/** Rows that stay where they are: they say something of one database alone. */
const STAYING = [MOVE_SETTING, 'search-index'];

/**
 * @throws HedgerowError CONFLICT, INVALID or UNAVAILABLE with a sentence that says what is wrong; nothing is lost then, and the file
 *   can go on being used
 */
export async function moveDatabase(options: MoveOptions): Promise<MoveReport> {
  const { source, url } = options;
  const to = placeOf(url);
  await using lock = await lockTarget(url, to);
  const found = await lookAtTarget(options, to, lock);
  await using target = await openDatabase(
    { dialect: 'postgresql', url },
    { move: true, ...(options.migrations !== undefined && { migrations: options.migrations }) },
  );
  const mark = await readMoveMark(source.read);
  if (found === 'arrived') {
    return { outcome: 'already', begun: 'resumed', to, tables: [], zeroCharacters: 0 };
  }
  if (mark?.state !== 'moved') {
    const tables = await movedTables(source.read, target.read);
    const begun = await begin(options, target, tables, mark, to, found);
    await options.before();
    await copy(options, target, tables);
    await makeIndexes(options, target);
    await options.complete(target);
    await compare(options, target, tables);
    const { id } = await head(target.read);
    // From here on the file is not used any more; the next line is done by a later run where this one ends here.
    const at = new Date(options.now()).toISOString();
    await source.write((tx) => writeMoveMark(tx, { id, state: 'moved', other: to, at }));
    return await arrive(options, target, to, begun);
  }
  return await arrive(options, target, to, 'resumed');
}

/**
 * Takes a file that was moved back into use. What has arrived elsewhere is another instance from now on, under the same key.
 * The catalog gets a new epoch: nobody knows here what peers were told there meanwhile, so they list what they pull anew.
 *
 * @param epoch - the new one
 * @throws HedgerowError CONFLICT where it was not moved
 */
export async function takeBack(source: Database, epoch: string): Promise<MoveMark> {
  const mark = await readMoveMark(source.read);
  if (mark?.state !== 'moved') throw new HedgerowError('CONFLICT', 'This database was not moved away.');
  await source.write(async (tx) => {
    await tx.run(sql`UPDATE catalog_state SET epoch = ${epoch} WHERE id = 1`);
    await clearMoveMark(tx);
  });
  return mark;
}

/** Host, port and name of a database: what may be shown. */
function placeOf(url: string): string {
  const { hostname, port, pathname } = new URL(url);
  return `postgresql://${hostname}${port === '' ? '' : `:${port}`}${pathname}`;
}

interface TargetLock extends AsyncDisposable {
  readonly client: pg.Client;
}

/** One moves into a database at a time; the server gives the lock back with the connection. */
async function lockTarget(url: string, to: string): Promise<TargetLock> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: CONNECT });
  client.on('error', () => {});
  try {
    await client.connect();
  } catch (error) {
    throw new HedgerowError('UNAVAILABLE', `The database ${to} cannot be reached: ${reason(error)}.`, {
      cause: error,
    });
  }
  const lock: TargetLock = { client, [Symbol.asyncDispose]: () => client.end() };
  try {
    const { rows } = await client.query<{ locked: boolean; encoding: string }>(
      `SELECT pg_try_advisory_lock(${LOCK}) AS locked, current_setting('server_encoding') AS encoding`,
    );
    if (rows[0]?.locked !== true) {
      throw new HedgerowError('CONFLICT', `Another process is moving an instance to ${to}.`);
    }
    if (rows[0].encoding !== 'UTF8') {
      throw new HedgerowError(
        'INVALID',
        `The database ${to} is encoded in ${rows[0].encoding}; make one with the encoding UTF8.`,
      );
    }
    return lock;
  } catch (error) {
    await client.end();
    throw error;
  }
}

/** What a database has to do with this move, before anything is written there. */
type Found = 'empty' | 'ours' | 'former' | 'arrived';

/** @throws HedgerowError CONFLICT for one that is used for something else */
async function lookAtTarget(
  { source, url, instance, migrations }: MoveOptions,
  to: string,
  { client }: TargetLock,
): Promise<Found> {
  const mark = await readMoveMark(source.read);
  const elsewhere = (): HedgerowError =>
    new HedgerowError(
      'CONFLICT',
      `This database was moved to ${mark?.other} at ${mark?.at}; \`hedgerow migrate-to --take-back\` takes the file back into use.`,
    );
  const { rows } = await client.query<{ name: string }>(
    `SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema() ORDER BY 1`,
  );
  const names = rows.map(({ name }) => name);
  if (!names.includes('_prisma_migrations')) {
    if (names.length > 0) {
      throw new HedgerowError(
        'CONFLICT',
        `The database ${to} has tables of something else (${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''}); give the name of an empty one.`,
      );
    }
    if (mark?.state === 'moved') throw elsewhere();
    return 'empty';
  }
  const connections = openPostgres(url, { max: 1 });
  try {
    const read = connections.reader;
    // A newer version than ours is refused here.
    const { pending } = await inspectMigrations(read, { folder: migrations });
    if (await isMoveUnderWay(read)) {
      const { id, instance: whose } = await head(read);
      if (pending.length > 0) {
        // Migrations find only some of what they change.
        throw new HedgerowError(
          'CONFLICT',
          `The database ${to} has what an older version of Hedgerow had moved so far; drop it, and make it anew.`,
        );
      }
      if (mark !== null && mark.id === id) return 'ours';
      if (mark?.state === 'moved') throw elsewhere();
      if (whose === instance) return 'former';
      throw new HedgerowError(
        'CONFLICT',
        `The database ${to} has half of another instance, whose move was begun and is not at its end; give the name of an empty one.`,
      );
    }
    const there = await firstFilled(read, names);
    if (mark?.state === 'moved') {
      const arrived = there === null ? null : await readMoveMark(read);
      if (arrived?.id === mark.id) return 'arrived';
      throw elsewhere();
    }
    if (there === null) return 'empty';
    throw new HedgerowError(
      'CONFLICT',
      `The database ${to} is that of another instance of Hedgerow${pending.length > 0 ? ', of an older version' : ''} (its table ${there} is not empty); give the name of an empty one.`,
    );
  } finally {
    await connections.close();
  }
}

async function firstFilled(read: Sql, names: readonly string[]): Promise<string | null> {
  for (const name of names) {
    if (name === '_prisma_migrations') continue;
    const row = await read.get(sql`SELECT 1 AS found FROM ${raw(`"${name}"`)} LIMIT 1`);
    if (row !== undefined) return name;
  }
  return null;
}

async function head(postgres: Sql): Promise<{ id: string; instance: string | null; zeros: number }> {
  const row = await postgres.get<{ id: string; instance: string | null; zeros: number }>(
    sql`SELECT id, instance, zeros FROM ${raw(MOVE_TABLE)}`,
  );
  if (row === undefined) throw new HedgerowError('INTERNAL');
  return row;
}

/** Makes the target ready to be filled, unless it is. */
async function begin(
  { source, instance, now }: MoveOptions,
  target: Database,
  tables: readonly MovedTable[],
  mark: MoveMark | null,
  to: string,
  found: Found,
): Promise<MoveReport['begun']> {
  if (found === 'ours') return 'resumed';
  const id = randomUUID();
  const at = new Date(now()).toISOString();
  await source.write((tx) => writeMoveMark(tx, { id, state: 'under-way', other: to, at }));
  await target.write(async (tx) => {
    await tx.run(sql`DROP TABLE IF EXISTS ${raw(MOVE_TABLES)}, ${raw(MOVE_TABLE)}`);
    const all = [...tables.map(({ name }) => name), 'item_search'].map((name) => raw(`"${name}"`));
    await tx.run(sql`TRUNCATE ${join(all, ', ')}`);
    await dropIndexes(tx);
    // What triggers would note was noted where the rows come from.
    for (const { name } of tables) await tx.run(sql`ALTER TABLE ${raw(`"${name}"`)} DISABLE TRIGGER USER`);
    await tx.run(
      sql`CREATE TABLE ${raw(MOVE_TABLE)} (id text NOT NULL, instance text, zeros bigint NOT NULL DEFAULT 0)`,
    );
    await tx.run(sql`INSERT INTO ${raw(MOVE_TABLE)} (id, instance) VALUES (${id}, ${instance})`);
    await tx.run(
      sql`CREATE TABLE ${raw(MOVE_TABLES)} (name text PRIMARY KEY, after text, total bigint NOT NULL, sum text NOT NULL, done boolean NOT NULL)`,
    );
  });
  return found === 'former' || mark?.state === 'under-way' ? 'anew' : 'new';
}

/**
 * Rows that are added to a table without indexes are there several times as fast; the indexes are made once all are there. Primary
 * keys stay, for rows refer to them.
 */
async function dropIndexes(tx: Sql): Promise<void> {
  // An earlier run may have taken them away, and noted how they were.
  await tx.run(
    sql`CREATE TABLE IF NOT EXISTS ${raw(MOVE_INDEXES)} (name text PRIMARY KEY, definition text NOT NULL)`,
  );
  const indexes = await tx.all<{ name: string; definition: string }>(
    sql`SELECT c.relname AS name, pg_get_indexdef(c.oid) AS definition FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = current_schema() AND t.relname NOT LIKE 'hedgerow_move%' AND t.relname <> '_prisma_migrations' AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conindid = x.indexrelid)`,
  );
  for (const { name, definition } of indexes) {
    await tx.run(
      sql`INSERT INTO ${raw(MOVE_INDEXES)} (name, definition) VALUES (${name}, ${definition}) ON CONFLICT (name) DO NOTHING`,
    );
    await tx.run(sql`DROP INDEX ${raw(`"${name}"`)}`);
  }
}

async function makeIndexes({ signal, onProgress }: MoveOptions, target: Database): Promise<void> {
  const indexes = await target.read.all<{ name: string; definition: string }>(
    sql`SELECT name, definition FROM ${raw(MOVE_INDEXES)} ORDER BY name`,
  );
  for (const [done, { name, definition }] of indexes.entries()) {
    signal.throwIfAborted();
    onProgress({ step: 'indexes', table: name, done, total: indexes.length });
    await target.write(async (tx) => {
      await tx.run(sql`SET LOCAL statement_timeout = 0`);
      await tx.run(raw(definition));
      await tx.run(sql`DELETE FROM ${raw(MOVE_INDEXES)} WHERE name = ${name}`);
    });
  }
}

interface Arrived {
  name: string;
  /** Primary key of the last row that is there, JSON; null where none is. */
  after: string | null;
  total: number;
  sum: string;
  done: boolean;
}

async function arrivedTables(postgres: Sql): Promise<Map<string, Arrived>> {
  const rows = await postgres.all<Arrived>(
    sql`SELECT name, after, total, sum, done FROM ${raw(MOVE_TABLES)}`,
  );
  return new Map(rows.map((row) => [row.name, row]));
}

async function copy(options: MoveOptions, target: Database, tables: readonly MovedTable[]): Promise<void> {
  const { source, signal, onProgress, rowsAtOnce = ROWS } = options;
  const arrived = await arrivedTables(target.read);
  let total = 0;
  for (const table of tables) total += await countRows(source.read, table);
  let done = 0;
  for (const table of tables) {
    const state = arrived.get(table.name) ?? {
      name: table.name,
      after: null,
      total: 0,
      sum: '0'.repeat(64),
      done: false,
    };
    done += state.total;
    if (state.done) continue;
    const sum = createRowSum(state.sum);
    const read = reading(table, rowsAtOnce);
    const insert = inserting(table);
    let { after, total: rows } = state;
    for (let ended = false; !ended; ) {
      signal.throwIfAborted();
      onProgress({ step: 'copy', table: table.name, done, total });
      const found = await source.read.all<Record<string, unknown>>(read(after));
      ended = found.length < rowsAtOnce;
      let zeros = 0;
      const cells = found.map((row) => {
        const taken = cellsOf(table, row);
        zeros += taken.zeros;
        sum.add(taken.cells);
        return taken.cells;
      });
      const last = found.at(-1);
      if (last !== undefined) after = JSON.stringify(table.key.map((name) => last[name]));
      rows += found.length;
      const place = { after, rows, sum: sum.text };
      await target.writeRecoverable(async (tx) => {
        if (cells.length > 0) await tx.run(insert(cells));
        await tx.run(
          sql`INSERT INTO ${raw(MOVE_TABLES)} (name, after, total, sum, done) VALUES (${table.name}, ${place.after}, ${place.rows}, ${place.sum}, ${ended}) ON CONFLICT (name) DO UPDATE SET after = excluded.after, total = excluded.total, sum = excluded.sum, done = excluded.done`,
        );
        if (zeros > 0) await tx.run(sql`UPDATE ${raw(MOVE_TABLE)} SET zeros = zeros + ${zeros}`);
      });
      done += found.length;
    }
  }
}

/** Which rows of a table are moved: text without values, for a cursor takes none. */
function moved({ name }: MovedTable): Statement {
  return raw(name === 'settings' ? `key NOT IN (${STAYING.map((key) => `'${key}'`).join(', ')})` : '1 = 1');
}

async function countRows(on: Sql, table: MovedTable): Promise<number> {
  const row = await on.get<{ count: number }>(
    sql`SELECT COUNT(*) AS count FROM ${raw(`"${table.name}"`)} WHERE ${moved(table)}`,
  );
  return row?.count ?? 0;
}

/** The rows after the one whose primary key is given. */
function reading(table: MovedTable, limit: number): (after: string | null) => Statement {
  const list = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(', ');
  const key = list(table.key);
  const head = raw(`SELECT ${list(table.columns.map(({ name }) => name))} FROM "${table.name}" WHERE `);
  const order = raw(`ORDER BY ${key} LIMIT ${limit}`);
  return (after) =>
    after === null
      ? sql`${head}${moved(table)} ${order}`
      : sql`${head}${moved(table)} AND (${raw(key)}) > (${join(JSON.parse(after) as unknown[])}) ${order}`;
}

/** @throws HedgerowError INVALID for a value that does not fit its column */
function cellsOf(
  { name, columns, key }: MovedTable,
  row: Record<string, unknown>,
): { cells: Cell[]; zeros: number } {
  let zeros = 0;
  const cells = columns.map((column) => {
    const value = row[column.name];
    if (value === null || value === undefined) return null;
    const cell = fromSqlite(column.kind, value);
    if (cell === null) {
      throw new HedgerowError(
        'INVALID',
        `The row ${key.map((part) => String(row[part])).join(', ')} of the table ${name} has something in ${column.name} that is no ${column.type}; nothing was changed.`,
      );
    }
    if (column.kind === 'text' && cell !== value) zeros += 1;
    return cell;
  });
  return { cells, zeros };
}

/** An array for each column, so that the statement is the same for any number of rows. */
function inserting({ name, columns }: MovedTable) {
  const names = columns.map((column) => `"${column.name}"`).join(', ');
  const values = join(
    columns.map(({ kind, type }, at) => toPostgres(kind, type, `u.c${at}`)),
    ', ',
  ).text;
  const arrays = columns.map((_, at) => `CAST($${at + 1} AS text[])`).join(', ');
  const aliases = columns.map((_, at) => `c${at}`).join(', ');
  const text = `INSERT INTO "${name}" (${names}) SELECT ${values} FROM unnest(${arrays}) AS u (${aliases})`;
  return (rows: readonly Cell[][]) =>
    prepared(
      text,
      columns.map((_, at) => rows.map((row) => row[at] ?? null)),
    );
}

/** @throws HedgerowError INTEGRITY_FAILED; then the next run begins anew */
async function compare(options: MoveOptions, target: Database, tables: readonly MovedTable[]): Promise<void> {
  const { source, signal, onProgress } = options;
  const arrived = await arrivedTables(target.read);
  let total = 0;
  for (const each of arrived.values()) total += each.total;
  let done = 0;
  for (const table of tables) {
    const expected = arrived.get(table.name);
    const sum = createRowSum();
    let rows = 0;
    await target.write(async (tx) => {
      const columns = table.columns.map(
        ({ kind, name }) => sql`${fromPostgres(kind, `"${name}"`)} AS ${raw(`"${name}"`)}`,
      );
      const cursor = raw(`"move_${table.name}"`);
      await tx.run(
        sql`DECLARE ${cursor} NO SCROLL CURSOR FOR SELECT ${join(columns, ', ')} FROM ${raw(`"${table.name}"`)} WHERE ${moved(table)}`,
      );
      for (;;) {
        signal.throwIfAborted();
        onProgress({ step: 'compare', table: table.name, done, total });
        const found = await tx.all<Record<string, Cell>>(sql`FETCH ${raw(String(ROWS))} FROM ${cursor}`);
        for (const row of found) {
          sum.add(table.columns.map(({ kind, name }) => readBack(kind, row[name] ?? null)));
        }
        rows += found.length;
        done += found.length;
        if (found.length < ROWS) break;
      }
      await tx.run(sql`CLOSE ${cursor}`);
    });
    const there = await countRows(source.read, table);
    if (expected === undefined || rows !== expected.total || rows !== there || sum.text !== expected.sum) {
      await source.write(clearMoveMark);
      throw new HedgerowError(
        'INTEGRITY_FAILED',
        `The table ${table.name} did not arrive as it was (${there} rows, of which ${rows} are there${rows === there ? ', not all the same' : ''}); the instance stays where it is, and the next run copies everything anew.`,
      );
    }
  }
}

/** The last transaction: the database is an instance's from here on. */
async function arrive(
  { source, now }: MoveOptions,
  target: Database,
  to: string,
  begun: MoveReport['begun'],
): Promise<MoveReport> {
  const { id, zeros } = await head(target.read);
  const arrived = await arrivedTables(target.read);
  const numbers = await source.read.all<{ name: string; last: number }>(
    sql`SELECT name, seq AS last FROM sqlite_sequence`,
  );
  const serials = await target.read.all<{ table: string; column: string; sequence: string }>(
    sql`SELECT table_name AS "table", column_name AS "column", pg_get_serial_sequence(format('%I', table_name), column_name) AS sequence FROM information_schema.columns WHERE table_schema = current_schema() AND column_default LIKE 'nextval(%'`,
  );
  const names = await target.read.all<{ name: string }>(
    sql`SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema() AND tablename NOT IN (${MOVE_TABLE}, ${MOVE_TABLES}, ${MOVE_INDEXES}, ${'_prisma_migrations'})`,
  );
  await target.write(async (tx) => {
    for (const { table, column, sequence } of serials) {
      // A number that was given once is given to nobody else, also where its row is gone.
      const last = numbers.find(({ name }) => name === table)?.last ?? 0;
      const most = await tx.get<{ most: number | null }>(
        sql`SELECT MAX(${raw(`"${column}"`)}) AS most FROM ${raw(`"${table}"`)}`,
      );
      const next = Math.max(last, most?.most ?? 0) + 1;
      await tx.get(sql`SELECT setval(CAST(${sequence} AS regclass), ${next}, false)`);
    }
    for (const { name } of names) await tx.run(sql`ALTER TABLE ${raw(`"${name}"`)} ENABLE TRIGGER USER`);
    const at = new Date(now()).toISOString();
    await writeMoveMark(tx, { id, state: 'arrived', other: 'SQLite', at });
    await tx.run(sql`DROP TABLE ${raw(MOVE_INDEXES)}, ${raw(MOVE_TABLES)}, ${raw(MOVE_TABLE)}`);
  });
  // What the planner knows of tables that were empty a moment ago would make it choose wrong ways.
  await target.write(async (tx) => {
    await tx.run(sql`SET LOCAL statement_timeout = 0`);
    await tx.run(sql`ANALYZE`);
  });
  const tables = [...arrived.values()].map(({ name, total, sum }) => ({ table: name, rows: total, sum }));
  return { outcome: 'moved', begun, to, tables, zeroCharacters: zeros };
}
