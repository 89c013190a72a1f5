import { expect, test } from 'vitest';
import { isBaseUrl, toBaseUrl } from './base-url.ts';

test.each(['http://127.0.0.1:4000', 'https://a.example', 'https://a.example/hedge/row', 'http://[::1]:4000'])(
  '%s is a base',
  (text) => expect(isBaseUrl(text)).toBe(true),
);

test.each([
  '',
  'ftp://a.example',
  'https://a.example/',
  'https://a.example/x?y',
  'https://a.example/#x',
  'https://user:word@a.example',
  'https://a.example/federation/v1',
  'https://a.example/federation/v1/x',
  'javascript:alert(1)',
  'https://',
  'https://a b',
  'https:\\\\a.example',
  `https://a.example/${'x'.repeat(2000)}`,
])('%j is none', (text) => expect(isBaseUrl(text)).toBe(false));

test('what a person types is trimmed', () => {
  expect(toBaseUrl(' https://a.example/hedge// ')).toBe('https://a.example/hedge');
  expect(toBaseUrl('a.example')).toBeUndefined();
});
