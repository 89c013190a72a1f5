/** How Prisma reaches the database. Apart from the connections, because whoever needs no Prisma need not load it. */
import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3';
import { PrismaPg } from '@prisma/adapter-pg';
import type { SqlDriverAdapter, SqlMigrationAwareDriverAdapterFactory } from '@prisma/driver-adapter-utils';
import { POOL } from './postgres.ts';
import { BUSY_TIMEOUT, PRAGMAS } from './sqlite.ts';
import type { WriteLock } from './write-lock.ts';

export function postgresFactory(url: string): SqlMigrationAwareDriverAdapterFactory {
  return new PrismaPg({ connectionString: url, max: POOL });
}

/** Prisma's own adapter, whose writes wait for the same lock as everybody else's. */
export function lockingFactory(path: string, lock: WriteLock): SqlMigrationAwareDriverAdapterFactory {
  const inner = new PrismaBetterSqlite3({ url: `file:${path}`, timeout: BUSY_TIMEOUT });
  return {
    provider: inner.provider,
    adapterName: inner.adapterName,
    connectToShadowDb: () => inner.connectToShadowDb(),
    connect: async () => {
      const adapter = await inner.connect();
      await adapter.executeScript(PRAGMAS.map((pragma) => `PRAGMA ${pragma};`).join('\n'));
      return lockingAdapter(adapter, lock);
    },
  };
}

function lockingAdapter(inner: SqlDriverAdapter, lock: WriteLock): SqlDriverAdapter {
  return {
    provider: inner.provider,
    adapterName: inner.adapterName,
    ...(inner.getConnectionInfo && { getConnectionInfo: inner.getConnectionInfo.bind(inner) }),
    dispose: () => inner.dispose(),
    executeScript: (script) => lock.run(() => inner.executeScript(script)),
    executeRaw: (query) => lock.run(() => inner.executeRaw(query)),
    // An INSERT … RETURNING comes as a query.
    queryRaw: (query) =>
      /^\s*select\b/i.test(query.sql) ? inner.queryRaw(query) : lock.run(() => inner.queryRaw(query)),
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
          commit: () => transaction.commit().finally(release),
          rollback: () => transaction.rollback().finally(release),
          ...(transaction.createSavepoint && {
            createSavepoint: transaction.createSavepoint.bind(transaction),
          }),
          ...(transaction.rollbackToSavepoint && {
            rollbackToSavepoint: transaction.rollbackToSavepoint.bind(transaction),
          }),
          ...(transaction.releaseSavepoint && {
            releaseSavepoint: transaction.releaseSavepoint.bind(transaction),
          }),
        };
      } catch (error) {
        release();
        throw error;
      }
    },
  };
}
