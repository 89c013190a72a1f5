import { expect, test } from 'vitest';
import { hasScope, isRole, isTokenScope, ROLES, scopesOf, TOKEN_SCOPES, type Viewer } from './viewer.ts';

const program = (...scopes: (typeof TOKEN_SCOPES)[number][]): Viewer => ({
  via: 'token',
  tokenId: 'token_1',
  user: null,
  role: 'VIEWER',
  scopes,
});

test('each role has what the one below it has, and more', () => {
  expect(scopesOf('ADMIN')).toEqual(TOKEN_SCOPES);
  expect(scopesOf('EDITOR')).toEqual(['CATALOG_READ', 'MEDIA_READ', 'LIBRARY_WRITE']);
  expect(scopesOf('VIEWER')).toEqual(['CATALOG_READ', 'MEDIA_READ']);
});

test('a viewer has the scopes that it has; ADMIN is all of them; nobody has none', () => {
  for (const scope of TOKEN_SCOPES) {
    expect(hasScope(null, scope)).toBe(false);
    expect(hasScope(program(), scope)).toBe(false);
    expect(hasScope(program(scope), scope)).toBe(true);
    expect(hasScope(program('ADMIN'), scope)).toBe(true);
    expect(hasScope(program('CATALOG_READ'), scope)).toBe(scope === 'CATALOG_READ');
  }
});

test('only the words for roles and scopes are roles and scopes', () => {
  expect(ROLES.every(isRole)).toBe(true);
  expect(TOKEN_SCOPES.every(isTokenScope)).toBe(true);
  for (const other of ['', 'admin', 'OWNER', null, undefined, 0, ['ADMIN'], {}]) {
    expect(isRole(other)).toBe(false);
    expect(isTokenScope(other)).toBe(false);
  }
  expect(isRole('MEDIA_READ')).toBe(false);
  expect(isTokenScope('EDITOR')).toBe(false);
});
