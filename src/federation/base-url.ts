/** The address of an instance, as it stands in invitations and in `publicUrl`. */

import { FEDERATION_ROOT } from './identity/request-signatures.ts';

/** Characters of a base; longer ones are refused. */
export const MAX_BASE_URL = 2000;

/**
 * Whether `text` is a base: an absolute http or https URL, perhaps with a path prefix, without a trailing slash,
 * credentials, query or fragment.
 */
export function isBaseUrl(text: unknown): text is string {
  if (typeof text !== 'string' || text.length > MAX_BASE_URL || !/^https?:\/\/[^\s?#@\\]+$/i.test(text))
    return false;
  // `@path` is signed from the first occurrence of it on.
  if (text.endsWith('/') || text.includes(FEDERATION_ROOT)) return false;
  const url = URL.parse(text);
  return url !== null && url.username === '' && url.password === '' && url.hostname !== '';
}

/** A base made of what a person typed: without spaces around it, and without slashes at its end; or undefined. */
export function toBaseUrl(typed: string): string | undefined {
  const text = typed.trim().replace(/\/+$/, '');
  return isBaseUrl(text) ? text : undefined;
}
