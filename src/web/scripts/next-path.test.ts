import { expect, test } from 'vitest';
import { nextPath } from './next-path.ts';

const page = 'https://home.example/hedgerow/sign-in';

test.each([
  ['/hedgerow/graphql', '/hedgerow/graphql'],
  ['/hedgerow/graphql?query=%7Ba%7D#x', '/hedgerow/graphql?query=%7Ba%7D#x'],
  ['graphql', '/hedgerow/graphql'],
  ['https://home.example/hedgerow/graphql', '/hedgerow/graphql'],
])('%s of this instance is followed', (next, path) => {
  expect(nextPath(next, page)).toBe(path);
});

test.each([
  [null],
  [''],
  ['https://evil.example/hedgerow/'],
  ['//evil.example/hedgerow/'],
  ['/\\evil.example/hedgerow/'],
  ['\\\\evil.example'],
  ['\t//evil.example/hedgerow/'],
  ['javascript:alert(1)'],
  ['data:text/html,x'],
  ['http://home.example/hedgerow/'],
  ['https://home.example:444/hedgerow/'],
  ['https://user@evil.example/hedgerow/'],
  ['/other'],
  ['../other'],
  ['/hedgerow/../other'],
  ['/hedgerowevil'],
])('%s leads home', (next) => {
  expect(nextPath(next, page)).toBe('/hedgerow/');
});
