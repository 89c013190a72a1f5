/**
 * Writes a migration for both databases: what changed in prisma/schema.prisma since the last one.
 *
 *     npm run migration -- add_albums
 *
 * The models as of the last migration are kept beside the migrations and compared with those of now. What
 * Prisma's models cannot say (search tables, partial indexes) is written into the file by hand afterwards.
 */
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3';
import { PrismaPg } from '@prisma/adapter-pg';
import { schemaEngine } from '../src/database/schema-engine.ts';
import { startPostgres } from '../test/support/postgres.ts';
import { postgresSchema } from './postgres-schema.ts';

const prisma = join(dirname(dirname(fileURLToPath(import.meta.url))), 'prisma');
const migrated = join(prisma, 'migrations/models.prisma');

const name = process.argv[2];
if (name === undefined || !/^[a-z0-9_]+$/.test(name)) {
  console.error('Give the migration a name of lower-case letters, digits and underscores.');
  process.exit(2);
}

const now = await readFile(join(prisma, 'schema.prisma'), 'utf8');
const before = await readFile(migrated, 'utf8').catch(() => undefined);
const folder = `${new Date().toISOString().replace(/\D/g, '').slice(0, 14)}_${name}`;
// The engine connects before it compares, also where it compares only models.
await using postgres = await startPostgres();
const databases = [
  {
    dialect: 'sqlite',
    factory: new PrismaBetterSqlite3({ url: ':memory:' }),
    schema: (text: string) => text,
  },
  {
    dialect: 'postgresql',
    factory: new PrismaPg({ connectionString: `${postgres.url}/postgres` }),
    schema: postgresSchema,
  },
];
for (const { dialect, factory, schema } of databases) {
  const engine = await schemaEngine(factory, schema(now));
  const models = (text: string) => ({
    tag: 'schemaDatamodel' as const,
    files: [{ path: 'schema.prisma', content: schema(text) }],
  });
  const { stdout } = await engine.diff({
    from: before === undefined ? { tag: 'empty' } : models(before),
    to: models(now),
    script: true,
    exitCode: null,
    filters: { externalTables: [], externalEnums: [] },
    shadowDatabaseUrl: null,
  } as Parameters<typeof engine.diff>[0]);
  const target = join(prisma, 'migrations', dialect, folder);
  await mkdir(target, { recursive: true });
  await writeFile(join(target, 'migration.sql'), stdout ?? '');
  console.log(join('prisma/migrations', dialect, folder, 'migration.sql'));
}
await copyFile(join(prisma, 'schema.prisma'), migrated);
