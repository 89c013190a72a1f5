import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { chooseCoding, contentCoding, decodeContent, encodeContent } from './content-coding.ts';

const invalid = expect.objectContaining({ code: 'PEER_INVALID_ANSWER' });

test('what is encoded decodes to itself in each coding', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 2000 }),
      fc.constantFrom('zstd', 'gzip', 'zstd, gzip', undefined),
      async (body, accept) => {
        const encoded = await encodeContent(body, accept);
        expect(Buffer.from(await decodeContent(encoded.body, encoded.coding, 2000))).toEqual(
          Buffer.from(body),
        );
      },
    ),
    { numRuns: 100, seed: 1 },
  );
});

test('zstd is preferred, then gzip; what is weighted with zero is not used', () => {
  expect(chooseCoding('gzip, zstd')).toBe('zstd');
  expect(chooseCoding('gzip;q=1.0, zstd;q=0')).toBe('gzip');
  expect(chooseCoding('br, deflate')).toBe('identity');
  expect(chooseCoding('GZIP')).toBe('gzip');
  expect(chooseCoding('*')).toBe('zstd');
  expect(chooseCoding('*;q=0, gzip')).toBe('gzip');
  expect(chooseCoding('identity')).toBe('identity');
  expect(chooseCoding('')).toBe('identity');
  expect(chooseCoding(undefined)).toBe('identity');
});

test('stacked, repeated and unknown codings are refused', () => {
  expect(contentCoding([])).toBe('identity');
  expect(contentCoding([['Content-Encoding', 'GZIP']])).toBe('gzip');
  for (const value of ['gzip, gzip', 'zstd,gzip', 'br', 'deflate', 'aws-chunked'])
    expect(() => contentCoding([['content-encoding', value]])).toThrow(invalid);
  expect(() =>
    contentCoding([
      ['content-encoding', 'gzip'],
      ['Content-Encoding', 'gzip'],
    ]),
  ).toThrow(invalid);
});

test('a small answer that swells is given up at the limit', async () => {
  const zeros = Buffer.alloc(8 * 1024 * 1024);
  await expect(decodeContent(zstdCompressSync(zeros), 'zstd', 1_000_000)).rejects.toThrow(invalid);
  await expect(decodeContent(gzipSync(zeros), 'gzip', 1_000_000)).rejects.toThrow(invalid);
  await expect(decodeContent(zeros, 'identity', 1_000_000)).rejects.toThrow(invalid);
  await expect(decodeContent(zstdCompressSync(zeros), 'zstd', 1_000)).rejects.toThrow(invalid);
  expect(await decodeContent(gzipSync(zeros), 'gzip', zeros.length)).toHaveLength(zeros.length);
  expect(await decodeContent(zstdCompressSync(zeros), 'zstd', zeros.length)).toHaveLength(zeros.length);
});

test('a cut-off or damaged answer is refused', async () => {
  const text = Buffer.from('hedgerow '.repeat(1000));
  for (const [coding, bytes] of [
    ['zstd', zstdCompressSync(text)],
    ['gzip', gzipSync(text)],
  ] as const) {
    await expect(decodeContent(bytes.subarray(0, -1), coding)).rejects.toThrow(invalid);
    await expect(decodeContent(Buffer.from('junk'), coding)).rejects.toThrow(invalid);
    await expect(decodeContent(new Uint8Array(), coding)).rejects.toThrow(invalid);
  }
});
