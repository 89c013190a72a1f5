/**
 * The second factor of an account with a password: what is asked for beside it. A person begins, which makes a secret
 * for an app, and shows by a first code that the app has it; from then on nobody signs in with the password alone.
 */

import type { Database } from '../database/database.ts';
import { HedgerowError, systemCode } from '../lib/errors.ts';
import { open, seal } from '../lib/seal.ts';
import { createBuckets, type Policy } from './buckets.ts';
import {
  type Code,
  newCodeSecret,
  newRecoveryCode,
  readCode,
  recoveryHash,
  secretToType,
  secretUrl,
  stepOf,
} from './one-time-codes.ts';

/** How many recovery codes somebody is given. */
const RECOVERY_CODES = 10;
/** Ms after which a secret that no code has confirmed is not taken any more. */
const BEGUN_FOR = 3_600_000;
/**
 * Wrong six digits of one account. Only whoever has the password comes so far, so it may be strict: three codes are good at
 * a time, and 48 tries a day find one within a year with a chance of one in twenty. A right one forgives nothing, since
 * it may be the owner's. Recovery codes are not counted: they cannot be guessed, and let the owner in meanwhile.
 */
const PER_PERSON: Policy = { capacity: 10, leak: 1_800_000 };

/** Prisma: a row with this key is there already. */
const UNIQUE_VIOLATION = 'P2002';

export type Proof = 'app' | 'recovery';

export interface SecondFactorState {
  readonly since: Date;
  readonly recoveryCodesLeft: number;
}

/** What an app is given; shown once. */
export interface Enrolment {
  /** To type. */
  readonly secret: string;
  /** `otpauth://totp/…`, to scan. */
  readonly url: string;
}

export interface SecondFactors {
  /** Null where none is in force. */
  of(userId: string): Promise<SecondFactorState | null>;
  /** Those of them who have one. */
  among(userIds: readonly string[]): Promise<ReadonlySet<string>>;
  /** Takes the place of what was begun before. @throws HedgerowError CONFLICT where one is in force */
  begin(user: { id: string; name: string }): Promise<Enrolment>;
  /**
   * Puts it in force, and ends every other session of the person.
   *
   * @returns recovery codes, shown once
   * @throws HedgerowError NOT_FOUND: nothing was begun, or too long ago; INVALID: the code; RATE_LIMITED
   */
  confirm(userId: string, code: unknown, options: { keepSession: string }): Promise<string[]>;
  /**
   * Takes a code; it is good once.
   *
   * @returns of which kind it was; null where it is wrong, was taken already, or no second factor is in force
   * @throws HedgerowError RATE_LIMITED
   */
  take(userId: string, code: unknown): Promise<Proof | null>;
  /**
   * For a sign-in whose password was right. Null: this account asks for nothing more.
   *
   * @throws HedgerowError SECOND_FACTOR_REQUIRED without a code, SECOND_FACTOR_REFUSED with a wrong one, RATE_LIMITED
   */
  admit(userId: string, code: string | undefined): Promise<Proof | null>;
  /** New recovery codes in place of all that are left. @throws HedgerowError NOT_FOUND where none is in force */
  renewRecoveryCodes(userId: string): Promise<string[]>;
  /** @throws HedgerowError NOT_FOUND where there is none */
  remove(userId: string): Promise<void>;
}

export interface SecondFactorsOptions {
  database: Pick<Database, 'prisma'>;
  /** 32 bytes: seals the secrets and keys the hashes. */
  key: Uint8Array;
  /** What an app shows beside the person's name. */
  instanceName: () => string;
  now: () => number;
  /** Sessions were ended. */
  onChange?: () => void;
}

export function createSecondFactors(options: SecondFactorsOptions): SecondFactors {
  const { database, key, instanceName, now, onChange = () => {} } = options;
  const { prisma } = database;
  const tries = createBuckets(PER_PERSON, now);

  const secretOf = (row: { userId: string; secret: string }): Buffer | undefined =>
    open(key, sealedFor(row.userId), row.secret);

  /** The step of these digits; null where they are wrong. What cannot be opened (another master key) has no right ones. */
  const stepIn = (row: { userId: string; secret: string }, digits: string): number | null => {
    const wait = tries.wait(row.userId);
    if (wait > 0) {
      throw new HedgerowError(
        'RATE_LIMITED',
        'Too many wrong codes; try again later, or use a recovery code.',
        {
          retryAfter: Math.max(1, Math.ceil(wait / 1000)),
        },
      );
    }
    const secret = secretOf(row);
    const step = secret === undefined ? null : stepOf(secret, digits, now());
    if (step === null) tries.add(row.userId, 1);
    return step;
  };

  const take = async (userId: string, code: Code | null): Promise<Proof | null> => {
    if (code === null) return null;
    const row = await prisma.secondFactor.findUnique({ where: { userId } });
    if (row === null || row.confirmedAt === null) return null;
    if (code.kind === 'recovery') {
      // Whoever deletes the row has used the code; a second one finds nothing to delete.
      const { count } = await prisma.recoveryCode.deleteMany({
        where: { userId, hash: recoveryHash(key, userId, code.secret) },
      });
      return count === 1 ? 'recovery' : null;
    }
    const step = stepIn(row, code.digits);
    if (step === null) return null;
    // "The verifier MUST NOT accept the second attempt of the OTP after the successful validation" (RFC 6238, 5.2).
    const { count } = await prisma.secondFactor.updateMany({
      where: { userId, secret: row.secret, lastStep: { lt: step } },
      data: { lastStep: step },
    });
    return count === 1 ? 'app' : null;
  };

  const newCodes = (userId: string) => {
    const codes = Array.from({ length: RECOVERY_CODES }, newRecoveryCode);
    const rows = codes.map((code) => ({
      userId,
      hash: recoveryHash(key, userId, code.replaceAll('-', '')),
    }));
    return { codes, rows };
  };

  return {
    of: async (userId) => {
      const row = await prisma.secondFactor.findUnique({ where: { userId } });
      if (row === null || row.confirmedAt === null) return null;
      return {
        since: row.confirmedAt,
        recoveryCodesLeft: await prisma.recoveryCode.count({ where: { userId } }),
      };
    },

    among: async (userIds) => {
      const rows = await prisma.secondFactor.findMany({
        where: { userId: { in: [...userIds] }, confirmedAt: { not: null } },
        select: { userId: true },
      });
      return new Set(rows.map(({ userId }) => userId));
    },

    begin: async ({ id, name }) => {
      const secret = newCodeSecret();
      const begun = { secret: seal(key, sealedFor(id), secret), createdAt: new Date(now()), lastStep: 0 };
      const replaced = await prisma.secondFactor.updateMany({
        where: { userId: id, confirmedAt: null },
        data: begun,
      });
      if (replaced.count === 0) {
        await prisma.secondFactor.create({ data: { userId: id, ...begun } }).catch((error: unknown) => {
          if (systemCode(error) !== UNIQUE_VIOLATION) throw error;
          throw new HedgerowError('CONFLICT', 'A second factor is in force already.', { cause: error });
        });
      }
      return { secret: secretToType(secret), url: secretUrl(secret, { instance: instanceName(), name }) };
    },

    confirm: async (userId, typed, { keepSession }) => {
      const row = await prisma.secondFactor.findUnique({ where: { userId } });
      if (row === null || row.confirmedAt !== null || now() >= row.createdAt.getTime() + BEGUN_FOR) {
        throw new HedgerowError('NOT_FOUND', 'Nothing waits for a code; begin anew.');
      }
      const code = readCode(typed);
      const step = code?.kind === 'app' ? stepIn(row, code.digits) : null;
      if (step === null) throw wrongCode();
      const { codes, rows } = newCodes(userId);
      await prisma.$transaction(async (transaction) => {
        const { count } = await transaction.secondFactor.updateMany({
          // What was begun anew meanwhile has another secret.
          where: { userId, secret: row.secret, confirmedAt: null },
          data: { confirmedAt: new Date(now()), lastStep: step },
        });
        if (count !== 1) throw new HedgerowError('NOT_FOUND', 'Nothing waits for a code; begin anew.');
        await transaction.recoveryCode.deleteMany({ where: { userId } });
        await transaction.recoveryCode.createMany({ data: rows });
        // They were opened with the password alone.
        await transaction.session.deleteMany({ where: { userId, NOT: { id: keepSession } } });
      });
      onChange();
      return codes;
    },

    take: (userId, typed) => take(userId, readCode(typed)),

    admit: async (userId, typed) => {
      const row = await prisma.secondFactor.findUnique({ where: { userId }, select: { confirmedAt: true } });
      if (row === null || row.confirmedAt === null) return null;
      if (typed === undefined || typed === '') throw new HedgerowError('SECOND_FACTOR_REQUIRED');
      const proof = await take(userId, readCode(typed));
      if (proof === null) throw new HedgerowError('SECOND_FACTOR_REFUSED');
      return proof;
    },

    renewRecoveryCodes: async (userId) => {
      const { codes, rows } = newCodes(userId);
      await prisma.$transaction(async (transaction) => {
        const there = await transaction.secondFactor.findUnique({ where: { userId } });
        if (there === null || there.confirmedAt === null) throw none();
        await transaction.recoveryCode.deleteMany({ where: { userId } });
        await transaction.recoveryCode.createMany({ data: rows });
      });
      return codes;
    },

    remove: async (userId) => {
      const [, { count }] = await prisma.$transaction([
        prisma.recoveryCode.deleteMany({ where: { userId } }),
        prisma.secondFactor.deleteMany({ where: { userId } }),
      ]);
      if (count === 0) throw none();
    },
  };
}

/** Of a person's own acts, where a field of the request was wrong. */
export function wrongCode(): HedgerowError {
  return new HedgerowError('INVALID', new HedgerowError('SECOND_FACTOR_REFUSED').message, {
    field: ['code'],
  });
}

function none(): HedgerowError {
  return new HedgerowError('NOT_FOUND', 'No second factor is in force.');
}

/** A row that is copied over another person's opens nothing. */
function sealedFor(userId: string): string {
  return `second factor of ${userId}`;
}
