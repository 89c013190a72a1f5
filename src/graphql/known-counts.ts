/**
 * How many items a query has, known for as long as the counters of the catalog stand as they stood before it was counted: whoever
 * pages through a list is told it with each page.
 */

import { LRUCache } from 'lru-cache';
import type { CatalogQuery } from '../catalog/query.ts';
import type { GraphqlContext } from './context.ts';

/** Characters of queries whose count is known, of each database. */
const QUERIES = 512 * 1024;

interface Counts {
  /** The counters under which they were counted. */
  at: string;
  byQuery: LRUCache<string, number>;
}

const counts = new WeakMap<object, Counts>();

export interface KnownCount {
  readonly count: number | null;
  /** For whoever asks after this. */
  keep(count: number): void;
}

/** Null: what it counts is not counted by the counters, or nobody has looked at them. */
export function knownCount(
  { database: { prisma }, reader, catalogAt }: Pick<GraphqlContext, 'database' | 'reader' | 'catalogAt'>,
  { origin, filter }: CatalogQuery,
): KnownCount | null {
  // Which bytes are here is counted by nobody.
  if (catalogAt === null || filter.availability !== undefined) return null;
  const key = JSON.stringify([reader, origin, filter]);
  const known = counts.get(prisma);
  return {
    count: (known?.at === catalogAt ? known.byQuery.get(key) : undefined) ?? null,
    keep: (count) => {
      let now = counts.get(prisma);
      if (now?.at !== catalogAt) {
        now = {
          at: catalogAt,
          byQuery: new LRUCache({ maxSize: QUERIES, sizeCalculation: (_count, key) => key.length }),
        };
        counts.set(prisma, now);
      }
      now.byQuery.set(key, count);
    },
  };
}
