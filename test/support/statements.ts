import type { Database } from '../../src/database/database.ts';
import type { Sql } from '../../src/database/sql.ts';

/** Counts statements on the way to the database: hand-written ones, and operations of Prisma without relations. */
export function countingStatements(database: Database): { database: Database; statements: () => number } {
  let count = 0;
  const read: Sql = {
    ...database.read,
    all: (statement) => {
      count += 1;
      return database.read.all(statement);
    },
    rows: (statement) => {
      count += 1;
      return database.read.rows(statement);
    },
    get: (statement) => {
      count += 1;
      return database.read.get(statement);
    },
  };
  const prisma = database.prisma.$extends({
    query: {
      $allOperations: ({ args, query }) => {
        count += 1;
        return query(args);
      },
    },
  }) as unknown as Database['prisma'];
  return { database: { ...database, read, prisma }, statements: () => count };
}
