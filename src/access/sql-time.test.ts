import { expect, test } from 'vitest';
import { milliseconds } from './sql-time.ts';

test('a time is asked for in the words of each database; what comes of them, sessions and tokens show', () => {
  const text = (dialect: 'sqlite' | 'postgresql') => milliseconds({ dialect }, 's.created_at').text;
  expect(text('sqlite')).toBe("CAST(round(unixepoch(s.created_at, 'subsec') * 1000) AS INTEGER)");
  expect(text('postgresql')).toBe('round(extract(epoch FROM s.created_at) * 1000)');
});
