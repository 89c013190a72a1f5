import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { SqlDriverAdapter, SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import { HedgerowError } from '../lib/errors.ts';
import { schemaEngine } from './schema-engine.ts';
import { type Sql, type SqlDialect, sql } from './sql.ts';

/** One folder a database, in each a folder a migration. */
export const MIGRATIONS = fileURLToPath(new URL('../../prisma/migrations/', import.meta.url));

/**
 * The oldest migration whose version may still serve the database after our newest one: it finds everything where it was.
 * A migration that takes away or changes what an earlier version uses moves it on, and then says so in the changelog.
 */
export const SERVES_SINCE = '20261201041500_processes';

export interface MigrationOptions {
  /** Those of this version unless told. */
  folder?: string | undefined;
  servesSince?: string | undefined;
}

export interface MigrationState {
  /** Nothing is there yet. */
  empty: boolean;
  pending: string[];
}

/**
 * Compares the database with the migrations of this version.
 *
 * @throws HedgerowError CONFLICT where an earlier migration has failed, or a newer version has migrated it; unless, on
 *   PostgreSQL, that version has left everything where this one looks for it
 */
export async function inspectMigrations(
  database: Sql,
  { folder = MIGRATIONS }: MigrationOptions = {},
): Promise<MigrationState> {
  const ours = await migrationNames(folder, database.dialect);
  const exists = await database.get(
    database.dialect === 'sqlite'
      ? sql`SELECT 1 AS found FROM sqlite_master WHERE type = 'table' AND name = '_prisma_migrations'`
      : sql`SELECT 1 AS found FROM pg_tables WHERE schemaname = current_schema() AND tablename = '_prisma_migrations'`,
  );
  if (exists === undefined) return { empty: true, pending: ours };
  const rows = await database.all<{ name: string; finished: unknown; logs: string | null }>(
    sql`SELECT migration_name AS name, finished_at AS finished, logs FROM _prisma_migrations WHERE rolled_back_at IS NULL`,
  );
  // SQLite has one process, which nobody replaces while it serves.
  const serves = database.dialect === 'postgresql' ? ours : [];
  const unknown = rows.find((row) => !ours.includes(row.name) && !serves.includes(servesSinceOf(row.logs)));
  if (unknown !== undefined) {
    throw new HedgerowError(
      'CONFLICT',
      `The database was migrated by a newer version of Hedgerow (${unknown.name}); start that version, or restore an older backup.`,
    );
  }
  const failed = rows.find((row) => row.finished === null);
  if (failed !== undefined) {
    throw new HedgerowError(
      'CONFLICT',
      `The migration ${failed.name} of the database was begun and did not finish; restore the snapshot that was made before it.`,
    );
  }
  const applied = new Set(rows.map((row) => row.name));
  return { empty: rows.length === 0, pending: ours.filter((name) => !applied.has(name)) };
}

/** What a migration's row says of earlier versions, for those that know nothing of the migration. */
export function servesSinceLog(servesSince = SERVES_SINCE): string {
  return `serves since ${servesSince}`;
}

function servesSinceOf(logs: string | null): string {
  return /^serves since (\S+)$/m.exec(logs ?? '')?.[1] ?? '';
}

export async function applyMigrations(
  dialect: SqlDialect,
  adapterFactory: SqlMigrationAwareDriverAdapterFactory,
  folder = MIGRATIONS,
): Promise<void> {
  await using connections = disposable(adapterFactory);
  const engine = await schemaEngine(connections.factory);
  const baseDir = join(folder, dialect);
  const migrations = await Promise.all(
    (await migrationNames(folder, dialect)).map(async (name) => ({
      path: name,
      migrationFile: {
        path: 'migration.sql',
        content: { tag: 'ok' as const, value: await readFile(join(baseDir, name, 'migration.sql'), 'utf8') },
      },
    })),
  );
  await engine.applyMigrations({
    migrationsList: {
      baseDir,
      lockfile: { path: 'migration_lock.toml', content: `provider = "${dialect}"\n` },
      shadowDbInitScript: '',
      migrationDirectories: migrations,
    },
    filters: { externalTables: [], externalEnums: [] },
  });
}

/** The engine leaves its connections open, and one of them holds SQLite's exclusive lock. */
function disposable(factory: SqlMigrationAwareDriverAdapterFactory) {
  const opened: SqlDriverAdapter[] = [];
  const remember = async (adapter: Promise<SqlDriverAdapter>): Promise<SqlDriverAdapter> => {
    opened.push(await adapter);
    return adapter;
  };
  return {
    factory: {
      provider: factory.provider,
      adapterName: factory.adapterName,
      connect: () => remember(factory.connect()),
      connectToShadowDb: () => remember(factory.connectToShadowDb()),
    },
    [Symbol.asyncDispose]: async () => {
      for (const adapter of opened) await adapter.dispose();
    },
  };
}

async function migrationNames(folder: string, dialect: SqlDialect): Promise<string[]> {
  const entries = await readdir(join(folder, dialect), { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}
