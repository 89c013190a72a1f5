/** The list of a place: the one before stays until the next is there. */

import { startTransition, useCallback, useEffect, useRef, useState, useSyncExternalStore } from 'react';
import { ask } from '../scripts/ask.ts';
import { takeFirst } from './first-listing.ts';
import { type Listing, openListing } from './listing.ts';
import type { Asked } from './place.ts';

export interface ListingState {
  listing: Listing | null;
  /** Another is being opened. */
  busy: boolean;
  trouble: Error | null;
  /** Opens it anew, and gets there without a jump. */
  refresh: () => void;
}

export function useListing(asked: Asked): ListingState {
  const key = JSON.stringify(asked);
  const [listing, setListing] = useState<Listing | null>(null);
  const [trouble, setTrouble] = useState<Error | null>(null);
  const [busy, setBusy] = useState(true);
  const [round, setRound] = useState(0);
  const shown = useRef<Listing | null>(null);

  // biome-ignore lint/correctness/useExhaustiveDependencies: `round` asks for the same once more
  useEffect(() => {
    const first = takeFirst(key);
    const abort = first?.abort ?? new AbortController();
    // What is shown stays whole while the same is only read anew.
    setBusy(shown.current === null || JSON.stringify(shown.current.asked) !== key);
    const open = async (): Promise<Listing> => {
      const opened = await (first?.opened ?? openListing(ask, JSON.parse(key) as Asked, abort.signal));
      const before = shown.current;
      // The same anew: what is looked at is read first, so that nothing blinks.
      if (before !== null && JSON.stringify(before.asked) === key) {
        await opened.load(before.wanted.from, before.wanted.to);
      }
      return opened;
    };
    open().then(
      (opened) => {
        if (abort.signal.aborted) return;
        const before = shown.current;
        before?.close();
        shown.current = opened;
        const show = () => {
          setListing(opened);
          setTrouble(null);
          setBusy(false);
        };
        // The first in slices, between which a phone goes on to be touched. Later ones at once: while two lists were being
        // drawn by turns, neither would keep the heights of its rows.
        if (before === null) startTransition(show);
        else show();
      },
      (error: unknown) => {
        if (abort.signal.aborted) return;
        setTrouble(error instanceof Error ? error : new Error(String(error)));
        setBusy(false);
      },
    );
    return () => abort.abort();
  }, [key, round]);
  useEffect(() => () => shown.current?.close(), []);

  useVersion(listing);
  const refresh = useCallback(() => setRound((before) => before + 1), []);
  const drifted = listing?.drifted === true ? listing : null;
  const again = useRef(0);
  // biome-ignore lint/correctness/useExhaustiveDependencies: something else is asked for, which is another matter
  useEffect(() => {
    again.current = 0;
  }, [key]);
  useEffect(() => {
    if (drifted === null) return;
    // A catalog in which a great import runs changes all the time: it is followed, and not chased.
    const timer = setTimeout(refresh, Math.min(30_000, 500 * 2 ** again.current));
    again.current += 1;
    return () => clearTimeout(timer);
  }, [drifted, refresh]);
  return { listing, busy, trouble: trouble ?? listing?.trouble ?? null, refresh };
}

const NOTHING = () => () => undefined;

/** Draws again whenever the listing has more to show. */
export function useVersion(listing: Listing | null): number {
  return useSyncExternalStore(listing?.subscribe ?? NOTHING, () => listing?.version ?? 0);
}
