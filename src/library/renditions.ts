/**
 * The small pictures of a file: a thumbnail for lists, a preview for the screen, a ThumbHash to paint before
 * either is there. They are drawn anew from pixels, so nothing that a file carries besides its picture (EXIF, XMP,
 * a place, a colour profile, whatever is hidden behind the image data) gets into them.
 */

import sharp, { type OutputInfo, type Sharp } from 'sharp';
import { rgbaToThumbHash } from 'thumbhash';
import { HedgerowError } from '../lib/errors.ts';
import { findFfmpeg, videoFrame } from './ffmpeg.ts';
import { openWindow } from './file-window.ts';
import { openPdf } from './pdf.ts';
import { posterSvg } from './poster.ts';
import { MAX_PIXELS, type ProbeOptions, type ProbeResult, TOOL_TIMEOUT_MS } from './probe.ts';
import type { Sniffed } from './sniff.ts';

export interface Rendition {
  bytes: Uint8Array;
  mimeType: 'image/webp';
  width: number;
  height: number;
}

export interface Renditions {
  thumbnail: Rendition;
  preview: Rendition;
  /** Base64 (https://evanw.github.io/thumbhash/). */
  thumbhash: string;
  /** They are a drawn sign for the kind of file, not a picture of this one. */
  generic: boolean;
}

export const THUMBNAIL_EDGE = 400;
export const PREVIEW_EDGE = 1600;
/** ThumbHash takes no more than 100. */
const HASH_EDGE = 100;
/** Of the whole; the first frames are often black. */
const FRAME_AT = 0.1;

/**
 * Draws the renditions. The file is decoded once, at the smallest scale that its decoder offers for the preview;
 * the thumbnail comes from the preview's pixels and the hash from the thumbnail's.
 * @throws HedgerowError UNSUPPORTED_MEDIA where the picture is broken, cut off or beyond a limit
 */
export async function renditions(
  path: string,
  sniffed: Sniffed,
  probed: Pick<ProbeResult, 'width' | 'height' | 'durationMs'>,
  options: ProbeOptions = {},
): Promise<Renditions> {
  const source = await openSource(path, sniffed, probed, options);
  const shape =
    probed.width !== null && probed.height !== null
      ? { width: probed.width, height: probed.height }
      : undefined;
  if (source === null) return draw(sharp(posterSvg(sniffed.kind, shape)), true);
  try {
    return await draw(source, false);
  } catch (error) {
    if (sniffed.mimeType === 'image/heic' || sniffed.mimeType === 'image/heif') {
      return draw(sharp(posterSvg(sniffed.kind, shape)), true);
    }
    // A file that has gone, or a disk that fails, is not a broken picture; this says so in place of it.
    await (await openWindow(path))[Symbol.asyncDispose]();
    throw new HedgerowError('UNSUPPORTED_MEDIA', brokenPicture(error), { cause: error });
  }
}

function brokenPicture(error: unknown): string {
  const text = error instanceof Error ? error.message : '';
  if (/pixel limit/i.test(text)) return 'The picture is too large.';
  if (/premature|truncat|end of (file|stream)|out of data|not enough data/i.test(text)) {
    return 'The picture is cut off: part of the file is missing.';
  }
  return 'The picture is broken: it cannot be decoded.';
}

/** The pixels to draw from, or null where there are none to be had. */
async function openSource(
  path: string,
  sniffed: Sniffed,
  probed: Pick<ProbeResult, 'width' | 'height' | 'durationMs'>,
  options: ProbeOptions,
): Promise<Sharp | null> {
  if (sniffed.kind === 'DOCUMENT') {
    using document = await openPdf(path);
    const { data, width, height } = document.renderFirstPage(PREVIEW_EDGE);
    return sharp(data, { raw: { width, height, channels: 4 } }).removeAlpha();
  }
  if (sniffed.kind === 'VIDEO') return frameOf(path, sniffed, probed, options);
  if (sniffed.mimeType === 'image/heic' || sniffed.mimeType === 'image/heif') {
    // The HEVC inside needs a decoder that few builds carry: sharp's own does not, newer ffmpeg does.
    return (await decodes(path))
      ? sharp(path, inputOptions(options))
      : frameOf(path, sniffed, probed, options);
  }
  return sharp(path, inputOptions(options));
}

function inputOptions(options: ProbeOptions) {
  return { limitInputPixels: options.maxPixels ?? MAX_PIXELS, failOn: 'error' } as const;
}

async function decodes(path: string): Promise<boolean> {
  try {
    await sharp(path).resize(8, 8).raw().toBuffer();
    return true;
  } catch {
    return false;
  }
}

async function frameOf(
  path: string,
  sniffed: Sniffed,
  probed: Pick<ProbeResult, 'width' | 'height' | 'durationMs'>,
  options: ProbeOptions,
): Promise<Sharp | null> {
  const { ffmpeg } = await findFfmpeg(options.ffmpeg);
  if (ffmpeg === null) return null;
  const limits = { edge: PREVIEW_EDGE, timeoutMs: options.toolTimeoutMs ?? TOOL_TIMEOUT_MS };
  const seconds = ((probed.durationMs ?? 0) * FRAME_AT) / 1000;
  let frame = await videoFrame(ffmpeg, path, sniffed, seconds, limits);
  // A duration can be wrong; the first frame is there if any is.
  if (frame === null && seconds > 0) frame = await videoFrame(ffmpeg, path, sniffed, 0, limits);
  if (frame === null) return null;
  if (sniffed.kind === 'IMAGE' && probed.width !== null && probed.height !== null) {
    // Large HEICs are made of tiles, and what came may be one of them.
    const { width, height } = await sharp(frame).metadata();
    if (Math.abs(width / height - probed.width / probed.height) > 0.02) return null;
  }
  return sharp(frame);
}

async function draw(source: Sharp, generic: boolean): Promise<Renditions> {
  const decoded = await source
    .autoOrient()
    .resize(PREVIEW_EDGE, PREVIEW_EDGE, { fit: 'inside', withoutEnlargement: true })
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const small = await pixels(decoded)
    .resize(THUMBNAIL_EDGE, THUMBNAIL_EDGE, { fit: 'inside', withoutEnlargement: true })
    .raw()
    .toBuffer({ resolveWithObject: true });
  const tiny = await pixels(small)
    .resize(HASH_EDGE, HASH_EDGE, { fit: 'inside', withoutEnlargement: true })
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  return {
    thumbnail: await webp(small, 76, 4),
    preview: await webp(decoded, 80, 2),
    thumbhash: Buffer.from(rgbaToThumbHash(tiny.info.width, tiny.info.height, tiny.data)).toString('base64'),
    generic,
  };
}

interface Pixels {
  data: Uint8Array;
  info: OutputInfo;
}

function pixels({ data, info }: Pixels): Sharp {
  const { width, height, channels } = info;
  return sharp(data, { raw: { width, height, channels } });
}

/**
 * @param effort libwebp's method, 0 to 6. For a preview, 4 takes three times as long as 2 and saves 4 % of the bytes;
 *   smart subsampling takes four times as long as none and shows only at hard red edges.
 */
async function webp(from: Pixels, quality: number, effort: number): Promise<Rendition> {
  const { data, info } = await pixels(from).webp({ quality, effort }).toBuffer({ resolveWithObject: true });
  return { bytes: data, mimeType: 'image/webp', width: info.width, height: info.height };
}
