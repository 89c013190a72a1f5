import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { fileTypeFromFile } from 'file-type';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { SUPPORTED_TYPES, sniff, sniffBytes } from './sniff.ts';

const SAMPLES = join(import.meta.dirname, '../../samples');
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hedgerow-sniff-'));
});
afterAll(() => rm(folder, { recursive: true }));

const ftyp = (...brands: string[]) => {
  const [major = '', ...compatible] = brands;
  const body = `ftyp${major}\0\0\0\0${compatible.join('')}`;
  return Buffer.concat([Buffer.of(0, 0, 0, body.length + 4), Buffer.from(body, 'latin1')]);
};

test('every sample is what its extension says', async () => {
  for (const set of ['garden', 'coast', 'formats']) {
    for (const name of await readdir(join(SAMPLES, set))) {
      const found = await sniff(join(SAMPLES, set, name));
      expect(found?.extension, name).toBe(name.split('.').at(-1));
    }
  }
});

test('an independent judge agrees about every sample', async () => {
  for (const set of ['garden', 'coast', 'formats']) {
    for (const name of await readdir(join(SAMPLES, set))) {
      const path = join(SAMPLES, set, name);
      const judge = await fileTypeFromFile(path);
      const theirs = judge?.mime === 'video/matroska' ? 'video/x-matroska' : judge?.mime;
      expect((await sniff(path))?.mimeType, name).toBe(theirs);
    }
  }
});

test('the name says nothing', async () => {
  const path = join(folder, 'picture.jpg');
  await writeFile(path, '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>');
  expect(await sniff(path)).toBeNull();
});

test('brands tell the members of the ISO family apart', () => {
  const type = (...brands: string[]) => sniffBytes(ftyp(...brands))?.mimeType ?? null;
  expect(type('isom', 'iso2', 'avc1', 'mp41')).toBe('video/mp4');
  expect(type('mp42', 'isom')).toBe('video/mp4');
  expect(type('qt  ', 'qt  ')).toBe('video/quicktime');
  expect(type('avif', 'mif1')).toBe('image/avif');
  expect(type('mif1', 'avif')).toBe('image/avif');
  expect(type('heic', 'mif1')).toBe('image/heic');
  expect(type('mif1', 'heic')).toBe('image/heic');
  expect(type('mif1', 'miaf')).toBe('image/heif');
  expect(type('M4A ', 'isom')).toBeNull();
  expect(type('crx ', 'isom')).toBeNull();
  expect(type('abcd')).toBeNull();
});

test('what is not on the list is nothing', () => {
  const camera = Buffer.from('II*\0\x10\0\0\0CR\x02\0', 'latin1');
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.from('<!doctype html>'),
    Buffer.from('PK\x03\x04'),
    Buffer.from('\xef\xbb\xbf%PDF-1.4', 'latin1'),
    Buffer.from('RIFF\0\0\0\0WAVE'),
    Buffer.from('ID3\x03'),
    Buffer.from('plain words'),
    camera,
  ]) {
    expect(sniffBytes(bytes)).toBeNull();
  }
});

test('a file that is two things is the one that it begins as', () => {
  const both = Buffer.concat([
    Buffer.from('GIF89a/*'),
    Buffer.from('*/=1;<script>alert(1)</script>PK\x03\x04%PDF-1.4'),
  ]);
  expect(sniffBytes(both)?.mimeType).toBe('image/gif');
});

test('a file of which only the start is there is still recognised', () => {
  expect(sniffBytes(Buffer.from('\xff\xd8\xff\xe0', 'latin1'))?.mimeType).toBe('image/jpeg');
  expect(sniffBytes(Buffer.from('%PDF-1.7\n'))?.mimeType).toBe('application/pdf');
});

test('a missing file is not an unsupported one', async () => {
  await expect(sniff(join(folder, 'nothing'))).rejects.toMatchObject({ code: 'NOT_FOUND' });
  await expect(sniff(folder)).rejects.toThrow();
});

test('any bytes get one of the known answers', () => {
  const starts = ['', '\x1a\x45\xdf\xa3', 'II*\0', 'MM\0*', '\0\0\0\x20ftyp', '\0\0\0\x08mdat'].map((s) =>
    Buffer.from(s, 'latin1'),
  );
  fc.assert(
    fc.property(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 200 }), (start, rest) => {
      const found = sniffBytes(Buffer.concat([start, rest]));
      expect(found === null || SUPPORTED_TYPES.includes(found)).toBe(true);
    }),
    { numRuns: 2000 },
  );
});
