/**
 * What stands where a thumbnail will be: the blurred picture of a ThumbHash (https://evanw.github.io/thumbhash/). It takes
 * a phone some milliseconds, so the colour of the whole stands there first, and the picture is drawn when there is time,
 * unless the thumbnail itself has come by then.
 */

import { thumbHashToAverageRGBA, thumbHashToDataURL } from 'thumbhash';

/** A few screens; what is older is drawn again. */
const KEPT = 2_000;
/** Ms after which it is drawn though there was no time. */
const PATIENCE = 300;

const drawn = new Map<string, string>();
const waiting = new Set<{ thumbhash: string; onDrawn: (url: string | undefined) => void }>();
let asked = false;

/** CSS colour; undefined where the text is no ThumbHash, which a peer may well send. */
export function colourOf(thumbhash: string): string | undefined {
  const bytes = bytesOf(thumbhash);
  if (bytes === undefined) return undefined;
  const { r, g, b, a } = thumbHashToAverageRGBA(bytes);
  const of255 = (part: number): number => Math.round(Math.min(1, Math.max(0, part)) * 255);
  return `rgb(${of255(r)} ${of255(g)} ${of255(b)} / ${Math.min(1, Math.max(0, a)).toFixed(2)})`;
}

/** As `placeholder`; undefined also where it has not been drawn lately. */
export function drawnBefore(thumbhash: string): string | undefined {
  return drawn.get(thumbhash) || undefined;
}

/**
 * Draws it when there is time.
 * @returns what gives it up
 */
export function drawSoon(thumbhash: string, onDrawn: (url: string | undefined) => void): () => void {
  const one = { thumbhash, onDrawn };
  waiting.add(one);
  ask();
  return () => waiting.delete(one);
}

function ask(): void {
  if (asked || waiting.size === 0) return;
  asked = true;
  if ('requestIdleCallback' in globalThis) requestIdleCallback(work, { timeout: PATIENCE });
  else setTimeout(work, 0);
}

function work(idle?: IdleDeadline): void {
  asked = false;
  for (const one of waiting) {
    waiting.delete(one);
    one.onDrawn(placeholder(one.thumbhash));
    if ((idle?.timeRemaining() ?? 0) < 4) break;
  }
  ask();
}

/** A `data:` URL; undefined where the text is no ThumbHash. */
export function placeholder(thumbhash: string | null): string | undefined {
  if (thumbhash === null) return undefined;
  let url = drawn.get(thumbhash);
  if (url === undefined) {
    const bytes = bytesOf(thumbhash);
    url = bytes === undefined ? '' : thumbHashToDataURL(bytes);
    if (drawn.size >= KEPT) drawn.delete(drawn.keys().next().value ?? '');
    drawn.set(thumbhash, url);
  }
  return url || undefined;
}

function bytesOf(thumbhash: string): Uint8Array | undefined {
  try {
    const bytes = Uint8Array.from(atob(thumbhash), (character) => character.charCodeAt(0));
    return bytes.length < 5 ? undefined : bytes;
  } catch {
    return undefined;
  }
}
