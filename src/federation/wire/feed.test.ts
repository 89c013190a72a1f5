import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readFeedPage, readWireItem, type WireItem } from './feed.ts';
import { jsonDepth, parseJson } from './json.ts';
import { wireItemSchema } from './schema.ts';
import { isLocalTime, isUtcTime } from './times.ts';

const digest = `sha-256:${'ab'.repeat(32)}`;
const invalid = expect.objectContaining({ code: 'PEER_INVALID_ANSWER' });

const item = {
  id: 'media_1',
  version: 'v1',
  kind: 'video',
  title: 'Hedge',
  mimeType: 'video/mp4',
  size: 600_000,
  digest,
  segments: { count: 3, digest },
  createdAt: '2026-01-02T03:04:05Z',
  updatedAt: '2026-01-02T03:04:05.678Z',
  tags: ['a', 'b'],
  albums: [{ id: 'album_1', title: 'Summer' }],
  properties: { iso: 100 },
  variants: [{ name: 'preview', mimeType: 'image/webp', size: 1000, digest, width: 10, height: 20 }],
};
const page = { epoch: 'e1', items: [item], removed: [], cursor: 'c1', complete: false };
const whole = { ...page, complete: true, total: 1, checksum: '0123456789abcdef' };

describe('a page', () => {
  test('gives its items, its removals and, at the end of a listing, what the whole should be', () => {
    const removed = [{ id: 'media_2', reason: 'deleted', at: '2026-01-02T03:04:05Z' }];
    const read = readFeedPage({ ...whole, removed, later: true });
    expect(read).toMatchObject({
      epoch: 'e1',
      cursor: 'c1',
      complete: true,
      total: 1,
      checksum: '0123456789abcdef',
    });
    expect(read.removed).toEqual(removed);
    expect(read.skipped).toEqual([]);
    expect(read.items[0]).toMatchObject(item);
  });

  test.each([
    ['no object', null],
    ['a list', []],
    ['no epoch', { ...page, epoch: undefined }],
    ['a cursor that is too long', { ...page, cursor: 'c'.repeat(301) }],
    ['an empty cursor', { ...page, cursor: '' }],
    ['no list of items', { ...page, items: {} }],
    ['no list of removals', { ...page, removed: undefined }],
    ['complete as a text', { ...page, complete: 'true' }],
    ['an end without a total', { ...whole, total: undefined }],
    ['an end without a checksum', { ...whole, checksum: '0123456789ABCDEF' }],
    ['an item without an id', { ...page, items: [{ ...item, id: undefined }] }],
    ['an item with a bad id', { ...page, items: [{ ...item, id: '../x' }] }],
    ['an item without a version', { ...page, items: [{ ...item, version: '' }] }],
    ['an item that is none', { ...page, items: [null] }],
    ['an item twice', { ...page, items: [item, { ...item, version: 'v2' }] }],
    ['an item both there and removed', { ...page, removed: [{ id: 'media_1', reason: 'deleted' }] }],
    ['a removal without an id', { ...page, removed: [{ reason: 'deleted' }] }],
  ])('with %s is invalid as a whole', (_, value) => {
    expect(() => readFeedPage(value)).toThrow(invalid);
  });

  test('with more entries than were asked for is invalid', () => {
    const items = [1, 2, 3].map((n) => ({ ...item, id: `media_${n}` }));
    expect(readFeedPage({ ...page, items }, 3).items).toHaveLength(3);
    expect(() => readFeedPage({ ...page, items }, 2)).toThrow(invalid);
  });

  test('skips an item that breaks a limit, names it, and takes the others', () => {
    const read = readFeedPage({
      ...page,
      items: [
        { ...item, title: 'x'.repeat(501) },
        { ...item, id: 'media_2' },
      ],
    });
    expect(read.skipped).toEqual([{ id: 'media_1', version: 'v1', reason: 'title' }]);
    expect(read.items.map(({ id }) => id)).toEqual(['media_2']);
  });

  test('takes a removal whose reason or time it does not know', () => {
    const removed = [{ id: 'media_2', reason: 'eaten', at: 'yesterday' }];
    expect(readFeedPage({ ...page, removed }).removed).toEqual([
      { id: 'media_2', reason: 'unshared', at: undefined },
    ]);
  });
});

describe('an item', () => {
  test('may be as large as the limits say, in code points', () => {
    const read = readWireItem({
      ...item,
      title: '😀'.repeat(500),
      description: '😀'.repeat(10_000),
      filename: '😀'.repeat(255),
      tags: Array.from({ length: 200 }, (_, n) => `${n}`.padEnd(100, 'x')),
      albums: Array.from({ length: 100 }, (_, n) => ({ id: `a${n}`, title: '😀'.repeat(500) })),
      properties: { x: 'x'.repeat(32 * 1024 - 8) },
      size: 2 ** 38,
      segments: { count: 2 ** 20, digest },
      width: 1_000_000,
    });
    expect(read).not.toBeTypeOf('string');
  });

  test.each([
    ['title', '😀'.repeat(501)],
    ['title', undefined],
    ['title', 7],
    ['kind', 'audio'],
    ['kind', 'IMAGE'],
    ['description', 'x'.repeat(10_001)],
    ['filename', 'x'.repeat(256)],
    ['mimeType', 'video'],
    ['mimeType', 'video/mp4; codecs="x"'],
    ['mimeType', `video/${'x'.repeat(122)}`],
    ['size', -1],
    ['size', 1.5],
    ['size', 2 ** 38 + 1],
    ['size', '5'],
    ['digest', digest.toUpperCase()],
    ['digest', digest.slice(8)],
    ['segments', undefined],
    ['segments', { count: 2, digest }],
    ['segments', { count: 3 }],
    ['width', 0],
    ['height', 1_000_001],
    ['duration', -1],
    ['pages', 1.5],
    ['thumbhash', '!'],
    ['thumbhash', 'A'.repeat(65)],
    ['takenAt', '2026-01-02T03:04:05Z'],
    ['takenAt', '2026-02-30T03:04:05'],
    ['takenAtOffset', 1081],
    ['createdAt', '2026-01-02 03:04:05Z'],
    ['createdAt', undefined],
    ['updatedAt', '2026-01-02T03:04:05+02:00'],
    ['tags', Array.from({ length: 201 }, (_, n) => `${n}`)],
    ['tags', ['x'.repeat(101)]],
    ['tags', 'a'],
    ['albums', Array.from({ length: 101 }, (_, n) => ({ id: `a${n}`, title: 'x' }))],
    ['albums', [{ id: 'a', title: 'x'.repeat(501) }]],
    ['albums', [{ id: '', title: 'x' }]],
    ['creator', 'x'.repeat(501)],
    ['license', {}],
    ['properties', []],
    ['properties', { x: 'x'.repeat(32 * 1024 - 7) }],
    ['properties', { x: '😀'.repeat(10_000) }],
    ['properties', JSON.parse(`${'{"x":'.repeat(17)}1${'}'.repeat(17)}`)],
    ['variants', Array.from({ length: 9 }, (_, n) => ({ name: `v${n}` }))],
    ['variants', [item.variants[0], item.variants[0]]],
    ['variants', [{ ...item.variants[0], digest: undefined }]],
    ['variants', [{ ...item.variants[0], mimeType: 'text/html' }]],
    ['variants', [{ ...item.variants[0], size: 300_000 }]],
    ['variants', [{ ...item.variants[0], segments: { count: 1, digest } }]],
  ])('with a bad %s is skipped for that reason (%#)', (name, value) => {
    expect(readWireItem({ ...item, [name]: value })).toBe(name);
  });

  test('has segments exactly where it is longer than one and the grant opens the original', () => {
    const short = { ...item, size: 262_144, segments: undefined };
    expect(readWireItem(short)).not.toBeTypeOf('string');
    expect(readWireItem({ ...short, segments: { count: 1, digest } })).toBe('segments');
    expect(readWireItem({ ...item, digest: undefined, segments: undefined })).not.toBeTypeOf('string');
    expect(readWireItem({ ...item, digest: undefined })).toBe('segments');
  });

  test('of a grant of metadata needs nothing but its description', () => {
    const { id, version, kind, title, mimeType, size, createdAt, updatedAt } = item;
    const read = readWireItem({
      id,
      version,
      kind,
      title,
      mimeType,
      size,
      createdAt,
      updatedAt,
      description: null,
    });
    expect(read).toMatchObject({
      tags: [],
      albums: [],
      properties: {},
      variants: [],
      description: undefined,
    });
  });

  test('is cleaned of what would deceive a reader, at every level', () => {
    const read = readWireItem({
      ...item,
      title: 'a\u202eb\u0000c\nd',
      description: 'one\r\ntwo\u0007',
      tags: ['x\u0000', 'x', ' ', 'y'],
      albums: [...item.albums, ...item.albums],
      properties: { 'k\u0000': ['v\u0000', { deep: '\ud800' }] },
    }) as WireItem;
    expect(read.title).toBe('abc d');
    expect(read.description).toBe('one\ntwo');
    expect(read.tags).toEqual(['x', 'y']);
    expect(read.albums).toHaveLength(1);
    expect(read.properties).toEqual({ k: ['v', { deep: '' }] });
  });

  test('cannot reach the prototype of anything', () => {
    const properties = JSON.parse('{"__proto__":{"polluted":"\\u0000yes"},"constructor":1}') as unknown;
    const read = readWireItem({ ...item, properties }) as WireItem;
    expect(Object.keys(read.properties)).toEqual(['__proto__', 'constructor']);
    expect((read.properties as { polluted?: unknown }).polluted).toBeUndefined();
  });

  test('may have renditions of a later version, which are left out', () => {
    const variants = [{ name: 'hologram' }, { name: 'original' }, ...item.variants];
    expect((readWireItem({ ...item, variants }) as WireItem).variants).toHaveLength(1);
  });

  test('is judged as the published schema judges it, one changed field at a time', () => {
    const names = Object.keys(item).filter(
      (name) => !['segments', 'size', 'digest', 'variants'].includes(name),
    );
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }).filter((part) => part !== null),
      fc.constantFrom(
        '2026-02-29T00:00:00Z',
        '2024-02-29T00:00:00Z',
        '2024-02-29T00:00:60Z',
        'image/png',
        'image',
      ),
      fc.constantFrom(0, 1, -1, 1e6, 1e6 + 1, 1080, -1081, 0.5),
    );
    const optional = [
      'description',
      'width',
      'duration',
      'pages',
      'thumbhash',
      'takenAt',
      'takenAtOffset',
      'license',
    ];
    fc.assert(
      fc.property(fc.constantFrom(...names, ...optional), value, (name, part) => {
        const changed = { ...item, [name]: part };
        expect(typeof readWireItem(changed) !== 'string').toBe(wireItemSchema.safeParse(changed).success);
      }),
      { numRuns: 1000, seed: 1 },
    );
  });
});

test('no JSON makes reading a page throw anything but a refusal', () => {
  const parts = fc.record(
    { id: fc.constantFrom('a', 'b'), version: fc.constant('v'), title: fc.jsonValue(), tags: fc.jsonValue() },
    { requiredKeys: ['id', 'version'] },
  );
  const value = fc.oneof(
    fc.jsonValue(),
    fc.record({
      epoch: fc.constant('e'),
      cursor: fc.constant('c'),
      complete: fc.boolean(),
      items: fc.array(fc.oneof(parts, fc.jsonValue())),
      removed: fc.array(fc.jsonValue()),
    }),
  );
  fc.assert(
    fc.property(value, (json) => {
      try {
        const read = readFeedPage(json);
        expect(read.items.length + read.skipped.length).toBe((json as { items: unknown[] }).items.length);
      } catch (error) {
        expect(error).toEqual(invalid);
      }
    }),
    { numRuns: 500, seed: 2 },
  );
});

describe('JSON', () => {
  test('has the depth of its brackets, of those outside of strings', () => {
    const depth = (value: unknown): number =>
      typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depth)) : 0;
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        expect(jsonDepth(Buffer.from(JSON.stringify(value)))).toBe(depth(value));
      }),
      { numRuns: 300, seed: 3 },
    );
    expect(jsonDepth(Buffer.from('{"a\\"[[[":"\\\\"}'))).toBe(1);
  });

  test('that is too large, too deep or broken is refused before it becomes objects', () => {
    expect(parseJson(Buffer.from('{"a":[1]}'))).toEqual({ a: [1] });
    const deep = '['.repeat(100_000) + ']'.repeat(100_000);
    for (const bytes of [
      Buffer.from(deep),
      Buffer.from('{'),
      Buffer.of(0x22, 0xff, 0x22),
      Buffer.from('\ufeff{}'),
    ])
      expect(() => parseJson(bytes)).toThrow(invalid);
    expect(() => parseJson(Buffer.from('[1,2]'), { maxBytes: 4 })).toThrow(invalid);
    expect(() => parseJson(Buffer.from('x'), { code: 'INVALID' })).toThrow(
      expect.objectContaining({ code: 'INVALID' }),
    );
  });
});

describe('times', () => {
  test('that Date writes are taken, and no day is taken that Date does not have', () => {
    fc.assert(
      fc.property(
        fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
        (date) => {
          expect(isUtcTime(date.toISOString())).toBe(true);
          expect(isLocalTime(date.toISOString().slice(0, -1))).toBe(true);
        },
      ),
      { numRuns: 200, seed: 4 },
    );
    for (let day = 28; day <= 32; day++)
      for (let month = 0; month <= 13; month++)
        for (const year of [1900, 2000, 2023, 2024]) {
          const date = [`${year}`, `${month}`.padStart(2, '0'), `${day}`].join('-');
          const exists = new Date(`${date}T00:00:00Z`).toJSON()?.startsWith(date) ?? false;
          expect(isUtcTime(`${date}T00:00:00Z`)).toBe(exists);
        }
  });

  test.each([
    '2026-01-01',
    '2026-01-01T00:00Z',
    '2026-01-01T24:00:00Z',
    '0000-01-01T00:00:00Z',
    '2026-01-01t00:00:00z',
  ])('%s is none', (text) => expect(isUtcTime(text)).toBe(false));
});
