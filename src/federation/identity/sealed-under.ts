import type { Database } from '../../database/database.ts';
import { deriveKey, open } from '../../lib/seal.ts';
import { ID_SETTING, PURPOSE } from './instance-identity.ts';

/** Whether this master key opens the key of the instance, with which everything secret in the database stands and falls. */
export async function sealedUnder(
  { prisma }: Pick<Database, 'prisma'>,
  masterKey: Uint8Array,
): Promise<'opens' | 'other' | 'nothing-sealed'> {
  const newest = await prisma.instanceKey.findFirst({ orderBy: { number: 'desc' } });
  if (newest === null) return 'nothing-sealed';
  const id = await prisma.setting.findUnique({ where: { key: ID_SETTING } });
  if (id === null) return 'other';
  const seed = open(deriveKey(masterKey, PURPOSE), id.value, newest.sealedSeed ?? '');
  return seed === undefined ? 'other' : 'opens';
}
