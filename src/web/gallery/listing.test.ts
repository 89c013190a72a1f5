import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { GalleryFrameQuery, GalleryPageQuery } from '../generated/graphql.ts';
import { createListing, openListing, type Tile } from './listing.ts';
import { askedAt, START } from './place.ts';

interface Variables {
  first?: number;
  last?: number;
  after?: string | null;
  before?: string | null;
}

const TIMED = askedAt(START);
const UNTIMED = askedAt({ ...START, sort: 'title' });

/** A catalog whose cursors are gaps: `g12` lies between items 11 and 12. */
function server(counts: readonly number[], asked = TIMED) {
  const tiles: Tile[] = [];
  const months: NonNullable<GalleryFrameQuery['media']['months']> = [];
  counts.forEach((count, at) => {
    const month = `${2024 - at}-05`;
    months.push({ month, count, cursor: `g${tiles.length}` });
    for (let one = 0; one < count; one++) tiles.push(tile(tiles.length, `${month}-14T10:00:00`));
  });
  const pages: Variables[] = [];
  const gap = (cursor: string | null | undefined, otherwise: number) =>
    cursor ? Number(cursor.slice(1)) : otherwise;
  const request = vi.fn(async (document: { toString(): string }, variables: Variables) => {
    if (document.toString().includes('query GalleryFrame')) return { media: frame(variables.first) };
    pages.push(variables);
    const end = gap(variables.before, tiles.length);
    const from = variables.last === undefined ? gap(variables.after, 0) : Math.max(0, end - variables.last);
    const to = variables.last === undefined ? Math.min(tiles.length, from + (variables.first ?? 0)) : end;
    const media: GalleryPageQuery['media'] = {
      nodes: tiles.slice(from, to),
      pageInfo: { startCursor: from < to ? `g${from}` : null, endCursor: from < to ? `g${to}` : null },
    };
    return { media };
  });
  const frame = (first = 0): GalleryFrameQuery['media'] => ({
    totalCount: tiles.length,
    nodes: tiles.slice(0, first),
    pageInfo: { startCursor: first > 0 ? 'g0' : null, endCursor: first > 0 ? `g${first}` : null },
    sources: [],
    facets: { tags: [] },
    ...(asked === TIMED && { months }),
  });
  const listing = createListing(request as never, asked, frame());
  return { listing, tiles, pages, request };
}

function tile(at: number, takenAt: string): Tile {
  return {
    id: `media_${at}`,
    kind: 'IMAGE',
    title: `item ${at}`,
    width: 3,
    height: 2,
    durationMs: null,
    pageCount: null,
    thumbhash: null,
    takenAt,
    addedAt: '2025-01-01T00:00:00Z',
    availability: 'LOCAL',
    peer: null,
    thumbnailUrl: null,
    previewUrl: null,
    viewerCanUpdate: false,
  };
}

describe('a listing', () => {
  it('keeps few of very many, and of all that it ever read what their rows need', async () => {
    const { listing, tiles } = server(Array.from({ length: 20 }, () => 1_000));
    for (let from = 0; from < tiles.length; from += 400) {
      listing.want(from, from + 400);
      await listing.load(from, from + 400);
    }
    const kept = () => tiles.filter((_, index) => listing.item(index) !== undefined).length;
    expect(kept()).toBeLessThan(5_000);
    expect(listing.item(0)).toBeUndefined();
    expect(listing.indexOf('media_0')).toBeUndefined();
    expect(tiles.every((_, index) => listing.shape(index)?.aspect === 1.5)).toBe(true);
    expect(listing.shape(0)?.day).toBe('2024-05-14');
    // What was let go is read again where somebody goes back.
    listing.want(0, 10);
    await listing.load(0, 10);
    expect(listing.item(0)?.id).toBe('media_0');
    expect(kept()).toBeLessThan(5_000);
  });

  it('puts every item where it belongs, wherever it is read, in few pages', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 1500 }), { minLength: 1, maxLength: 12 }),
        fc.array(fc.nat(), { minLength: 1, maxLength: 6 }),
        async (counts, looks) => {
          const { listing, tiles, pages } = server(counts);
          for (const look of looks) {
            const from = look % tiles.length;
            const before = pages.length;
            await listing.load(from, from + 60);
            for (let at = from; at < Math.min(from + 60, tiles.length); at++) {
              expect(listing.item(at)?.id).toBe(`media_${at}`);
              expect(listing.indexOf(`media_${at}`)).toBe(at);
            }
            // Half of the largest month, by 500, and what is looked at itself.
            expect(pages.length - before).toBeLessThanOrEqual(4);
          }
          expect(listing.drifted).toBe(false);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('reads the middle of a long timeline without what is before it', async () => {
    const { listing, pages } = server(Array.from({ length: 100 }, () => 1000));
    expect(listing.total).toBe(100_000);
    await listing.load(50_000, 50_100);
    expect(pages).toHaveLength(1);
    expect(listing.item(49_000)).toBeUndefined();
  });

  it('grows as it is read where the order is not that of time', async () => {
    const { listing } = server([3000], UNTIMED);
    expect(listing.sections).toEqual([{ month: null, start: 0, count: 200 }]);
    await listing.load(150, 160);
    // What was read to get there, and a piece beyond it.
    expect(listing.sections).toEqual([{ month: null, start: 0, count: 450 }]);
    expect(listing.total).toBe(3000);
  });

  it('finds the place of an item by its month, and says where it has none', async () => {
    const { listing, tiles } = server([300, 40, 900]);
    const wanted = tiles[1000];
    expect(wanted && (await listing.locate(wanted))).toBe(1000);
    expect(await listing.locate(tile(7777, '2023-05-14T10:00:00'))).toBeUndefined();
    expect(await listing.locate(tile(7777, '1999-05-14T10:00:00'))).toBeUndefined();
  });

  it('says so where the catalog has changed since it was counted, and never reads without end', async () => {
    const { listing, tiles } = server([100, 100]);
    tiles.splice(120, 70);
    await listing.load(0, 200);
    expect(listing.drifted).toBe(true);
    expect(listing.total).toBe(130);
  });

  it('stops reading where a page fails, says why, and goes on when told', async () => {
    const { listing, request } = server([100]);
    request.mockRejectedValueOnce(new Error('away'));
    const changed = vi.fn();
    listing.subscribe(changed);
    listing.want(0, 50);
    await vi.waitFor(() => expect(listing.trouble?.message).toBe('away'), 20_000);
    expect(changed).toHaveBeenCalled();
    listing.want(0, 60);
    expect(request).toHaveBeenCalledTimes(1);
    listing.retry();
    await vi.waitFor(() => expect(listing.item(59)?.id).toBe('media_59'), 20_000);
    expect(listing.trouble).toBeNull();
  });

  it('changes an item in its place', async () => {
    const { listing } = server([10]);
    await listing.load(0, 10);
    const before = listing.version;
    listing.patch('media_3', { title: 'new' });
    listing.patch('media_99', { title: 'nowhere' });
    expect(listing.item(3)).toMatchObject({ id: 'media_3', title: 'new' });
    expect(listing.version).toBe(before + 1);
  });

  it('has its beginning at once, and goes on behind it', async () => {
    for (const asked of [TIMED, UNTIMED]) {
      const { request, pages } = server([700], asked);
      const listing = await openListing(request as never, asked, new AbortController().signal);
      listing.want(0, 90);
      expect(listing.item(89)?.id).toBe('media_89');
      expect(pages).toEqual([]);
      listing.want(0, 160);
      await vi.waitFor(() => expect(listing.item(159)?.id).toBe('media_159'), 20_000);
      expect(pages).toMatchObject([{ after: 'g100' }]);
    }
  });

  it('is asked for with its months where it is ordered by time, and without them otherwise', async () => {
    for (const asked of [TIMED, UNTIMED]) {
      const { request } = server([5], asked);
      const listing = await openListing(request as never, asked, new AbortController().signal);
      expect(request.mock.lastCall?.[1]).toMatchObject({ ...asked, months: asked === TIMED });
      expect(listing.total).toBe(5);
    }
  });
});
