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

describe('conditions at their borders', () => {
  const of = (file: Partial<typeof FILE> | { etag: null } | { lastModified: null }) => ({ ...FILE, ...file });
  const decided = (conditions: Omit<Conditions, 'method'>, file: object, method = 'GET', now = NOW) =>
    decide({ method, ...conditions }, of(file), now).status;
  const LATER = at(NOW - 60_000);
  const EARLIER = at(MODIFIED - 60_000);

  it('dates say nothing of a file without a date, and a date that is none says nothing of any', () => {
    for (const field of [LATER, EARLIER]) {
      expect(decided({ ifUnmodifiedSince: field }, { lastModified: null })).toBe(200);
      expect(decided({ ifModifiedSince: field }, { lastModified: null })).toBe(200);
      expect(decided({ ifRange: field, range: 'bytes=0-1' }, { lastModified: null })).toBe(200);
    }
    // At time 0 a date that is none would be before or after everything.
    for (const lastModified of [0, 1000, MODIFIED]) {
      expect(decided({ ifUnmodifiedSince: 'tomorrow' }, { lastModified })).toBe(200);
      expect(decided({ ifModifiedSince: 'tomorrow' }, { lastModified })).toBe(200);
      expect(decided({ ifRange: 'tomorrow', range: 'bytes=0-1' }, { lastModified })).toBe(200);
    }
  });

  it('a tag says nothing of a file without one, but for the star', () => {
    for (const field of [ETAG, `W/${ETAG}`, '""', 'null', '"null"']) {
      expect(decided({ ifNoneMatch: field }, { etag: null })).toBe(200);
      expect(decided({ ifMatch: field }, { etag: null })).toBe(412);
      expect(decided({ ifRange: field, range: 'bytes=0-1' }, { etag: null })).toBe(200);
    }
    expect(decided({ ifMatch: '*' }, { etag: null })).toBe(200);
    expect(decided({ ifNoneMatch: ' * ' }, { etag: null })).toBe(304);
  });

  it('a weak tag of the file is never the same for certain', () => {
    const weak = { etag: `W/${ETAG}` };
    for (const field of [ETAG, `W/${ETAG}`]) {
      expect(decided({ ifMatch: field }, weak)).toBe(412);
      expect(decided({ ifRange: field, range: 'bytes=0-1' }, weak)).toBe(200);
      expect(decided({ ifNoneMatch: field }, weak)).toBe(304);
    }
    // W/ within a tag makes none weak.
    const odd = { etag: '"aW/b"' };
    expect(decided({ ifMatch: '"aW/b"' }, odd)).toBe(200);
    expect(decided({ ifNoneMatch: '"ab"' }, odd)).toBe(200);
    const end = { etag: '"W/"' };
    expect(decided({ ifMatch: '"W/"' }, end)).toBe(200);
    expect(decided({ ifRange: '"W/"', range: 'bytes=0-1' }, end)).toBe(206);
  });

  it('a list that breaks off matches nothing, not even what stood before', () => {
    for (const field of [
      `${ETAG}, "open`,
      `${ETAG} ${ETAG}`,
      `${ETAG}, x`,
      'Stryker was here',
      `w/${ETAG}`,
    ]) {
      expect(decided({ ifNoneMatch: field }, {}), field).toBe(200);
      expect(decided({ ifMatch: field }, {}), field).toBe(412);
    }
    for (const field of [`, ${ETAG}`, `${ETAG},`, `  ${ETAG}\t,"x"`, `"x" , ${ETAG}`]) {
      expect(decided({ ifNoneMatch: field }, {}), field).toBe(304);
    }
    expect(decided({ ifNoneMatch: '' }, {})).toBe(200);
    expect(decided({ ifMatch: ', ,' }, {})).toBe(412);
  });

  it('reading is GET and HEAD; whatever else asks gets no 304', () => {
    for (const [method, status] of [
      ['GET', 304],
      ['HEAD', 304],
      ['PUT', 412],
      ['DELETE', 412],
    ] as const) {
      expect(decided({ ifNoneMatch: ETAG }, {}, method)).toBe(status);
      expect(decided({ ifModifiedSince: LATER }, {}, method)).toBe(status === 304 ? 304 : 200);
    }
  });

  it('ignores If-Range without a range, and white space around it', () => {
    expect(decided({ ifRange: ETAG }, {})).toBe(200);
    expect(decided({ range: 'bytes=0-1', ifRange: ` ${ETAG} ` }, {})).toBe(206);
    expect(decided({ range: 'bytes=0-1', ifRange: ` ${at(MODIFIED)} ` }, {})).toBe(206);
    expect(decided({ range: 'bytes=0-1', ifRange: `${ETAG}x` }, {})).toBe(200);
    // Within its second a file may have changed again.
    const second = Math.floor(MODIFIED / 1000) * 1000;
    expect(decided({ range: 'bytes=0-1', ifRange: at(MODIFIED) }, {}, 'GET', second + 999)).toBe(200);
    expect(decided({ range: 'bytes=0-1', ifRange: at(MODIFIED) }, {}, 'GET', second + 1000)).toBe(206);
  });

  it('a range of one byte is one, and anything before or behind the unit is no range', () => {
    expect(parseRange('bytes=5-5', 10)).toEqual({ start: 5, end: 5 });
    expect(parseRange('bytes= \t5-5 \t', 10)).toEqual({ start: 5, end: 5 });
    for (const field of ['xbytes=5-5', ' bytes=5-5', 'bytes=5-5x', 'bytes =5-5', 'bytes=5-5,7-7']) {
      expect(parseRange(field, 10), field).toBe('whole');
    }
  });

  it('a day that no month has, and a time that no day has, is no date', () => {
    const date = (day: string, time = '12:00:00', month = 'Jan') => `Thu, ${day} ${month} 2026 ${time} GMT`;
    expect(parseDate(date('01'), NOW)).toBe(Date.UTC(2026, 0, 1, 12));
    expect(parseDate(date('31', '23:59:60', 'Dec'), NOW)).toBe(Date.UTC(2026, 11, 31, 23, 59, 60));
    expect(parseDate(` ${date('31')} `, NOW)).toBe(Date.UTC(2026, 0, 31, 12));
    for (const bad of [
      date('00'),
      date('32'),
      date('01', '24:00:00'),
      date('01', '12:60:00'),
      date('01', '12:00:61'),
      date('01', '12:00:00', 'Foo'),
    ]) {
      expect(parseDate(bad, NOW), bad).toBeNull();
    }
  });

  it('a year of two digits is the one within fifty years ahead, or the last that ended so', () => {
    const year = (digits: string, now = NOW) =>
      new Date(parseDate(`Sunday, 06-Nov-${digits} 08:49:37 GMT`, now) ?? 0).getUTCFullYear();
    expect([year('26'), year('76'), year('77'), year('99'), year('00')]).toEqual([
      2026, 2076, 1977, 1999, 2000,
    ]);
    expect(year('10', Date.UTC(2099, 0, 1))).toBe(2010);
  });
});
