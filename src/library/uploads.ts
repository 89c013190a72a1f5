/**
 * Files that come over the network, in parts or at once. Bytes go to a file of their own, in order and checked; what is
 * here is written down after it is on disk, so a server that dies goes on from there. A file that is whole is imported
 * as any other: sniffed, stored, and read in a child process.
 */

import { createHash, randomBytes } from 'node:crypto';
import { type FileHandle, mkdir, open, opendir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { LOCAL_SOURCE, type Visibility } from '../catalog/items.ts';
import type { Database } from '../database/database.ts';
import type { Upload as UploadRow } from '../database/generated/sqlite/client.ts';
import type { Lease, Processes } from '../database/processes.ts';
import { type Sql, type Statement, sql } from '../database/sql.ts';
import { type Code, codeFromWire, HedgerowError, isCode, wireCode } from '../lib/errors.ts';
import { translatingFileErrors } from '../storage/file-errors.ts';
import { type FileImporter, type FileResult, importFile } from './import-file.ts';
import { cleanTags, cleanText } from './text.ts';
import type { UploadParts } from './upload-parts.ts';

export interface NewUpload {
  /** Null: of the instance. */
  ownerId: string | null;
  filename: string | null;
  visibility: Visibility;
  tags: readonly string[];
}

export interface UploadState {
  readonly id: string;
  /** Bytes in all, and bytes that are here. */
  readonly length: number;
  readonly received: number;
  /** Ms since 1970. */
  readonly expiresAt: number;
  /** What became of it; null until it is whole. */
  readonly result: UploadResult | null;
}

export type UploadResult = { readonly itemId: string } | { readonly code: Code; readonly reason: string };

export interface Checksum {
  algorithm: (typeof CHECKSUM_ALGORITHMS)[number];
  digest: Buffer;
}

export const CHECKSUM_ALGORITHMS = ['sha1', 'sha256'] as const;

/** Of somebody else's upload, and of one that is over, all throw HedgerowError NOT_FOUND. */
export interface Uploads {
  /** Bytes of the largest file. */
  readonly maxBytes: number;
  /** @throws HedgerowError INVALID, QUOTA_EXCEEDED (file, person, or too many that are not finished) */
  create(upload: NewUpload, length: number): Promise<UploadState>;
  find(ownerId: string | null, id: string): Promise<UploadState>;
  /**
   * Adds bytes; where they are the last, the answer has the result. Another one that is under way is ended first.
   *
   * @param part `checksum`: of these bytes, which count all or not at all
   * @throws HedgerowError CONFLICT (the offset is another), QUOTA_EXCEEDED (more bytes than announced, or no room),
   *   INTEGRITY_FAILED (the checksum)
   */
  append(
    ownerId: string | null,
    id: string,
    part: { offset: number; body: Readable; checksum?: Checksum | undefined },
  ): Promise<UploadState>;
  remove(ownerId: string | null, id: string): Promise<void>;
  /**
   * A whole file, of a length that nobody said.
   *
   * @throws HedgerowError QUOTA_EXCEEDED, UNAVAILABLE
   */
  take(upload: NewUpload, body: Readable): Promise<UploadResult>;
  /** Removes what has expired, and files that belong to nothing. */
  sweep(): Promise<void>;
}

export interface UploadsOptions {
  database: Pick<Database, 'prisma' | 'read' | 'write'>;
  processes: Pick<Processes, 'acquire' | 'tell' | 'hear' | 'several'>;
  importer: FileImporter;
  /** Absolute. */
  folder: string;
  /** Where other processes go on with uploads, and have another folder; else null. */
  parts?: UploadParts | null | undefined;
  maxBytes: number;
  /** Of one person: managed originals, and uploads as long as they are announced. */
  quotaBytes: number;
  now: () => number;
}

/** Unfinished ones of one person. */
const OPEN_MAX = 100;
/** Of one person at a time, of those whose length nobody said: they lie in the folder of this process until they are whole. */
const STREAMS_MAX = 4;
/** Ms after the last part. */
const EXPIRES_AFTER = 24 * 3_600_000;
/** Ms without a byte after which a part is over. */
const IDLE = 60_000;
/** Ms that another process has to end a part that its client has given up. */
const PATIENCE = 10_000;
/** Ms after the last byte after which a file that nobody here knows of is no other process's either. */
const ABANDONED = 10 * IDLE;
/** Ms for which a file that is whole takes the room of an item that it will be; an import takes minutes at most. */
const HELD = 3_600_000;
const FILENAME_MAX = 255;

export function createUploads(options: UploadsOptions): Uploads {
  const { database, processes, importer, folder, parts = null, maxBytes, quotaBytes, now } = options;
  const { prisma } = database;
  const pathOf = (id: string): string => join(folder, id);
  /** Parts under way, by upload: ends one, and resolves once it has. */
  const writing = new Map<string, () => Promise<void>>();
  const finishing = new Map<string, Promise<UploadRow>>();
  const streams = new Map<string | null, { count: number; bytes: number }>();

  /** Bytes of a person, without what streams in. */
  const storedOf = async (on: Sql, ownerId: string | null): Promise<number> => {
    const owner = ownerOf(ownerId);
    const row = await on.get<{ bytes: number | null }>(sql`
      SELECT CAST((SELECT COALESCE(SUM(byte_size), 0) FROM items WHERE source = ${LOCAL_SOURCE} AND storage = 'MANAGED' AND ${owner})
        + (SELECT COALESCE(SUM(length), 0) FROM uploads WHERE state = 'OPEN' AND ${owner}) AS bigint) AS bytes`);
    return Number(row?.bytes ?? 0);
  };
  const usedBy = async (on: Sql, ownerId: string | null): Promise<number> =>
    (await storedOf(on, ownerId)) + (streams.get(ownerId)?.bytes ?? 0);

  /**
   * Room for a file that is here and is no item yet, against what others take in at the same moment, at other processes too:
   * a row as of an upload under way, which the function that is answered removes.
   */
  const holdRoom = async (upload: NewUpload, length: number): Promise<() => Promise<void>> => {
    const at = now();
    const id = newId();
    await database.write(async (tx) => {
      await waitForOthersOf(tx, upload.ownerId);
      if ((await storedOf(tx, upload.ownerId)) + length > quotaBytes) throw overQuota();
      await insertRow(tx, id, upload, { length, at, expiresAt: at + HELD });
    });
    return async () => {
      // Where that fails the row expires; of the file all is said.
      await prisma.upload.deleteMany({ where: { id } }).catch(() => {});
    };
  };

  processes.hear('upload', (id) => {
    if (id !== null) void writing.get(id)?.();
  });

  /**
   * Of several processes one writes an upload, or makes an item of it. A client that comes to another has given up the
   * connection before, whether that process has noticed or not.
   */
  const leased = async <T>(id: string, work: () => Promise<T>): Promise<T> => {
    await writing.get(id)?.();
    processes.tell('upload', id);
    let lease: Lease;
    try {
      lease = await processes.acquire(`upload ${id}`, AbortSignal.timeout(PATIENCE));
    } catch (error) {
      throw new HedgerowError('CONFLICT', 'Another part of this upload is under way.', { cause: error });
    }
    try {
      return await work();
    } finally {
      await lease.release();
    }
  };

  const readRow = async (ownerId: string | null, id: string): Promise<UploadRow> => {
    const row = await prisma.upload.findFirst({ where: { id, ownerId } });
    if (row === null || Number(row.expiresAt) <= now()) {
      throw new HedgerowError('NOT_FOUND', 'There is no such upload, or it has expired.');
    }
    return row;
  };

  /** Makes an item of a file that is all here; once, however many ask. */
  const finish = (row: UploadRow): Promise<UploadRow> => {
    const running = finishing.get(row.id);
    if (running !== undefined) return running;
    const work = (async () => {
      await parts?.fetch(row.id, Number(row.received));
      const result = await importWhole(pathOf(row.id), {
        ownerId: row.ownerId,
        filename: row.filename,
        visibility: row.visibility as Visibility,
        tags: JSON.parse(row.tags),
      });
      const done = await prisma.upload.update({
        where: { id: row.id },
        data:
          'itemId' in result
            ? { state: 'DONE', itemId: result.itemId }
            : { state: 'REFUSED', code: wireCode(result.code), reason: result.reason },
      });
      await rm(pathOf(row.id), { force: true });
      await parts?.drop(row.id);
      return done;
    })().finally(() => finishing.delete(row.id));
    finishing.set(row.id, work);
    return work;
  };

  const importWhole = async (path: string, upload: NewUpload): Promise<UploadResult> => {
    const kind = {
      inPlace: false,
      visibility: upload.visibility,
      tags: upload.tags,
      ownerId: upload.ownerId,
      filename: upload.filename ?? 'upload',
    };
    const result: FileResult = await importFile(
      importer,
      path,
      kind,
      undefined,
      new AbortController().signal,
    );
    if (result.itemId !== null) return { itemId: result.itemId };
    return {
      code: result.code ?? 'UNSUPPORTED_MEDIA',
      reason: result.reason ?? 'The file could not be taken.',
    };
  };

  const appendAlone = async (
    ownerId: string | null,
    id: string,
    offset: number,
    body: Readable,
    checksum: Checksum | undefined,
  ): Promise<UploadState> => {
    const row = await readRow(ownerId, id);
    if (row.state !== 'OPEN' || Number(row.received) !== offset) {
      throw new HedgerowError('CONFLICT', `The upload is at ${row.received}, and not at ${offset}.`);
    }
    let over = (): void => {};
    const ended = new Promise<void>((resolve) => {
      over = resolve;
    });
    writing.set(id, () => {
      body.destroy();
      return ended;
    });
    let received: number;
    let failure: unknown;
    try {
      await translatingFileErrors(async () => parts?.fetch(id, offset));
      ({ received, failure } = await translatingFileErrors(() =>
        writePart(pathOf(id), { offset, body, checksum, end: Number(row.length) }),
      ));
      await parts?.keep(id, offset, received);
      const moved = await prisma.upload.updateMany({
        where: { id, state: 'OPEN', received: offset },
        data: { received, expiresAt: now() + EXPIRES_AFTER },
      });
      if (moved.count !== 1) throw new HedgerowError('NOT_FOUND', 'The upload was removed meanwhile.');
    } finally {
      writing.delete(id);
      over();
    }
    if (failure !== undefined) throw failure;
    const after = { ...row, received: BigInt(received), expiresAt: BigInt(now() + EXPIRES_AFTER) };
    return stateOf(received === Number(row.length) ? await finish(after) : after);
  };

  return {
    maxBytes,

    create: async (wanted, length) => {
      const upload = checked(wanted);
      if (length > maxBytes) {
        throw new HedgerowError('QUOTA_EXCEEDED', `A file has at most ${maxBytes} bytes here.`);
      }
      const at = now();
      const id = newId();
      await translatingFileErrors(async () => {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        await (await open(pathOf(id), 'wx', 0o600)).close();
      });
      try {
        await database.write(async (tx) => {
          await waitForOthersOf(tx, upload.ownerId);
          const open = await tx.get<{ count: number }>(
            sql`SELECT COUNT(*) AS count FROM uploads WHERE state = 'OPEN' AND ${ownerOf(upload.ownerId)}`,
          );
          if (Number(open?.count) >= OPEN_MAX) {
            throw new HedgerowError('QUOTA_EXCEEDED', `At most ${OPEN_MAX} uploads are under way at once.`);
          }
          if ((await usedBy(tx, upload.ownerId)) + length > quotaBytes) throw overQuota();
          await insertRow(tx, id, upload, { length, at, expiresAt: at + EXPIRES_AFTER });
        });
      } catch (error) {
        await rm(pathOf(id), { force: true });
        throw error;
      }
      const row = await readRow(upload.ownerId, id);
      return stateOf(length === 0 ? await finish(row) : row);
    },

    find: async (ownerId, id) => {
      const row = await readRow(ownerId, id);
      const whole = (each: UploadRow): boolean =>
        each.state === 'OPEN' && each.received === each.length && !writing.has(id);
      if (!whole(row)) return stateOf(row);
      const running = finishing.get(id);
      if (running !== undefined) return stateOf(await running);
      // All here, but the server ended before it was dealt with; or another process deals with it now.
      return leased(id, async () => {
        const latest = await readRow(ownerId, id);
        return stateOf(whole(latest) ? await finish(latest) : latest);
      });
    },

    append: async (ownerId, id, { offset, body, checksum }) => {
      await readRow(ownerId, id);
      return leased(id, () => appendAlone(ownerId, id, offset, body, checksum));
    },

    remove: async (ownerId, id) => {
      await readRow(ownerId, id);
      await leased(id, async () => {
        await prisma.upload.deleteMany({ where: { id } });
        await rm(pathOf(id), { force: true });
        await parts?.drop(id);
      });
    },
    take: async (wanted, body) => {
      const upload = checked(wanted);
      const { ownerId } = upload;
      const stream = streams.get(ownerId) ?? { count: 0, bytes: 0 };
      if (stream.count >= STREAMS_MAX) {
        throw new HedgerowError('RATE_LIMITED', `At most ${STREAMS_MAX} files are taken at once.`, {
          retryAfter: 5,
        });
      }
      streams.set(ownerId, stream);
      stream.count++;
      const path = pathOf(`stream_${randomBytes(15).toString('hex')}`);
      let mine = 0;
      try {
        const stored = await storedOf(database.read, ownerId);
        const left = quotaBytes - stored - stream.bytes;
        const end = Math.min(maxBytes, Math.max(0, left));
        await translatingFileErrors(async () => {
          await mkdir(folder, { recursive: true, mode: 0o700 });
          await (await open(path, 'wx', 0o600)).close();
          const { failure } = await writePart(path, {
            offset: 0,
            body,
            end,
            onBytes: (bytes) => {
              mine += bytes;
              stream.bytes += bytes;
              // Files that come beside each other share what is left.
              if (stored + stream.bytes > quotaBytes) throw overQuota();
            },
          });
          if (failure !== undefined)
            throw end < maxBytes && isCode(failure, 'QUOTA_EXCEEDED') ? overQuota() : failure;
        });
        const leave = await holdRoom(upload, mine);
        stream.bytes -= mine;
        mine = 0;
        try {
          return await importWhole(path, upload);
        } finally {
          await leave();
        }
      } finally {
        stream.bytes -= mine;
        stream.count--;
        if (stream.count === 0) streams.delete(ownerId);
        await rm(path, { force: true });
      }
    },

    sweep: async () => {
      const gone = await prisma.upload.findMany({
        where: { expiresAt: { lte: now() } },
        select: { id: true },
        take: 1000,
      });
      for (const { id } of gone) {
        await writing.get(id)?.();
        await prisma.upload.deleteMany({ where: { id, expiresAt: { lte: now() } } });
      }
      const isOpen = async (id: string): Promise<boolean> =>
        (await prisma.upload.findUnique({ where: { id }, select: { state: true } }))?.state === 'OPEN';
      await parts?.sweep(isOpen, ABANDONED);
      await translatingFileErrors(async () => {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        for await (const { name } of await opendir(folder)) {
          if (writing.has(name) || finishing.has(name)) continue;
          const row = await prisma.upload.findUnique({ where: { id: name }, select: { state: true } });
          if (row?.state === 'OPEN' || (name.startsWith('stream_') && streams.size > 0)) continue;
          const path = join(folder, name);
          if (processes.several && !(await isAbandoned(path))) continue;
          await rm(path, { force: true });
        }
      });
    },
  };
}

/** By the clock of the file system, which is not that of the tests. */
async function isAbandoned(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => null);
  return found !== null && found.mtimeMs < Date.now() - ABANDONED;
}

function newId(): string {
  return `upload_${randomBytes(15).toString('hex')}`;
}

async function insertRow(
  tx: Sql,
  id: string,
  { ownerId, filename, visibility, tags }: NewUpload,
  { length, at, expiresAt }: { length: number; at: number; expiresAt: number },
): Promise<void> {
  await tx.run(sql`
    INSERT INTO uploads (id, owner_id, length, received, filename, visibility, tags, state, created_at, expires_at)
    VALUES (${id}, ${ownerId}, ${length}, 0, ${filename}, ${visibility}, ${JSON.stringify(tags)}, 'OPEN', ${at}, ${expiresAt})`);
}

function ownerOf(ownerId: string | null): Statement {
  return ownerId === null ? sql`owner_id IS NULL` : sql`owner_id = ${ownerId}`;
}

/** So that no two uploads of one person are each found to fit; on SQLite there is one writer anyway. */
async function waitForOthersOf(tx: Sql, ownerId: string | null): Promise<void> {
  if (tx.dialect === 'sqlite') return;
  await tx.all(sql`SELECT pg_advisory_xact_lock(hashtext(${`uploads of ${ownerId ?? 'the instance'}`}))`);
}

interface Part {
  offset: number;
  body: Readable;
  /** The file has this many bytes at most. */
  end: number;
  checksum?: Checksum | undefined;
  onBytes?: (bytes: number) => void;
}

/**
 * Writes a part where it belongs. What goes wrong with the sender is told beside what was kept, since a part that broke
 * off is kept as far as it came, except where a checksum speaks for all of it.
 */
async function writePart(
  path: string,
  { offset, body, end, checksum, onBytes }: Part,
): Promise<{ received: number; failure: unknown }> {
  const handle = await open(path, 'r+');
  const hash = checksum === undefined ? null : createHash(checksum.algorithm);
  let at = offset;
  let failure: unknown;
  const idle = setTimeout(() => body.destroy(tooSlow()), IDLE);
  try {
    // Beyond what was written down there may be bytes of a part that a crash cut off.
    await handle.truncate(offset);
    try {
      for await (const chunk of body) {
        const bytes = chunk as Buffer;
        if (at + bytes.length > end) {
          throw new HedgerowError('QUOTA_EXCEEDED', `There are more bytes than the ${end} that are taken.`);
        }
        idle.refresh();
        await writeAll(handle, bytes, at);
        hash?.update(bytes);
        at += bytes.length;
        onBytes?.(bytes.length);
      }
    } catch (error) {
      if (isDiskError(error)) throw error;
      failure =
        error instanceof HedgerowError
          ? error
          : new HedgerowError('INVALID', 'The bytes ended before their end.', { cause: error });
    }
    // A sender that sends too much is not to be believed in the rest either.
    const discard = isCode(failure, 'QUOTA_EXCEEDED') || (hash !== null && failure !== undefined);
    if (
      hash !== null &&
      checksum !== undefined &&
      failure === undefined &&
      !hash.digest().equals(checksum.digest)
    ) {
      failure = new HedgerowError('INTEGRITY_FAILED', 'The bytes do not match their checksum.');
    }
    if (discard || isCode(failure, 'INTEGRITY_FAILED')) at = offset;
    await handle.truncate(at);
    await handle.sync();
    return { received: at, failure };
  } finally {
    clearTimeout(idle);
    body.destroy();
    await handle.close();
  }
}

async function writeAll(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
}

/** Of the file, not of the connection, whose codes are ECONNRESET and its like. */
function isDiskError(error: unknown): boolean {
  return (
    error instanceof Error &&
    'syscall' in error &&
    error.syscall === 'write' &&
    'code' in error &&
    /^(ENOSPC|EDQUOT|EFBIG|EIO|EROFS|EBADF)$/.test(String(error.code))
  );
}

/** @throws HedgerowError INVALID */
function checked(upload: NewUpload): NewUpload {
  if (upload.visibility === 'PRIVATE' && upload.ownerId === null) {
    throw new HedgerowError('INVALID', 'Private items need an owner, and this token is nobody’s.', {
      field: ['visibility'],
    });
  }
  const name = upload.filename?.split(/[/\\]/).at(-1);
  return {
    ...upload,
    filename: cleanText(name, FILENAME_MAX) ?? null,
    tags: cleanTags([...upload.tags]),
  };
}

function stateOf(row: UploadRow): UploadState {
  return {
    id: row.id,
    length: Number(row.length),
    received: Number(row.received),
    expiresAt: Number(row.expiresAt),
    result: resultOf(row),
  };
}

function resultOf({ state, itemId, code, reason }: UploadRow): UploadResult | null {
  if (state === 'DONE' && itemId !== null) return { itemId };
  if (state !== 'REFUSED') return null;
  return { code: codeFromWire(code ?? '') ?? 'UNSUPPORTED_MEDIA', reason: reason ?? '' };
}

function overQuota(): HedgerowError {
  return new HedgerowError('QUOTA_EXCEEDED', 'There is no room left for more of your files.');
}

function tooSlow(): HedgerowError {
  return new HedgerowError('INVALID', 'Nothing came for a minute.');
}
