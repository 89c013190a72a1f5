import { type Item, LOCAL_SOURCE } from '../catalog/items.ts';
import type { VariantName } from '../lib/media.ts';
import { renditionKey } from '../storage/paths.ts';
import type { CacheMode, DeliverableFile, LocalPlace } from './delivery.ts';

/**
 * The file behind a variant of an item, or null where the item has no such variant.
 *
 * @param cache - what of the item's peer may be kept; of no meaning for a local item
 */
export function deliverableFile(item: Item, variant: VariantName, cache: CacheMode): DeliverableFile | null {
  const found = item.variants.find(({ name }) => name === variant);
  if (found === undefined) return null;
  return {
    itemId: item.id,
    itemKey: item.key,
    source: item.source,
    remoteId: item.remoteId,
    variant,
    mimeType: found.mimeType,
    size: found.size,
    digest: found.digest,
    segments: found.segments ?? null,
    filename: variant === 'original' ? item.filename : null,
    updatedAt: item.updatedAt,
    local:
      item.source === LOCAL_SOURCE && found.digest !== null ? localPlace(item, variant, found.digest) : null,
    cache,
  };
}

function localPlace(item: Item, variant: VariantName, digest: string): LocalPlace {
  if (variant !== 'original') return { storage: 'MANAGED', key: renditionKey(digest) };
  const location = item.location ?? '';
  if (item.storage !== 'EXTERNAL') return { storage: 'MANAGED', key: location };
  return { storage: 'EXTERNAL', path: location, size: item.byteSize ?? 0, mtime: item.locationMtime ?? 0 };
}
