import { randomBytes } from 'node:crypto';
import { chmod, link, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HedgerowError, systemCode } from '../lib/errors.ts';

const KEY_BYTES = 32;

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
