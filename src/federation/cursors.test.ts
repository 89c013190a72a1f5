import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cursorKey, openCursor, sealCursor } from './cursors.ts';

const key = cursorKey(Buffer.alloc(32, 5));
const word = fc.string({ unit: fc.constantFrom(...'abcXYZ019_-'), minLength: 1, maxLength: 64 });
const sequence = fc.nat({ max: Number.MAX_SAFE_INTEGER });

test('a cursor comes back whole, and fits the form of the protocol', () => {
  fc.assert(
    fc.property(word, sequence, sequence, fc.nat(), word, (epoch, last, start, grantRevision, mark) => {
      const cursor = { epoch, sequence: last, start, grantRevision, mark };
      const text = sealCursor(key, 'pair-1', cursor);
      expect(text).toMatch(/^[A-Za-z0-9_-]{1,300}$/);
      expect(openCursor(key, 'pair-1', text)).toEqual(cursor);
      expect(openCursor(key, 'pair-2', text)).toBeNull();
    }),
    { numRuns: 100, seed: 1 },
  );
});

test('whatever was not sealed here is no cursor', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.base64String({ maxLength: 400 })), (text) => {
      expect(openCursor(key, 'pair-1', text)).toBeNull();
    }),
    { numRuns: 200, seed: 2 },
  );
});

test('an epoch that does not fit is refused where it is made', () => {
  const cursor = { epoch: 'e'.repeat(200), sequence: 1, start: 0, grantRevision: 0, mark: 'm' };
  expect(() => sealCursor(key, 'pair-1', cursor)).toThrow(RangeError);
});
