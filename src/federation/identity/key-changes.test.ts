import fc from 'fast-check';
import { expect, test } from 'vitest';
import { followKeyChain, type KeyChange, makeKeyChange } from './key-changes.ts';
import { generateKey, type PrivateKey, verifyBytes } from './keys.ts';

const ID = 'inst_00000000-0000-4000-8000-000000000001';
const [a, b, c, d] = [generateKey(), generateKey(), generateKey(), generateKey()];

function chain(...keys: PrivateKey[]): KeyChange[] {
  return keys.slice(1).map((key, index) => makeKeyChange(ID, index + 1, keys[index] ?? key, key));
}

test('both keys sign the five lines that the protocol names', () => {
  const [change] = chain(a, b);
  const text = `hedgerow-key-1\n${ID}\n1\n${a.thumbprint}\n${b.thumbprint}`;
  expect(verifyBytes(text, Buffer.from(change?.oldSignature ?? '', 'base64url'), a)).toBe(true);
  expect(verifyBytes(text, Buffer.from(change?.newSignature ?? '', 'base64url'), b)).toBe(true);
});

test('a chain is followed from whichever of its keys is pinned to its end', () => {
  expect(followKeyChain(a.thumbprint, chain(a, b, c), ID)).toMatchObject({
    kind: 'changed',
    key: { thumbprint: c.thumbprint },
    passed: [a.thumbprint, b.thumbprint],
  });
  expect(followKeyChain(b.thumbprint, chain(a, b, c), ID, [a.thumbprint])).toMatchObject({
    kind: 'changed',
    passed: [b.thumbprint],
  });
  expect(followKeyChain(c.thumbprint, chain(a, b, c), ID)).toEqual({ kind: 'unchanged' });
  expect(followKeyChain(c.thumbprint, [], ID)).toEqual({ kind: 'unchanged' });
});

test('two successors of one key are a fork, within the chain and against what was followed before', () => {
  const forked = [...chain(a, b), ...chain(a, c)];
  expect(followKeyChain(a.thumbprint, forked, ID)).toEqual({ kind: 'fork', thumbprint: a.thumbprint });
  expect(followKeyChain(b.thumbprint, chain(a, c), ID, [a.thumbprint])).toEqual({
    kind: 'fork',
    thumbprint: a.thumbprint,
  });
});

test('an entry that is not signed by both keys raises no alarm and moves nothing', () => {
  const [real] = chain(a, b);
  const [other] = chain(d, c);
  const forged = { ...other, old: a.jwk };
  expect(followKeyChain(a.thumbprint, [real, forged], ID)).toMatchObject({ kind: 'invalid' });
  for (const broken of [
    { ...real, number: 2 },
    { ...real, new: c.jwk },
    { ...real, newSignature: real?.oldSignature },
    { ...real, oldSignature: '' },
    { ...real, new: { ...b.jwk, x: 'AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' } },
  ])
    expect(followKeyChain(a.thumbprint, [broken], ID).kind).toBe('invalid');
  expect(followKeyChain(a.thumbprint, chain(a, b), `${ID.slice(0, -1)}2`).kind).toBe('invalid');
});

test('a chain with a gap, out of order, or with a key that comes back is not followed', () => {
  const [first, second] = chain(a, b, c);
  expect(followKeyChain(a.thumbprint, [second, first], ID).kind).toBe('invalid');
  expect(followKeyChain(a.thumbprint, [first, makeKeyChange(ID, 3, b, c)], ID).kind).toBe('invalid');
  expect(followKeyChain(a.thumbprint, chain(a, b, a), ID).kind).toBe('invalid');
  expect(followKeyChain(d.thumbprint, chain(a, b), ID).kind).toBe('invalid');
});

test('nothing that can be sent as a chain throws or changes a key', () => {
  fc.assert(
    fc.property(fc.oneof(fc.anything(), fc.array(fc.anything())), (value) => {
      expect(['unchanged', 'invalid']).toContain(followKeyChain(a.thumbprint, value, ID).kind);
    }),
    { numRuns: 200, seed: 3 },
  );
});
