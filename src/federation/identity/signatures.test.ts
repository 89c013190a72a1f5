import { createPrivateKey, createPublicKey, sign as cryptoSign, verify as cryptoVerify } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { signAnswer, verifyAnswer } from './answer-signatures.ts';
import { contentDigest, matchesContentDigest } from './content-digest.ts';
import { type FieldList, parseStrictDictionary } from './http-fields.ts';
import {
  generateKey,
  type PublicKey,
  parsePublicKey,
  privateKeyFromSeed,
  signBytes,
  verifyBytes,
} from './keys.ts';
import {
  type IncomingRequest,
  readAuthorization,
  readPairingSignature,
  readRequestSignature,
  signedTarget,
  signPairingRequest,
  signRequest,
  verifyRequestSignature,
} from './request-signatures.ts';
import { signatureBase } from './signature-fields.ts';

const now = new Date('2026-11-20T12:00:00.700Z');
const seconds = Math.floor(now.getTime() / 1000);
const us = privateKeyFromSeed(Buffer.alloc(32, 1));
const them = privateKeyFromSeed(Buffer.alloc(32, 2));
const other = privateKeyFromSeed(Buffer.alloc(32, 3));
const token = `hedgerow_peer_${'A'.repeat(43)}`;
const signer = { key: us, receiver: them.thumbprint, token, now };
const invalid = expect.objectContaining({ code: 'SIGNATURE_INVALID' });

function incoming(
  request: { method: string; target: string; body?: Uint8Array | undefined },
  headers: Record<string, string>,
): IncomingRequest & { fields: [string, string][] } {
  return { ...request, fields: [['Host', 'peer.example'], ...Object.entries(headers)] };
}

function signed(request: { method: string; target: string; body?: Uint8Array }) {
  return incoming(request, signRequest(request, signer));
}

function accepts(request: IncomingRequest, key: PublicKey = us, at: Date = now): void {
  verifyRequestSignature(readRequestSignature(request), key, [them.thumbprint], at);
}

/** The request with one field changed, left out (undefined) or repeated (a list). */
function withField(
  request: IncomingRequest,
  name: string,
  value: string | string[] | undefined,
): IncomingRequest {
  const fields: FieldList = request.fields.flatMap(([key, old]): [string, string][] =>
    key !== name ? [[key, old]] : [value ?? []].flat().map((text) => [key, text]),
  );
  return { ...request, fields };
}

function field(request: IncomingRequest, name: string): string {
  return request.fields.find(([key]) => key === name)?.[1] ?? '';
}

/** Signs whatever Signature-Input says, with the right key: only the shape can be refused then. */
function withInput(request: IncomingRequest, params: string, label = 'sig'): IncomingRequest {
  const target = signedTarget(request.target);
  const values: Record<string, string> = {
    '"@method"': request.method,
    '"@path"': target?.path ?? '',
    '"@query"': target?.query ?? '',
    '"authorization"': field(request, 'authorization'),
    '"content-digest"': field(request, 'content-digest'),
    '"host"': 'peer.example',
  };
  const components = [...(/^\((.*?)\)/.exec(params)?.[1] ?? '').matchAll(/"[^"]*"(?:;req)?/g)].map(
    ([name]) => name,
  );
  const base = signatureBase(components, values, params);
  const bytes = cryptoSign(null, Buffer.from(base), us.privateKey).toString('base64');
  return withField(
    withField(request, 'signature-input', `${label}=${params}`),
    'signature',
    `${label}=:${bytes}:`,
  );
}

const get = { method: 'GET', target: '/federation/v1/media?after=abc&limit=100' };
const post = { method: 'POST', target: '/federation/v1/credentials', body: Buffer.from('{"a":1}') };
const COMPONENTS = '"@method" "@path" "@query" "authorization"';
const PARAMS = `;created=${seconds};nonce="0123456789abcdef";keyid="${us.thumbprint}";alg="ed25519";tag="hedgerow-federation-1:${them.thumbprint}"`;

describe('a signed request', () => {
  test('is accepted, with and without a body, and says what it says', () => {
    accepts(signed(get));
    accepts(signed(post));
    const parsed = readRequestSignature(signed(get));
    expect(parsed).toMatchObject({ keyid: us.thumbprint, created: seconds, receiver: them.thumbprint });
    expect(parsed.nonce).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(readAuthorization(signed(get).fields)).toEqual({ value: `Bearer ${token}`, token });
  });

  test('covers exactly these lines', () => {
    const headers = signRequest(get, { ...signer, nonce: '0123456789abcdef' });
    expect(readRequestSignature(incoming(get, headers)).base).toBe(
      [
        '"@method": GET',
        '"@path": /federation/v1/media',
        '"@query": ?after=abc&limit=100',
        `"authorization": Bearer ${token}`,
        `"@signature-params": (${COMPONENTS})${PARAMS}`,
      ].join('\n'),
    );
  });

  test('does not depend on host, prefix or scheme, and signs an absent query as a question mark', () => {
    const headers = signRequest(
      { method: 'GET', target: 'https://a.example/hedge/federation/v1/status' },
      signer,
    );
    for (const target of ['/federation/v1/status', '/x/federation/v1/status', '/federation/v1/status?'])
      accepts(incoming({ method: 'GET', target }, headers));
    expect(signedTarget('http://federation/v1/federation/v1/status')).toEqual({
      path: '/federation/v1/status',
      query: '?',
    });
    expect(signedTarget('/a/federation/v1/b/federation/v1/c?d=/federation/v1')).toEqual({
      path: '/federation/v1/b/federation/v1/c',
      query: '?d=/federation/v1',
    });
    expect(signedTarget('/media?x=/federation/v1')).toBeUndefined();
  });

  test('may name its components and parameters in any order', () => {
    const parts = PARAMS.slice(1).split(';').reverse().join(';');
    accepts(withInput(signed(get), `("authorization" "@query" "@method" "@path");${parts}`));
  });

  test('may put spaces where RFC 8941 lets it; the base is built from the canonical form', () => {
    const request = withInput(signed(get), `(${COMPONENTS})${PARAMS}`);
    const spaced = field(request, 'signature-input').replace('(', '(  ').replace(';created', '; created');
    accepts(withField(request, 'signature-input', spaced));
  });

  test.each([
    ['another method', { method: 'DELETE' }],
    ['another path', { target: '/federation/v1/medium?after=abc&limit=100' }],
    ['another query', { target: '/federation/v1/media?after=abc&limit=101' }],
    ['no query', { target: '/federation/v1/media' }],
    ['a path outside', { target: '/other?after=abc&limit=100' }],
    ['a body on GET', { body: Buffer.from('x') }],
  ])('is refused with %s', (_, change) => {
    expect(() => accepts({ ...signed(get), ...change })).toThrow(invalid);
  });

  test.each([
    ['another token', 'authorization', `Bearer hedgerow_peer_${'B'.repeat(43)}`],
    ['no token', 'authorization', undefined],
    ['two tokens', 'authorization', [`Bearer ${token}`, `Bearer ${token}`]],
    ['no signature', 'signature', undefined],
    ['two signature fields', 'signature', ['sig=:AAAA:', 'sig=:AAAA:']],
    ['a short signature', 'signature', `sig=:${Buffer.alloc(63).toString('base64')}:`],
    ['a signature of zeros', 'signature', `sig=:${Buffer.alloc(64).toString('base64')}:`],
    ['a signature that is a string', 'signature', 'sig="abc"'],
    ['no signature input', 'signature-input', undefined],
    ['an empty signature input', 'signature-input', ''],
    ['a field that is too long', 'signature-input', `sig=("@method")${' '.repeat(3000)}`],
  ])('is refused with %s', (_, name, value) => {
    expect(() => accepts(withField(signed(get), name, value))).toThrow(invalid);
  });

  test.each([
    ['a component too few', `("@method" "@path" "@query")${PARAMS}`],
    ['a component too many', `(${COMPONENTS} "host")${PARAMS}`],
    ['a component named twice', `(${COMPONENTS} "@method")${PARAMS}`],
    ['a digest where there is no body', `(${COMPONENTS} "content-digest")${PARAMS}`],
    ['a component with parameters', `("@method" "@path" "@query" "authorization";bs)${PARAMS}`],
    ['a component of the request', `("@method" "@path" "@query" "authorization";req)${PARAMS}`],
    ['no nonce', `(${COMPONENTS})${PARAMS.replace(/;nonce="[^"]*"/, '')}`],
    ['a short nonce', `(${COMPONENTS})${PARAMS.replace('0123456789abcdef', '0123456789abcde')}`],
    ['a long nonce', `(${COMPONENTS})${PARAMS.replace('0123456789abcdef', 'x'.repeat(65))}`],
    ['no created', `(${COMPONENTS})${PARAMS.replace(/;created=\d+/, '')}`],
    ['created as a string', `(${COMPONENTS})${PARAMS.replace(/created=(\d+)/, 'created="$1"')}`],
    ['created as a decimal', `(${COMPONENTS})${PARAMS.replace(/created=(\d+)/, 'created=$1.5')}`],
    ['expires besides', `(${COMPONENTS})${PARAMS};expires=${seconds + 60}`],
    ['another algorithm', `(${COMPONENTS})${PARAMS.replace('ed25519', 'hmac-sha256')}`],
    ['alg as a token', `(${COMPONENTS})${PARAMS.replace('"ed25519"', 'ed25519')}`],
    ['another key id', `(${COMPONENTS})${PARAMS.replace(us.thumbprint, other.thumbprint)}`],
    ['another receiver', `(${COMPONENTS})${PARAMS.replace(them.thumbprint, other.thumbprint)}`],
    ['no receiver', `(${COMPONENTS})${PARAMS.replace(`:${them.thumbprint}`, ':')}`],
    ['another tag', `(${COMPONENTS})${PARAMS.replace('hedgerow-federation-1:', 'hedgerow-pairing-1:')}`],
    ['a parameter named twice', `(${COMPONENTS});created=${seconds}${PARAMS}`],
  ])('is refused with %s, though the key did sign it', (_, params) => {
    expect(() => accepts(withInput(signed(get), params))).toThrow(invalid);
  });

  test('is refused under another label or beside a second signature', () => {
    expect(() => accepts(withInput(signed(get), `(${COMPONENTS})${PARAMS}`, 'sig1'))).toThrow(invalid);
    const request = signed(get);
    for (const name of ['signature', 'signature-input']) {
      const value = field(request, name);
      expect(() => accepts(withField(request, name, `${value}, ${value.replace('sig=', 'two=')}`))).toThrow(
        invalid,
      );
      expect(() => accepts(withField(request, name, `${value}, ${value}`))).toThrow(invalid);
      expect(() => accepts(withField(request, name, [value, value]))).toThrow(invalid);
    }
  });

  test('is refused with an altered body, and where the digest is missing, repeated or named twice', () => {
    expect(() => accepts({ ...signed(post), body: Buffer.from('{"a":2}') })).toThrow(invalid);
    expect(() => accepts({ ...signed(post), body: undefined })).toThrow(invalid);
    const digest = contentDigest(post.body);
    expect(() => accepts(withField(signed(post), 'content-digest', undefined))).toThrow(invalid);
    expect(() => accepts(withField(signed(post), 'content-digest', [digest, digest]))).toThrow(invalid);
    expect(matchesContentDigest(`${digest}, ${digest}`, post.body)).toBe(false);
    expect(matchesContentDigest(`sha-512=:AAAA:, ${digest}`, post.body)).toBe(true);
    expect(matchesContentDigest(digest.replace('sha-256', 'sha-512'), post.body)).toBe(false);
  });

  test('is refused for a key that is not pinned', () => {
    expect(() => accepts(signed(get), other)).toThrow(invalid);
    expect(() =>
      verifyRequestSignature(readRequestSignature(signed(get)), us, [other.thumbprint], now),
    ).toThrow(invalid);
  });

  test('is as good as the clocks are close: five minutes and not a second more', () => {
    for (const offset of [-300, 0, 300]) accepts(signed(get), us, new Date(now.getTime() + offset * 1000));
    for (const offset of [-301, 301]) {
      const at = new Date(now.getTime() + offset * 1000);
      expect(() => accepts(signed(get), us, at)).toThrow(
        expect.objectContaining({ code: 'CLOCK_SKEW', extra: { serverTime: at.toISOString() } }),
      );
    }
  });

  test('says nothing about clocks where the signature is wrong', () => {
    expect(() => accepts({ ...signed(get), method: 'PUT' }, us, new Date(0))).toThrow(invalid);
  });
});

test('Authorization of another scheme is read as one without a token', () => {
  expect(readAuthorization([['Authorization', 'Basic abc']])).toEqual({
    value: 'Basic abc',
    token: undefined,
  });
  expect(readAuthorization([['authorization', 'bearer abc']])?.token).toBe('abc');
  expect(readAuthorization([['X', 'y']])).toBeUndefined();
  expect(() => readAuthorization([['authorization', 'Bearer a\r\nb']])).toThrow(invalid);
});

describe('the request that redeems an invitation', () => {
  const request = {
    method: 'POST',
    target: '/federation/v1/pairings',
    body: Buffer.from('{"invitation":"x"}'),
  };
  const headers = signPairingRequest(request, { key: us, now, proof: 'P'.repeat(86) });

  test('is accepted and carries its proof', () => {
    const parsed = readPairingSignature(incoming(request, headers));
    verifyRequestSignature(parsed, us, [], now);
    expect(parsed).toMatchObject({ proof: 'P'.repeat(86), receiver: undefined });
    expect(headers['signature-input']).toContain('tag="hedgerow-pairing-1"');
  });

  test('is refused with a token, without a proof, with another proof, or as any other request', () => {
    const base = incoming(request, headers);
    const token2: IncomingRequest = { ...base, fields: [...base.fields, ['Authorization', 'Bearer x']] };
    expect(() => readPairingSignature(token2)).toThrow(invalid);
    expect(() => readPairingSignature(withField(base, 'hedgerow-proof', undefined))).toThrow(invalid);
    const forged = readPairingSignature(withField(base, 'hedgerow-proof', 'Q'.repeat(86)));
    expect(() => verifyRequestSignature(forged, us, [], now)).toThrow(invalid);
    expect(() => readRequestSignature(token2)).toThrow(invalid);
    expect(() => readPairingSignature(signed(post))).toThrow(invalid);
  });
});

describe('a signed answer', () => {
  const body = Buffer.from('{"ok":true}');
  const sent = { signature: 'sig=:abc:', authorization: `Bearer ${token}` };
  const answer = (status: number, binding: { signature: string } | { authorization: string }, at = now) => ({
    status,
    body,
    fields: Object.entries(signAnswer({ status, body, binding }, them, at)) as FieldList,
  });
  const bySignature = { signature: sent.signature };

  test('is believed for the request that it answers and for no other', () => {
    expect(verifyAnswer(answer(200, bySignature), sent, them, now)).toEqual({ kind: 'signed' });
    expect(verifyAnswer(answer(200, bySignature), { ...sent, signature: 'sig=:abd:' }, them, now)).toEqual({
      kind: 'unsigned',
      why: 'signature',
    });
  });

  test('is not believed with another status, another body, or without its fields', () => {
    const real = answer(200, bySignature);
    expect(verifyAnswer({ ...real, status: 201 }, sent, them, now)).toMatchObject({ why: 'signature' });
    expect(verifyAnswer({ ...real, body: Buffer.from('{}') }, sent, them, now)).toMatchObject({
      why: 'content',
    });
    expect(verifyAnswer({ ...real, fields: [] }, sent, them, now)).toMatchObject({ why: 'missing' });
    expect(verifyAnswer({ ...real, fields: real.fields.slice(0, 2) }, sent, them, now)).toMatchObject({
      why: 'malformed',
    });
    expect(
      verifyAnswer({ ...real, fields: [...real.fields, ...real.fields] }, sent, them, now),
    ).toMatchObject({
      why: 'malformed',
    });
  });

  test('by another key is told apart, so that the chain of keys can be read', () => {
    expect(verifyAnswer(answer(200, bySignature), sent, other, now)).toEqual({
      kind: 'other-key',
      keyid: them.thumbprint,
    });
  });

  test('of another hour counts for nothing, but as the refusal that says so', () => {
    const hourAgo = new Date(now.getTime() - 3_600_000);
    expect(verifyAnswer(answer(200, bySignature, hourAgo), sent, them, now)).toMatchObject({
      why: 'created',
    });
    expect(verifyAnswer(answer(401, bySignature, hourAgo), sent, them, now)).toEqual({ kind: 'skewed' });
  });

  test('bound to the token alone is a 401 and is marked as such', () => {
    const byToken = { authorization: sent.authorization };
    expect(verifyAnswer(answer(401, byToken), sent, them, now)).toEqual({ kind: 'signed-for-token' });
    expect(verifyAnswer({ ...answer(401, byToken), status: 410 }, sent, them, now)).toMatchObject({
      why: 'malformed',
    });
    expect(() => answer(410, byToken)).toThrow(TypeError);
    const hourAgo = new Date(now.getTime() - 3_600_000);
    expect(verifyAnswer(answer(401, byToken, hourAgo), sent, them, now)).toMatchObject({ why: 'created' });
  });

  test('that is a request played back is none', () => {
    expect(verifyAnswer({ status: 200, body, fields: signed(post).fields }, sent, us, now)).toMatchObject({
      why: 'malformed',
    });
  });
});

test('the key of RFC 9421, B.1.4 is read alike from its seed, its JWK and its PEM', () => {
  const key = privateKeyFromSeed(Buffer.from('n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU', 'base64url'));
  expect(key.jwk.x).toBe('JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs');
  expect(
    parsePublicKey({ kty: 'OKP', crv: 'Ed25519', kid: 'test-key-ed25519', x: key.jwk.x }).thumbprint,
  ).toBe(key.thumbprint);
  expect(key.key.export({ format: 'pem', type: 'spki' })).toContain(
    'MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=',
  );
  expect(key.privateKey.export({ format: 'pem', type: 'pkcs8' })).toContain(
    'MC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF',
  );
});

test('the example of RFC 9421, B.2.6 has the signature that is printed there', () => {
  const publicKey = createPublicKey(
    '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n-----END PUBLIC KEY-----',
  );
  const privateKey = createPrivateKey(
    '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtMDoQikTmiCqirVv9mWG9qfSnF\n-----END PRIVATE KEY-----',
  );
  const base = signatureBase(
    ['"date"', '"@method"', '"@path"', '"@authority"', '"content-type"', '"content-length"'],
    {
      '"date"': 'Tue, 20 Apr 2021 02:07:55 GMT',
      '"@method"': 'POST',
      '"@path"': '/foo',
      '"@authority"': 'example.com',
      '"content-type"': 'application/json',
      '"content-length"': '18',
    },
    '("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"',
  );
  const printed = 'wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==';
  expect(cryptoSign(null, Buffer.from(base), privateKey).toString('base64')).toBe(printed);
  expect(cryptoVerify(null, Buffer.from(base), publicKey, Buffer.from(printed, 'base64'))).toBe(true);
  const own = privateKeyFromSeed(Buffer.from('n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU', 'base64url'));
  expect(signBytes(base, own).toString('base64')).toBe(printed);
  expect(verifyBytes(base, Buffer.from(printed, 'base64'), own)).toBe(true);
  expect(verifyBytes(`${base} `, Buffer.from(printed, 'base64'), own)).toBe(false);
});

test('the content digest is the one of RFC 9530, section B.1', () => {
  expect(contentDigest(Buffer.from('{"hello": "world"}\n'))).toBe(
    'sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:',
  );
});

test('a dictionary is read only in its canonical form, but for spaces', () => {
  for (const text of ['a=1, a=1', 'a=?1', 'a=01', 'a=:AA:', 'a=1;b;b', 'a=(1 2', 'a=1,', '€=1', 'a="x'])
    expect(parseStrictDictionary(text)).toBeUndefined();
  for (const text of ['a=1', 'a=1 ,\tb', 'a=("x"  "y\\""); p=:AAAA:'])
    expect(parseStrictDictionary(text)).toBeDefined();
});

test('nothing that stands in the fields makes reading throw anything but a refusal', () => {
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: fc.constantFrom(...'sig=()";:,@-?*%\\ \tab01') }),
    fc.constant(`sig=(${COMPONENTS})${PARAMS}`),
  );
  fc.assert(
    fc.property(text, text, text, (input, signature, digest) => {
      const fields: FieldList = [
        ['authorization', `Bearer ${token}`],
        ['signature-input', input],
        ['signature', signature],
        ['content-digest', digest],
      ];
      expect(() => readRequestSignature({ ...get, fields })).toThrow(invalid);
      expect(verifyAnswer({ status: 200, fields, body: new Uint8Array() }, { signature }, us, now).kind).toBe(
        'unsigned',
      );
    }),
    { numRuns: 500, seed: 4 },
  );
});

test('two generated keys differ', () => {
  expect(generateKey().thumbprint).not.toBe(generateKey().thumbprint);
});
