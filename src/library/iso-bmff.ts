/**
 * The header of an MP4 or QuickTime file: duration, shown size, codecs, and the tags that phones write, without
 * any decoder. ISO/IEC 14496-12 (boxes), 14496-14, and Apple's QuickTime File Format (`meta` with keys, `udta`).
 *
 * The file is a stranger's: boxes are walked header by header, a box ends where its parent ends whatever it
 * claims, no length is allocated beyond a small read, and walks are counted.
 */

import { HedgerowError } from '../lib/errors.ts';
import type { FileWindow } from './file-window.ts';
import {
  cutOff,
  type MovieFacts,
  type MovieTag,
  noFacts,
  saneDimension,
  saneDuration,
  utcClock,
} from './movie.ts';

/** Boxes in one container; an honest file has a few dozen, a long fragmented one thousands at the top. */
const MAX_BOXES = 10_000;
const MAX_TRACKS = 64;
const MAX_TAGS = 64;
/** Seconds between 1904, where the file's clock starts, and 1970. */
const EPOCH_1904 = 2_082_844_800;

interface Box {
  type: string;
  /** Of the payload. */
  start: number;
  end: number;
  /** The box says that it goes on beyond its parent or the file. */
  cut: boolean;
}

/**
 * Reads the facts of an ISO base media file.
 * @throws HedgerowError UNSUPPORTED_MEDIA where it is cut off, or has no movie or no picture track
 */
export async function readIsoMovie(file: FileWindow): Promise<MovieFacts> {
  const facts = noFacts();
  let movie: Box | undefined;
  for await (const box of boxes(file, 0, file.size)) {
    if (box.type === 'moov' && movie === undefined) {
      if (box.cut) throw cutOff();
      movie = box;
    } else if (box.type === 'mdat' && box.cut) {
      throw cutOff();
    }
  }
  if (movie === undefined) {
    throw new HedgerowError(
      'UNSUPPORTED_MEDIA',
      'The video has no index: it was never finished, or is cut off.',
    );
  }
  let timescale = 0;
  let tracks = 0;
  let area = -1;
  for await (const box of boxes(file, movie.start, movie.end)) {
    if (box.type === 'mvhd') timescale = await readMovieHeader(file, box, facts);
    // It counts in the units of `mvhd`, which stands before it.
    else if (box.type === 'mvex') await readFragmentDuration(file, box, timescale, facts);
    else if (box.type === 'meta') await readMeta(file, box, facts);
    else if (box.type === 'udta') await readUserData(file, box, facts);
    else if (box.type === 'trak' && tracks++ < MAX_TRACKS) {
      const track = await readTrack(file, box);
      if (track.handler === 'soun') facts.audioCodec ??= track.codec;
      // Several picture tracks: covers and depth maps are smaller than the picture itself.
      if (track.handler === 'vide' && (track.width ?? 0) * (track.height ?? 0) > area) {
        area = (track.width ?? 0) * (track.height ?? 0);
        facts.width = track.width;
        facts.height = track.height;
        facts.videoCodec = track.codec;
      }
    }
  }
  if (area < 0) throw new HedgerowError('UNSUPPORTED_MEDIA', 'The file has no picture track.');
  return facts;
}

async function* boxes(file: FileWindow, start: number, end: number): AsyncGenerator<Box> {
  let offset = start;
  for (let count = 0; count < MAX_BOXES && offset + 8 <= end; count++) {
    const header = await file.read(offset, 16);
    if (header.length < 8) return;
    let size = header.readUInt32BE(0);
    let headerSize = 8;
    if (size === 1) {
      if (header.length < 16) return;
      size = Number(header.readBigUInt64BE(8));
      headerSize = 16;
    } else if (size === 0) {
      size = end - offset; // to the end of the file
    }
    // Zeroes at the end of a container, as QuickTime's `udta` has, or a box shorter than its own header.
    if (size < headerSize) return;
    const claimed = offset + size;
    yield {
      type: header.toString('latin1', 4, 8),
      start: offset + headerSize,
      end: Math.min(claimed, end),
      cut: claimed > end,
    };
    offset = claimed;
  }
}

async function payload(file: FileWindow, box: Box, limit: number): Promise<Buffer> {
  return file.read(box.start, Math.min(limit, box.end - box.start));
}

/** @returns the timescale: units per second, 0 where there is none */
async function readMovieHeader(file: FileWindow, box: Box, facts: MovieFacts): Promise<number> {
  const data = await payload(file, box, 32);
  const long = data[0] === 1;
  if (data.length < (long ? 32 : 20)) return 0;
  const created = long ? Number(data.readBigUInt64BE(4)) : data.readUInt32BE(4);
  const timescale = data.readUInt32BE(long ? 20 : 12);
  const duration = long ? Number(data.readBigUInt64BE(24)) : data.readUInt32BE(16);
  // All ones is "unknown" (8.2.2.3).
  const unknown = duration >= (long ? 2 ** 63 : 0xffff_ffff);
  if (timescale > 0 && !unknown) facts.durationMs ??= saneDuration((duration / timescale) * 1000);
  facts.recordedAt ??= utcClock(created - EPOCH_1904);
  return timescale;
}

async function readFragmentDuration(
  file: FileWindow,
  box: Box,
  timescale: number,
  facts: MovieFacts,
): Promise<void> {
  for await (const child of boxes(file, box.start, box.end)) {
    if (child.type !== 'mehd') continue;
    const data = await payload(file, child, 12);
    const long = data[0] === 1;
    if (data.length < (long ? 12 : 8) || timescale === 0) return;
    const duration = long ? Number(data.readBigUInt64BE(4)) : data.readUInt32BE(4);
    facts.durationMs ??= saneDuration((duration / timescale) * 1000);
  }
}

interface Track {
  handler: string;
  codec: string | null;
  width: number | null;
  height: number | null;
}

async function readTrack(file: FileWindow, box: Box): Promise<Track> {
  const track: Track = { handler: '', codec: null, width: null, height: null };
  let turned = false;
  let header: Buffer | undefined;
  for await (const child of boxes(file, box.start, box.end)) {
    if (child.type === 'tkhd') header = await payload(file, child, 96);
    if (child.type === 'mdia') await readMediaBox(file, child, track);
  }
  if (header !== undefined) {
    const matrix = header[0] === 1 ? 52 : 40;
    if (header.length >= matrix + 44) {
      // 6.2.2: a b u, c d v, x y w; a quarter turn has its weight in b and c.
      const a = header.readInt32BE(matrix);
      const b = header.readInt32BE(matrix + 4);
      const c = header.readInt32BE(matrix + 12);
      const d = header.readInt32BE(matrix + 16);
      turned = Math.abs(b) + Math.abs(c) > Math.abs(a) + Math.abs(d);
      const width = saneDimension(header.readUInt32BE(matrix + 36) / 65_536);
      const height = saneDimension(header.readUInt32BE(matrix + 40) / 65_536);
      // Some writers leave the shown size zero; then the sample's own size stands.
      if (width !== null && height !== null) [track.width, track.height] = [width, height];
    }
  }
  if (turned) [track.width, track.height] = [track.height, track.width];
  return track;
}

async function readMediaBox(file: FileWindow, box: Box, track: Track): Promise<void> {
  let samples: Box | undefined;
  for await (const child of boxes(file, box.start, box.end)) {
    if (child.type === 'hdlr') track.handler = (await payload(file, child, 12)).toString('latin1', 8, 12);
    if (child.type === 'minf') {
      for await (const inner of boxes(file, child.start, child.end)) {
        if (inner.type !== 'stbl') continue;
        for await (const table of boxes(file, inner.start, inner.end)) {
          if (table.type === 'stsd') samples = table;
        }
      }
    }
  }
  if (samples === undefined) return;
  const data = await payload(file, samples, 64);
  if (data.length < 16) return;
  const codec = data.toString('latin1', 12, 16);
  track.codec = /^[\x20-\x7e]{4}$/.test(codec) ? codec.trim() : null;
  if (track.handler === 'vide' && data.length >= 44) {
    track.width = saneDimension(data.readUInt16BE(40));
    track.height = saneDimension(data.readUInt16BE(42));
  }
}

const QUICKTIME_KEYS: Record<string, MovieTag | 'date'> = {
  'com.apple.quicktime.title': 'title',
  'com.apple.quicktime.description': 'description',
  'com.apple.quicktime.artist': 'artist',
  'com.apple.quicktime.author': 'artist',
  'com.apple.quicktime.copyright': 'copyright',
  'com.apple.quicktime.make': 'make',
  'com.apple.quicktime.model': 'model',
  'com.apple.quicktime.keywords': 'keywords',
  'com.apple.quicktime.location.ISO6709': 'location',
  'com.apple.quicktime.creationdate': 'date',
};

const ITUNES_KEYS: Record<string, MovieTag | 'date'> = {
  '\xa9nam': 'title',
  desc: 'description',
  '\xa9cmt': 'description',
  '\xa9ART': 'artist',
  '\xa9aut': 'artist',
  cprt: 'copyright',
  '\xa9cpy': 'copyright',
  '\xa9mak': 'make',
  '\xa9mod': 'model',
  keyw: 'keywords',
  '\xa9xyz': 'location',
};

/** QuickTime's `meta` is a plain box, ISO's begins with version and flags: told apart by where `hdlr` stands. */
async function readMeta(file: FileWindow, box: Box, facts: MovieFacts): Promise<void> {
  const start =
    (await file.read(box.start, 8)).toString('latin1', 4, 8) === 'hdlr' ? box.start : box.start + 4;
  const keys: string[] = [];
  for await (const child of boxes(file, start, box.end)) {
    if (child.type === 'keys') {
      const data = await payload(file, child, 16_384);
      for (let offset = 8; offset + 8 <= data.length && keys.length < MAX_TAGS; ) {
        const size = data.readUInt32BE(offset);
        if (size < 8) break;
        keys.push(data.toString('latin1', offset + 8, Math.min(offset + size, data.length)));
        offset += size;
      }
    }
    if (child.type === 'ilst') {
      let count = 0;
      for await (const item of boxes(file, child.start, child.end)) {
        if (count++ >= MAX_TAGS) break;
        const index = Buffer.from(item.type, 'latin1').readUInt32BE(0);
        const key = keys[index - 1];
        const name = key === undefined ? ITUNES_KEYS[item.type] : QUICKTIME_KEYS[key];
        if (name === undefined) continue;
        const data = await payload(file, item, 4096);
        // A `data` box: size, name, type (1 is UTF-8), locale, then the value.
        if (
          data.length > 16 &&
          data.toString('latin1', 4, 8) === 'data' &&
          (data.readUInt32BE(8) & 0xff_ffff) === 1
        ) {
          keep(facts, name, data.toString('utf8', 16, Math.min(data.length, data.readUInt32BE(0))));
        }
      }
    }
  }
}

async function readUserData(file: FileWindow, box: Box, facts: MovieFacts): Promise<void> {
  let count = 0;
  for await (const child of boxes(file, box.start, box.end)) {
    if (count++ >= MAX_TAGS) return;
    if (child.type === 'meta') await readMeta(file, child, facts);
    const name = child.type.startsWith('\xa9') ? ITUNES_KEYS[child.type] : undefined;
    if (name === undefined) continue;
    // International text: length and language, two bytes each.
    const data = await payload(file, child, 4096);
    if (data.length > 4)
      keep(facts, name, data.toString('utf8', 4, Math.min(data.length, 4 + data.readUInt16BE(0))));
  }
}

function keep(facts: MovieFacts, name: MovieTag | 'date', value: string): void {
  if (name !== 'date') {
    facts.tags[name] ??= value;
    return;
  }
  // 2024-05-06T07:08:09+0200: the phone's clock and its zone, better than the UTC of the movie header.
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:([+-])(\d\d):?(\d\d)|Z)$/.exec(value.trim());
  if (match?.[1] === undefined || Number.isNaN(Date.parse(`${match[1]}Z`))) return;
  const minutes = Number(match[3] ?? 0) * 60 + Number(match[4] ?? 0);
  if (minutes > 14 * 60) return;
  facts.recordedAt = match[1];
  facts.recordedAtOffset = match[2] === '-' ? -minutes : minutes;
}
