/**
 * Finds the files below the paths of an import: each once, in an order that stays the same, with only the names of
 * the folders from the root to the present one in memory.
 */

import { opendir, realpath, stat } from 'node:fs/promises';
import { basename, join, resolve, sep } from 'node:path';
import { HedgerowError, systemCode } from '../lib/errors.ts';

export interface FoundFile {
  /** Absolute, as it was reached; symbolic links stay in it. */
  path: string;
  /** Bytes. */
  size: number;
  /** Whole ms since 1970. */
  mtime: number;
  /** True where the path itself was asked for, and not a folder above it. */
  named: boolean;
}

export interface UnreadablePath {
  path: string;
  error: HedgerowError;
}

export interface WalkOptions {
  /** Folders that are left out with all that is in them: our own. Real paths, absolute. */
  skip: readonly string[];
  signal?: AbortSignal | undefined;
}

/** What systems and other programs keep beside people's files. Names that begin with a dot are left out anyway. */
const CLUTTER = new Set([
  '@eadir',
  '#recycle',
  '#snapshot',
  '$recycle.bin',
  'system volume information',
  'lost+found',
  '__macosx',
  'thumbs.db',
  'desktop.ini',
]);

/**
 * Checks the paths of an import before it begins.
 * @returns them absolute, without those that lie in another one
 * @throws HedgerowError NOT_FOUND or UNAVAILABLE for one that is not there, INVALID for one that is our own folder
 */
export async function importRoots(paths: readonly string[], skip: readonly string[]): Promise<string[]> {
  const roots: string[] = [];
  for (const given of paths) {
    const path = resolve(given);
    let real: string;
    try {
      real = await realpath(path);
    } catch (error) {
      throw systemCode(error) === 'ENOENT'
        ? new HedgerowError('NOT_FOUND', `There is no file or folder ${path}.`, { cause: error })
        : new HedgerowError('UNAVAILABLE', `${path} cannot be read.`, { cause: error });
    }
    if (skip.some((own) => isInside(real, own))) {
      throw new HedgerowError('INVALID', `${path} is where Hedgerow keeps its own data; it is not imported.`);
    }
    roots.push(path);
  }
  return roots.filter(
    (root, index) =>
      !roots.some((other, at) =>
        at < index ? isInside(root, other) : root !== other && isInside(root, other),
      ),
  );
}

/** All files below the roots; what cannot be read comes as an error in its place. */
export async function* walkFiles(
  roots: readonly string[],
  options: WalkOptions,
): AsyncGenerator<FoundFile | UnreadablePath> {
  const visited = new Set<string>();
  for (const root of roots) {
    const found = await look(root);
    if (found === 'folder') yield* walkFolder(root, options, visited);
    else if (found !== null) yield 'error' in found ? found : { ...found, named: true };
  }
}

/** How many files `walkFiles` will find, at a fraction of its cost: only links are looked at. */
export async function countFiles(roots: readonly string[], options: WalkOptions): Promise<number> {
  const visited = new Set<string>();
  let count = 0;
  const folders: string[] = [];
  const add = async (path: string): Promise<void> => {
    const found = await look(path);
    if (found === 'folder') folders.push(path);
    else if (found !== null) count++;
  };
  for (const root of roots) await add(root);
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    if (options.signal?.aborted) break;
    const listed = await list(folder, options, visited);
    if (listed === null) continue;
    if ('error' in listed) {
      count++;
      continue;
    }
    for (const { name, type } of listed.entries) {
      if (type === 'file') count++;
      else if (type === 'folder') folders.push(join(folder, name));
      else await add(join(folder, name));
    }
  }
  return count;
}

async function* walkFolder(
  folder: string,
  options: WalkOptions,
  visited: Set<string>,
): AsyncGenerator<FoundFile | UnreadablePath> {
  if (options.signal?.aborted) return;
  const listed = await list(folder, options, visited);
  if (listed === null) return;
  if ('error' in listed) {
    yield listed;
    return;
  }
  const folders: string[] = [];
  for (const { name, type } of listed.entries) {
    if (options.signal?.aborted) return;
    const path = join(folder, name);
    const found = type === 'folder' ? 'folder' : await look(path);
    if (found === 'folder') folders.push(path);
    else if (found !== null) yield found;
  }
  for (const path of folders) yield* walkFolder(path, options, visited);
}

interface Entry {
  name: string;
  type: 'file' | 'folder' | 'link';
}

/** The entries of a folder in the order of their names, or null where it is left out. */
async function list(
  folder: string,
  { skip }: WalkOptions,
  visited: Set<string>,
): Promise<{ entries: Entry[] } | UnreadablePath | null> {
  try {
    const { dev, ino } = await stat(folder, { bigint: true });
    // A folder that is reached a second time was reached by a link, perhaps from inside itself.
    const id = `${dev}:${ino}`;
    if (visited.has(id)) return null;
    visited.add(id);
    const real = await realpath(folder);
    if (skip.some((own) => isInside(real, own))) return null;
    const entries: Entry[] = [];
    for await (const entry of await opendir(folder, { bufferSize: 256 })) {
      const { name } = entry;
      if (name.startsWith('.') || CLUTTER.has(name.toLowerCase())) continue;
      if (entry.isFile()) entries.push({ name, type: 'file' });
      else if (entry.isDirectory()) entries.push({ name, type: 'folder' });
      // Some file systems do not tell the type in the listing; such an entry is looked at like a link.
      else if (!entry.isSocket() && !entry.isFIFO() && !entry.isBlockDevice() && !entry.isCharacterDevice()) {
        entries.push({ name, type: 'link' });
      }
    }
    entries.sort((one, other) => (one.name < other.name ? -1 : 1));
    return { entries };
  } catch (error) {
    return unreadable(folder, error);
  }
}

/** Null for what is neither file nor folder. */
async function look(path: string): Promise<FoundFile | UnreadablePath | 'folder' | null> {
  try {
    const stats = await stat(path);
    if (stats.isDirectory()) return 'folder';
    if (!stats.isFile()) return null;
    return { path, size: stats.size, mtime: Math.trunc(stats.mtimeMs), named: false };
  } catch (error) {
    return unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): UnreadablePath {
  const code = systemCode(error);
  if (code === undefined) throw error;
  if (code === 'ENOENT') {
    // Names that are no UTF-8 come with replacement characters in them, and lead nowhere.
    const message = basename(path).includes('\ufffd')
      ? 'Its name is not valid UTF-8; rename it.'
      : 'It is not there any more, or is a link to nothing.';
    return { path, error: new HedgerowError('NOT_FOUND', message, { cause: error }) };
  }
  const message =
    code === 'EACCES' || code === 'EPERM'
      ? 'It may not be read: permission denied.'
      : code === 'ELOOP'
        ? 'It is a link that leads to itself.'
        : 'It cannot be read.';
  return { path, error: new HedgerowError('UNAVAILABLE', message, { cause: error }) };
}

function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}
