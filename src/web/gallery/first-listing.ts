/** The list of the place at which the page was opened: asked for before there is anything to draw it with. */

import { ask } from '../scripts/ask.ts';
import { type Listing, openListing } from './listing.ts';
import { askedAt, readPlace } from './place.ts';

export interface FirstListing {
  opened: Promise<Listing>;
  abort: AbortController;
}

/** Items of a phone's first screen. */
const SEEN_FIRST = 12;

let first: (FirstListing & { key: string }) | undefined;

export function askFirst(search: string): void {
  const asked = askedAt(readPlace(search));
  const abort = new AbortController();
  const opened = openListing(ask, asked, abort.signal);
  // Whoever takes it hears of a failure; until then nobody has to.
  opened.then(askPictures, () => undefined);
  first = { key: JSON.stringify(asked), opened, abort };
}

/** What most screens show first is on its way while the rows are still being drawn. */
function askPictures(listing: Listing): void {
  for (let index = 0; index < SEEN_FIRST; index++) {
    const url = listing.item(index)?.thumbnailUrl;
    if (url) new Image().src = url;
  }
}

/** Once, and only where the same is asked for. */
export function takeFirst(key: string): FirstListing | undefined {
  const taken = first?.key === key ? first : undefined;
  first = undefined;
  return taken;
}
