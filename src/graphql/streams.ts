/** How many subscriptions are open: of one viewer, and in all. */

import type { Viewer } from '../access/viewer.ts';
import { HedgerowError } from '../lib/errors.ts';

/** Of one person, token or, without either, address: some tabs and a program. */
const PER_VIEWER = 20;
const IN_ALL = 1_000;

export interface Streams {
  /**
   * Takes a place.
   *
   * @returns what gives it back, once however often it is called
   * @throws HedgerowError RATE_LIMITED where the viewer has too many, UNAVAILABLE where there are too many in all
   */
  open(viewer: Viewer | null, address: string | undefined): () => void;
  readonly count: number;
}

export function createStreams({ perViewer = PER_VIEWER, inAll = IN_ALL } = {}): Streams {
  const open = new Map<string, number>();
  let count = 0;
  return {
    open: (viewer, address) => {
      const who = nameOf(viewer, address);
      const own = open.get(who) ?? 0;
      if (own >= perViewer) {
        throw new HedgerowError('RATE_LIMITED', `Only ${perViewer} subscriptions may be open at once.`, {
          retryAfter: 5,
        });
      }
      if (count >= inAll) {
        throw new HedgerowError('UNAVAILABLE', 'Too many subscriptions are open; try again later.', {
          retryAfter: 30,
        });
      }
      open.set(who, own + 1);
      count += 1;
      let left = false;
      return () => {
        if (left) return;
        left = true;
        count -= 1;
        const now = (open.get(who) ?? 1) - 1;
        if (now > 0) open.set(who, now);
        else open.delete(who);
      };
    },
    get count() {
      return count;
    },
  };
}

function nameOf(viewer: Viewer | null, address: string | undefined): string {
  if (viewer === null) return `address ${address ?? ''}`;
  return viewer.user?.id ?? (viewer.via === 'token' ? viewer.tokenId : '');
}
