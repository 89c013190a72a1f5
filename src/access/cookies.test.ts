import fc from 'fast-check';
import { expect, test } from 'vitest';
import { anyText } from '../../test/support/any-text.ts';
import { cookieValue } from './cookies.ts';

/** RFC 6265, 4.1.1: a token, and octets without blanks, quotes, commas, semicolons and backslashes. */
const names = fc.stringMatching(/^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,20}$/);
const values = fc.stringMatching(/^[!#-+\--:<-[\]-~]{0,40}$/);

test('the value of each cookie is found, whatever else stands beside it', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.tuple(names, values), { minLength: 1, maxLength: 8, selector: ([name]) => name }),
      fc.constantFrom('; ', ';', ' ;  '),
      (cookies, separator) => {
        const header = cookies.map(([name, value]) => `${name}=${value}`).join(separator);
        for (const [name, value] of cookies) expect(cookieValue(header, name)).toBe(value);
      },
    ),
  );
});

test('of two of one name the first counts, as the browser sends the one with the longer path first', () => {
  expect(cookieValue('a=1; b=2; a=3', 'a')).toBe('1');
  expect(cookieValue('ab=0; a=1; b=2', 'b')).toBe('2');
});

test('a value may contain what separates name and value', () => {
  expect(cookieValue('a=x=y==', 'a')).toBe('x=y==');
});

test('nothing is found without a header, for a part of a name, or where there is no name', () => {
  expect(cookieValue(undefined, 'a')).toBeUndefined();
  for (const header of ['', ';', 'a', '=a', 'ab=1', 'xa=1', 'A=1', 'b=a=1', '; ;a', 'b="; c=1"']) {
    expect(cookieValue(header, 'a'), header).toBeUndefined();
  }
  expect(cookieValue('=1', '')).toBeUndefined();
});

test('no header makes it throw, and it gives nothing that was not there', () => {
  fc.assert(
    fc.property(anyText(200), fc.string({ maxLength: 5 }), (header, name) => {
      const value = cookieValue(header, name);
      if (value === undefined) return;
      expect(value).toBe(value.trim());
      expect(value).not.toContain(';');
      expect(header).toContain(value);
    }),
    { numRuns: 1000 },
  );
});
