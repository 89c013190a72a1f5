/**
 * Who this instance is: its id and its keys, made at the first start. The id stays; a key may be changed, by this process
 * or by another one on the same database, so everybody asks for it anew each time.
 */
import { randomUUID } from 'node:crypto';
import type { Database } from '../../database/database.ts';
import { sql } from '../../database/sql.ts';
import { HedgerowError, systemCode } from '../../lib/errors.ts';
import { deriveKey, open, seal } from '../../lib/seal.ts';
import { type KeyChange, MAX_KEY_CHANGES, makeKeyChange } from './key-changes.ts';
import { generateKey, type PrivateKey, privateKeyFromSeed, privateSeed } from './keys.ts';

export interface InstanceIdentityKeys {
  /** `inst_<uuid>` */
  readonly id: string;
  /** The key in use. */
  readonly key: PrivateKey;
  /** Of the key in use: 1 for the first, one more with each change. */
  readonly number: number;
  /** Thumbprints that requests to us may name: the current key's, first, and those of former ones. */
  readonly thumbprints: readonly string[];
  /** How the first key became the one in use, oldest first; empty where it still is. */
  readonly changes: readonly KeyChange[];
  /** Asks the database whether the key was changed by somebody else, and takes up the new one: one small statement. */
  refresh(): Promise<void>;
  /**
   * Makes a new key. In one transaction it is stored with a change that both keys signed, the private half of the old
   * one is erased, and open invitations are cancelled, since their codes name the old one.
   *
   * @throws HedgerowError CONFLICT where another change was made at the same moment, or after too many changes
   */
  rotate(now: Date): Promise<{ number: number; cancelledInvitations: number }>;
}

export const ID_SETTING = 'instance-id';
export const PURPOSE = 'hedgerow/instance-key/1';
/** Prisma: a row with this key is there already. */
const UNIQUE_VIOLATION = 'P2002';

interface KeyRing {
  key: PrivateKey;
  number: number;
  thumbprints: readonly string[];
  changes: readonly KeyChange[];
}

/** @throws HedgerowError INVALID where the master key is not the one under which the key was sealed. */
export async function loadIdentity(database: Database, masterKey: Buffer): Promise<InstanceIdentityKeys> {
  const id = await settingOnce(database, ID_SETTING, `inst_${randomUUID()}`);
  const sealingKey = deriveKey(masterKey, PURPOSE);
  let ring = (await readRing(database, sealingKey, id)) ?? (await makeFirst(database, sealingKey, id));

  const reload = async (): Promise<void> => {
    const read = await readRing(database, sealingKey, id);
    // A slow reading must not put an older key back into use.
    if (read !== null && read.number > ring.number) ring = read;
  };

  return {
    id,
    get key() {
      return ring.key;
    },
    get number() {
      return ring.number;
    },
    get thumbprints() {
      return ring.thumbprints;
    },
    get changes() {
      return ring.changes;
    },
    refresh: async () => {
      const row = await database.read.get<{ number: number }>(
        sql`SELECT MAX(number) AS number FROM instance_keys`,
      );
      if ((row?.number ?? 0) > ring.number) await reload();
    },
    rotate: async (now) => {
      await reload();
      const { key: old, number } = ring;
      if (number > MAX_KEY_CHANGES) {
        throw new HedgerowError(
          'CONFLICT',
          `The key was changed ${MAX_KEY_CHANGES} times, and servers that pair with this one follow no more.`,
        );
      }
      const key = generateKey();
      const cancelledInvitations = await database.prisma
        .$transaction(async (tx) => {
          const retired = await tx.instanceKey.updateMany({
            where: { number, retiredAt: null, sealedSeed: { not: null } },
            data: { sealedSeed: null, retiredAt: now },
          });
          if (retired.count === 0) throw overtaken();
          await tx.instanceKey.create({
            data: {
              number: number + 1,
              thumbprint: key.thumbprint,
              publicKey: JSON.stringify(key.jwk),
              sealedSeed: seal(sealingKey, id, privateSeed(key)),
              createdAt: now,
              change: JSON.stringify(makeKeyChange(id, number, old, key)),
            },
          });
          const cancelled = await tx.invitation.updateMany({
            where: { usedAt: null, cancelledAt: null, expiresAt: { gt: now } },
            data: { cancelledAt: now },
          });
          return cancelled.count;
        })
        .catch((error: unknown) => {
          throw systemCode(error) === UNIQUE_VIOLATION ? overtaken() : error;
        });
      await reload();
      await database.scrub();
      return { number: ring.number, cancelledInvitations };
    },
  };
}

/** Null where there is no key yet. */
async function readRing(database: Database, sealingKey: Buffer, id: string): Promise<KeyRing | null> {
  const rows = await database.prisma.instanceKey.findMany({ orderBy: { number: 'desc' } });
  const [newest] = rows;
  if (newest === undefined) return null;
  const seed = open(sealingKey, id, newest.sealedSeed ?? '');
  if (seed === undefined) {
    throw new HedgerowError(
      'INVALID',
      "The master key is not the one under which this database's secrets were sealed; bring back master.key or HEDGEROW_MASTER_KEY.",
    );
  }
  return {
    key: privateKeyFromSeed(seed),
    number: newest.number,
    thumbprints: rows.map((row) => row.thumbprint),
    changes: rows
      .toReversed()
      .flatMap((row) => (row.change === null ? [] : [JSON.parse(row.change) as KeyChange])),
  };
}

async function makeFirst(database: Database, sealingKey: Buffer, id: string): Promise<KeyRing> {
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
    .catch((error: unknown) => {
      if (systemCode(error) !== UNIQUE_VIOLATION) throw error;
    });
  const ring = await readRing(database, sealingKey, id);
  if (ring === null) throw new Error('The key of the instance was not stored.');
  return ring;
}

function overtaken(): HedgerowError {
  return new HedgerowError(
    'CONFLICT',
    'The key was changed by somebody else at the same moment; look again.',
  );
}

/** The value of a setting, or this one where there is none yet; the same for all processes. */
async function settingOnce(database: Database, key: string, value: string): Promise<string> {
  const { setting } = database.prisma;
  const row = await setting
    .upsert({ where: { key }, create: { key, value }, update: {} })
    // Another process was first: what it wrote counts.
    .catch((error: unknown) => {
      if (systemCode(error) !== UNIQUE_VIOLATION) throw error;
      return setting.findUniqueOrThrow({ where: { key } });
    });
  return row.value;
}
