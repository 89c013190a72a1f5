import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  generateKey,
  isThumbprint,
  parsePublicKey,
  privateKeyFromSeed,
  privateSeed,
  publicBytes,
  publicKeyFromBytes,
  signBytes,
  storedPublicKey,
  thumbprintOf,
  verifyBytes,
} from './keys.ts';

const P = 2n ** 255n - 19n;

/** y and the sign bit as 32 bytes, little-endian. */
function encode(y: bigint, sign: 0 | 1): Buffer {
  const hex = (y | (BigInt(sign) << 255n)).toString(16).padStart(64, '0');
  return Buffer.from(hex, 'hex').reverse();
}

test('the thumbprint is the one of RFC 8037, appendix A.3', () => {
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' } as const;
  expect(thumbprintOf(jwk)).toBe('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k');
  expect(parsePublicKey(jwk).thumbprint).toBe('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k');
});

test('the first test vector of RFC 8032 signs as printed there', () => {
  const key = privateKeyFromSeed(
    Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex'),
  );
  expect(publicBytes(key).toString('hex')).toBe(
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
  );
  expect(signBytes('', key).toString('hex')).toBe(
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155' +
      '5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  );
});

test('seed and public bytes lead back to the same key', () => {
  const key = generateKey();
  expect(privateKeyFromSeed(privateSeed(key)).thumbprint).toBe(key.thumbprint);
  expect(publicKeyFromBytes(publicBytes(key)).jwk).toEqual(key.jwk);
  expect(isThumbprint(key.thumbprint)).toBe(true);
  expect(verifyBytes('text', signBytes('text', key), publicKeyFromBytes(publicBytes(key)))).toBe(true);
  expect(verifyBytes('test', signBytes('text', key), key)).toBe(false);
  const signature = signBytes('text', key);
  for (const other of [
    Buffer.alloc(0),
    Buffer.alloc(64),
    signature.subarray(0, 63),
    Buffer.concat([signature, Buffer.alloc(1)]),
    Buffer.concat([signature, signature]),
  ]) {
    expect(verifyBytes('text', other, key), String(other.length)).toBe(false);
  }
});

test('a seed has 32 bytes', () => {
  for (const length of [0, 31, 33, 64]) {
    expect(() => privateKeyFromSeed(Buffer.alloc(length))).toThrow(
      new RangeError(`an Ed25519 seed has 32 bytes, not ${length}`),
    );
  }
});

test('a thumbprint is 43 characters of base64url that stand for 32 bytes', () => {
  const { thumbprint } = generateKey();
  expect(isThumbprint(thumbprint)).toBe(true);
  for (const other of [
    '',
    thumbprint.slice(1),
    `${thumbprint}A`,
    `${thumbprint.slice(0, -1)}B`,
    `${thumbprint.slice(0, -1)}=`,
    `+${thumbprint.slice(1)}`,
    [thumbprint],
    null,
    undefined,
    7,
  ]) {
    expect(isThumbprint(other), String(other)).toBe(false);
  }
});

test('generated keys are always acceptable', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (seed) => {
      const key = privateKeyFromSeed(seed);
      expect(parsePublicKey(key.jwk).thumbprint).toBe(key.thumbprint);
    }),
    { numRuns: 40, seed: 1 },
  );
});

const ORDER_8 = [
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
].map((hex) => BigInt(`0x${Buffer.from(hex, 'hex').reverse().toString('hex')}`));

test.each([0n, 1n, P - 1n, P, P + 1n, ...ORDER_8].flatMap((y) => [encode(y, 0), encode(y, 1)]))(
  'a point of small order is refused in every encoding (%#)',
  (bytes) => {
    expect(() => publicKeyFromBytes(bytes)).toThrow(expect.objectContaining({ code: 'PAIRING_KEY_REFUSED' }));
  },
);

test('all nineteen values of y at and above p are refused', () => {
  for (let y = P; y < 2n ** 255n; y++)
    for (const sign of [0, 1] as const)
      expect(() => publicKeyFromBytes(encode(y, sign))).toThrow(
        expect.objectContaining({ code: 'PAIRING_KEY_REFUSED' }),
      );
});

test('bytes that are no point of the curve are refused', () => {
  // y = 2 is not on the curve; y = 3 is.
  expect(() => publicKeyFromBytes(encode(2n, 0))).toThrow(/not a point/);
  expect(publicKeyFromBytes(encode(3n, 0)).thumbprint).toHaveLength(43);
});

test('what is not an Ed25519 JWK is refused, whatever it is', () => {
  const { x } = generateKey().jwk;
  const refused = expect.objectContaining({ code: 'PAIRING_KEY_REFUSED' });
  for (const value of [
    null,
    'key',
    {},
    { kty: 'EC', crv: 'Ed25519', x },
    { kty: 'OKP', crv: 'X25519', x },
    { kty: 'OKP', crv: 'Ed25519', x: `${x}=` },
    { kty: 'OKP', crv: 'Ed25519', x: x.slice(1) },
    { kty: 'OKP', crv: 'Ed25519', x, d: x },
  ])
    expect(() => parsePublicKey(value)).toThrow(refused);
  fc.assert(
    fc.property(fc.anything(), (value) => {
      expect(() => parsePublicKey(value)).toThrow(refused);
    }),
    { numRuns: 200, seed: 2 },
  );
});

test('a key of a row is read and judged once, and is the same ever after', () => {
  const { jwk, thumbprint } = generateKey();
  const text = JSON.stringify(jwk);
  const key = storedPublicKey(text);
  expect(key).toMatchObject({ jwk, thumbprint });
  expect(storedPublicKey(text)).toBe(key);
  const other = generateKey();
  expect(storedPublicKey(JSON.stringify(other.jwk)).thumbprint).toBe(other.thumbprint);
  // Written in another way it is another text, and the same key.
  expect(storedPublicKey(JSON.stringify({ ...jwk, kid: 'x' })).thumbprint).toBe(thumbprint);
  for (let time = 0; time < 2; time++) {
    expect(() => storedPublicKey(JSON.stringify({ ...jwk, kty: 'EC' }))).toThrow(
      expect.objectContaining({ code: 'PAIRING_KEY_REFUSED' }),
    );
    expect(() => storedPublicKey('no JSON')).toThrow(SyntaxError);
  }
});
