/**
 * Whether somebody who was let in still is. Requests ask at their start; what lasts longer (a film, a stream of
 * events) is watched here, and ended when its viewer is shut out, signed out, revoked, expired, or given other rights.
 */

import type { Viewer } from './viewer.ts';

export interface Standing {
  /**
   * Calls `onEnd` once, as soon as the viewer does not stand as before.
   *
   * @returns what ends the watch
   */
  watch(viewer: Viewer, onEnd: () => void): () => void;
  /** Looks at everybody who is watched, now. */
  check(): Promise<void>;
}

export interface StandingOptions {
  /** The viewer as it stands now, by reference; null where it does not. */
  standing: (reference: string) => Promise<Viewer | null>;
  referenceOf: (viewer: Viewer) => string;
  /** Ms between two looks: what another process or the clock has ended is noticed by then. */
  every?: number;
}

const EVERY = 2000;

interface Watched {
  reference: string;
  rights: string;
  ends: Set<() => void>;
}

export function createStanding({ standing, referenceOf, every = EVERY }: StandingOptions): Standing {
  /** By reference and rights: whoever is given other rights meanwhile has watches of both kinds for a moment. */
  const watched = new Map<string, Watched>();
  let timer: NodeJS.Timeout | undefined;
  let checking: Promise<void> | undefined;
  let again = false;

  const look = async (): Promise<void> => {
    do {
      again = false;
      for (const [key, { reference, rights, ends }] of [...watched]) {
        const now = await standing(reference);
        if (now !== null && rightsOf(now) === rights) continue;
        watched.delete(key);
        for (const end of ends) end();
      }
    } while (again);
    if (watched.size === 0) pause();
  };
  const check = (): Promise<void> => {
    // A change during a look may concern somebody whom it has passed already.
    again = checking !== undefined;
    checking ??= look().finally(() => {
      checking = undefined;
    });
    return checking;
  };
  const pause = (): void => {
    clearInterval(timer);
    timer = undefined;
  };

  return {
    watch: (viewer, onEnd) => {
      const reference = referenceOf(viewer);
      const rights = rightsOf(viewer);
      const key = `${reference} ${rights}`;
      const entry = watched.get(key) ?? { reference, rights, ends: new Set() };
      watched.set(key, entry);
      // Each watch its own function, so that the same one may be given twice.
      const end = (): void => onEnd();
      entry.ends.add(end);
      // A database that does not answer for a moment ends nobody's film; it is asked again.
      timer ??= setInterval(() => void check().catch(() => {}), every).unref();
      return () => {
        entry.ends.delete(end);
        if (entry.ends.size > 0 || watched.get(key) !== entry) return;
        watched.delete(key);
        if (watched.size === 0) pause();
      };
    },
    check,
  };
}

function rightsOf({ role, scopes }: Viewer): string {
  return `${role} ${scopes.join(' ')}`;
}
