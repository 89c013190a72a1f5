import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deriveKey, open, seal } from './seal.ts';

const key = deriveKey(Buffer.alloc(32, 7), 'test/1');

test('what was sealed opens under the same key for the same owner, and never twice the same', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.string(), (plain, owner) => {
      const sealed = seal(key, owner, plain);
      expect(open(key, owner, sealed)).toEqual(Buffer.from(plain));
      expect(sealed.length).toBe(Math.ceil(((29 + plain.length) * 4) / 3));
      expect(seal(key, owner, plain)).not.toBe(sealed);
    }),
    { numRuns: 100, seed: 1 },
  );
});

test('another owner, another key, another purpose or one changed character opens nothing', () => {
  const sealed = seal(key, 'row-1', 'secret');
  expect(open(key, 'row-2', sealed)).toBeUndefined();
  expect(open(randomBytes(32), 'row-1', sealed)).toBeUndefined();
  expect(open(deriveKey(Buffer.alloc(32, 7), 'test/2'), 'row-1', sealed)).toBeUndefined();
  for (let at = 0; at < sealed.length; at++) {
    const changed = `${sealed.slice(0, at)}${sealed[at] === 'A' ? 'B' : 'A'}${sealed.slice(at + 1)}`;
    expect(open(key, 'row-1', changed)).toBeUndefined();
  }
});

test('no text makes opening throw', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.base64String()), (text) => {
      expect(open(key, 'row-1', text)).toBeUndefined();
    }),
    { numRuns: 300, seed: 2 },
  );
});

test('a master key of another length is refused', () => {
  expect(() => deriveKey(Buffer.alloc(16), 'test/1')).toThrow(RangeError);
});
