import type { Grant } from './wire/messages.ts';

/** All kinds, tags and albums, originals, without end. */
export const WHOLE_GRANT: Grant = { kinds: null, tags: null, albums: null, access: 'originals', until: null };
