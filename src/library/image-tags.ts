/**
 * What cameras and people wrote into a picture: EXIF 2.32, XMP (ISO 16684-1), IPTC-IIM, PNG text. One reader for
 * every format, over the blocks that sharp's header read already found.
 */

import { createRequire } from 'node:module';
import type * as Exifr from 'exifr';
import type { Metadata } from 'sharp';
import { cleanTags, cleanText, TEXT_LIMITS } from './text.ts';

// The package's ES module and its CommonJS one export different things, and which one is imported depends on who
// imports. This is always the latter, which has both functions.
const exifr = createRequire(import.meta.url)('exifr') as typeof Exifr;

/** Longer blocks are maps and edit histories, not words about the picture. */
const MAX_BLOCK_BYTES = 1024 * 1024;

export interface Place {
  /** Degrees, north positive. */
  latitude: number;
  /** Degrees, east positive. */
  longitude: number;
  /** Metres above sea level. */
  altitude?: number;
}

export interface ImageTags {
  title?: string;
  description?: string;
  creator?: string;
  license?: string;
  tags?: string[];
  takenAt: string | null;
  takenAtOffset: number | null;
  /** Camera and exposure by EXIF's names in camel case, and `place`. */
  properties: Record<string, unknown>;
}

type Tags = Record<string, unknown>;

/**
 * Reads the tags of a picture. A block that cannot be read counts as absent: a picture is no worse for it.
 * @param tiff the whole file where the picture is a TIFF, whose EXIF is spread over it
 */
export async function readImageTags(metadata: Metadata, tiff?: Uint8Array): Promise<ImageTags> {
  const block = withoutPrefix(metadata.exif);
  const exif = await readExif(
    tiff ?? (block !== undefined && block.length <= MAX_BLOCK_BYTES ? block : undefined),
  );
  const xmp = await readXmp(metadata.xmp);
  const iptc = readIptc(metadata.iptc);
  const png = new Map(metadata.comments?.map(({ keyword, text }) => [keyword, text]));

  const result: ImageTags = { takenAt: null, takenAtOffset: null, properties: {} };
  const title = first(TEXT_LIMITS.title, xmp('dc', 'title'), iptc.get(5)?.[0], png.get('Title'));
  if (title !== undefined) result.title = title;
  const description = [
    xmp('dc', 'description'),
    iptc.get(120)?.[0],
    exif.ifd0['ImageDescription'],
    png.get('Description'),
  ]
    .map((value) => cleanText(plain(value), TEXT_LIMITS.description, true))
    .find((text) => text !== undefined);
  if (description !== undefined && description !== title) result.description = description;
  const creator = first(
    TEXT_LIMITS.creator,
    xmp('dc', 'creator'),
    iptc.get(80)?.join(', '),
    exif.ifd0['Artist'],
    png.get('Author'),
  );
  if (creator !== undefined) result.creator = creator;
  const license = first(
    TEXT_LIMITS.license,
    xmp('xmpRights', 'UsageTerms'),
    xmp('cc', 'license'),
    xmp('dc', 'rights'),
    iptc.get(116)?.[0],
    exif.ifd0['Copyright'],
    png.get('Copyright'),
  );
  if (license !== undefined) result.license = license;
  const subjects = xmp('dc', 'subject');
  const tags = cleanTags([
    ...(Array.isArray(subjects) ? subjects : [subjects]).map(plain),
    ...(iptc.get(25) ?? []),
  ]);
  if (tags.length > 0) result.tags = tags;

  [result.takenAt, result.takenAtOffset] = takenAt(exif.exif, xmp, iptc);
  result.properties = cameraProperties(exif);
  return result;
}

interface Exif {
  ifd0: Tags;
  exif: Tags;
  gps: Tags;
}

async function readExif(source: Uint8Array | undefined): Promise<Exif> {
  const none: Exif = { ifd0: {}, exif: {}, gps: {} };
  if (source === undefined) return none;
  try {
    const found: unknown = await exifr.parse(source, {
      ifd0: { pick: ['Make', 'Model', 'Artist', 'Copyright', 'ImageDescription', 'Software'] },
      exif: {
        pick: [
          ...['DateTimeOriginal', 'CreateDate', 'SubSecTimeOriginal', 'SubSecTimeDigitized'],
          ...['OffsetTimeOriginal', 'OffsetTimeDigitized', 'OffsetTime'],
          ...[
            'FNumber',
            'ExposureTime',
            'ISO',
            'FocalLength',
            'FocalLengthIn35mmFormat',
            'LensModel',
            'LensMake',
          ],
        ],
      },
      gps: true,
      xmp: false,
      iptc: false,
      icc: false,
      reviveValues: false,
      translateValues: false,
      mergeOutput: false,
    });
    const part = (name: string) => (isRecord(found) && isRecord(found[name]) ? found[name] : {});
    return { ifd0: part('ifd0'), exif: part('exif'), gps: part('gps') };
  } catch {
    return none;
  }
}

/** JPEG, PNG and WebP blocks begin with the marker of JPEG's segment, others with the TIFF header itself. */
function withoutPrefix(block: Buffer | undefined): Buffer | undefined {
  return block?.toString('latin1', 0, 6) === 'Exif\0\0' ? block.subarray(6) : block;
}

type XmpLookup = (namespace: string, name: string) => unknown;

async function readXmp(block: Buffer | undefined): Promise<XmpLookup> {
  if (block === undefined || block.length > MAX_BLOCK_BYTES) return () => undefined;
  try {
    const found: unknown = await exifr.sidecar(block, { xmp: true }, 'xmp');
    return (namespace, name) => {
      const group = isRecord(found) ? found[namespace] : undefined;
      return isRecord(group) ? group[name] : undefined;
    };
  } catch {
    return () => undefined;
  }
}

/** Datasets of record 2 by number (IPTC-IIM 4.2), out of Photoshop's image resource 0x0404. */
function readIptc(block: Buffer | undefined): Map<number, string[]> {
  const found = new Map<number, string[]>();
  if (block === undefined || block.length > MAX_BLOCK_BYTES) return found;
  let start = 0;
  let end = block.length;
  for (
    let offset = Math.max(0, block.indexOf('8BIM'));
    block.toString('latin1', offset, offset + 4) === '8BIM';
  ) {
    const nameLength = (block[offset + 6] ?? 0) + 1;
    const sizeAt = offset + 6 + nameLength + (nameLength % 2);
    if (sizeAt + 4 > block.length) return found;
    const size = block.readUInt32BE(sizeAt);
    if (block.readUInt16BE(offset + 4) === 0x0404) {
      start = sizeAt + 4;
      end = Math.min(block.length, start + size);
      break;
    }
    offset = sizeAt + 4 + size + (size % 2);
    start = end; // resources, but none with texts so far
  }
  let utf8 = false;
  for (let offset = start; offset + 5 <= end && block[offset] === 0x1c; ) {
    const size = block.readUInt16BE(offset + 3);
    // Extended datasets (above 32 KiB) are embedded objects.
    if (size > 0x7fff || offset + 5 + size > end) break;
    const data = block.subarray(offset + 5, offset + 5 + size);
    const record = block[offset + 1];
    const dataset = block[offset + 2] ?? 0;
    // 1:90 announces UTF-8 by ESC % G; else it is some 8-bit set, nearly always Latin-1.
    if (record === 1 && dataset === 90) utf8 = data.toString('latin1') === '\x1b%G';
    if (record === 2) {
      const list = found.get(dataset) ?? [];
      if (list.length < TEXT_LIMITS.tags) list.push(data.toString(utf8 ? 'utf8' : 'latin1'));
      found.set(dataset, list);
    }
    offset += 5 + size;
  }
  return found;
}

/** The words of an XMP or EXIF value: a language alternative, the first of a list, entities resolved. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return plain(value[0]);
  if (isRecord(value) && 'value' in value) return plain(value['value']);
  if (typeof value !== 'string') return value;
  return value.replace(
    /&(?:#(\d{1,7})|#x([\da-f]{1,6})|(amp|lt|gt|quot|apos));/gi,
    (whole, decimal, hex, name) => {
      if (name !== undefined)
        return { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }[String(name)] ?? whole;
      const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal);
      return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
    },
  );
}

function first(limit: number, ...values: unknown[]): string | undefined {
  for (const value of values) {
    const text = cleanText(plain(value), limit);
    if (text !== undefined) return text;
  }
  return undefined;
}

function takenAt(
  exif: Tags,
  xmp: XmpLookup,
  iptc: Map<number, string[]>,
): [local: string | null, offset: number | null] {
  for (const [time, fraction, offset] of [
    [exif['DateTimeOriginal'], exif['SubSecTimeOriginal'], exif['OffsetTimeOriginal']],
    [exif['CreateDate'], exif['SubSecTimeDigitized'], exif['OffsetTimeDigitized']],
  ]) {
    const [local] = parseLocal(time, fraction);
    // OffsetTime belongs to the time of last change, so it is no substitute for the two others.
    if (local !== null) return [local, parseOffset(offset)];
  }
  for (const value of [
    xmp('exif', 'DateTimeOriginal'),
    xmp('photoshop', 'DateCreated'),
    xmp('xmp', 'CreateDate'),
  ]) {
    const [local, offset] = parseLocal(plain(value));
    if (local !== null) return [local, offset];
  }
  const date = iptc.get(55)?.[0]?.replace(/^(\d{4})(\d\d)(\d\d)$/, '$1-$2-$3');
  const time = (iptc.get(60)?.[0] ?? '000000').replace(/^(\d\d)(\d\d)(\d\d)/, '$1:$2:$3');
  return date === undefined ? [null, null] : parseLocal(`${date}T${time}`);
}

/**
 * A camera's or XMP's time as `YYYY-MM-DDTHH:MM:SS(.mmm)`, with the offset where it stands in it. A day without
 * a time is midnight, a time without seconds is on the minute; what is no date on the calendar is null.
 */
export function parseLocal(
  value: unknown,
  fraction?: unknown,
): [local: string | null, offset: number | null] {
  const match =
    typeof value === 'string'
      ? /^(\d{4})[:-](\d\d)[:-](\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:?\d\d)?)?\s*\0?$/.exec(
          value.trim(),
        )
      : null;
  if (match === null) return [null, null];
  const [, year, month, day, hour = '00', minute = '00', second = '00', inner, zone] = match;
  const local = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  const instant = new Date(`${local}Z`);
  // 0000:00:00 is a camera whose clock was never set; 31 February comes back as another day.
  if (
    Number(year) < 1800 ||
    Number.isNaN(instant.getTime()) ||
    instant.toISOString().slice(0, 19) !== local
  ) {
    return [null, null];
  }
  const digits = /^\d+/.exec(String(inner ?? fraction ?? '').trim())?.[0];
  const milliseconds = digits === undefined ? '' : `.${digits.slice(0, 3).padEnd(3, '0')}`;
  return [local + (milliseconds === '.000' ? '' : milliseconds), parseOffset(zone)];
}

/** `+02:00` as 120; null where it is none. */
function parseOffset(value: unknown): number | null {
  if (typeof value !== 'string') return null;
  if (value.trim() === 'Z') return 0;
  const match = /^([+-])(\d\d):?(\d\d)/.exec(value.trim());
  if (match === null) return null;
  const minutes = Number(match[2]) * 60 + Number(match[3]);
  if (minutes > 14 * 60 || Number(match[3]) > 59) return null;
  return match[1] === '-' && minutes > 0 ? -minutes : minutes;
}

function cameraProperties({ ifd0, exif, gps }: Exif): Record<string, unknown> {
  const properties: Record<string, unknown> = {};
  const texts = {
    cameraMake: ifd0['Make'],
    cameraModel: ifd0['Model'],
    lensMake: exif['LensMake'],
    lensModel: exif['LensModel'],
    software: ifd0['Software'],
  };
  for (const [name, value] of Object.entries(texts)) {
    const text = cleanText(value, TEXT_LIMITS.property);
    if (text !== undefined) properties[name] = text;
  }
  const numbers = {
    fNumber: exif['FNumber'],
    /** Seconds. */
    exposureTime: exif['ExposureTime'],
    iso: Array.isArray(exif['ISO']) ? exif['ISO'][0] : exif['ISO'],
    /** Millimetres, of the lens and as if on 35 mm film. */
    focalLength: exif['FocalLength'],
    focalLength35: exif['FocalLengthIn35mmFormat'],
  };
  for (const [name, value] of Object.entries(numbers)) {
    if (typeof value === 'number' && Number.isFinite(value) && value > 0 && value < 1e7) {
      properties[name] = round(value, 6);
    }
  }
  const below = gps['GPSAltitudeRef'] === 1 || (gps['GPSAltitudeRef'] as Uint8Array | undefined)?.[0] === 1;
  const altitude = typeof gps['GPSAltitude'] === 'number' ? gps['GPSAltitude'] * (below ? -1 : 1) : undefined;
  const place = placeOf(gps['latitude'], gps['longitude'], altitude);
  if (place !== null) properties['place'] = place;
  return properties;
}

/** A place on Earth, or null; exactly 0, 0 is a receiver without a fix. Degrees to about 10 cm. */
export function placeOf(latitude: unknown, longitude: unknown, altitude?: unknown): Place | null {
  if (typeof latitude !== 'number' || typeof longitude !== 'number') return null;
  if (!(Math.abs(latitude) <= 90 && Math.abs(longitude) <= 180) || (latitude === 0 && longitude === 0))
    return null;
  const place: Place = { latitude: round(latitude, 6), longitude: round(longitude, 6) };
  if (typeof altitude === 'number' && Math.abs(altitude) < 100_000) place.altitude = round(altitude, 1);
  return place;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
