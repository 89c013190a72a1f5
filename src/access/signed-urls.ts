/**
 * URLs that carry their own permission, for `img` and `video` of other sites: an HMAC-SHA-256 over item, variant,
 * viewer and end. The viewer is named, not copied: whoever is shut out, signed out or revoked meanwhile opens nothing
 * more, and what the viewer may see is asked anew each time.
 */

import { createHmac, timingSafeEqual } from 'node:crypto';
import { fromBase64url, toBase64url } from '../lib/base64url.ts';
import { HedgerowError } from '../lib/errors.ts';
import type { Viewer } from './viewer.ts';

/** Seconds for which a URL is good. */
export const SIGNED_URL_SECONDS = 3600;
/** The viewer of a URL that was signed for whoever has not signed in. */
const ANYONE = 'anyone';

export interface SignedUrls {
  /** The query of the URL, without `?`. */
  sign(viewer: Viewer | null, itemId: string, variant: string): string;
  /** Whether a URL's query asks to be judged by its signature, rightly or not. */
  isSigned(query: unknown): boolean;
  /**
   * For whom the URL was signed, as that viewer stands now; null is anonymous.
   *
   * @throws HedgerowError FORBIDDEN, in the same words whatever is wrong with it
   */
  viewer(itemId: string, variant: string, query: unknown): Promise<Viewer | null>;
}

export interface SignedUrlsOptions {
  /** 32 bytes, for this alone. */
  key: Uint8Array;
  now: () => number;
  /** The viewer behind a reference as `referenceOf` makes it; null where it stands no longer. */
  standing: (reference: string) => Promise<Viewer | null>;
  referenceOf: (viewer: Viewer) => string;
}

export function createSignedUrls({ key, now, standing, referenceOf }: SignedUrlsOptions): SignedUrls {
  const mac = (itemId: string, variant: string, viewer: string, expires: number): Buffer =>
    createHmac('sha256', key)
      .update(['hedgerow-url-1', itemId, variant, viewer, expires].join('\n'))
      .digest();
  return {
    sign: (viewer, itemId, variant) => {
      const reference = viewer === null ? ANYONE : referenceOf(viewer);
      const expires = Math.floor(now() / 1000) + SIGNED_URL_SECONDS;
      const signature = toBase64url(mac(itemId, variant, reference, expires));
      return new URLSearchParams({ viewer: reference, expires: String(expires), signature }).toString();
    },

    isSigned: (query) => typeof query === 'object' && query !== null && Object.hasOwn(query, 'signature'),

    viewer: async (itemId, variant, query) => {
      const parts = readQuery(query);
      if (parts === null) throw refused();
      const { viewer: reference, expires, signature } = parts;
      if (!timingSafeEqual(signature, mac(itemId, variant, reference, expires))) throw refused();
      if (expires * 1000 <= now()) throw refused();
      if (reference === ANYONE) return null;
      const viewer = await standing(reference);
      if (viewer === null) throw refused();
      return viewer;
    },
  };
}

interface SignedParts {
  viewer: string;
  /** Seconds since 1970. */
  expires: number;
  /** 32 bytes. */
  signature: Uint8Array;
}

/** Strict: each part once, in the form in which it was made, so that one permission has one URL. */
function readQuery(query: unknown): SignedParts | null {
  if (typeof query !== 'object' || query === null) return null;
  const { viewer, expires, signature } = query as Record<string, unknown>;
  if (typeof viewer !== 'string' || !/^[A-Za-z0-9_.-]{1,128}$/.test(viewer)) return null;
  if (typeof expires !== 'string' || !/^[1-9]\d{0,11}$/.test(expires)) return null;
  if (typeof signature !== 'string') return null;
  const bytes = fromBase64url(signature, 32);
  return bytes === undefined ? null : { viewer, expires: Number(expires), signature: bytes };
}

function refused(): HedgerowError {
  return new HedgerowError('FORBIDDEN', 'This link has expired or is not whole; ask for a new one.');
}
