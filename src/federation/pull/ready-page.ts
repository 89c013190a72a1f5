import { type ReadyItem, readyItem } from '../../catalog/ready-item.ts';
import type { SqlDialect } from '../../database/sql.ts';
import type { ListingPage } from '../dialects/dialect.ts';

/** A page whose items are ready to be stored. */
export type ReadyPage = Omit<ListingPage, 'items'> & { ready: ReadyItem[] };

export function readyPage({ items, ...page }: ListingPage, dialect: SqlDialect): ReadyPage {
  return { ...page, ready: items.map((item) => readyItem(item, dialect)) };
}
