/** Whatever a server of another make answers: a page that keeps every limit, or an error in our words. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyText } from '../../../test/support/any-text.ts';
import { isClean } from '../../lib/display-text.ts';
import { HedgerowError } from '../../lib/errors.ts';
import { isId, isVersion } from '../wire/forms.ts';
import { LIMITS } from '../wire/limits.ts';
import { appkask } from './appkask/appkask.ts';
import { artifex } from './artifex/artifex.ts';
import type { ForeignDialect, ListingPage } from './dialect.ts';
import type { ForeignAnswer, ForeignHost } from './foreign-host.ts';
import { foreignItem, readTime, typeOfFormat } from './foreign-item.ts';

const { signal } = new AbortController();

/** A server that answers each path as it is told, and has no files. */
function hostOf(answer: (path: string) => { status?: number; value: unknown }): ForeignHost {
  return {
    token: 'token',
    now: () => 1_795_176_000_000,
    json: async (path) => ({ status: 200, fields: [], roundTripMs: 1, ...answer(path) }),
    bytes: async () => ({
      kind: 'refused',
      answer: { status: 404, fields: [], value: undefined, roundTripMs: 1 },
    }),
    refusal: ({ status }: ForeignAnswer) =>
      new HedgerowError('PEER_INVALID_ANSWER', `The peer answered ${status}.`),
  };
}

const RUNNING = {
  '/api/federation/manifest': { name: 'Prints' },
  '/api/federation/public?limit=1&offset=0': { images: [], total: 0 },
};
const DESCRIBED = { '/federation/v1/images': { peer: {}, images: [] } };

/** The dialect, what its server has to answer to be recognised, and the shape of its list around entries. */
const MAKES: [string, ForeignDialect, Record<string, unknown>, (entries: unknown) => unknown][] = [
  ['artifex, running form', artifex, RUNNING, (images) => ({ images, total: 3, limit: 200, offset: 0 })],
  ['artifex, described form', artifex, DESCRIBED, (images) => ({ peer: {}, images })],
  ['appkask', appkask, {}, (items) => ({ items, total: 3, page: 1, page_size: 200 })],
];

const NAMES = [
  'id',
  'slug',
  'title',
  'original_name',
  'filename',
  'width',
  'height',
  'format',
  'media_type',
  'mime_type',
  'prompt',
  'caption',
  'description',
  'created_at',
  'updated_at',
  'uploaded_by',
  'tags',
  'seed',
  'file_size',
];
const odd = fc.oneof(
  fc.jsonValue(),
  anyText(12_000),
  fc.array(fc.record({ name: fc.jsonValue(), category: fc.jsonValue() }), { maxLength: 250 }),
);
const entry = fc.oneof(
  { weight: 1, arbitrary: fc.jsonValue() },
  { weight: 4, arbitrary: fc.dictionary(fc.constantFrom(...NAMES), odd, { maxKeys: 10 }) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.nat(5), fc.dictionary(fc.constantFrom(...NAMES.slice(2)), odd, { maxKeys: 6 }))
      .map(([id, rest]) => ({ ...rest, id, slug: `item-${id}`, title: 'A title' })),
  },
);

function expectLimits(page: ListingPage): void {
  const ids = [...page.items, ...page.skipped].map(({ remoteId }) => remoteId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const { remoteId, version } of [...page.items, ...page.skipped]) {
    expect(isId(remoteId)).toBe(true);
    expect(isVersion(version)).toBe(true);
  }
  for (const item of page.items) {
    expect(Array.from(item.title).length).toBeLessThanOrEqual(LIMITS.title);
    for (const text of [item.title, item.filename, item.creator, ...item.tags]) {
      if (text !== null) expect(isClean(text)).toBe(true);
    }
    expect(item.tags.length).toBeLessThanOrEqual(LIMITS.tags);
    for (const side of [item.width, item.height]) {
      if (side !== null)
        expect(Number.isSafeInteger(side) && side > 0 && side <= LIMITS.dimension).toBe(true);
    }
    for (const time of [item.createdAt, item.updatedAt])
      if (time !== null) expect(Number.isFinite(time)).toBe(true);
    if (item.byteSize !== null) expect(item.byteSize >= 0 && item.byteSize <= LIMITS.size).toBe(true);
    expect(item.digest).toBeNull();
    expect(JSON.stringify(item.properties).length).toBeLessThanOrEqual(LIMITS.properties);
  }
}

describe.each(MAKES)('a list of %s', (_name, dialect, recognised, shape) => {
  const asked = new Set<string>();
  const list = async (value: unknown): Promise<ListingPage | HedgerowError> => {
    asked.clear();
    for (const path of Object.keys(recognised)) asked.add(path);
    const recognising = dialect.connect(
      hostOf((path) => {
        if (asked.delete(path)) return { value: recognised[path] };
        if (path === '/api/federation/manifest') return { status: 404, value: undefined };
        return { value };
      }),
    );
    return recognising.list(null, 100, signal).catch((error: unknown) => {
      if (error instanceof HedgerowError) return error;
      throw error;
    });
  };

  it('keeps every limit, whatever its entries are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 6 }), async (entries) => {
        const page = await list(shape(entries));
        if (page instanceof HedgerowError) throw page;
        expect(page.items.length + page.skipped.length).toBeLessThanOrEqual(entries.length);
        expectLimits(page);
      }),
      { numRuns: 200 },
    );
  });

  it('is an invalid answer where it has not the shape of one', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        const page = await list(value);
        if (page instanceof HedgerowError) expect(page.code).toMatch(/^PEER_INVALID_ANSWER$/);
        else expectLimits(page);
      }),
      { numRuns: 200 },
    );
    for (const value of [
      null,
      [],
      'x',
      {},
      { error: 'x' },
      { images: {}, items: {} },
      { images: [], items: [], error: 'x', total: -1 },
    ]) {
      expect(await list(value)).toMatchObject({ code: 'PEER_INVALID_ANSWER' });
    }
  });
});

describe('an item', () => {
  it('has another version whenever something in it is another, and else the same', () => {
    const fields = { kind: 'IMAGE' as const, title: 'A', createdAt: 1, updatedAt: null, variants: [] };
    const version = (more: object) => {
      const read = foreignItem('x', { ...fields, ...more });
      return 'item' in read ? read.item.version : read.skipped.version;
    };
    expect(version({})).toBe(version({}));
    const others = [
      { title: 'B' },
      { tags: ['t'] },
      { width: 2 },
      { createdAt: 2 },
      { properties: { a: 1 } },
      { size: 1 },
    ];
    expect(new Set([version({}), ...others.map(version)]).size).toBe(others.length + 1);
  });
});

describe('a time', () => {
  it.each([
    ['2026-11-20 12:00:00', '2026-11-20T12:00:00.000Z'],
    ['2026-11-20T12:00:00', '2026-11-20T12:00:00.000Z'],
    ['2026-11-20T12:00:00Z', '2026-11-20T12:00:00.000Z'],
    ['2026-11-20T12:00:00.123456+00:00', '2026-11-20T12:00:00.123Z'],
    ['2026-11-20 14:00:00+0200', '2026-11-20T12:00:00.000Z'],
  ])('%s is read', (text, iso) => {
    expect(new Date(readTime(text) ?? Number.NaN).toISOString()).toBe(iso);
  });

  it('that is none is null', () => {
    for (const text of [
      '',
      '2026-11-20',
      '2026-13-40 12:00:00',
      'now',
      12,
      null,
      `2026-11-20 12:00:00${' '.repeat(50)}`,
    ]) {
      expect(readTime(text)).toBeNull();
    }
  });
});

it('a media type is known by its ending, and is never made up', () => {
  expect(
    ['PNG', '.jpg', 'a.b/photo.WEBP', 'video/mp4', 'clip.mov', 'x.exe', '', 7, null].map(typeOfFormat),
  ).toEqual([
    'image/png',
    'image/jpeg',
    'image/webp',
    'video/mp4',
    'video/quicktime',
    null,
    null,
    null,
    null,
  ]);
});
