/** Moves an instance of SQLite and files to PostgreSQL, and to another store where that is asked for. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { openStore, unfinishedUploads } from './app.ts';
import { type Recount, recount } from './catalog/recount.ts';
import { ensureIndexed } from './catalog/search-index.ts';
import type { InstanceMove, MoveRequest } from './cli/backend.ts';
import type { Config } from './config/config.ts';
import { type Database, openDatabase } from './database/database.ts';
import { moveDatabase, takeBack } from './database/move/move.ts';
import { sql } from './database/sql.ts';
import { ID_SETTING } from './federation/identity/instance-identity.ts';
import { HedgerowError } from './lib/errors.ts';
import { lockDataFolder } from './lock.ts';
import { type BlobReport, copyBlobs } from './storage/copy-blobs.ts';

/**
 * Blobs first, then rows; the instance stays where it is until all of it is there and was compared.
 *
 * @throws HedgerowError with a sentence; a further call goes on where this one ended
 */
export async function moveInstance(request: MoveRequest): Promise<InstanceMove> {
  const { config, target, signal, onProgress } = request;
  const { database: to } = target.config;
  if (to.dialect !== 'postgresql') {
    throw new HedgerowError('INVALID', 'An instance is moved to postgresql://…, and to nothing else.');
  }
  await using opened = new AsyncDisposableStack();
  const source = await openSource(opened, config);
  let blobs: BlobReport | null = null;
  let catalogs: Recount[] = [];
  const moved = await moveDatabase({
    source,
    url: to.url,
    instance: await instanceOf(source),
    now: Date.now,
    signal,
    onProgress,
    before: async () => {
      blobs = await moveBlobs(request);
    },
    complete: async (database) => {
      onProgress({ step: 'index' });
      await ensureIndexed(database, () => {});
      catalogs = await recount(database.read);
    },
  });
  return { ...moved, blobs, catalogs };
}

/**
 * The file of SQLite is used again, after it was moved.
 *
 * @returns where it was moved to, and when (RFC 3339)
 * @throws HedgerowError CONFLICT where it was not moved
 */
export async function takeInstanceBack(config: Config): Promise<{ from: string; at: string }> {
  await using opened = new AsyncDisposableStack();
  const source = await openSource(opened, config);
  const { other, at } = await takeBack(source, randomBytes(12).toString('base64url'));
  return { from: other, at };
}

/** @throws HedgerowError CONFLICT while anything else runs on the folder, INVALID where there is no file of SQLite */
async function openSource(opened: AsyncDisposableStack, config: Config): Promise<Database> {
  const { database, dataDir } = config;
  if (database.dialect !== 'sqlite') {
    throw new HedgerowError(
      'INVALID',
      'HEDGEROW_DATABASE_URL names PostgreSQL already; leave it away, or let it name the file (file:…) that is to be moved.',
    );
  }
  if (!existsSync(database.path)) {
    throw new HedgerowError(
      'INVALID',
      `There is no database ${database.path}; HEDGEROW_DATA_DIR or HEDGEROW_DATABASE_URL names another one.`,
    );
  }
  opened.use(await lockDataFolder({ dataDir }));
  return opened.use(await openDatabase(database, { move: true }));
}

async function instanceOf({ read }: Database): Promise<string | null> {
  const row = await read.get<{ value: string }>(sql`SELECT value FROM settings WHERE key = ${ID_SETTING}`);
  return row?.value ?? null;
}

async function moveBlobs(request: MoveRequest): Promise<BlobReport | null> {
  const { config, secrets, target, leaveDamaged, signal, onProgress } = request;
  if (isSameStore(config, target.config)) return null;
  await using opened = new AsyncDisposableStack();
  const from = await openStore(opened, config, secrets);
  const to = await openStore(opened, target.config, target.secrets);
  const report = await copyBlobs(from, to, { signal, onProgress });
  const { damaged, damagedCount } = report;
  if (damagedCount > 0 && !leaveDamaged) {
    throw new HedgerowError(
      'INTEGRITY_FAILED',
      `${damagedCount} of the blobs are damaged (${damaged.slice(0, 3).join(', ')}${damagedCount > 3 ? ', …' : ''}); put them right, or leave them behind with --leave-damaged. All others are copied, and the instance stays where it is.`,
    );
  }
  const [uploads, there] = [unfinishedUploads(config), unfinishedUploads(target.config)];
  if (uploads !== there && existsSync(uploads)) await cp(uploads, there, { recursive: true });
  return report;
}

function isSameStore({ storage }: Config, other: Config): boolean {
  return JSON.stringify(storage) === JSON.stringify(other.storage);
}
