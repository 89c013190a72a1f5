import { createPrivateKey, createPublicKey, sign as cryptoSign, verify as cryptoVerify } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { signAnswer, verifyAnswer } from './answer-signatures.ts';
import { contentDigest, matchesContentDigest } from './content-digest.ts';
import { type FieldList, fieldsFromRaw, oneField, parseStrictDictionary } from './http-fields.ts';
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
const refusedAs = (why: string) =>
  expect.objectContaining({
    code: 'SIGNATURE_INVALID',
    message: expect.stringContaining(`The signature is not acceptable: ${why}`),
  });

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
    expect(signedTarget('/federation/v1/http://federation/v1/x')?.path).toBe(
      '/federation/v1/http://federation/v1/x',
    );
    for (const target of [
      '/media?x=/federation/v1',
      'http://federation/v1/status',
      'x+y.z-0://federation/v1',
      '/federation/v1#x',
      '/federation/v1?x#y',
      '',
    ]) {
      expect(signedTarget(target), target).toBeUndefined();
    }
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
    ['a path outside', { target: '/other?after=abc&limit=100' }, 'the path is none of the federation.'],
    ['a fragment', { target: `${get.target}#x` }, 'the path is none of the federation.'],
  ])('is refused with %s', (_, change, why = 'it does not verify.') => {
    expect(() => accepts({ ...signed(get), ...change })).toThrow(refusedAs(why));
  });

  test.each([
    ['another token', 'authorization', `Bearer hedgerow_peer_${'B'.repeat(43)}`, 'it does not verify.'],
    ['no token', 'authorization', undefined, 'there must be one Authorization.'],
    [
      'two tokens',
      'authorization',
      [`Bearer ${token}`, `Bearer ${token}`],
      'there must be one Authorization.',
    ],
    ['no signature', 'signature', undefined, 'its fields are missing, repeated or too long.'],
    [
      'two signature fields',
      'signature',
      ['sig=:AAAA:', 'sig=:AAAA:'],
      'its fields are missing, repeated or too long.',
    ],
    ['a short signature', 'signature', `sig=:${Buffer.alloc(63).toString('base64')}:`, 'it is not 64 bytes.'],
    [
      'a signature with parameters',
      'signature',
      `sig=:${Buffer.alloc(64).toString('base64')}:;x=1`,
      'it is not 64 bytes.',
    ],
    [
      'a signature of zeros',
      'signature',
      `sig=:${Buffer.alloc(64).toString('base64')}:`,
      'it does not verify.',
    ],
    ['a signature that is a string', 'signature', 'sig="abc"', 'it is not 64 bytes.'],
    ['a signature that is a list', 'signature', 'sig=("abc")', 'its label must be sig.'],
    ['no signature input', 'signature-input', undefined, 'its fields are missing, repeated or too long.'],
    ['an empty signature input', 'signature-input', '', 'there must be exactly one, well-formed.'],
    ['an input that is no list', 'signature-input', 'sig="@method"', 'its label must be sig.'],
    [
      'a field that is too long',
      'signature-input',
      `sig=("@method")${' '.repeat(3000)};x`,
      'its fields are missing, repeated or too long.',
    ],
  ])('is refused with %s', (_, name, value, why) => {
    expect(() => accepts(withField(signed(get), name, value))).toThrow(refusedAs(why));
  });

  test('is refused without any signature', () => {
    const bare = withField(withField(signed(get), 'signature', undefined), 'signature-input', undefined);
    expect(() => accepts(bare)).toThrow(refusedAs('there is none.'));
  });

  const EXACTLY = 'it must cover exactly "@method" "@path" "@query" "authorization".';
  const PARAMETERS = 'its parameters must be exactly created, nonce, keyid, alg, tag.';
  const changed = (pattern: string | RegExp, by: string) => `(${COMPONENTS})${PARAMS.replace(pattern, by)}`;

  test.each([
    ['a component too few', `("@method" "@path" "@query")${PARAMS}`, EXACTLY],
    ['a component too many', `(${COMPONENTS} "host")${PARAMS}`, EXACTLY],
    ['a component named twice', `(${COMPONENTS} "@method")${PARAMS}`, 'a component is named twice.'],
    [
      'a component twice in the place of another',
      `("@method" "@path" "@query" "@query")${PARAMS}`,
      'a component is named twice.',
    ],
    ['a digest where there is no body', `(${COMPONENTS} "content-digest")${PARAMS}`, EXACTLY],
    [
      'a component that is no string',
      `("@method" "@path" "@query" authorization)${PARAMS}`,
      'a component is not a string.',
    ],
    [
      'a component with parameters',
      `("@method" "@path" "@query" "authorization";bs)${PARAMS}`,
      'a component has parameters.',
    ],
    [
      'a component with two parameters',
      `("@method" "@path" "@query" "authorization";req;bs)${PARAMS}`,
      'a component has parameters.',
    ],
    [
      'a component with a parameter of another value',
      `("@method" "@path" "@query" "authorization";req=1)${PARAMS}`,
      'a component has parameters.',
    ],
    ['a component of the request', `("@method" "@path" "@query" "authorization";req)${PARAMS}`, EXACTLY],
    ['no nonce', changed(/;nonce="[^"]*"/, ''), PARAMETERS],
    ['expires in the place of the nonce', changed(/;nonce="[^"]*"/, `;expires=${seconds}`), PARAMETERS],
    ['a short nonce', changed('0123456789abcdef', '0123456789abcde'), 'nonce must have 16 to 64 characters.'],
    ['a long nonce', changed('0123456789abcdef', 'x'.repeat(65)), 'nonce must have 16 to 64 characters.'],
    ['a nonce that is no string', changed(/"0123456789abcdef"/, 'x0123456789abcdef'), 'nonce must have 16'],
    ['no created', changed(/;created=\d+/, ''), PARAMETERS],
    ['created as a string', changed(/created=(\d+)/, 'created="$1"'), 'created is not a time.'],
    ['created as a decimal', changed(/created=(\d+)/, 'created=$1.5'), 'created is not a time.'],
    ['created before 1970', changed(/created=(\d+)/, 'created=-1'), 'created is not a time.'],
    ['expires besides', `(${COMPONENTS})${PARAMS};expires=${seconds + 60}`, PARAMETERS],
    ['another algorithm', changed('ed25519', 'hmac-sha256'), 'alg must be ed25519.'],
    ['alg as a token', changed('"ed25519"', 'ed25519'), 'alg must be ed25519.'],
    ['a key id that is no string', changed(/keyid="[^"]*"/, 'keyid=1'), 'keyid and tag must be strings.'],
    ['a tag that is no string', changed(/tag="[^"]*"/, 'tag=x'), 'keyid and tag must be strings.'],
    [
      'another key id',
      changed(us.thumbprint, other.thumbprint),
      'it was made with another key than the one that is pinned.',
    ],
    ['another receiver', changed(them.thumbprint, other.thumbprint), 'it is meant for another server.'],
    ['no receiver', changed(`:${them.thumbprint}`, ':'), 'its tag must name the key of the receiver.'],
    ['another tag', changed('hedgerow-federation-1:', 'hedgerow-pairing-1:'), 'its tag is another.'],
    [
      'a parameter named twice',
      `(${COMPONENTS});created=${seconds}${PARAMS}`,
      'there must be exactly one, well-formed.',
    ],
  ])('is refused with %s, though the key did sign it', (_, params, why) => {
    expect(() => accepts(withInput(signed(get), params))).toThrow(refusedAs(why));
  });

  test('never has the nonce of another, however many are made', () => {
    const nonces = Array.from({ length: 300 }, () => readRequestSignature(signed(get)).nonce);
    expect(new Set(nonces).size).toBe(300);
    // 128 random bits: no two begin alike.
    expect(new Set(nonces.map((nonce) => nonce.slice(0, 11))).size).toBe(300);
  });

  test('may have a nonce of 16 to 64 characters, and a time from 1970 on', () => {
    for (const nonce of ['x'.repeat(16), 'x'.repeat(64)])
      accepts(withInput(signed(get), changed('0123456789abcdef', nonce)));
    accepts(withInput(signed(get), changed(/created=\d+/, 'created=0')), us, new Date(0));
  });

  test('is made with no nonce of another form, and for no path outside', () => {
    for (const nonce of ['x'.repeat(16), 'x'.repeat(64), ` !#[]~${'x'.repeat(10)}`])
      accepts(incoming(get, signRequest(get, { ...signer, nonce })));
    for (const nonce of [
      '',
      'x'.repeat(15),
      'x'.repeat(65),
      `"${'x'.repeat(16)}`,
      `${'x'.repeat(16)}\\`,
      `${'x'.repeat(16)}é`,
    ])
      expect(() => signRequest(get, { ...signer, nonce }), nonce).toThrow(new TypeError('not a nonce'));
    for (const target of ['/media', '/federation/v1/media#x', 'https://peer.example'])
      expect(() => signRequest({ method: 'GET', target }, signer), target).toThrow(
        new TypeError(`not a path of the federation: ${target}`),
      );
  });

  test('on GET neither has nor announces a body', () => {
    for (const extra of [
      ['Transfer-Encoding', 'chunked'],
      ['transfer-encoding', ''],
      ['Content-Length', '5'],
      ['content-length', '00'],
    ] as const) {
      const request = signed(get);
      const announcing = { ...request, fields: [...request.fields, extra] };
      expect(() => accepts(announcing), extra.join()).toThrow(refusedAs('a GET has no body.'));
    }
    const request = signed(get);
    accepts({ ...request, fields: [...request.fields, ['Content-Length', ' 0 ']], body: new Uint8Array() });
    expect(() => accepts({ ...request, body: Buffer.from('x') })).toThrow(invalid);
    // With its digest it would be whole otherwise.
    const body = Buffer.from('x');
    expect(() => accepts(signed({ ...get, body }))).toThrow(refusedAs('a GET has no body.'));
    accepts(signed({ ...post, method: 'PUT' }));
  });

  test('of an empty body says nothing of it', () => {
    const empty = { ...post, body: new Uint8Array() };
    expect(Object.keys(signRequest(empty, signer))).toEqual([
      'authorization',
      'signature-input',
      'signature',
    ]);
    accepts(signed(empty));
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
    const altered = { ...signed(post), body: Buffer.from('{"a":2}') };
    expect(() => accepts(altered)).toThrow(refusedAs('the body was altered.'));
    expect(() => accepts({ ...signed(post), body: undefined })).toThrow(refusedAs(EXACTLY));
    const digest = contentDigest(post.body);
    for (const value of [undefined, [digest, digest]]) {
      expect(() => accepts(withField(signed(post), 'content-digest', value))).toThrow(
        refusedAs('there must be one Content-Digest.'),
      );
    }
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
  for (const value of ['bearer abc', 'BEARER   abc', ' \t Bearer abc\t '])
    expect(readAuthorization([['authorization', value]])?.token).toBe('abc');
  expect(readAuthorization([['authorization', 'Bearer aZ0-._~+/==']])?.token).toBe('aZ0-._~+/==');
  for (const value of ['xBearer abc', 'Bearer abc def', 'Bearer abc=d', 'Bearer', 'Bearerabc', ''])
    expect(readAuthorization([['authorization', value]]), value).toEqual({ value, token: undefined });
  expect(readAuthorization([['X', 'y']])).toBeUndefined();
  for (const fields of [
    [['authorization', 'Bearer a\r\nb']],
    [
      ['authorization', 'Bearer a'],
      ['Authorization', 'Bearer a'],
    ],
  ] as [string, string][][]) {
    expect(() => readAuthorization(fields)).toThrow(refusedAs('there must be one Authorization.'));
  }
});

describe('the request that redeems an invitation', () => {
  const request = {
    method: 'POST',
    target: '/federation/v1/pairings',
    body: Buffer.from('{"invitation":"x"}'),
  };
  const signedPairing = () => signPairingRequest(request, { key: us, now, proof: 'P'.repeat(86) });

  test('is accepted and carries its proof', () => {
    const headers = signedPairing();
    const parsed = readPairingSignature(incoming(request, headers));
    verifyRequestSignature(parsed, us, [], now);
    expect(parsed).toMatchObject({ proof: 'P'.repeat(86), receiver: undefined });
    expect(headers['signature-input']).toContain('tag="hedgerow-pairing-1"');
    expect(Object.keys(headers)).toEqual([
      'hedgerow-proof',
      'content-digest',
      'signature-input',
      'signature',
    ]);
    expect(parsed.form).toBe('pairing');
  });

  test('is refused with a token, without a proof, with another proof, or as any other request', () => {
    const base = incoming(request, signedPairing());
    const token2: IncomingRequest = { ...base, fields: [...base.fields, ['Authorization', 'Bearer x']] };
    expect(() => readPairingSignature(token2)).toThrow(refusedAs('Authorization has no place here.'));
    for (const proof of [undefined, ['P', 'P']]) {
      expect(() => readPairingSignature(withField(base, 'hedgerow-proof', proof))).toThrow(
        refusedAs('there must be one Hedgerow-Proof.'),
      );
    }
    const forged = readPairingSignature(withField(base, 'hedgerow-proof', 'Q'.repeat(86)));
    expect(() => verifyRequestSignature(forged, us, [], now)).toThrow(invalid);
    expect(() => readRequestSignature(token2)).toThrow(refusedAs('it must cover exactly'));
    expect(() => readPairingSignature(signed(post))).toThrow(invalid);
    // What covers the very same, but was made for another purpose.
    const params = field(base, 'signature-input').slice('sig='.length);
    const elsewhere = params.replace('hedgerow-pairing-1', 'hedgerow-federation-1:');
    expect(() => readPairingSignature(withInput(base, elsewhere))).toThrow(refusedAs('its tag is another.'));
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

  /** Whatever is said of it, signed by the right key. */
  const made = (components: string, more: { tag?: string; status?: number } = {}) => {
    const { tag = 'hedgerow-answer-1', status = 200 } = more;
    const params = `(${components});created=${seconds};keyid="${them.thumbprint}";alg="ed25519";tag="${tag}"`;
    const digest = contentDigest(body);
    const values = {
      '"@status"': String(status),
      '"content-digest"': digest,
      '"signature";req': sent.signature,
      '"authorization";req': sent.authorization,
      '"date"': '',
    };
    const base = signatureBase(components.split(' '), values, params);
    const bytes = cryptoSign(null, Buffer.from(base), them.privateKey).toString('base64');
    const fields: [string, string][] = [
      ['Content-Digest', digest],
      ['Signature-Input', `sig=${params}`],
      ['Signature', `sig=:${bytes}:`],
    ];
    return { status, body, fields };
  };
  const COVERED = '"@status" "content-digest" "signature";req';

  test('covers what it must, under its own tag, and nothing else', () => {
    expect(verifyAnswer(made(COVERED), sent, them, now)).toEqual({ kind: 'signed' });
    const malformed = { kind: 'unsigned', why: 'malformed' };
    for (const answer of [
      made(COVERED, { tag: 'hedgerow-answer-2' }),
      made('"@status" "content-digest"'),
      made('"@status" "signature";req'),
      made(`${COVERED} "date"`),
      made(`${COVERED} "authorization";req`),
      made('"@status" "content-digest" "authorization";req', { tag: 'hedgerow-answer-2', status: 401 }),
    ]) {
      expect(verifyAnswer(answer, sent, them, now), JSON.stringify(answer.fields)).toEqual(malformed);
    }
    const { fields, ...rest } = made(COVERED);
    const [digest = ['', ''], input = ['', ''], signature = ['', '']] = fields;
    for (const some of [
      [input, signature],
      [digest, digest, input, signature],
      [digest, signature],
      [signature],
    ]) {
      expect(verifyAnswer({ ...rest, fields: some }, sent, them, now)).toEqual(malformed);
    }
  });

  test('bound to the token is none where no token was sent', () => {
    const byToken = made('"@status" "content-digest" "authorization";req', { status: 401 });
    expect(verifyAnswer(byToken, sent, them, now)).toEqual({ kind: 'signed-for-token' });
    expect(verifyAnswer(byToken, { signature: sent.signature }, them, now)).toEqual({
      kind: 'unsigned',
      why: 'malformed',
    });
    const empty = { signature: sent.signature, authorization: '' };
    expect(verifyAnswer(byToken, empty, them, now)).toEqual({ kind: 'unsigned', why: 'signature' });
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

test('fields are read as they stood on the wire, repeated ones included', () => {
  expect(fieldsFromRaw(['A', '1', 'a', '2', 'B', ''])).toEqual([
    ['A', '1'],
    ['a', '2'],
    ['B', ''],
  ]);
  expect(fieldsFromRaw(['A', '1', 'B'])).toEqual([['A', '1']]);
  expect(fieldsFromRaw([])).toEqual([]);
});

test('a field is the only one of its name, of printable ASCII, of at most 2048 characters, without spaces around it', () => {
  const read = (...values: string[]) =>
    oneField([['X', 'y'], ...values.map((each) => ['Name', each] as const)], 'name');
  expect(read()).toEqual({ kind: 'none' });
  expect(read(' \t a b\t~ \t ')).toEqual({ kind: 'one', value: 'a b\t~' });
  expect(read('')).toEqual({ kind: 'one', value: '' });
  expect(read('x'.repeat(2048))).toEqual({ kind: 'one', value: 'x'.repeat(2048) });
  for (const values of [['a', 'a'], ['', ''], ['x'.repeat(2049)], ['a\nb'], ['é'], ['\u007f'], ['a\r']])
    expect(read(...values), JSON.stringify(values)).toEqual({ kind: 'bad' });
});

test('a dictionary is read only in its canonical form, but for spaces', () => {
  for (const text of ['a=1, a=1', 'a=?1', 'a=01', 'a=:AA:', 'a=1;b;b', 'a=(1 2', 'a=1,', '€=1', 'a="x'])
    expect(parseStrictDictionary(text)).toBeUndefined();
  for (const text of ['a=1', 'a=1 ,\tb', 'a=("x"  "y\\""); p=:AAAA:', 'a="x  y", b=" \\" "'])
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
