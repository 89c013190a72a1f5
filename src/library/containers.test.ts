/** The readers of the two video containers, on files as they are and on bytes as an attacker would have them. */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HedgerowError } from '../lib/errors.ts';
import { findFfmpeg } from './ffmpeg.ts';
import { windowOver } from './file-window.ts';
import { readIsoMovie } from './iso-bmff.ts';
import { readMatroskaMovie } from './matroska.ts';

const SAMPLES = join(import.meta.dirname, '../../samples');
const sample = (name: string) => readFileSync(join(SAMPLES, name));

function box(type: string, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const header = Buffer.alloc(8);
  header.writeUInt32BE(body.length + 8, 0);
  header.write(type, 4, 'latin1');
  return Buffer.concat([header, body]);
}

describe('ISO base media files', () => {
  test('tell duration, size, codec and title', async () => {
    expect(await readIsoMovie(windowOver(sample('coast/waves-on-the-beach.mp4')))).toMatchObject({
      width: 960,
      height: 540,
      durationMs: 6000,
      videoCodec: 'avc1',
      audioCodec: null,
      recordedAt: '2025-07-22T10:15:00',
      tags: { title: 'Waves on the beach' },
    });
  });

  test('a quarter turn in the matrix turns the size', async () => {
    expect(await readIsoMovie(windowOver(sample('formats/upright.mp4')))).toMatchObject({
      width: 240,
      height: 320,
    });
  });

  test('the keys that phones write give the local time with its offset, and the place', async () => {
    const key = (name: string) => {
      const size = Buffer.alloc(4);
      size.writeUInt32BE(name.length + 8);
      return Buffer.concat([size, Buffer.from(`mdta${name}`)]);
    };
    const item = (index: number, value: string) => {
      const type = Buffer.alloc(4);
      type.writeUInt32BE(index);
      return box(type.toString('latin1'), box('data', Buffer.of(0, 0, 0, 1, 0, 0, 0, 0), Buffer.from(value)));
    };
    const meta = box(
      'meta',
      box('hdlr', Buffer.from('\0\0\0\0\0\0\0\0mdta')),
      box(
        'keys',
        Buffer.of(0, 0, 0, 0, 0, 0, 0, 2),
        key('com.apple.quicktime.creationdate'),
        key('com.apple.quicktime.location.ISO6709'),
      ),
      box('ilst', item(1, '2024-05-06T07:08:09-0330'), item(2, '+52.5163+013.3777+034.000/')),
    );
    const original = sample('formats/clip.mov');
    const at = original.indexOf('moov') - 4;
    const moov = original.subarray(at + 8, at + original.readUInt32BE(at));
    const file = Buffer.concat([original.subarray(0, at), box('moov', moov, meta)]);
    expect(await readIsoMovie(windowOver(file))).toMatchObject({
      recordedAt: '2024-05-06T07:08:09',
      recordedAtOffset: -210,
      tags: { location: '+52.5163+013.3777+034.000/' },
    });
  });

  test('one that is cut off, or was never finished, is refused in a sentence', async () => {
    const whole = sample('coast/waves-on-the-beach.mp4');
    await expect(readIsoMovie(windowOver(whole.subarray(0, 600_000)))).rejects.toThrow(/cut off/);
    const clip = sample('formats/clip.mov');
    await expect(readIsoMovie(windowOver(clip.subarray(0, clip.indexOf('moov') - 10)))).rejects.toThrow(
      /cut off/,
    );
    await expect(readIsoMovie(windowOver(clip.subarray(0, 24)))).rejects.toThrow(/no index/);
  });

  test('a file without pictures is refused', async () => {
    await expect(readIsoMovie(windowOver(box('moov')))).rejects.toThrow('no picture track');
  });
});

describe('Matroska files', () => {
  test('tell duration, size, codec and title', async () => {
    expect(await readMatroskaMovie(windowOver(sample('garden/wind-in-the-meadow.webm')))).toMatchObject({
      width: 640,
      height: 480,
      durationMs: 5000,
      videoCodec: 'V_VP9',
      tags: { title: 'Wind in the meadow' },
    });
    expect(await readMatroskaMovie(windowOver(sample('formats/clip.mkv')))).toMatchObject({
      width: 320,
      height: 240,
      durationMs: 2000,
      videoCodec: 'V_MPEG4/ISO/AVC',
    });
  });

  test('one that is cut off is refused', async () => {
    const whole = sample('formats/clip.mkv');
    await expect(readMatroskaMovie(windowOver(whole.subarray(0, 12_000)))).rejects.toThrow(/cut off/);
    await expect(readMatroskaMovie(windowOver(whole.subarray(0, 60)))).rejects.toThrow(/cut off/);
  });
});

const { ffprobe } = await findFfmpeg();
test.skipIf(ffprobe === null)('both readers say what ffprobe says', async () => {
  for (const [name, read] of [
    ['coast/waves-on-the-beach.mp4', readIsoMovie],
    ['formats/clip.mov', readIsoMovie],
    ['garden/wind-in-the-meadow.webm', readMatroskaMovie],
    ['formats/clip.mkv', readMatroskaMovie],
  ] as const) {
    const facts = await read(windowOver(sample(name)));
    const json = execFileSync(ffprobe ?? '', [
      '-v',
      'error',
      '-of',
      'json',
      '-show_format',
      '-show_streams',
      join(SAMPLES, name),
    ]);
    const judge = JSON.parse(json.toString());
    expect([facts.width, facts.height]).toEqual([judge.streams[0].width, judge.streams[0].height]);
    expect(facts.durationMs).toBe(Math.round(Number(judge.format.duration) * 1000));
  }
});

describe('hostile bytes', () => {
  const LARGEST_READ = 65_536;
  const readers = {
    'formats/clip.mov': readIsoMovie,
    'formats/upright.mp4': readIsoMovie,
    'formats/clip.mkv': readMatroskaMovie,
  };

  /** Runs a reader and insists: our own error or an answer, small reads, not many. */
  async function survives(read: typeof readIsoMovie, bytes: Uint8Array): Promise<void> {
    const file = windowOver(bytes);
    let reads = 0;
    const watched: typeof file = {
      ...file,
      async read(offset, length) {
        reads++;
        const data = await file.read(offset, length);
        expect(data.length).toBeLessThanOrEqual(LARGEST_READ);
        return data;
      },
    };
    try {
      const facts = await read(watched);
      for (const value of [facts.width, facts.height, facts.durationMs]) {
        expect(value === null || (Number.isSafeInteger(value) && value > 0)).toBe(true);
      }
    } catch (error) {
      if (!(error instanceof HedgerowError)) throw error;
      expect(error.code).toBe('UNSUPPORTED_MEDIA');
    }
    expect(reads).toBeLessThanOrEqual(20_001);
  }

  test.each(Object.entries(readers))(
    '%s with bytes changed anywhere is read or refused',
    async (name, read) => {
      const original = sample(name);
      // Structure lies at both ends; the middle is picture data.
      const where = fc.oneof(
        fc.integer({ min: 0, max: 1200 }),
        fc.integer({ min: Math.max(0, original.length - 3000), max: original.length - 1 }),
      );
      const change = fc.tuple(
        where,
        fc.oneof(fc.constantFrom(0, 1, 0x7f, 0x80, 0xff), fc.integer({ min: 0, max: 255 })),
      );
      await fc.assert(
        fc.asyncProperty(
          fc.array(change, { minLength: 1, maxLength: 12 }),
          fc.option(fc.integer({ min: 0, max: original.length })),
          async (changes, cut) => {
            const bytes = Buffer.from(original);
            for (const [at, value] of changes) bytes[at] = value;
            await survives(read, bytes.subarray(0, cut ?? bytes.length));
          },
        ),
        { numRuns: 400 },
      );
    },
  );

  test('any bytes at all are read or refused', async () => {
    const boxes = fc.array(
      fc.tuple(
        fc.constantFrom(
          'moov',
          'trak',
          'mdia',
          'meta',
          'ilst',
          'keys',
          'tkhd',
          'mvhd',
          'udta',
          'stsd',
          'hdlr',
        ),
        fc.uint8Array({ maxLength: 120 }),
      ),
      { maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), boxes, async (bytes, list) => {
        const nested = list.reduce<Buffer>((inner, [type, body]) => box(type, body, inner), Buffer.alloc(0));
        await survives(readIsoMovie, Buffer.concat([bytes, nested]));
        await survives(readIsoMovie, box('moov', nested, bytes));
        await survives(readMatroskaMovie, bytes);
        await survives(readMatroskaMovie, Buffer.concat([Buffer.of(0x18, 0x53, 0x80, 0x67, 0xff), bytes]));
      }),
      { numRuns: 400 },
    );
  });

  test('a file of nothing but tiny boxes ends soon', async () => {
    const tiny = Buffer.concat(Array.from({ length: 60_000 }, () => box('free')));
    await survives(readIsoMovie, Buffer.concat([box('moov', box('trak', tiny), tiny), tiny]));
    const elements = Buffer.alloc(400_000, Buffer.of(0xec, 0x80));
    await survives(readMatroskaMovie, Buffer.concat([Buffer.of(0x18, 0x53, 0x80, 0x67, 0xff), elements]));
  });
});
