/** Probing and drawing, on the samples and on files made to be broken or to do harm. */

import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findFfmpeg } from './ffmpeg.ts';
import { parseLocal } from './image-tags.ts';
import { posterSvg } from './poster.ts';
import { probe } from './probe.ts';
import { processMedia } from './process-media.ts';
import { PREVIEW_EDGE, renditions, THUMBNAIL_EDGE } from './renditions.ts';
import { sniff } from './sniff.ts';
import { makePdf, pdfClaiming, pdfOf } from './testing/make-pdf.ts';

const SAMPLES = join(import.meta.dirname, '../../samples');
const sample = (name: string) => join(SAMPLES, name);
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hedgerow-media-'));
});
afterAll(() => rm(folder, { recursive: true }));

const withoutPrograms = { ffmpeg: { ffmpeg: null, ffprobe: null } };

async function probed(path: string) {
  const sniffed = await sniff(path);
  if (sniffed === null) throw new Error(`${path} is not supported`);
  return probe(path, sniffed, withoutPrograms);
}

async function kept(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

/** A PNG header for any size, with image data that is far too short for it, or a bomb. */
function png(width: number, height: number, data: Uint8Array): Buffer {
  const chunk = (type: string, body: Uint8Array) => {
    const out = Buffer.alloc(12 + body.length);
    out.writeUInt32BE(body.length, 0);
    out.write(type, 4, 'latin1');
    out.set(body, 8);
    out.writeUInt32BE(crc32(out.subarray(4, 8 + body.length)), 8 + body.length);
    return out;
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 0, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', data),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb8_8320 : crc >>> 1;
  }
  return (crc ^ 0xffff_ffff) >>> 0;
}

const tools = await findFfmpeg();

describe('a probe', () => {
  test('reads size, time, camera, words and place of a photograph', async () => {
    expect(await probed(sample('garden/dawn-over-the-valley.jpg'))).toEqual({
      width: 2400,
      height: 1600,
      durationMs: null,
      pageCount: null,
      takenAt: '2025-05-18T05:42:10',
      takenAtOffset: 120,
      title: 'Dawn over the valley',
      creator: 'The Hedgerow authors',
      license: 'CC0 1.0',
      tags: ['dawn', 'hills', 'mist'],
      properties: {
        cameraMake: 'Hedgerow',
        cameraModel: 'Sketchbook 1',
        fNumber: 8,
        exposureTime: 0.016667,
        iso: 100,
        focalLength: 35,
        place: { latitude: 51.06, longitude: 13.74, altitude: 212 },
      },
    });
  });

  test('gives the size as shown where the orientation turns the picture', async () => {
    expect(await probed(sample('garden/october-trees.jpg'))).toMatchObject({ width: 1280, height: 1920 });
  });

  test('leaves the offset open where the camera did not say it', async () => {
    expect(await probed(sample('garden/sunflower.webp'))).toMatchObject({
      takenAt: '2025-08-09T10:12:44',
      takenAtOffset: null,
    });
  });

  test('reads the same tags from WebP, AVIF and TIFF as from JPEG', async () => {
    expect(await probed(sample('coast/stars-over-the-bay.webp'))).toMatchObject({
      title: 'Stars over the bay',
    });
    expect(await probed(sample('coast/cliffs-in-the-haze.avif'))).toMatchObject({
      takenAt: '2025-07-23T08:30:00',
      tags: ['cliffs', 'mist', 'panorama'],
    });
    expect(await probed(sample('coast/shells.tif'))).toMatchObject({ width: 640, height: 480 });
  });

  test('reads IPTC keywords', async () => {
    const dataset = (record: number, number: number, text: string) =>
      Buffer.concat([Buffer.of(0x1c, record, number, 0, Buffer.byteLength(text)), Buffer.from(text)]);
    const iim = Buffer.concat([
      dataset(1, 90, '\x1b%G'),
      dataset(2, 5, 'Grüße'),
      dataset(2, 25, 'one'),
      dataset(2, 25, 'two'),
      dataset(2, 55, '20240229'),
      dataset(2, 60, '101112+0100'),
    ]);
    const resource = Buffer.concat([
      Buffer.from('8BIM\x04\x04\0\0', 'latin1'),
      Buffer.of(0, 0, 0, iim.length),
      iim,
    ]);
    const segment = Buffer.concat([Buffer.from('Photoshop 3.0\0', 'latin1'), resource]);
    const jpeg = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
      .jpeg()
      .toBuffer();
    const path = await kept(
      'iptc.jpg',
      Buffer.concat([
        jpeg.subarray(0, 2),
        Buffer.of(0xff, 0xed, 0, segment.length + 2),
        segment,
        jpeg.subarray(2),
      ]),
    );
    expect(await probed(path)).toMatchObject({
      title: 'Grüße',
      tags: ['one', 'two'],
      takenAt: '2024-02-29T10:11:12',
      takenAtOffset: 60,
    });
  });

  test('knows videos without any program', async () => {
    expect(await probed(sample('coast/waves-on-the-beach.mp4'))).toMatchObject({
      width: 960,
      height: 540,
      durationMs: 6000,
      title: 'Waves on the beach',
      properties: { videoCodec: 'avc1' },
    });
    expect(await probed(sample('formats/clip.mkv'))).toMatchObject({ durationMs: 2000 });
  });

  test.skipIf(tools.ffprobe === null)('asks ffprobe where a video does not say how long it is', async () => {
    const bytes = readFileSync(sample('formats/clip.mov'));
    bytes.writeUInt32BE(0, bytes.indexOf('mvhd') + 20);
    const path = await kept('silent.mov', bytes);
    expect(await probed(path)).toMatchObject({ durationMs: null, width: 320 });
    const mov = { kind: 'VIDEO', mimeType: 'video/quicktime', extension: 'mov' } as const;
    expect(await probe(path, mov)).toMatchObject({ durationMs: 2000, width: 320, height: 240 });
  });

  test('counts pages and reads the title of a document', async () => {
    expect(await probed(sample('garden/a-hedgerow-almanac.pdf'))).toMatchObject({
      pageCount: 4,
      title: 'A Hedgerow Almanac',
      creator: 'The Hedgerow authors',
      tags: ['hedge', 'garden', 'almanac'],
    });
  });

  test('knows a HEIC though nothing here can decode it', async () => {
    expect(await probed(sample('formats/photo.heic'))).toMatchObject({ width: 320, height: 180 });
  });

  test('takes only times that are on the calendar', () => {
    expect(parseLocal('2024:05:06 07:08:09', '5')).toEqual(['2024-05-06T07:08:09.500', null]);
    expect(parseLocal('2024-05-06T07:08:09.1234+05:30')).toEqual(['2024-05-06T07:08:09.123', 330]);
    expect(parseLocal('2024-05-06')).toEqual(['2024-05-06T00:00:00', null]);
    for (const none of [
      '0000:00:00 00:00:00',
      '2023:02:29 00:00:00',
      '    :  :     :  :  ',
      '2024:05:06 25:00:00',
      7,
    ]) {
      expect(parseLocal(none)).toEqual([null, null]);
    }
  });
});

describe('renditions', () => {
  test('are WebP of the promised size, upright, and carry nothing but the picture', async () => {
    const path = sample('garden/october-trees.jpg');
    const { renditions: drawn } = await processMedia(path, withoutPrograms);
    expect(drawn.generic).toBe(false);
    for (const [rendition, edge] of [
      [drawn.thumbnail, THUMBNAIL_EDGE],
      [drawn.preview, PREVIEW_EDGE],
    ] as const) {
      const metadata = await sharp(rendition.bytes).metadata();
      expect(metadata).toMatchObject({ format: 'webp', width: rendition.width, height: rendition.height });
      expect(rendition.height).toBe(edge);
      expect(rendition.width).toBeLessThan(edge);
      for (const block of ['exif', 'xmp', 'iptc', 'icc'] as const) expect(metadata[block]).toBeUndefined();
      expect(metadata.orientation).toBeUndefined();
    }
    expect(drawn.thumbnail.bytes.length).toBeLessThan(40_000);
    expect(Buffer.from(drawn.thumbhash, 'base64').length).toBeGreaterThan(15);
  });

  test('never enlarge, keep transparency, and show the first frame of what moves', async () => {
    const butterfly = await processMedia(sample('garden/butterfly.gif'), withoutPrograms);
    expect(butterfly.renditions.preview).toMatchObject({ width: 320, height: 240 });
    expect((await sharp(butterfly.renditions.preview.bytes).metadata()).pages ?? 1).toBe(1);
    const plan = await processMedia(sample('garden/plan-of-the-beds.png'), withoutPrograms);
    expect((await sharp(plan.renditions.thumbnail.bytes).metadata()).hasAlpha).toBe(true);
  });

  test('of a picture in other colours are sRGB', async () => {
    const grey = await kept(
      'grey16.png',
      await sharp({ create: { width: 30, height: 20, channels: 3, background: '#808080' } })
        .toColourspace('grey16')
        .png()
        .toBuffer(),
    );
    const cmyk = await kept(
      'cmyk.jpg',
      await sharp({ create: { width: 30, height: 20, channels: 3, background: '#3060c0' } })
        .toColourspace('cmyk')
        .jpeg()
        .toBuffer(),
    );
    for (const path of [grey, cmyk]) {
      const { thumbnail } = (await processMedia(path, withoutPrograms)).renditions;
      expect((await sharp(thumbnail.bytes).metadata()).space).toBe('srgb');
    }
  });

  test('of a document are its first page on white', async () => {
    const path = await kept('blank.pdf', pdfOf(1));
    const { preview, generic } = (await processMedia(path, withoutPrograms)).renditions;
    expect(generic).toBe(false);
    expect(preview).toMatchObject({ width: 1600, height: 800 });
    const { channels } = await sharp(preview.bytes).stats();
    expect(channels.map(({ min }) => min)).toEqual([255, 255, 255]);
  });

  test('of a video without ffmpeg are a poster of ours, the same every time', async () => {
    const path = sample('coast/waves-on-the-beach.mp4');
    const one = (await processMedia(path, withoutPrograms)).renditions;
    const two = (await processMedia(path, withoutPrograms)).renditions;
    expect(one.generic).toBe(true);
    expect(one).toEqual(two);
    expect(one.preview.width / one.preview.height).toBeCloseTo(16 / 9, 2);
  });

  test('of kinds without a picture differ by kind', () => {
    const posters = (['IMAGE', 'VIDEO', 'DOCUMENT'] as const).map((kind) => posterSvg(kind).toString());
    expect(new Set(posters).size).toBe(3);
    for (const poster of posters) expect(poster).not.toMatch(/<text|href|NaN/);
  });

  test('of a HEIC are generic where nothing can decode it', async () => {
    const { generic, preview } = (await processMedia(sample('formats/photo.heic'), withoutPrograms))
      .renditions;
    expect(generic).toBe(true);
    expect(preview.width / preview.height).toBeCloseTo(320 / 180, 2);
  });

  test('of a polyglot hold none of what was hidden in it', async () => {
    const hidden = '<script>alert(document.domain)</script>PK\x03\x04';
    const path = await kept(
      'poly.jpg',
      Buffer.concat([readFileSync(sample('coast/lighthouse.jpg')), Buffer.from(hidden)]),
    );
    const { sniffed, renditions: drawn } = await processMedia(path, withoutPrograms);
    expect(sniffed.mimeType).toBe('image/jpeg');
    for (const { bytes } of [drawn.thumbnail, drawn.preview]) {
      expect(Buffer.from(bytes).includes('<script>')).toBe(false);
      expect(Buffer.from(bytes).includes('PK\x03\x04')).toBe(false);
    }
  });

  test.skipIf(tools.ffmpeg === null)('of a video are one of its frames where ffmpeg is there', async () => {
    const upright = (await processMedia(sample('formats/upright.mp4'))).renditions;
    expect(upright.generic).toBe(false);
    expect(upright.preview).toMatchObject({ width: 240, height: 320 });
    expect((await processMedia(sample('garden/wind-in-the-meadow.webm'))).renditions.generic).toBe(false);
  });

  test.skipIf(tools.ffmpeg === null)('never come from a playlist that calls itself a video', async () => {
    const path = await kept('list.mp4', Buffer.from(`#EXTM3U\n#EXTINF:1,\n${sample('formats/clip.mov')}\n`));
    const mp4 = { kind: 'VIDEO', mimeType: 'video/mp4', extension: 'mp4' } as const;
    const size = { width: 320, height: 240, durationMs: 1000 };
    expect((await renditions(path, mp4, size)).generic).toBe(true);
  });
});

describe('a broken or hostile file is refused in a sentence', () => {
  const refused = (message: RegExp) => ({
    code: 'UNSUPPORTED_MEDIA',
    message: expect.stringMatching(message),
  });

  test('a picture that is cut off', async () => {
    const whole = readFileSync(sample('coast/lighthouse.jpg'));
    const half = await kept('half.jpg', whole.subarray(0, whole.length / 2));
    await expect(processMedia(half)).rejects.toMatchObject(refused(/picture is (cut off|broken)/));
    const start = await kept('start.jpg', whole.subarray(0, 100));
    await expect(probed(start)).rejects.toMatchObject(refused(/picture is broken/));
  });

  test('a decompression bomb', async () => {
    const bomb = await kept('bomb.png', png(60_000, 60_000, deflateSync(Buffer.alloc(4_000_000))));
    await expect(probed(bomb)).rejects.toMatchObject(refused(/too large: 60000 by 60000/));
    const mp4 = { kind: 'IMAGE', mimeType: 'image/png', extension: 'png' } as const;
    const size = { width: 60_000, height: 60_000, durationMs: null };
    await expect(renditions(bomb, mp4, size)).rejects.toMatchObject(refused(/too large/));
  });

  test('a video that is cut off', async () => {
    const whole = readFileSync(sample('coast/waves-on-the-beach.mp4'));
    const half = await kept('half.mp4', whole.subarray(0, whole.length / 2));
    await expect(probed(half)).rejects.toMatchObject(refused(/cut off/));
  });

  test('a document that is none, or is cut off', async () => {
    await expect(probed(await kept('none.pdf', Buffer.from('%PDF-1.7\nnothing')))).rejects.toMatchObject(
      refused(/document is broken/),
    );
  });

  test('a document that claims or has more pages than anybody reads', async () => {
    // PDFium does not believe a count that the tree cannot hold; whatever it makes of it, the answer is quick.
    const claim = await kept('claim.pdf', pdfClaiming(500_000));
    const result = await probed(claim).then(
      ({ pageCount }) => pageCount,
      (error: { code: string }) => error.code,
    );
    expect([1, 'UNSUPPORTED_MEDIA']).toContain(result);
    const many = await kept('many.pdf', pdfOf(120_000));
    await expect(probed(many)).rejects.toMatchObject(refused(/120000 pages/));
    expect(await probed(await kept('some.pdf', pdfOf(3000)))).toMatchObject({ pageCount: 3000 });
  });

  test('a document under a password', async () => {
    // An encryption dictionary whose user key matches no empty password.
    const key = '41'.repeat(32);
    const locked = makePdf(
      [
        '<< /Type /Catalog /Pages 2 0 R >>',
        '<< /Type /Pages /Count 1 /Kids [3 0 R] >>',
        '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] >>',
        `<< /Filter /Standard /V 1 /R 2 /O <${key}> /U <${key}> /P -4 >>`,
      ],
      '/Encrypt 4 0 R /ID [<00112233445566778899aabbccddeeff> <00112233445566778899aabbccddeeff>]',
    );
    await expect(probed(await kept('locked.pdf', locked))).rejects.toMatchObject(refused(/password/));
  });

  test('but a file that has gone is not a broken one', async () => {
    const jpeg = { kind: 'IMAGE', mimeType: 'image/jpeg', extension: 'jpg' } as const;
    const gone = join(folder, 'gone.jpg');
    await expect(probe(gone, jpeg)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(renditions(gone, jpeg, { width: 1, height: 1, durationMs: null })).rejects.toMatchObject({
      code: 'NOT_FOUND',
    });
  });
});
