/** Where somebody is in the admin pages: the section as `view`, and what else the section keeps in the address. */

import { useCallback, useSyncExternalStore } from 'react';

/** `view` is the name of a section; the other names are that section's own. */
export interface Place {
  readonly view: string;
  readonly [name: string]: string;
}

export const START: Place = { view: 'peers' };

/** Goes to a place; `replace` where the way back should not stop at what was there. */
export type Go = (place: Place, how?: 'push' | 'replace') => void;

const listeners = new Set<() => void>();
let search = location.search;
let place = readPlace(search);

/** Relative, so that it works under any prefix. */
export function hrefOf(to: Place): string {
  const asked = new URLSearchParams(Object.entries(to).filter(([, value]) => value !== ''));
  return `./admin?${asked}`;
}

export function readPlace(query: string): Place {
  return { ...START, ...Object.fromEntries(new URLSearchParams(query)) };
}

export function usePlace(): [Place, Go] {
  const here = useSyncExternalStore(subscribe, current);
  const go = useCallback<Go>((to, how = 'push') => {
    if (how === 'push') history.pushState(null, '', hrefOf(to));
    else history.replaceState(null, '', hrefOf(to));
    for (const listener of listeners) listener();
  }, []);
  return [here, go];
}

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
