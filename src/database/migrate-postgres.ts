/**
 * Brings a PostgreSQL database to this version while other processes serve it (docs/adr/0082-schemas-of-two-versions.md).
 *
 * One process migrates at a time. Each migration is one transaction with the row that says it was applied, so a process
 * that ends in the middle leaves nothing; the rows are those of the ordinary Prisma command.
 */
import { createHash, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { inspectMigrations, MIGRATIONS, type MigrationOptions, servesSinceLog } from './migrations.ts';
import { postgresSql } from './postgres.ts';

/** Any number that nobody else locks in this database. */
const LOCK = 4_833_094_021;
/**
 * ms that a migration waits for a table. Whoever comes after it waits behind it for as long, so it gives up soon, and
 * tries again.
 */
const PATIENCE = 2_000;
/** ms between two tries, and for all of them. */
const PAUSE = 1_000;
const LONGEST = 300_000;
/** PostgreSQL's code where a lock was not had in time. */
const LOCK_NOT_AVAILABLE = '55P03';

/** As Prisma's engine makes it. */
const TABLE = `CREATE TABLE IF NOT EXISTS _prisma_migrations (
  id VARCHAR(36) PRIMARY KEY NOT NULL,
  checksum VARCHAR(64) NOT NULL,
  finished_at TIMESTAMPTZ,
  migration_name VARCHAR(255) NOT NULL,
  logs TEXT,
  rolled_back_at TIMESTAMPTZ,
  started_at TIMESTAMPTZ NOT NULL DEFAULT now(),
  applied_steps_count INTEGER NOT NULL DEFAULT 0
)`;

/** @throws HedgerowError CONFLICT as `inspectMigrations`; what PostgreSQL says where a migration fails */
export async function migratePostgres(url: string, options: MigrationOptions = {}): Promise<void> {
  const client = new pg.Client({ connectionString: url, application_name: 'hedgerow migrations' });
  client.on('error', () => {});
  try {
    await client.connect();
    if ((await inspectMigrations(postgresSql(client), options)).pending.length === 0) return;
    // Given back with the connection, however this process ends.
    await client.query('SELECT pg_advisory_lock($1)', [LOCK]);
    const { pending } = await inspectMigrations(postgresSql(client), options);
    if (pending.length > 0) await client.query(TABLE);
    for (const name of pending) await apply(client, name, options);
  } finally {
    await client.end().catch(() => {});
  }
}

async function apply(
  client: pg.Client,
  name: string,
  { folder = MIGRATIONS, servesSince }: MigrationOptions,
): Promise<void> {
  const script = await readFile(join(folder, 'postgresql', name, 'migration.sql'), 'utf8');
  const checksum = createHash('sha256').update(script).digest('hex');
  for (const begun = performance.now(); ; ) {
    try {
      await client.query('BEGIN');
      await client.query(`SET LOCAL lock_timeout = ${PATIENCE}`);
      await client.query(script);
      await client.query(
        'INSERT INTO _prisma_migrations (id, checksum, migration_name, logs, finished_at, applied_steps_count) VALUES ($1, $2, $3, $4, clock_timestamp(), 1)',
        [randomUUID(), checksum, name, servesSinceLog(servesSince)],
      );
      await client.query('COMMIT');
      return;
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {});
      const late = performance.now() - begun > LONGEST;
      if ((error as { code?: string }).code !== LOCK_NOT_AVAILABLE || late) throw error;
    }
    await wait(PAUSE);
  }
}
