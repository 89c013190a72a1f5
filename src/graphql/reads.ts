/** What fields of media read of an item, so that a page is read with the columns that it shows and no others. */

import type { GraphQLResolveInfo } from 'graphql';
import { type AlwaysRead, ITEM_FIELDS, type Item } from '../catalog/items.ts';
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

/** The field of the item of this name, as it is. */
export function the<const K extends keyof Item>(name: K): ReadingField<unknown, Item[K]> {
  return from([name], (item): Item[K] => item[name]);
}

/** The fields of items that are read somewhere below the field that is resolved; all, where that is not known. */
export function itemFieldsBelow(info: GraphQLResolveInfo): Iterable<keyof Item> {
  return (readsBelow(info) as ReadonlySet<keyof Item> | undefined) ?? ITEM_FIELDS;
}
