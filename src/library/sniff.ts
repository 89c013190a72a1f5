/**
 * What a file is, by its first bytes and not by its name.
 *
 * A list of what is allowed, nothing else: what is not on it (SVG and HTML, which run scripts, archives, audio,
 * camera raw files, text) is null. It looks where browsers look (MIME Sniffing, https://mimesniff.spec.whatwg.org),
 * at the very start, so that a file which is also something else further on is what a browser takes it for.
 */

import type { MediaKind } from '../lib/media.ts';
import { openWindow } from './file-window.ts';

export interface Sniffed {
  kind: MediaKind;
  mimeType: string;
  /** Without the dot. */
  extension: string;
}

const JPEG: Sniffed = { kind: 'IMAGE', mimeType: 'image/jpeg', extension: 'jpg' };
const PNG: Sniffed = { kind: 'IMAGE', mimeType: 'image/png', extension: 'png' };
const WEBP: Sniffed = { kind: 'IMAGE', mimeType: 'image/webp', extension: 'webp' };
const AVIF: Sniffed = { kind: 'IMAGE', mimeType: 'image/avif', extension: 'avif' };
const GIF: Sniffed = { kind: 'IMAGE', mimeType: 'image/gif', extension: 'gif' };
const TIFF: Sniffed = { kind: 'IMAGE', mimeType: 'image/tiff', extension: 'tif' };
const HEIC: Sniffed = { kind: 'IMAGE', mimeType: 'image/heic', extension: 'heic' };
const HEIF: Sniffed = { kind: 'IMAGE', mimeType: 'image/heif', extension: 'heif' };
const MP4: Sniffed = { kind: 'VIDEO', mimeType: 'video/mp4', extension: 'mp4' };
const MOV: Sniffed = { kind: 'VIDEO', mimeType: 'video/quicktime', extension: 'mov' };
const WEBM: Sniffed = { kind: 'VIDEO', mimeType: 'video/webm', extension: 'webm' };
const MKV: Sniffed = { kind: 'VIDEO', mimeType: 'video/x-matroska', extension: 'mkv' };
const PDF: Sniffed = { kind: 'DOCUMENT', mimeType: 'application/pdf', extension: 'pdf' };

/** Every type that `sniff` can answer. */
export const SUPPORTED_TYPES: readonly Sniffed[] = [
  JPEG,
  PNG,
  WEBP,
  AVIF,
  GIF,
  TIFF,
  HEIC,
  HEIF,
  MP4,
  MOV,
  WEBM,
  MKV,
  PDF,
];

/** Bytes that `sniffBytes` wants to see; with fewer it sees what it can. */
export const SNIFF_BYTES = 4096;

/**
 * Reads the start of a file and says what it is, or null where it is nothing that Hedgerow keeps. Whether it is
 * whole is for the probe to find out.
 * @throws HedgerowError NOT_FOUND, UNAVAILABLE
 */
export async function sniff(path: string): Promise<Sniffed | null> {
  await using file = await openWindow(path);
  return sniffBytes(await file.read(0, SNIFF_BYTES));
}

/** The same for bytes at hand, such as the first chunk of an upload. */
export function sniffBytes(bytes: Uint8Array): Sniffed | null {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, SNIFF_BYTES));
  const at = (offset: number, text: string) =>
    head.toString('latin1', offset, offset + text.length) === text && head.length >= offset + text.length;
  if (at(0, '\xff\xd8\xff')) return JPEG;
  if (at(0, '\x89PNG\r\n\x1a\n')) return PNG;
  if (at(0, 'GIF87a') || at(0, 'GIF89a')) return GIF;
  if (at(0, 'RIFF') && at(8, 'WEBP')) return WEBP;
  if (at(0, '%PDF-')) return PDF;
  if (at(0, 'II*\0') || at(0, 'MM\0*') || at(0, 'II+\0') || at(0, 'MM\0+')) {
    return isCameraRaw(head) ? null : TIFF;
  }
  if (at(0, '\x1a\x45\xdf\xa3')) return matroska(head);
  if (at(4, 'ftyp')) return isoBaseMedia(head);
  // QuickTime files older than the `ftyp` box begin with one of these.
  if (at(4, 'moov') || at(4, 'wide') || (at(4, 'mdat') && head.readUInt32BE(0) !== 0)) return MOV;
  return null;
}

const HEIC_BRANDS = new Set(['heic', 'heix', 'heim', 'heis', 'hevc', 'hevx', 'hevm', 'hevs']);
const HEIF_BRANDS = new Set(['mif1', 'msf1', 'mif2']);
const MP4_BRANDS = /^(iso[m2-9]|mp4[12]|avc1|M4V[ HP]|MSNV|dash|mmp4|NDS[CHMPS]|XAVC|hvc1|av01|cmf[2c])$/;
/** Audio and camera raw files in the same container: not what Hedgerow keeps. */
const OTHER_BRANDS = new Set(['M4A ', 'M4B ', 'M4P ', 'F4A ', 'F4B ', 'crx ', 'jp2 ', 'jpx ', 'jpm ']);

/** ISO/IEC 14496-12, 4.3: major brand, minor version, compatible brands. */
function isoBaseMedia(head: Buffer): Sniffed | null {
  const end = Math.min(head.length, head.readUInt32BE(0));
  const brands = [head.toString('latin1', 8, 12)];
  for (let offset = 16; offset + 4 <= end; offset += 4)
    brands.push(head.toString('latin1', offset, offset + 4));
  const [major = ''] = brands;
  if (OTHER_BRANDS.has(major)) return null;
  if (major === 'qt  ') return MOV;
  const has = (wanted: (brand: string) => boolean) => brands.some(wanted);
  if (has((brand) => brand === 'avif' || brand === 'avis')) return AVIF;
  if (HEIC_BRANDS.has(major)) return HEIC;
  if (HEIF_BRANDS.has(major)) return has((brand) => HEIC_BRANDS.has(brand)) ? HEIC : HEIF;
  if (has((brand) => MP4_BRANDS.test(brand))) return MP4;
  return has((brand) => brand === 'qt  ') ? MOV : null;
}

/** RFC 8794, 11.2.7: DocType (0x4282) in the EBML header, of which only the start is searched. */
function matroska(head: Buffer): Sniffed | null {
  const found = head.subarray(0, 256).indexOf(Buffer.of(0x42, 0x82));
  if (found < 0) return null;
  const length = (head[found + 2] ?? 0) & 0x7f;
  const docType = head.toString('latin1', found + 3, found + 3 + length).replace(/\0+$/, '');
  if (docType === 'webm') return WEBM;
  return docType === 'matroska' ? MKV : null;
}

/**
 * DNG, NEF, ARW, CR2 are TIFF outside and need a raw developer inside; what other readers find in them is a tiny
 * preview. They carry DNGVersion, or a first directory that says "reduced resolution" beside sub-directories.
 */
function isCameraRaw(head: Buffer): boolean {
  if (head.toString('latin1', 8, 10) === 'CR' && head.toString('latin1', 0, 2) === 'II') return true;
  const little = head[0] === 0x49;
  const u16 = (offset: number) => (little ? head.readUInt16LE(offset) : head.readUInt16BE(offset));
  const u32 = (offset: number) => (little ? head.readUInt32LE(offset) : head.readUInt32BE(offset));
  if (head.length < 8 || u16(2) !== 42) return false;
  const directory = u32(4);
  if (directory + 2 > head.length) return false;
  const tags = new Map<number, number>();
  for (let entry = 0; entry < u16(directory); entry++) {
    const offset = directory + 2 + entry * 12;
    if (offset + 12 > head.length) break;
    tags.set(u16(offset), u32(offset + 8));
  }
  const NEW_SUBFILE_TYPE = 0xfe;
  const SUB_IFDS = 0x14a;
  const DNG_VERSION = 0xc612;
  return tags.has(DNG_VERSION) || (tags.get(NEW_SUBFILE_TYPE) === 1 && tags.has(SUB_IFDS));
}
