import { afterEach, beforeEach, expect, it } from 'vitest';
import { leave, signInHere } from './sign-in-here.ts';

beforeEach(() => {
  globalThis.location = { pathname: '/photos/', search: '?kind=video' } as Location;
});
afterEach(() => {
  leave(false);
  Reflect.deleteProperty(globalThis, 'location');
});

it('leads back to where somebody is, but not whoever signs out, whichever asks first', () => {
  expect(signInHere()).toBe('./sign-in?next=%2Fphotos%2F%3Fkind%3Dvideo');
  leave(true);
  expect(signInHere()).toBe('./sign-in');
  leave(false);
  expect(signInHere()).toBe('./sign-in?next=%2Fphotos%2F%3Fkind%3Dvideo');
});
