import { systemCode } from '../../lib/errors.ts';

/** Prisma: a row with this value is there already. */
const UNIQUE_VIOLATION = 'P2002';

/**
 * Runs a transaction that finds or makes the row of a key. Where two at once both found none, the database refuses
 * the second row; run again, the transaction finds the first.
 */
export async function recordOnce<T>(transaction: () => Promise<T>): Promise<T> {
  try {
    return await transaction();
  } catch (error) {
    if (systemCode(error) !== UNIQUE_VIOLATION) throw error;
    return transaction();
  }
}
