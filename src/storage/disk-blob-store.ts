/** Blobs as files of one folder, laid out as paths.ts draws it. */

import { randomBytes } from 'node:crypto';
import {
  copyFile,
  type FileHandle,
  link,
  mkdir,
  open,
  opendir,
  rename,
  rm,
  rmdir,
  stat,
  statfs,
  unlink,
} from 'node:fs/promises';
import { totalmem } from 'node:os';
import { dirname, join, resolve, sep } from 'node:path';
import type { Readable } from 'node:stream';
import { entriesCache } from '../lib/entries-cache.ts';
import { HedgerowError, systemCode } from '../lib/errors.ts';
import type { BlobEntry, BlobStore, WriteKey, WriteOptions, Written } from './blob-store.ts';
import { POOLED_BYTES } from './buffer-pool.ts';
import { translatingFileErrors } from './file-errors.ts';
import { openFileStream, readFileBytes, readFileBytesNow } from './file-stream.ts';
import { RENAME_ATTEMPTS, writeByThread } from './file-writer.ts';
import { folderOf, keyOf, pathOf, TEMPORARY } from './paths.ts';
import { createDigestHasher } from './segment-digests.ts';

const PROCESS = randomBytes(16).toString('hex');
let named = 0;

/** What the store does to its folder, except reading; a test puts a disk in its place that fails. */
export interface FileOperations {
  copyFile: typeof copyFile;
  link: typeof link;
  mkdir: typeof mkdir;
  open: typeof open;
  opendir: typeof opendir;
  rename: typeof rename;
  rm: typeof rm;
  rmdir: typeof rmdir;
  stat: typeof stat;
  unlink: typeof unlink;
}

export const nodeFiles: FileOperations = {
  copyFile,
  link,
  mkdir,
  open,
  opendir,
  rename,
  rm,
  rmdir,
  stat,
  unlink,
};

/** Whose names of files are in memory once they were looked up, by the magic numbers of statfs(2); others may ask a server each time. */
const LOCAL_FILE_SYSTEMS = new Set([
  0xef53, // ext4
  0x58465342, // XFS
  0x9123683e, // Btrfs
  0x2fc12fc1, // ZFS
  0x794c7630, // overlayfs
  0x01021994, // tmpfs
]);
/** Blobs, and pieces of longer ones, that were read a short while ago, of which so many are remembered at most: an eighth of the machine's memory, and of 1 GiB. */
const NEAR = Math.min(4_096, Math.ceil(totalmem() / 8 / POOLED_BYTES));
/** ms; whatever took longer has waited for the disk, for which nothing else of the process shall wait a second time. */
const WAITED = 5;

/**
 * Opens the store, and makes its folder where there is none.
 * @throws HedgerowError UNAVAILABLE where the folder cannot be written
 */
export async function openDiskBlobStore(
  folder: string,
  files: FileOperations = nodeFiles,
): Promise<BlobStore> {
  const root = resolve(folder);
  const temporary = join(root, TEMPORARY);
  const near = await translatingFileErrors(async () => {
    await files.mkdir(temporary, { recursive: true });
    return LOCAL_FILE_SYSTEMS.has((await statfs(root)).type >>> 0)
      ? entriesCache<string, string>(NEAR)
      : null;
  });
  return {
    stat: (key) =>
      translatingFileErrors(async () => {
        const path = pathOf(root, key);
        try {
          const found = await files.stat(path);
          return found.isFile() ? { size: found.size, modifiedAt: found.mtimeMs } : null;
        } catch (error) {
          if (isAbsent(error)) return null;
          throw error;
        }
      }),
    read: async (key, range = null) => openFileStream(pathOf(root, key), range),
    bytes: async (key, start, length) => {
      // What was read a short while ago is in the system's memory, most likely, and so is the name of its file.
      const piece = start < POOLED_BYTES ? key : `${key} ${Math.floor(start / POOLED_BYTES)}`;
      const known = near?.get(piece);
      if (known === undefined) {
        const path = pathOf(root, key);
        const bytes = await readFileBytes(path, start, length);
        near?.set(piece, path);
        return bytes;
      }
      const begun = performance.now();
      const bytes = readFileBytesNow(known, start, length);
      if (performance.now() - begun > WAITED) near?.clear();
      return bytes;
    },
    write: (key, source, options) =>
      translatingFileErrors(async () => {
        const unfinished = join(temporary, uniqueName());
        const { digest, sync, verified } = options;
        if (files === nodeFiles && verified === true && digest !== undefined && !sync) {
          const short = typeof key === 'string' && Buffer.isBuffer(source) && options.size === undefined;
          const writing = short ? writeByThread(unfinished, pathOf(root, key), source) : null;
          if (short && writing !== null) {
            await writing;
            return { size: source.length, digest, segmentList: null, key };
          }
        }
        return write(files, root, unfinished, key, source, options);
      }),
    delete: (key) =>
      translatingFileErrors(async () => {
        const path = pathOf(root, key);
        try {
          await files.unlink(path);
        } catch (error) {
          if (!isAbsent(error)) throw error;
        }
        await removeEmptied(files, root, dirname(path));
      }),
    deleteAll: (prefix) =>
      translatingFileErrors(async () => {
        const path = folderOf(root, prefix);
        // A writer may still add to the folder while it is emptied.
        await files.rm(path, { recursive: true, force: true, maxRetries: 3, retryDelay: 20 });
        await removeEmptied(files, root, dirname(path));
      }),
    copyAll: (from, to) =>
      translatingFileErrors(async () => {
        for await (const { key } of list(files, root, folderOf(root, from))) {
          await copy(
            files,
            pathOf(root, key),
            pathOf(root, to + key.slice(from.length)),
            join(temporary, uniqueName()),
          );
        }
      }),
    list: (prefix) => list(files, root, folderOf(root, prefix)),
    sweep: (olderThan = 0) => translatingFileErrors(() => sweep(files, temporary, olderThan)),
  };
}

async function write(
  files: FileOperations,
  root: string,
  temporary: string,
  key: WriteKey,
  source: Readable | Buffer,
  options: WriteOptions,
): Promise<Written> {
  let handle: FileHandle | undefined;
  try {
    handle = await files.open(temporary, 'wx', 0o640);
    const written = await fill(handle, source, options);
    if (options.size !== undefined && written.size !== options.size) {
      throw new HedgerowError(
        'INTEGRITY_FAILED',
        `There are ${written.size} bytes, not the ${options.size} that were announced.`,
      );
    }
    if (options.digest !== undefined && written.digest !== options.digest) {
      throw new HedgerowError('INTEGRITY_FAILED', 'The bytes do not match their digest.');
    }
    if (options.sync) await handle.sync();
    await handle.close();
    handle = undefined;
    const finalKey = typeof key === 'string' ? key : key(written.digest);
    const path = pathOf(root, finalKey);
    await moveTo(files, temporary, path);
    // A name is only as durable as the folder that it stands in.
    if (options.sync) await syncFolder(files, dirname(path));
    return { ...written, key: finalKey };
  } catch (error) {
    await handle?.close().catch(() => {});
    await files.unlink(temporary).catch(() => {});
    if (!Buffer.isBuffer(source)) source.destroy();
    throw error;
  }
}

async function fill(handle: FileHandle, source: Readable | Buffer, options: WriteOptions) {
  if (options.verified === true && options.digest !== undefined && Buffer.isBuffer(source)) {
    await writeWhole(handle, source, 0);
    return { size: source.length, digest: options.digest, segmentList: null };
  }
  const hasher = createDigestHasher();
  if (Buffer.isBuffer(source)) {
    hasher.update(source);
    await writeWhole(handle, source, 0);
    return hasher.finish();
  }
  let position = 0;
  for await (const chunk of source) {
    const bytes = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk);
    // The disk works while the digest is computed.
    const writing = writeWhole(handle, bytes, position);
    writing.catch(() => {});
    hasher.update(bytes);
    await writing;
    position += bytes.length;
  }
  return hasher.finish();
}

async function writeWhole(handle: FileHandle, bytes: Buffer, position: number): Promise<void> {
  let written = 0;
  while (written < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, position + written);
    written += bytesWritten;
  }
}

async function moveTo(files: FileOperations, temporary: string, path: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await files.rename(temporary, path);
      return;
    } catch (error) {
      if (systemCode(error) !== 'ENOENT' || attempt === RENAME_ATTEMPTS) throw error;
      await files.mkdir(dirname(path), { recursive: true });
    }
  }
}

/** A blob never changes under its key, so two names for one file do; where the disk has no such names, a copy. */
async function copy(files: FileOperations, from: string, path: string, temporary: string): Promise<void> {
  try {
    await files.link(from, temporary);
  } catch (error) {
    if (isAbsent(error)) return;
    await files.copyFile(from, temporary);
  }
  await moveTo(files, temporary, path);
  // Of two names of one file, rename leaves both.
  await files.unlink(temporary).catch(() => {});
}

async function syncFolder(files: FileOperations, path: string): Promise<void> {
  const folder = await files.open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Removes folders from `path` upwards as long as they are empty, up to those directly below the root. */
async function removeEmptied(files: FileOperations, root: string, path: string): Promise<void> {
  let folder = path;
  while (folder.startsWith(root + sep) && dirname(folder) !== root) {
    try {
      await files.rmdir(folder);
    } catch (error) {
      if (systemCode(error) !== 'ENOENT') return;
    }
    folder = dirname(folder);
  }
}

async function* list(files: FileOperations, root: string, folder: string): AsyncIterable<BlobEntry> {
  const folders = [folder];
  for (let path = folders.pop(); path !== undefined; path = folders.pop()) {
    try {
      for await (const entry of await files.opendir(path)) {
        const child = join(path, entry.name);
        if (entry.isDirectory()) {
          folders.push(child);
          continue;
        }
        const key = keyOf(root, child);
        if (key === null) continue;
        const found = await files.stat(child).catch(() => null);
        if (found !== null) yield { key, size: found.size, modifiedAt: found.mtimeMs };
      }
    } catch (error) {
      if (!isAbsent(error)) throw error;
    }
  }
}

async function sweep(
  files: FileOperations,
  temporary: string,
  olderThan: number,
): Promise<{ files: number; bytes: number }> {
  let swept = 0;
  let bytes = 0;
  const youngest = Date.now() - olderThan;
  for await (const entry of await files.opendir(temporary)) {
    const path = join(temporary, entry.name);
    const found = await files.stat(path).catch(() => null);
    if (found === null || (olderThan > 0 && found.mtimeMs > youngest)) continue;
    await files.rm(path, { recursive: true, force: true });
    swept += 1;
    bytes += found.size;
  }
  return { files: swept, bytes };
}

function isAbsent(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** Of which no other process has one, and this one none twice. */
function uniqueName(): string {
  named += 1;
  return `${PROCESS}-${named.toString(36)}`;
}
