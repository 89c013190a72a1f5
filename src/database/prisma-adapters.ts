/** How Prisma reaches the database. Apart from the connections, because whoever needs no Prisma need not load it. */
import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3';
import { PrismaPg } from '@prisma/adapter-pg';
import type {
  SqlDriverAdapter,
  SqlMigrationAwareDriverAdapterFactory,
  Transaction,
} from '@prisma/driver-adapter-utils';
import type pg from 'pg';
import { guardBy, isUnsent, movesCounters, type WatchedOutage } from './outage.ts';
import { BUSY_TIMEOUT, PRAGMAS, type SqliteConnections } from './sqlite.ts';

/** An INSERT … RETURNING comes as a query, too. */
const SELECT = /^\s*select\b/i;

/** The same over a pool of ours: while the database is away, and where it goes, its errors say so. */
export function guardedFactory(pool: pg.Pool, outage: WatchedOutage): SqlMigrationAwareDriverAdapterFactory {
  const inner = new PrismaPg(pool);
  const guarded = guardBy(outage);
  const writing = <T>(text: string, work: () => Promise<T>): Promise<T> => {
    if (!movesCounters(text) || SELECT.test(text)) return guarded(work);
    return guarded(() =>
      work().then(
        (done) => {
          outage.wrote();
          return done;
        },
        (error: unknown) => {
          // Whether it was done is not known where only the answer was lost.
          if (!isUnsent(error)) outage.wrote();
          throw error;
        },
      ),
    );
  };
  return {
    provider: inner.provider,
    adapterName: inner.adapterName,
    connectToShadowDb: () => inner.connectToShadowDb(),
    connect: async () => {
      const adapter = await inner.connect();
      return {
        provider: adapter.provider,
        adapterName: adapter.adapterName,
        ...(adapter.getConnectionInfo && { getConnectionInfo: adapter.getConnectionInfo.bind(adapter) }),
        dispose: () => adapter.dispose(),
        executeScript: (script) => writing(script, () => adapter.executeScript(script)),
        executeRaw: (query) => writing(query.sql, () => adapter.executeRaw(query)),
        queryRaw: (query) => writing(query.sql, () => adapter.queryRaw(query)),
        startTransaction: async (isolation) => {
          const transaction = await guarded(() => adapter.startTransaction(isolation));
          let moves = false;
          const noting = <T>(text: string, work: () => Promise<T>): Promise<T> => {
            moves ||= movesCounters(text);
            return guarded(work);
          };
          return {
            provider: transaction.provider,
            adapterName: transaction.adapterName,
            options: transaction.options,
            executeRaw: (query) => noting(query.sql, () => transaction.executeRaw(query)),
            queryRaw: (query) => noting(query.sql, () => transaction.queryRaw(query)),
            commit: () =>
              guarded(() =>
                transaction.commit().finally(() => {
                  if (moves) outage.wrote();
                }),
              ),
            rollback: () => transaction.rollback(),
            ...savepointsOf(transaction),
          };
        },
      };
    },
  };
}

/** A driver need not have them. */
function savepointsOf(transaction: Transaction): Partial<Transaction> {
  return {
    ...(transaction.createSavepoint && { createSavepoint: transaction.createSavepoint.bind(transaction) }),
    ...(transaction.rollbackToSavepoint && {
      rollbackToSavepoint: transaction.rollbackToSavepoint.bind(transaction),
    }),
    ...(transaction.releaseSavepoint && { releaseSavepoint: transaction.releaseSavepoint.bind(transaction) }),
  };
}

/** What of the connections Prisma's writes need. */
type Writing = Pick<SqliteConnections, 'lock' | 'flush'>;

/** Prisma's own adapter, whose writes wait for the same lock as everybody else's, and for the disk. */
export function lockingFactory(path: string, writing: Writing): SqlMigrationAwareDriverAdapterFactory {
  const inner = new PrismaBetterSqlite3({ url: `file:${path}`, timeout: BUSY_TIMEOUT });
  return {
    provider: inner.provider,
    adapterName: inner.adapterName,
    connectToShadowDb: () => inner.connectToShadowDb(),
    connect: async () => {
      const adapter = await inner.connect();
      await adapter.executeScript(PRAGMAS.map((pragma) => `PRAGMA ${pragma};`).join('\n'));
      return lockingAdapter(adapter, writing);
    },
  };
}

function lockingAdapter(inner: SqlDriverAdapter, { lock, flush }: Writing): SqlDriverAdapter {
  const write = async <T>(work: () => Promise<T>): Promise<T> => {
    const result = await lock.run(work);
    await flush();
    return result;
  };
  return {
    provider: inner.provider,
    adapterName: inner.adapterName,
    ...(inner.getConnectionInfo && { getConnectionInfo: inner.getConnectionInfo.bind(inner) }),
    dispose: () => inner.dispose(),
    executeScript: (script) => write(() => inner.executeScript(script)),
    executeRaw: (query) => write(() => inner.executeRaw(query)),
    queryRaw: (query) =>
      SELECT.test(query.sql) ? inner.queryRaw(query) : write(() => inner.queryRaw(query)),
    startTransaction: async (isolation) => {
      const release = await lock.acquire();
      try {
        const transaction = await inner.startTransaction(isolation);
        return {
          provider: transaction.provider,
          adapterName: transaction.adapterName,
          options: transaction.options,
          executeRaw: (query) => transaction.executeRaw(query),
          queryRaw: (query) => transaction.queryRaw(query),
          commit: async () => {
            await transaction.commit().finally(release);
            await flush();
          },
          rollback: () => transaction.rollback().finally(release),
          ...savepointsOf(transaction),
        };
      } catch (error) {
        release();
        throw error;
      }
    },
  };
}
