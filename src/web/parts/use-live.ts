/** The catalog and the peers as they change, for a page: `live.ts` with the browser's own means. */

import { useEffect, useRef } from 'react';
import { ChangesDocument, type ChangesSubscription } from '../generated/graphql.ts';
import { readEvents } from '../scripts/events.ts';
import { type Change, type PeersChange, startLive } from './live.ts';
import { createPace } from './pace.ts';

export interface Follower {
  viewer: string;
  /** Whether it is followed: not while somebody signs out, which would cut the stream. */
  on: boolean;
  /** Revision of the catalog that is shown at least. */
  since?: string | null;
  /** What is shown of the catalog is to be read anew; of changes that come one upon the other not each is told. */
  onChange?: () => void;
  /** The same of peers, or of what runs for them. */
  onPeers: (of: PeersChange) => void;
}

export function useLive({ viewer, on, since = null, onChange = () => {}, onPeers }: Follower): void {
  const told = useRef({ onChange, onPeers });
  useEffect(() => {
    told.current = { onChange, onPeers };
  });
  useEffect(() => {
    if (!on) return;
    const pace = createPace(() => told.current.onChange());
    // Two instances may stand under one origin, and two people may follow each other in one browser.
    const name = `hedgerow ${new URL('./', location.href).pathname} ${viewer}`;
    const stop = startLive({
      name,
      since,
      follow: followChanges,
      onChange: pace.ask,
      onPeers: (of) => told.current.onPeers(of),
      // The session may be over, or the server away: reading says which.
      onLost: () => {
        pace.ask();
        told.current.onPeers('peer');
      },
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
  }, [viewer, on, since]);
}

async function* followChanges(since: string | null, signal: AbortSignal): AsyncGenerator<Change, void> {
  const response = await fetch('./graphql', {
    method: 'POST',
    signal,
    headers: {
      accept: 'text/event-stream',
      'content-type': 'application/json',
      'x-hedgerow-csrf': '1',
    },
    body: JSON.stringify({ query: ChangesDocument.toString(), variables: { since } }),
  });
  const type = response.headers.get('content-type') ?? '';
  if (!response.ok || !type.startsWith('text/event-stream') || response.body === null) {
    await response.body?.cancel();
    throw new Error(`The server answered ${response.status}.`);
  }
  for await (const { data } of readEvents<{ data?: ChangesSubscription | null }>(response.body)) {
    if (data == null) throw new Error('The server told of no change.');
    const { catalog, peer } = data.changed;
    if (catalog === null) {
      yield { peers: peer === null ? 'run' : 'peer' };
      continue;
    }
    const { revision, reset, changed, removedIds } = catalog;
    yield { revision, some: reset || changed.length > 0 || removedIds.length > 0 };
  }
}
