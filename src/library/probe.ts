/** What a file says about itself: size, length, pages, when and by what it was taken, the words in it. */

import { readFile, stat } from 'node:fs/promises';
import sharp, { type Metadata } from 'sharp';
import { HedgerowError } from '../lib/errors.ts';
import { type FfmpegTools, ffprobeJson, findFfmpeg } from './ffmpeg.ts';
import { fileError, openWindow } from './file-window.ts';
import { placeOf, readImageTags } from './image-tags.ts';
import { readIsoMovie } from './iso-bmff.ts';
import { readMatroskaMovie } from './matroska.ts';
import { type MovieFacts, saneDimension, saneDuration } from './movie.ts';
import { openPdf } from './pdf.ts';
import type { Sniffed } from './sniff.ts';
import { cleanTags, cleanText, TEXT_LIMITS } from './text.ts';

/** All texts are clean and within the protocol's limits; `properties` is JSON below 32 KiB. */
export interface ProbeResult {
  /** Pixels as shown: after orientation, rotation and pixel aspect ratio. Null for documents. */
  width: number | null;
  height: number | null;
  /** Whole milliseconds; null for pictures, documents, and videos that do not say. */
  durationMs: number | null;
  /** Of documents, and of TIFFs with several. */
  pageCount: number | null;
  /** `YYYY-MM-DDTHH:MM:SS` or with `.mmm`: the camera's own clock. */
  takenAt: string | null;
  /** Minutes east of UTC, only where the file says so. */
  takenAtOffset: number | null;
  title?: string;
  description?: string;
  creator?: string;
  license?: string;
  tags?: string[];
  /**
   * cameraMake, cameraModel, lensMake, lensModel, software, fNumber, exposureTime (s), iso, focalLength (mm),
   * focalLength35 (mm), hasAlpha, animated, videoCodec, audioCodec, pageSize ({width, height} in points), and
   * `place` ({latitude, longitude, altitude?}), which whoever shows the rest can leave out.
   */
  properties: Record<string, unknown>;
}

export interface ProbeOptions {
  /** Null switches a program off; what is left out is looked for on PATH. */
  ffmpeg?: Partial<FfmpegTools>;
  /** Pixels of a picture beyond which it is refused. */
  maxPixels?: number;
  /** Pages of a document beyond which it is refused. */
  maxPages?: number;
  /** Milliseconds for each run of ffmpeg or ffprobe. */
  toolTimeoutMs?: number;
}

/** 400 megapixels: the largest panoramas that people have, a second or two of decoding. */
export const MAX_PIXELS = 400_000_000;
export const MAX_PAGES = 100_000;
export const TOOL_TIMEOUT_MS = 20_000;

/**
 * Reads what a file says about itself, without decoding it: that its pixels are whole is for the renditions to
 * find out.
 * @throws HedgerowError UNSUPPORTED_MEDIA with a sentence about the file where it is broken, cut off, encrypted
 *   or beyond a limit; NOT_FOUND and UNAVAILABLE where the disk has no such file or cannot give it
 */
export async function probe(
  path: string,
  sniffed: Sniffed,
  options: ProbeOptions = {},
): Promise<ProbeResult> {
  if (sniffed.kind === 'IMAGE') return probeImage(path, sniffed, options);
  if (sniffed.kind === 'VIDEO') return probeVideo(path, sniffed, options);
  return probeDocument(path, options);
}

function nothing(): ProbeResult {
  return {
    width: null,
    height: null,
    durationMs: null,
    pageCount: null,
    takenAt: null,
    takenAtOffset: null,
    properties: {},
  };
}

async function probeImage(path: string, sniffed: Sniffed, options: ProbeOptions): Promise<ProbeResult> {
  let metadata: Metadata;
  try {
    // The limit is checked below, for a sentence that says what it is.
    metadata = await sharp(path, { limitInputPixels: false, failOn: 'error' }).metadata();
  } catch (error) {
    // sharp tells of a missing file in words only.
    await (await openWindow(path))[Symbol.asyncDispose]();
    throw new HedgerowError('UNSUPPORTED_MEDIA', 'The picture is broken: its header cannot be read.', {
      cause: fileError(error),
    });
  }
  const { width, height } = metadata.autoOrient;
  if (width * height > (options.maxPixels ?? MAX_PIXELS) || Math.max(width, height) > 1_000_000) {
    throw new HedgerowError('UNSUPPORTED_MEDIA', `The picture is too large: ${width} by ${height} pixels.`);
  }
  const tiff = sniffed.mimeType === 'image/tiff';
  const { properties, ...tags } = await readImageTags(metadata, tiff ? await smallFile(path) : undefined);
  if (metadata.hasAlpha) properties['hasAlpha'] = true;
  const pages = metadata.pages ?? 1;
  if (pages > 1 && ['image/gif', 'image/webp', 'image/png'].includes(sniffed.mimeType))
    properties['animated'] = true;
  return { ...nothing(), ...tags, width, height, pageCount: tiff && pages > 1 ? pages : null, properties };
}

/** Larger TIFFs go without their EXIF: it may stand anywhere in them, so they would have to be read whole. */
const MAX_TIFF_BYTES = 128 * 1024 * 1024;

async function smallFile(path: string): Promise<Uint8Array | undefined> {
  try {
    return (await stat(path)).size <= MAX_TIFF_BYTES ? await readFile(path) : undefined;
  } catch (error) {
    throw fileError(error);
  }
}

async function probeVideo(path: string, sniffed: Sniffed, options: ProbeOptions): Promise<ProbeResult> {
  let facts: MovieFacts;
  {
    await using file = await openWindow(path);
    const matroska = sniffed.mimeType === 'video/webm' || sniffed.mimeType === 'video/x-matroska';
    facts = await (matroska ? readMatroskaMovie(file) : readIsoMovie(file));
  }
  // Our own reader is enough for nearly every file, and costs a hundredth of starting a program.
  if (facts.width === null || facts.height === null || facts.durationMs === null) {
    const { ffprobe } = await findFfmpeg(options.ffmpeg);
    if (ffprobe !== null) {
      addFfprobe(facts, await ffprobeJson(ffprobe, path, sniffed, options.toolTimeoutMs ?? TOOL_TIMEOUT_MS));
    }
  }
  const { tags, recordedAt, recordedAtOffset } = facts;
  const result: ProbeResult = {
    ...nothing(),
    width: facts.width,
    height: facts.height,
    durationMs: facts.durationMs,
    takenAt: recordedAt,
    takenAtOffset: recordedAtOffset,
  };
  setTexts(result, {
    title: tags.title,
    description: tags.description,
    creator: tags.artist,
    license: tags.copyright,
    tags: tags.keywords?.split(/[,;]/),
  });
  for (const [name, value] of [
    ['cameraMake', tags.make],
    ['cameraModel', tags.model],
    ['videoCodec', facts.videoCodec],
    ['audioCodec', facts.audioCodec],
  ] as const) {
    const text = cleanText(value, TEXT_LIMITS.property);
    if (text !== undefined) result.properties[name] = text;
  }
  // ISO 6709 as phones write it: +52.5163+013.3777+034.000/
  const where = /^([+-]\d+(?:\.\d+)?)([+-]\d+(?:\.\d+)?)([+-]\d+(?:\.\d+)?)?/.exec(tags.location ?? '');
  const place = placeOf(
    where?.[1] && Number(where[1]),
    where?.[2] && Number(where[2]),
    where?.[3] && Number(where[3]),
  );
  if (place !== null) result.properties['place'] = place;
  return result;
}

/** The part of ffprobe's JSON that fills the gaps. */
interface FfprobeJson {
  format?: { duration?: string };
  streams?: {
    codec_type?: string;
    width?: number;
    height?: number;
    duration?: string;
    side_data_list?: { rotation?: number }[];
  }[];
}

function addFfprobe(facts: MovieFacts, json: unknown): void {
  const { format, streams } = (json ?? {}) as FfprobeJson;
  const video = streams?.find((stream) => stream.codec_type === 'video');
  // Either may be missing, or nought where the file's header says so.
  const seconds = Math.max(Number(format?.duration ?? 0), Number(video?.duration ?? 0));
  facts.durationMs ??= saneDuration(seconds * 1000);
  if (facts.width === null || facts.height === null) {
    const turn = video?.side_data_list?.find((side) => side.rotation !== undefined)?.rotation ?? 0;
    const size = [saneDimension(video?.width ?? 0), saneDimension(video?.height ?? 0)] as const;
    [facts.width, facts.height] = Math.abs(turn) % 180 === 90 ? [size[1], size[0]] : size;
  }
}

async function probeDocument(path: string, options: ProbeOptions): Promise<ProbeResult> {
  using document = await openPdf(path);
  const { pageCount } = document;
  if (pageCount < 1) throw new HedgerowError('UNSUPPORTED_MEDIA', 'The document has no pages.');
  const most = options.maxPages ?? MAX_PAGES;
  if (pageCount > most) {
    throw new HedgerowError(
      'UNSUPPORTED_MEDIA',
      `The document has ${pageCount} pages; ${most} is the limit.`,
    );
  }
  const result: ProbeResult = { ...nothing(), pageCount };
  setTexts(result, {
    title: document.text('Title'),
    description: document.text('Subject'),
    creator: document.text('Author'),
    tags: document.text('Keywords').split(/[,;]/),
  });
  const { width, height } = document.firstPageSize();
  result.properties['pageSize'] = { width: Math.round(width), height: Math.round(height) };
  return result;
}

interface RawTexts {
  title?: string | undefined;
  description?: string | undefined;
  creator?: string | undefined;
  license?: string | undefined;
  tags?: string[] | undefined;
}

function setTexts(result: ProbeResult, raw: RawTexts): void {
  for (const name of ['title', 'description', 'creator', 'license'] as const) {
    const text = cleanText(raw[name], TEXT_LIMITS[name], name === 'description');
    if (text !== undefined) result[name] = text;
  }
  const tags = cleanTags(raw.tags ?? []);
  if (tags.length > 0) result.tags = tags;
}
