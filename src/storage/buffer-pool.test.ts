import { expect, it } from 'vitest';
import { lease, release, retain } from './buffer-pool.ts';

it('gives a buffer to somebody else only after all who hold it have let go of it', () => {
  const bytes = lease();
  retain(bytes);
  const part = bytes.subarray(100, 200);
  retain(part);
  release(bytes);
  release(part);
  const other = lease();
  expect(other.buffer).not.toBe(bytes.buffer);
  release(bytes);
  expect(lease().buffer).toBe(bytes.buffer);
});

it('leaves alone what it has not lent, and what was given back already', () => {
  const foreign = Buffer.alloc(10);
  retain(foreign);
  release(foreign);
  const bytes = lease();
  release(bytes);
  release(bytes);
  const [one, another] = [lease(), lease()];
  expect(one.buffer).not.toBe(another.buffer);
});
