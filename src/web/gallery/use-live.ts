/** The catalog as it changes, for a page: `live.ts` with the browser's own means. */

import { useEffect, useRef } from 'react';
import { GalleryChangesDocument, type GalleryChangesSubscription } from '../generated/graphql.ts';
import { readEvents } from '../scripts/events.ts';
import { type Change, startLive } from './live.ts';
import { createPace } from './pace.ts';

/**
 * @param onChange what is shown is to be read anew; of changes that come one upon the other not each is told
 * @param on whether it is followed: not while somebody signs out, which would cut the stream
 */
export function useLive(viewer: string, on: boolean, onChange: () => void): void {
  const told = useRef(onChange);
  useEffect(() => {
    told.current = onChange;
  });
  useEffect(() => {
    if (!on) return;
    const pace = createPace(() => told.current());
    // Two instances may stand under one origin, and two people may follow each other in one browser.
    const name = `hedgerow ${new URL('./', location.href).pathname} ${viewer}`;
    const stop = startLive({
      name,
      follow: followCatalog,
      onChange: pace.ask,
      // The session may be over, or the server away: reading says which.
      onLost: pace.ask,
      // Not there where the page came by plain HTTP from another machine, whatever its type says.
      locks: (navigator as { locks?: LockManager }).locks,
      channel: new BroadcastChannel(name),
      visible: () => document.visibilityState === 'visible',
      onVisibility: (listener) => {
        document.addEventListener('visibilitychange', listener);
        return () => document.removeEventListener('visibilitychange', listener);
      },
    });
    return () => {
      stop();
      pace.stop();
    };
  }, [viewer, on]);
}

async function* followCatalog(since: string | null, signal: AbortSignal): AsyncGenerator<Change, void> {
  const response = await fetch('./graphql', {
    method: 'POST',
    signal,
    headers: {
      accept: 'text/event-stream',
      'content-type': 'application/json',
      'x-hedgerow-csrf': '1',
    },
    body: JSON.stringify({ query: GalleryChangesDocument.toString(), variables: { since } }),
  });
  const type = response.headers.get('content-type') ?? '';
  if (!response.ok || !type.startsWith('text/event-stream') || response.body === null) {
    await response.body?.cancel();
    throw new Error(`The server answered ${response.status}.`);
  }
  for await (const { data } of readEvents<{ data?: GalleryChangesSubscription | null }>(response.body)) {
    if (data == null) throw new Error('The server told of no change.');
    const { revision, reset, changed, removedIds } = data.catalogChanged;
    yield { revision, some: reset || changed.length > 0 || removedIds.length > 0 };
  }
}
