/**
 * The header of a Matroska or WebM file: duration, shown size, codecs, title, without any decoder.
 * RFC 8794 (EBML) and RFC 9559 (Matroska).
 *
 * The file is a stranger's: elements are walked header by header, one ends where its parent ends whatever it
 * claims, no length is allocated beyond a small read, and walks are counted.
 */

import { HedgerowError } from '../lib/errors.ts';
import type { FileWindow } from './file-window.ts';
import { cutOff, type MovieFacts, noFacts, saneDimension, saneDuration, utcClock } from './movie.ts';

const ID = {
  segment: 0x18538067,
  info: 0x1549a966,
  timestampScale: 0x2ad7b1,
  duration: 0x4489,
  dateUtc: 0x4461,
  title: 0x7ba9,
  tracks: 0x1654ae6b,
  trackEntry: 0xae,
  trackType: 0x83,
  codecId: 0x86,
  video: 0xe0,
  pixelWidth: 0xb0,
  pixelHeight: 0xba,
  displayWidth: 0x54b0,
  displayHeight: 0x54ba,
  displayUnit: 0x54b2,
  cluster: 0x1f43b675,
} as const;

const MAX_ELEMENTS = 10_000;
const MAX_TRACKS = 64;
const VIDEO_TRACK = 1;
const AUDIO_TRACK = 2;
/** Seconds between 1970 and 2001, where the file's clock starts. */
const EPOCH_2001 = 978_307_200;

interface Element {
  id: number;
  /** Of the payload. */
  start: number;
  end: number;
  /** It says that it goes on beyond its parent or the file. */
  cut: boolean;
  /** Its length was not known when it was written (live recordings). */
  open: boolean;
}

/**
 * Reads the facts of a Matroska or WebM file.
 * @throws HedgerowError UNSUPPORTED_MEDIA where it is cut off, or has no tracks or no picture track
 */
export async function readMatroskaMovie(file: FileWindow): Promise<MovieFacts> {
  const facts = noFacts();
  let pictures = 0;
  for await (const top of elements(file, 0, file.size)) {
    if (top.id !== ID.segment) continue;
    let info = false;
    let tracks = false;
    for await (const child of elements(file, top.start, top.end)) {
      if (child.id === ID.info) {
        info = true;
        await readInfo(file, child, facts);
      } else if (child.id === ID.tracks) {
        tracks = true;
        pictures += await readTracks(file, child, facts);
      }
      // Behind an open cluster there is nothing that can be walked to.
      if (child.id === ID.cluster && ((info && tracks) || child.open)) break;
    }
    if (top.cut) throw cutOff();
    break;
  }
  if (pictures === 0)
    throw new HedgerowError('UNSUPPORTED_MEDIA', 'The file has no picture track, or is cut off.');
  return facts;
}

async function* elements(file: FileWindow, start: number, end: number): AsyncGenerator<Element> {
  let offset = start;
  for (let count = 0; count < MAX_ELEMENTS && offset + 2 <= end; count++) {
    const header = await file.read(offset, 12);
    const id = variableInt(header, 0, 4, true);
    if (id === null) return;
    const size = variableInt(header, id.length, 8, false);
    if (size === null) return;
    const from = offset + id.length + size.length;
    const open = size.value === 2 ** (7 * size.length) - 1;
    const claimed = open ? end : from + size.value;
    yield { id: id.value, start: from, end: Math.min(claimed, end), cut: claimed > end, open };
    offset = claimed;
  }
}

/** A variable-size integer (RFC 8794, 4); ids keep their length marker. Exact to 2^53, and larger only to compare. */
function variableInt(
  bytes: Buffer,
  offset: number,
  longest: number,
  marker: boolean,
): { value: number; length: number } | null {
  const first = bytes[offset];
  if (first === undefined) return null;
  const length = Math.clz32(first) - 23;
  if (length > longest || offset + length > bytes.length) return null;
  let value = marker ? first : first & (0xff >> length);
  for (let index = 1; index < length; index++) value = value * 256 + (bytes[offset + index] ?? 0);
  // 2^56 - 1 is "unknown" for eight bytes and lies beyond exact numbers: all ones are recognised by the bytes.
  if (
    !marker &&
    length === 8 &&
    (first & 1) === 1 &&
    bytes.subarray(offset + 1, offset + 8).every((b) => b === 255)
  ) {
    value = 2 ** 56 - 1;
  }
  return { value, length };
}

async function unsigned(file: FileWindow, element: Element): Promise<number> {
  const data = await file.read(element.start, Math.min(8, element.end - element.start));
  let value = 0;
  for (const byte of data) value = value * 256 + byte;
  return value;
}

async function readInfo(file: FileWindow, info: Element, facts: MovieFacts): Promise<void> {
  let scale = 1_000_000;
  let duration = Number.NaN;
  for await (const child of elements(file, info.start, info.end)) {
    if (child.id === ID.timestampScale) scale = await unsigned(file, child);
    else if (child.id === ID.duration) {
      const data = await file.read(child.start, Math.min(8, child.end - child.start));
      if (data.length === 4) duration = data.readFloatBE(0);
      if (data.length === 8) duration = data.readDoubleBE(0);
    } else if (child.id === ID.dateUtc) {
      const data = await file.read(child.start, Math.min(8, child.end - child.start));
      if (data.length === 8) facts.recordedAt = utcClock(Number(data.readBigInt64BE(0)) / 1e9 + EPOCH_2001);
    } else if (child.id === ID.title) {
      facts.tags.title = (await file.read(child.start, Math.min(4096, child.end - child.start)))
        .toString('utf8')
        .replace(/\0.*$/s, '');
    }
  }
  facts.durationMs = saneDuration((duration * scale) / 1e6);
}

/** @returns how many picture tracks there are */
async function readTracks(file: FileWindow, tracks: Element, facts: MovieFacts): Promise<number> {
  let pictures = 0;
  let seen = 0;
  for await (const entry of elements(file, tracks.start, tracks.end)) {
    if (entry.id !== ID.trackEntry) continue;
    if (seen++ >= MAX_TRACKS) break;
    let type = 0;
    let codec: string | null = null;
    let video: Element | undefined;
    for await (const child of elements(file, entry.start, entry.end)) {
      if (child.id === ID.trackType) type = await unsigned(file, child);
      else if (child.id === ID.video) video = child;
      else if (child.id === ID.codecId) {
        const text = (await file.read(child.start, Math.min(64, child.end - child.start))).toString('latin1');
        codec = /^[A-Z]_[\w/]+/.exec(text)?.[0] ?? null;
      }
    }
    if (type === AUDIO_TRACK) facts.audioCodec ??= codec;
    if (type !== VIDEO_TRACK || video === undefined) continue;
    // The first picture track is the one that players show.
    if (pictures++ === 0) {
      facts.videoCodec = codec;
      await readVideo(file, video, facts);
    }
  }
  return pictures;
}

async function readVideo(file: FileWindow, video: Element, facts: MovieFacts): Promise<void> {
  const values = new Map<number, number>();
  for await (const child of elements(file, video.start, video.end)) {
    if (child.end - child.start <= 8) values.set(child.id, await unsigned(file, child));
  }
  facts.width = saneDimension(values.get(ID.pixelWidth) ?? 0);
  facts.height = saneDimension(values.get(ID.pixelHeight) ?? 0);
  const width = saneDimension(values.get(ID.displayWidth) ?? 0);
  const height = saneDimension(values.get(ID.displayHeight) ?? 0);
  // Only unit 0 counts pixels; the others are centimetres, inches or a bare ratio.
  if ((values.get(ID.displayUnit) ?? 0) === 0 && width !== null && height !== null) {
    facts.width = width;
    facts.height = height;
  }
}
