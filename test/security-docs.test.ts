/** What docs/security.md says is tested, is; and every setting is explained to whoever runs a server. */

import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { VARIABLES } from '../src/config/env.ts';

const SHORT: Record<string, string> = {
  matrix: 'test/access-matrix.test.ts',
  access: 'src/access/access.test.ts',
};

test('every test that the table names is there, under the words by which it is named', () => {
  const table = readFileSync('docs/security.md', 'utf8').split('\n');
  let named = 0;
  for (const line of table) {
    const cell = line.startsWith('|') ? (line.split('|').at(3) ?? '') : '';
    let file: string | undefined;
    for (const [, path, word, sentence] of cell.matchAll(
      /`([^`]+\.test\.ts)`|\b(matrix|access)\b|"([^"]+)"/g,
    )) {
      if (sentence === undefined) {
        file = path ?? SHORT[word ?? ''];
        expect(file !== undefined && existsSync(file), line).toBe(true);
        named++;
      } else {
        expect(readFileSync(file ?? '', 'utf8').includes(sentence), `${file}: ${sentence}`).toBe(true);
      }
    }
  }
  expect(named).toBeGreaterThan(60);
});

test('every setting is explained in docs/operating.md', () => {
  const text = readFileSync('docs/operating.md', 'utf8');
  expect(VARIABLES.filter((name) => !text.includes(name))).toEqual([]);
});
