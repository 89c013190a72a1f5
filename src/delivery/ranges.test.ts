import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Conditions, decide, parseDate, parseRange } from './ranges.ts';

const NOW = Date.UTC(2026, 10, 20, 12, 0, 0);
const MODIFIED = Date.UTC(2026, 10, 19, 8, 30, 15) + 250;
const ETAG = '"sha-256:00ff"';
const FILE = { etag: ETAG, lastModified: MODIFIED, size: 1000 };
const at = (ms: number) => new Date(ms).toUTCString();
const verdict = (conditions: Omit<Conditions, 'method'>, method = 'GET') =>
  decide({ method, ...conditions }, FILE, NOW);

describe('a Range field', () => {
  it('selects the bytes that a slow and obvious reading of RFC 9110 selects', () => {
    const number = fc.oneof(fc.nat(40), fc.nat(2 ** 40)).map(String);
    const spec = fc.oneof(
      fc.tuple(number, fc.oneof(number, fc.constant(''))).map(([first, last]) => `${first}-${last}`),
      number.map((suffix) => `-${suffix}`),
    );
    fc.assert(
      fc.property(spec, fc.nat(30), (text, size) => {
        const bytes = Array.from({ length: size }, (_, index) => index);
        const [first = '', last = ''] = text.split('-');
        const selected = bytes.filter((index) =>
          first === ''
            ? index >= size - Number(last)
            : index >= Number(first) && (last === '' || index <= Number(last)),
        );
        const range = parseRange(`bytes=${text}`, size);
        if (first !== '' && last !== '' && BigInt(last) < BigInt(first)) {
          expect(range).toBe('whole');
        } else if (selected.length > 0) {
          expect(range).toEqual({ start: selected[0], end: selected.at(-1) });
        } else {
          expect(range).toBe(first === '' && Number(last) > 0 ? 'whole' : 'unsatisfiable');
        }
      }),
    );
  });

  it('never selects anything outside the file, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `bytes=${text}`),
        ),
        fc.nat(100),
        (text, size) => {
          const range = parseRange(text, size);
          if (typeof range === 'string') return;
          expect(range.start).toBeGreaterThanOrEqual(0);
          expect(range.end).toBeGreaterThanOrEqual(range.start);
          expect(range.end).toBeLessThan(size);
        },
      ),
    );
  });

  it.each([
    'bytes=0-1,5-6',
    'bytes=-',
    'bytes=a-b',
    'bytes=5-4',
    'bytes 0-1',
    'items=0-1',
    'bytes=0x1-2',
    'bytes=--5',
    'bytes=1-2-3',
    '',
  ])('is ignored as %j', (field) => {
    expect(parseRange(field, 10)).toBe('whole');
  });

  it('is a suffix longer than the file: the whole file, as a range', () => {
    expect(parseRange('bytes=-5000', 1000)).toEqual({ start: 0, end: 999 });
  });
});

describe('a request with conditions', () => {
  it('gets 206 for a range, 416 for one outside, 200 without', () => {
    expect(verdict({})).toEqual({ status: 200 });
    expect(verdict({ range: 'bytes=10-19' })).toEqual({ status: 206, range: { start: 10, end: 19 } });
    expect(verdict({ range: 'bytes=1000-' })).toEqual({ status: 416 });
    expect(verdict({ range: 'bytes=-0' })).toEqual({ status: 416 });
  });

  it('ignores the range of a HEAD, and of a file whose size is not known', () => {
    expect(verdict({ range: 'bytes=10-19' }, 'HEAD')).toEqual({ status: 200 });
    expect(decide({ method: 'GET', range: 'bytes=0-1' }, { ...FILE, size: null }, NOW)).toEqual({
      status: 200,
    });
  });

  it('gets 304 where If-None-Match has the tag, by weak comparison, in a list or as *', () => {
    for (const field of [
      ETAG,
      `W/${ETAG}`,
      `"a", ${ETAG}`,
      `"a,b" ,W/"c",${ETAG}`,
      '*',
      ` ${ETAG} `,
      `,${ETAG},`,
    ]) {
      expect(verdict({ ifNoneMatch: field }), field).toEqual({ status: 304 });
    }
    for (const field of ['"a"', 'sha-256:00ff', `${ETAG}x`, '"', '']) {
      expect(verdict({ ifNoneMatch: field }), field).toEqual({ status: 200 });
    }
    expect(verdict({ ifNoneMatch: ETAG, range: 'bytes=0-1' })).toEqual({ status: 304 });
  });

  it('gets 412 where If-Match has not the tag, by strong comparison', () => {
    expect(verdict({ ifMatch: ETAG })).toEqual({ status: 200 });
    expect(verdict({ ifMatch: '*' })).toEqual({ status: 200 });
    expect(verdict({ ifMatch: `W/${ETAG}` })).toEqual({ status: 412 });
    expect(verdict({ ifMatch: '"other"', ifNoneMatch: ETAG, range: 'bytes=9999-' })).toEqual({ status: 412 });
  });

  it('compares dates by whole seconds, and only where there is no tag to compare', () => {
    expect(verdict({ ifModifiedSince: at(MODIFIED) })).toEqual({ status: 304 });
    expect(verdict({ ifModifiedSince: at(MODIFIED - 1000) })).toEqual({ status: 200 });
    expect(verdict({ ifModifiedSince: at(MODIFIED), ifNoneMatch: '"other"' })).toEqual({ status: 200 });
    expect(verdict({ ifModifiedSince: 'yesterday' })).toEqual({ status: 200 });
    expect(verdict({ ifUnmodifiedSince: at(MODIFIED) })).toEqual({ status: 200 });
    expect(verdict({ ifUnmodifiedSince: at(MODIFIED - 1000) })).toEqual({ status: 412 });
    expect(verdict({ ifUnmodifiedSince: at(MODIFIED - 1000), ifMatch: ETAG })).toEqual({ status: 200 });
  });

  it('takes the range only where If-Range has the very tag or date', () => {
    const part = { status: 206, range: { start: 0, end: 1 } };
    const range = 'bytes=0-1';
    expect(verdict({ range, ifRange: ETAG })).toEqual(part);
    expect(verdict({ range, ifRange: at(MODIFIED) })).toEqual(part);
    for (const ifRange of [`W/${ETAG}`, '"other"', at(MODIFIED + 5000), at(MODIFIED - 5000), 'x', '']) {
      expect(verdict({ range, ifRange }), ifRange).toEqual({ status: 200 });
    }
    expect(verdict({ range: 'bytes=5000-', ifRange: '"other"' })).toEqual({ status: 200 });
    const fresh = { ...FILE, lastModified: NOW + 200 };
    expect(decide({ method: 'GET', range, ifRange: at(fresh.lastModified) }, fresh, NOW + 700)).toEqual({
      status: 200,
    });
    const weak = { ...FILE, etag: `W/${ETAG}` };
    expect(decide({ method: 'GET', range, ifRange: weak.etag }, weak, NOW)).toEqual({ status: 200 });
  });

  it('never throws, and gives a range only inside the file, whatever the fields hold', () => {
    const field = fc.option(
      fc.oneof(fc.string(), fc.constantFrom(ETAG, '*', at(MODIFIED), 'bytes=1-2', 'bytes=2000-')),
      { nil: undefined },
    );
    const conditions = fc.record({
      method: fc.constantFrom('GET', 'HEAD', 'POST'),
      range: field,
      ifMatch: field,
      ifNoneMatch: field,
      ifModifiedSince: field,
      ifUnmodifiedSince: field,
      ifRange: field,
    });
    fc.assert(
      fc.property(conditions, (each) => {
        const answer = decide(each, FILE, NOW);
        if (answer.status === 206) expect(answer.range.end).toBeLessThan(FILE.size);
        if (answer.status === 304) expect(each.ifNoneMatch ?? each.ifModifiedSince).toBeDefined();
      }),
    );
  });
});

describe('an HTTP date', () => {
  it('is read in its three forms, and in no other', () => {
    const time = Date.UTC(1994, 10, 6, 8, 49, 37);
    expect(parseDate('Sun, 06 Nov 1994 08:49:37 GMT', NOW)).toBe(time);
    expect(parseDate('Sunday, 06-Nov-94 08:49:37 GMT', NOW)).toBe(time);
    expect(parseDate('Sun Nov  6 08:49:37 1994', NOW)).toBe(time);
    for (const text of [
      '1994-11-06',
      'Sun, 06 Nov 1994 08:49:37 +0100',
      'Sun, 66 Nov 1994 08:49:37 GMT',
      '0',
      '',
    ]) {
      expect(parseDate(text, NOW), text).toBeNull();
    }
  });

  it('survives the way to text and back', () => {
    fc.assert(
      fc.property(fc.date({ min: new Date(0), max: new Date(4e12), noInvalidDate: true }), (date) => {
        expect(parseDate(date.toUTCString(), NOW)).toBe(Math.floor(date.getTime() / 1000) * 1000);
      }),
    );
  });
});
