import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { askedAt, isNarrowed, KINDS, type Place, readPlace, SORTS, START, writePlace } from './place.ts';

const text = fc.option(fc.string({ minLength: 1, unit: 'grapheme' }));
const places: fc.Arbitrary<Place> = fc.record({
  view: fc.constantFrom('items', 'albums', 'peers'),
  from: text,
  kind: fc.option(fc.constantFrom(...KINDS)),
  album: text,
  tag: text,
  year: fc.option(fc.integer({ min: 1, max: 9999 })),
  words: fc.string({ unit: 'grapheme' }),
  sort: fc.constantFrom(...SORTS),
  item: text,
});

describe('a place in the gallery', () => {
  it('comes back from its address as it was', () => {
    fc.assert(
      fc.property(places, (place) => {
        const address = writePlace(place);
        expect(address.startsWith('./')).toBe(true);
        expect(readPlace(new URL(address, 'http://home.example/photos/').search)).toEqual(place);
      }),
    );
  });

  it('is the beginning where the address says nothing, or what makes no sense', () => {
    expect(writePlace(START)).toBe('./');
    expect(readPlace('')).toEqual(START);
    expect(readPlace('?kind=song&year=12.5&sort=luck&view=moon&from=')).toEqual(START);
    expect(readPlace('?year=0')).toEqual(START);
    fc.assert(fc.property(fc.string(), (search) => void readPlace(search)));
  });

  it('asks the catalog for what it names, and for nothing else', () => {
    expect(askedAt(START)).toEqual({
      origin: 'ALL',
      filter: {},
      orderBy: { field: 'TAKEN_AT', direction: 'DESC' },
    });
    expect(askedAt({ ...START, from: 'mine', sort: 'title' })).toEqual({
      origin: 'LOCAL',
      filter: {},
      orderBy: { field: 'TITLE', direction: 'ASC' },
    });
    expect(
      askedAt({
        ...START,
        from: 'peer_1',
        kind: 'VIDEO',
        album: 'album_1',
        tag: 'sea',
        year: 2024,
        words: ' a b ',
      }).filter,
    ).toEqual({
      peerIds: ['peer_1'],
      kinds: ['VIDEO'],
      albumIds: ['album_1'],
      tags: { all: ['sea'] },
      takenAt: { gte: '2024-01-01T00:00:00', lt: '2025-01-01T00:00:00' },
      query: 'a b',
    });
    expect(askedAt({ ...START, year: 9999 }).filter.takenAt).toEqual({ gte: '9999-01-01T00:00:00' });
  });

  it('is narrowed by filters and words, not by order, view or the item that is open', () => {
    expect(isNarrowed({ ...START, sort: 'size', view: 'albums', item: 'media_1', words: '  ' })).toBe(false);
    expect(isNarrowed({ ...START, from: 'mine' })).toBe(true);
    expect(isNarrowed({ ...START, words: 'sea' })).toBe(true);
  });
});
