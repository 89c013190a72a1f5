import { randomBytes } from 'node:crypto';
import { chmod, link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HedgerowError, systemCode } from '../lib/errors.ts';

export const KEY_BYTES = 32;

/**
 * The key under which everything secret in the database is sealed: from the setting, or a file of mode 0600 in
 * the data folder that the first start makes. Whoever has only a copy of the database has nothing.
 *
 * @param make whether a key may be made; not where something is sealed already, for it could open nothing
 * @throws HedgerowError INVALID where the file is not a key, or is missing and must not be made.
 */
export async function loadMasterKey(
  dataDir: string,
  given: Buffer | null,
  { make }: { make: boolean },
): Promise<Buffer> {
  if (given !== null) return given;
  const path = join(dataDir, 'master.key');
  const found = await readKey(path);
  if (found !== null) return found;
  if (!make) {
    throw new HedgerowError(
      'INVALID',
      `The master key ${path} is missing, under which this database's secrets were sealed; bring it back, or set HEDGEROW_MASTER_KEY.`,
    );
  }
  // Written beside and then linked: two first starts at once cannot end with two keys, nor a crash with half a one.
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, `${randomBytes(KEY_BYTES).toString('base64')}\n`, { mode: 0o600, flush: true });
  try {
    await link(temporary, path);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
  } finally {
    await rm(temporary, { force: true });
  }
  const made = await readKey(path);
  if (made === null) throw new HedgerowError('INVALID', `The master key ${path} cannot be read.`);
  return made;
}

export interface StoredKey {
  path: string;
  /** What happened to the file: it is new, it held this very key, or another key stood there and was set aside. */
  outcome: 'written' | 'unchanged' | 'replaced';
  /** Where the other key is now. */
  setAside: string | null;
}

/** Puts a key where a start looks for it, mode 0600, whole or not at all. A key that stood there is set aside. */
export async function storeMasterKey(dataDir: string, key: Uint8Array, now: Date): Promise<StoredKey> {
  const path = join(dataDir, 'master.key');
  // A file that is damaged is no key that could be lost, but it is not thrown away either.
  const found = await readKey(path).catch((error: unknown) => {
    if (error instanceof HedgerowError) return Buffer.alloc(0);
    throw error;
  });
  if (found?.equals(key)) return { path, outcome: 'unchanged', setAside: null };
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await rm(temporary, { force: true });
    const text = `${Buffer.from(key).toString('base64')}\n`;
    await writeFile(temporary, text, { mode: 0o600, flag: 'wx', flush: true });
    let setAside: string | null = null;
    if (found !== null) {
      setAside = `${path}.replaced-${now.toISOString().replace(/\D/g, '')}`;
      await link(path, setAside);
    }
    await rename(temporary, path);
    return { path, outcome: found === null ? 'written' : 'replaced', setAside };
  } finally {
    await rm(temporary, { force: true });
  }
}

async function readKey(path: string): Promise<Buffer | null> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
  const key = Buffer.from(text.trim(), 'base64');
  if (key.length !== KEY_BYTES) {
    throw new HedgerowError(
      'INVALID',
      `The master key ${path} is damaged: it does not hold 32 bytes in base64.`,
    );
  }
  await chmod(path, 0o600);
  return key;
}
