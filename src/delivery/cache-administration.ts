/** What an admin sees and does of the bytes that are kept here. */

import type { Item } from '../catalog/items.ts';
import { LOCAL_SOURCE } from '../catalog/items.ts';
import { HedgerowError } from '../lib/errors.ts';
import { VARIANT_NAMES } from '../lib/media.ts';
import { deliverableFile } from './deliverable.ts';
import type { CacheMode, CacheUsage, Delivery, KeptItem, KeptItemsAsked } from './delivery.ts';
import { explainFile, type FileExplanation, type PeerStanding } from './explain.ts';

export type CachePart = { type: 'all' } | { type: 'peer'; peerKey: number } | { type: 'item'; item: Item };

export interface CacheAdministration {
  usage(): Promise<CacheUsage>;
  /** Items of which something is kept, or that are pinned; those that take most room first. */
  items(asked: KeptItemsAsked): Promise<KeptItem[]>;
  /** Deletes what is kept, pinned or not; running streams go on without. */
  purge(part: CachePart): Promise<void>;
  /**
   * Keeps what is here of a peer's item, and what will be, from being evicted, or no longer.
   * @throws HedgerowError CONFLICT where there is nothing to be pinned
   */
  pin(item: Item, pinned: boolean): Promise<void>;
  /** From where each of an item's files would be answered now, and why. */
  explain(item: Item): Promise<FileExplanation[]>;
}

export interface CacheAdministrationOptions {
  delivery: Delivery;
  cacheModeOf: (peerKey: number) => Promise<CacheMode>;
  /** All items with a digest, whoever may see them. */
  copies: (digest: string) => Promise<Item[]>;
  /** Null where there is no such peer any more. */
  peerStanding: (peerKey: number) => Promise<PeerStanding | null>;
}

export function createCacheAdministration(options: CacheAdministrationOptions): CacheAdministration {
  const { delivery, cacheModeOf, copies, peerStanding } = options;
  return {
    usage: () => delivery.usage(),
    items: (asked) => delivery.keptItems(asked),
    purge: async (part) => {
      if (part.type === 'all') await delivery.purgeAll();
      else if (part.type === 'peer') await delivery.purgePeer(part.peerKey);
      else await delivery.purgeItem(part.item.key, part.item.source);
    },
    pin: async (item, pinned) => {
      if (item.source === LOCAL_SOURCE) {
        throw new HedgerowError('CONFLICT', 'The item is of this instance: its bytes are never evicted.');
      }
      const mode = await cacheModeOf(item.source);
      const original = mode === 'NONE' ? null : deliverableFile(item, 'original', mode);
      if (!(await delivery.pin(item.key, pinned, original)) && pinned) {
        throw new HedgerowError('CONFLICT', 'Nothing of the item is kept here that could be pinned.');
      }
    },
    explain: async (item) => {
      const mode = item.source === LOCAL_SOURCE ? 'NONE' : await cacheModeOf(item.source);
      const peer =
        item.source === LOCAL_SOURCE
          ? null
          : ((await peerStanding(item.source)) ?? { name: 'The peer', asked: false, trouble: null });
      const explained: FileExplanation[] = [];
      for (const name of VARIANT_NAMES) {
        const file = deliverableFile(item, name, mode);
        if (file === null) continue;
        const same = peer !== null && name === 'original' && file.digest !== null;
        const own = same
          ? (await copies(file.digest ?? '')).find(({ source }) => source === LOCAL_SOURCE)
          : null;
        explained.push(await explainFile(delivery, file, { held: item.held, peer, twin: own?.id ?? null }));
      }
      return explained;
    },
  };
}
