/** Leaky buckets by name: how much of something somebody did lately. In memory and bounded. */

import type { LRUCache } from 'lru-cache';
import { entriesCache } from '../lib/entries-cache.ts';

export interface Policy {
  /** What may be done at once. */
  readonly capacity: number;
  /** Ms after which one of it is forgotten. */
  readonly leak: number;
}

export interface Buckets {
  /** Ms until the bucket takes one more; 0 where it does so now. */
  wait(key: string): number;
  /** Never beyond the capacity, so that hammering makes no wait longer. */
  add(key: string, amount: number): void;
  forget(key: string): void;
}

/** Names that are remembered; whoever asks from more addresses than that pushes out what was asked longest ago. */
export const ENTRIES = 10_000;

export function createBuckets(policy: Policy, now: () => number): Buckets {
  // Made when the first is counted: each has its places for all names from the beginning, and most are never asked.
  let levels: LRUCache<string, { level: number; at: number }> | null = null;
  const levelOf = (key: string): number => {
    const entry = levels?.get(key);
    return entry === undefined ? 0 : Math.max(0, entry.level - (now() - entry.at) / policy.leak);
  };
  return {
    wait: (key) => Math.max(0, (levelOf(key) + 1 - policy.capacity) * policy.leak),
    add: (key, amount) => {
      const level = Math.min(policy.capacity, Math.max(0, levelOf(key) + amount));
      if (level === 0) {
        levels?.delete(key);
        return;
      }
      levels ??= entriesCache(ENTRIES);
      levels.set(key, { level, at: now() });
    },
    forget: (key) => {
      levels?.delete(key);
    },
  };
}
