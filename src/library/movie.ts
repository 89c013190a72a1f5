/** What the readers of the two container families answer about a video. */

import { HedgerowError } from '../lib/errors.ts';

export interface MovieFacts {
  /** As shown: after rotation and pixel aspect ratio. */
  width: number | null;
  height: number | null;
  /** Whole milliseconds. */
  durationMs: number | null;
  /** As the container names it: `avc1`, `V_VP9`. */
  videoCodec: string | null;
  audioCodec: string | null;
  /** `YYYY-MM-DDTHH:MM:SS`, the clock that wrote the file. */
  recordedAt: string | null;
  /** Minutes east of UTC, only where the file says so beside the time. */
  recordedAtOffset: number | null;
  /** Tags by plain name: title, artist, comment, copyright, make, model, keywords, location (ISO 6709). Uncleaned. */
  tags: Partial<Record<MovieTag, string>>;
}

export type MovieTag =
  | 'title'
  | 'description'
  | 'artist'
  | 'copyright'
  | 'make'
  | 'model'
  | 'keywords'
  | 'location';

export function noFacts(): MovieFacts {
  return {
    width: null,
    height: null,
    durationMs: null,
    videoCodec: null,
    audioCodec: null,
    recordedAt: null,
    recordedAtOffset: null,
    tags: {},
  };
}

export function cutOff(): HedgerowError {
  return new HedgerowError('UNSUPPORTED_MEDIA', 'The video is cut off: part of the file is missing.');
}

/** A duration that a person could film, in whole milliseconds, else null. A year is the limit. */
export function saneDuration(milliseconds: number): number | null {
  const rounded = Math.round(milliseconds);
  return rounded > 0 && rounded <= 366 * 86_400_000 ? rounded : null;
}

/** A picture size that the protocol carries (1 to 10^6), else null. */
export function saneDimension(pixels: number): number | null {
  const rounded = Math.round(pixels);
  return rounded >= 1 && rounded <= 1_000_000 ? rounded : null;
}

/** Seconds since 1970 as a local date-time without offset, where it lies in the age of video files. */
export function utcClock(seconds: number): string | null {
  // Cameras without a set clock write zero, which is 1904 in one family and 2001 in the other.
  if (!(seconds > 0 && seconds < 4_102_444_800)) return null;
  return new Date(seconds * 1000).toISOString().slice(0, 19);
}
