/** What fields of media read of an item, so that a page is read with the columns that it shows and no others. */

import type { GraphQLResolveInfo } from 'graphql';
import { ALWAYS_READ, type AlwaysRead, ITEM_FIELDS, type Item } from '../catalog/items.ts';
import { type PlanHints, readsBelow } from './compiled.ts';
import type { GraphqlContext } from './context.ts';

/** Of an item, what every field of media may rely on; a field that needs more says so by `from`. */
export type MediaItem = Pick<Item, AlwaysRead>;

export interface ReadingField<Arguments, Result> {
  extensions: PlanHints;
  resolve: (item: MediaItem, args: Arguments, context: GraphqlContext) => Result;
}

/** A resolver that reads these fields of the item: they have been read where it is asked, and no other is to be seen in it. */
export function from<const K extends keyof Item, Arguments, Result>(
  reads: readonly K[],
  resolve: (item: Pick<Item, K | AlwaysRead>, args: Arguments, context: GraphqlContext) => Result,
  hints: Omit<PlanHints, 'reads'> = {},
): ReadingField<Arguments, Result> {
  return { extensions: { ...hints, reads }, resolve: resolve as ReadingField<Arguments, Result>['resolve'] };
}

/** The field of the item of this name, as it is, or what is shown of its value. */
export function the<const K extends keyof Item, Shown = Item[K]>(
  name: K,
  shown?: (value: Item[K]) => Shown,
): ReadingField<unknown, Shown> {
  const reads = ALWAYS_READ.some((each) => each === name) ? [] : [name];
  return from(
    reads,
    (item: Pick<Item, K>) => (shown === undefined ? (item[name] as Shown) : shown(item[name])),
    {
      column: name,
      ...(shown !== undefined && { shown: shown as (value: unknown) => unknown }),
    },
  );
}

/** A page is counted as it is read. */
export const READS_COUNT = { reads: ['count'] } as const satisfies PlanHints;

export interface PageReads {
  /** Of the items; all, where it is not known what is asked for. */
  fields: Iterable<keyof Item>;
  count: boolean;
}

/** What is read somewhere below the field that is resolved, of the items of its page and beside them. */
export function pageReads(info: GraphQLResolveInfo): PageReads {
  const names = readsBelow(info);
  if (names === undefined) return { fields: ITEM_FIELDS, count: false };
  let reads = known.get(names);
  if (reads === undefined) {
    const fields = ITEM_FIELDS.filter((field) => names.has(field));
    reads = { fields, count: names.has('count') };
    known.set(names, reads);
  }
  return reads;
}

/** A plan gives the same set each time. */
const known = new WeakMap<ReadonlySet<string>, PageReads>();
