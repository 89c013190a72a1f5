/** The place in the address bar, and going elsewhere. */

import { useCallback, useSyncExternalStore } from 'react';
import { type Place, readPlace, writePlace } from './place.ts';

/** `replace` where the way back should not stop at what was there: each letter of a search, say. */
export type Go = (change: Partial<Place>, how?: 'push' | 'replace') => void;

const listeners = new Set<() => void>();
let search = location.search;
let place = readPlace(search);

function current(): Place {
  if (location.search !== search) {
    search = location.search;
    place = readPlace(search);
  }
  return place;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener('popstate', listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener('popstate', listener);
  };
}

export function usePlace(): [Place, Go] {
  const here = useSyncExternalStore(subscribe, current);
  const go = useCallback<Go>((change, how = 'push') => {
    const address = writePlace({ ...current(), ...change });
    // How far one may go back without leaving the gallery.
    const depth = depthHere() + (how === 'push' ? 1 : 0);
    if (how === 'push') history.pushState({ depth }, '', address);
    else history.replaceState({ depth }, '', address);
    for (const listener of listeners) listener();
  }, []);
  return [here, go];
}

/** Steps that the gallery itself has put on the way back. */
export function depthHere(): number {
  const state: unknown = history.state;
  return typeof state === 'object' && state !== null && 'depth' in state ? Number(state.depth) || 0 : 0;
}
