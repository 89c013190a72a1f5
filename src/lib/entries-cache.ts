import { LRUCache } from 'lru-cache';

/**
 * What is remembered of at most so many, those longest unused forgotten first. `max` of lru-cache lays out all of the room at
 * once, which for what most instances never fill costs each start tens of milliseconds; here it grows with what is in it.
 */
export function entriesCache<K extends {}, V extends {}>(
  entries: number,
  dispose?: (value: V, key: K) => void,
): LRUCache<K, V> {
  return new LRUCache<K, V>({
    maxSize: entries,
    sizeCalculation: () => 1,
    ...(dispose !== undefined && { dispose }),
  });
}
