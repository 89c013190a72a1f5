/** How many subscriptions are open: of one viewer, and in all. */

import type { Viewer } from '../access/viewer.ts';
import type { SharedLimits } from '../database/shared-limits.ts';
import { HedgerowError } from '../lib/errors.ts';

/** Of one person, token or, without either, address, at all processes: some tabs and a program. */
const PER_VIEWER = 20;
/** Of this process: each has a connection and what it follows in memory. */
const IN_ALL = 1_000;

export interface Streams {
  /**
   * Takes a place.
   *
   * @returns what gives it back, once however often it is called
   * @throws HedgerowError RATE_LIMITED where the viewer has too many, UNAVAILABLE where there are too many in all
   */
  open(viewer: Viewer | null, address: string | undefined): Promise<() => void>;
}

export interface StreamsOptions {
  perViewer?: number;
  inAll?: number;
  /** Of all processes together; null where there is one. */
  shared?: Pick<SharedLimits, 'place'> | null | undefined;
}

export function createStreams({
  perViewer = PER_VIEWER,
  inAll = IN_ALL,
  shared = null,
}: StreamsOptions = {}): Streams {
  const open = new Map<string, number>();
  let count = 0;
  const tooMany = () =>
    new HedgerowError('RATE_LIMITED', `Only ${perViewer} subscriptions may be open at once.`, {
      retryAfter: 5,
    });

  function enter(who: string): () => void {
    const own = open.get(who) ?? 0;
    if (own >= perViewer) throw tooMany();
    if (count >= inAll) {
      throw new HedgerowError('UNAVAILABLE', 'Too many subscriptions are open; try again later.', {
        retryAfter: 30,
      });
    }
    open.set(who, own + 1);
    count += 1;
    return () => {
      count -= 1;
      const now = (open.get(who) ?? 1) - 1;
      if (now > 0) open.set(who, now);
      else open.delete(who);
    };
  }

  return {
    open: async (viewer, address) => {
      const who = nameOf(viewer, address);
      // Before anything is waited for, so that parallel ones cannot slip past.
      const leaveHere = enter(who);
      let giveBack: (() => void) | null = null;
      try {
        if (shared !== null) {
          giveBack = await shared.place(`subscriptions of ${who}`, perViewer);
          if (giveBack === null) throw tooMany();
        }
      } catch (error) {
        leaveHere();
        throw error;
      }
      let left = false;
      return () => {
        if (left) return;
        left = true;
        leaveHere();
        giveBack?.();
      };
    },
  };
}

function nameOf(viewer: Viewer | null, address: string | undefined): string {
  if (viewer === null) return `address ${address ?? ''}`;
  return viewer.user?.id ?? (viewer.via === 'token' ? viewer.tokenId : '');
}
