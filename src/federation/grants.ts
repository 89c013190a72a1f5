import { type Grant, grantSchema, readMessage } from './wire/messages.ts';

/** All kinds, tags and albums, originals, without end. */
export const WHOLE_GRANT: Grant = { kinds: null, tags: null, albums: null, access: 'originals', until: null };

/** A grant as a row keeps it: JSON. */
export function storedGrant(text: string): Grant {
  return readMessage(grantSchema, JSON.parse(text), 'INTERNAL');
}
