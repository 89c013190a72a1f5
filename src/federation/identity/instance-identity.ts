/** Who this instance is: its id and its key, made at the first start and kept. */
import { randomUUID } from 'node:crypto';
import type { Database } from '../../database/database.ts';
import { HedgerowError } from '../../lib/errors.ts';
import { deriveKey, open, seal } from '../../lib/seal.ts';
import { generateKey, type PrivateKey, privateKeyFromSeed, privateSeed } from './keys.ts';

export interface InstanceIdentityKeys {
  /** `inst_<uuid>` */
  readonly id: string;
  readonly key: PrivateKey;
  /** Thumbprints that requests to us may name: the current key's and those of former ones. */
  readonly thumbprints: readonly string[];
}

export const ID_SETTING = 'instance-id';
export const PURPOSE = 'hedgerow/instance-key/1';

/** @throws HedgerowError INVALID where the master key is not the one under which the key was sealed. */
export async function loadIdentity(database: Database, masterKey: Buffer): Promise<InstanceIdentityKeys> {
  const id = await settingOnce(database, ID_SETTING, `inst_${randomUUID()}`);
  const sealingKey = deriveKey(masterKey, PURPOSE);
  const existing = await database.prisma.instanceKey.findMany({ orderBy: { number: 'desc' } });
  const [newest] = existing;
  if (newest === undefined) {
    const key = generateKey();
    await database.prisma.instanceKey
      .create({
        data: {
          number: 1,
          thumbprint: key.thumbprint,
          publicKey: JSON.stringify(key.jwk),
          sealedSeed: seal(sealingKey, id, privateSeed(key)),
        },
      })
      // Another process was first: its key is read below.
      .catch(() => undefined);
    const stored = await database.prisma.instanceKey.findUnique({ where: { number: 1 } });
    if (stored === null) throw new Error('The key of the instance was not stored.');
    return loadIdentity(database, masterKey);
  }
  const seed = newest.sealedSeed === null ? undefined : open(sealingKey, id, newest.sealedSeed);
  if (seed === undefined) {
    throw new HedgerowError(
      'INVALID',
      "The master key is not the one under which this database's secrets were sealed; bring back master.key or HEDGEROW_MASTER_KEY.",
    );
  }
  return { id, key: privateKeyFromSeed(seed), thumbprints: existing.map((row) => row.thumbprint) };
}

/** The value of a setting, or this one where there is none yet; the same for all processes. */
async function settingOnce(database: Database, key: string, value: string): Promise<string> {
  const row = await database.prisma.setting.upsert({ where: { key }, create: { key, value }, update: {} });
  return row.value;
}
