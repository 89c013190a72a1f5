/** What imports remember in the database: the files they have seen, and the items that came of them. */

import type { Catalog } from '../catalog/catalog.ts';
import {
  type Item,
  LOCAL_SOURCE,
  type StorageClass,
  type Visibility,
  visibilityNumber,
} from '../catalog/items.ts';
import type { NewLocalItem } from '../catalog/local-changes.ts';
import { finishChange } from '../catalog/state.ts';
import type { Database } from '../database/database.ts';
import { texts } from '../database/lists.ts';
import { type Sql, sql } from '../database/sql.ts';
import { type Code, HedgerowError, systemCode } from '../lib/errors.ts';
import type { Outcome } from './import-progress.ts';

/** What an earlier import made of a file; `unchanged` and `unreadable` are not written down. */
export interface SeenFile {
  path: string;
  size: number;
  mtime: number;
  outcome: Outcome;
  itemId: string | null;
  code: Code | null;
}

/** A local item that has the same bytes. */
export interface KnownItem {
  key: number;
  id: string;
  visibility: number;
  ownerId: string | null;
  storage: StorageClass;
  location: string;
  locationMtime: number | null;
}

export interface ImportLedger {
  /** Of these paths, those that were seen before. */
  seen(paths: readonly string[]): Promise<Map<string, SeenFile>>;
  /** Of these ids, those that are still items. */
  existing(ids: readonly string[]): Promise<Set<string>>;
  /** Whether any local item has this many bytes: if none, no file of that size can be a duplicate. */
  hasSize(bytes: number): Promise<boolean>;
  /** The item that a file with this digest is a duplicate of. Somebody else's PRIVATE item is none. */
  duplicateOf(digest: string, ownerId: string | null): Promise<KnownItem | null>;
  /** Whether an item's original lies under this key of the blob store. */
  isStored(key: string): Promise<boolean>;
  /** An external file that was found again elsewhere, or touched. */
  relocate(item: KnownItem, path: string, mtime: number): Promise<void>;
  /** Adds the item of a file, then notes the file; several at once share a transaction. */
  add(item: NewLocalItem, file: Omit<SeenFile, 'outcome' | 'itemId' | 'code'>): Promise<Item>;
  note(file: SeenFile): Promise<void>;
}

/** Items of one transaction, which stays near 10 ms: others write to the same database meanwhile. */
const BATCH = 20;

export interface ImportLedgerOptions {
  database: Pick<Database, 'read' | 'write'>;
  catalog: { readonly local: Pick<Catalog['local'], 'add'> };
  now: () => number;
  /** False where the files are gone afterwards, so that nobody comes back to their paths. */
  remember?: boolean;
  /** Told of each original that is in the store and has an item now. */
  onStored?: ((digest: string) => Promise<void>) | undefined;
}

export function createImportLedger({
  database,
  catalog,
  now,
  remember = true,
  onStored,
}: ImportLedgerOptions): ImportLedger {
  const { read } = database;
  const writing = batched<SeenFile, void>(async (files) => {
    await database.write(async (tx) => {
      for (const file of files) await upsert(tx, file, now());
    });
    return files.map(() => undefined);
  });
  const noting = remember ? writing : async (): Promise<void> => {};
  const adding = batched<NewLocalItem, Item>((items) => catalog.local.add(items));
  return {
    seen: async (paths) => {
      const rows = await read.all<SeenFile>(
        sql`SELECT path, size, mtime, outcome, item_id AS "itemId", code FROM imported_files WHERE path IN (${texts(read, JSON.stringify(paths))})`,
      );
      return new Map(rows.map((row) => [row.path, row]));
    },
    existing: async (ids) => {
      const rows = await read.all<{ id: string }>(
        sql`SELECT id FROM items WHERE id IN (${texts(read, JSON.stringify(ids))})`,
      );
      return new Set(rows.map((row) => row.id));
    },
    hasSize: async (bytes) =>
      (await read.get(
        sql`SELECT 1 AS found FROM items WHERE byte_size = ${bytes} AND source = ${LOCAL_SOURCE} LIMIT 1`,
      )) !== undefined,
    duplicateOf: async (digest, ownerId) => {
      const rows = await read.all<KnownItem>(
        sql`SELECT key, id, visibility, owner_id AS "ownerId", storage, location, location_mtime AS "locationMtime" FROM items WHERE digest = ${digest} AND source = ${LOCAL_SOURCE} ORDER BY key`,
      );
      const hidden = visibilityNumber('PRIVATE' satisfies Visibility);
      return rows.find((row) => row.visibility > hidden || row.ownerId === ownerId) ?? null;
    },
    isStored: async (key) =>
      (await read.get(
        sql`SELECT 1 AS found FROM items WHERE digest = ${`sha-256:${key.split('/')[1] ?? ''}`} AND source = ${LOCAL_SOURCE} AND location = ${key} LIMIT 1`,
      )) !== undefined,
    relocate: (item, path, mtime) =>
      database.write(async (tx) => {
        // Where the bytes lie is told to nobody, so the item's own revision and version stay; whoever remembers the place reads it anew.
        const moved = await tx.run(
          sql`UPDATE items SET location = ${path}, location_mtime = ${mtime} WHERE key = ${item.key} AND location = ${item.location}`,
        );
        if (moved > 0) await finishChange(tx, [], [], now());
      }),
    add: async (item, file) => {
      const added = await adding(item);
      if (added.storage === 'MANAGED' && added.digest !== null) await onStored?.(added.digest);
      await noting({ ...file, outcome: 'added', itemId: added.id, code: null });
      return added;
    },
    note: noting,
  };
}

async function upsert(tx: Sql, file: SeenFile, at: number): Promise<void> {
  await tx.run(
    sql`INSERT INTO imported_files (path, size, mtime, outcome, item_id, code, at) VALUES (${file.path}, ${file.size}, ${file.mtime}, ${file.outcome}, ${file.itemId}, ${file.code}, ${at}) ON CONFLICT (path) DO UPDATE SET size = excluded.size, mtime = excluded.mtime, outcome = excluded.outcome, item_id = excluded.item_id, code = excluded.code, at = excluded.at`,
  );
}

/**
 * Gathers calls that come while an earlier batch is being written. Where a batch fails each of its inputs is tried
 * alone, so that one that the database does not take spoils nothing for the others.
 */
function batched<In, Out>(write: (inputs: In[]) => Promise<Out[]>): (input: In) => Promise<Out> {
  interface Waiting {
    input: In;
    resolve(output: Out): void;
    reject(error: unknown): void;
  }
  const queue: Waiting[] = [];
  let running = false;

  async function settle(batch: Waiting[]): Promise<void> {
    try {
      const outputs = await write(batch.map(({ input }) => input));
      for (const [index, { resolve, reject }] of batch.entries()) {
        const output = outputs[index];
        if (index < outputs.length) resolve(output as Out);
        else reject(new Error('A batch answered less than it was given.'));
      }
    } catch (error) {
      if (batch.length === 1) batch[0]?.reject(storageError(error));
      else for (const each of batch) await settle([each]);
    }
  }

  async function run(): Promise<void> {
    running = true;
    while (queue.length > 0) await settle(queue.splice(0, BATCH));
    running = false;
  }

  return (input) =>
    new Promise<Out>((resolve, reject) => {
      queue.push({ input, resolve, reject });
      if (!running) void run();
    });
}

/** A database without room says so in its own codes: SQLite's, and PostgreSQL's class 53. */
function storageError(error: unknown): unknown {
  const code = systemCode(error);
  if (code === 'SQLITE_FULL' || code === 'ENOSPC' || code === '53100') {
    return new HedgerowError('QUOTA_EXCEEDED', 'There is no room left for the database.', { cause: error });
  }
  return error;
}
