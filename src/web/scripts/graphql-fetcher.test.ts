import { expect, test } from 'vitest';
import { nameFor } from './graphql-fetcher.ts';

test('an operation that stands alone goes without a name, which may be that of another tab', () => {
  expect(nameFor('query BrowseMedia { a } fragment F on T { b }', 'Peers')).toBeUndefined();
  expect(nameFor('query A { a } query B { a }', 'B')).toBe('B');
  expect(nameFor('query A { a', 'A')).toBe('A');
  expect(nameFor('{ a }', null)).toBeUndefined();
});
