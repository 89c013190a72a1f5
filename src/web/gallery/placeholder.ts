/** What stands where a thumbnail will be: the blurred picture of a ThumbHash (https://evanw.github.io/thumbhash/). */

import { thumbHashToDataURL } from 'thumbhash';

/** A few screens; what is older is drawn again. */
const KEPT = 2_000;

const drawn = new Map<string, string>();

/** A `data:` URL; undefined where the text is no ThumbHash, which a peer may well send. */
export function placeholder(thumbhash: string | null): string | undefined {
  if (thumbhash === null) return undefined;
  let url = drawn.get(thumbhash);
  if (url === undefined) {
    url = draw(thumbhash);
    if (drawn.size >= KEPT) drawn.delete(drawn.keys().next().value ?? '');
    drawn.set(thumbhash, url);
  }
  return url === '' ? undefined : url;
}

function draw(thumbhash: string): string {
  try {
    const bytes = Uint8Array.from(atob(thumbhash), (character) => character.charCodeAt(0));
    return bytes.length < 5 ? '' : thumbHashToDataURL(bytes);
  } catch {
    return '';
  }
}
