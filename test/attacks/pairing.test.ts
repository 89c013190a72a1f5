/**
 * What can be sent to where invitations are redeemed, byte by byte: each row says what it is answered, and nothing of it
 * writes anything or uses the invitation up.
 */

import { createHash, sign as signRaw } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { verifyAnswer } from '../../src/federation/identity/answer-signatures.ts';
import { contentDigest } from '../../src/federation/identity/content-digest.ts';
import { generateKey, type PrivateKey } from '../../src/federation/identity/keys.ts';
import { signPairingRequest } from '../../src/federation/identity/request-signatures.ts';
import { signatureBase, signatureHeaders } from '../../src/federation/identity/signature-fields.ts';
import { type InvitationCode, parseInvitationCode } from '../../src/federation/pairing/invitation-code.ts';
import { makeProof } from '../../src/federation/pairing/proof.ts';
import { fingerprint } from '../support/fingerprint.ts';
import { type Instance, startInstance } from '../support/instance.ts';
import { chunked, compose, exchangeRaw, type RawRequest } from '../support/raw-socket.ts';
import { type Served, serverAt } from '../support/wire-client.ts';

const PATH = '/federation/v1/pairings';
const ID = 'inst_5a0d54e8-1a8a-4c9a-9a3f-1f8d3a5f2b11';
const OTHER = 'inst_5a0d54e8-1a8a-4c9a-9a3f-1f8d3a5f2b12';

let clock = 0;
let server: Instance;
let served: Served;
let invitation: InvitationCode;
const key = generateKey();
const thief = generateKey();

beforeAll(async () => {
  server = await startInstance('Attacked', {}, { now: () => Date.now() + clock });
  served = await serverAt(server.url);
  const { createInvitation } = await server.query<{ createInvitation: { code: string } }>(
    'mutation { createInvitation(input: {}) { code } }',
  );
  invitation = parseInvitationCode(createInvitation.code);
});
afterAll(() => server?.[Symbol.asyncDispose]());

const now = () => new Date(Date.now() + clock);

const message = (parts: Record<string, unknown> = {}, by: PrivateKey = key): Buffer =>
  Buffer.from(
    JSON.stringify({
      invitation: invitation.id,
      audience: { id: served.id, thumbprint: served.key.thumbprint },
      instance: { id: ID, name: 'Wire', publicKey: by.jwk },
      ...parts,
    }),
  );

function redemption(body = message(), by: PrivateKey = key, proof = proofOf(body, by)): RawRequest {
  const signed = signPairingRequest({ method: 'POST', target: PATH, body }, { key: by, now: now(), proof });
  return request(body, signed);
}

const proofOf = (body: Buffer, by: PrivateKey = key): string =>
  makeProof(
    { invitation: invitation.id, inviter: served.key.thumbprint, redeemer: by.thumbprint, body },
    invitation.key,
  );

const request = (body: Buffer, fields: Record<string, string>): RawRequest => ({
  method: 'POST',
  target: PATH,
  fields: [
    ['Host', new URL(served.url).host],
    ['Content-Type', 'application/json'],
    ['Content-Length', String(body.length)],
    ...Object.entries(fields),
  ],
  body,
});

/** Signed over whatever `components` name, with whatever parameters. */
function shaped(components: string[], params: (canonical: string) => string = (text) => text): RawRequest {
  const body = message();
  const proof = proofOf(body);
  const canonical = params(
    `(${components.join(' ')});created=${Math.floor(now().getTime() / 1000)};nonce="0123456789abcdef"` +
      `;keyid="${key.thumbprint}";alg="ed25519";tag="hedgerow-pairing-1"`,
  );
  const values = {
    '"@method"': 'POST',
    '"@path"': PATH,
    '"@query"': '?',
    '"content-digest"': contentDigest(body),
    '"hedgerow-proof"': proof,
    '"content-type"': 'application/json',
  };
  const signature = signRaw(null, Buffer.from(signatureBase(components, values, canonical)), key.privateKey);
  return request(body, {
    'content-digest': contentDigest(body),
    'hedgerow-proof': proof,
    ...signatureHeaders(canonical, signature),
  });
}

const ALL = ['"@method"', '"@path"', '"@query"', '"content-digest"', '"hedgerow-proof"'];

function withField(draft: RawRequest, name: string, change: (value: string) => string[]): RawRequest {
  const fields = draft.fields.flatMap(([each, value]): [string, string][] =>
    each.toLowerCase() === name ? change(value).map((text) => [each, text]) : [[each, value]],
  );
  return { ...draft, fields };
}

const withBody = (draft: RawRequest, body: Buffer): RawRequest =>
  withField({ ...draft, body }, 'content-length', () => [String(body.length)]);

type Row = [
  name: string,
  make: () => RawRequest,
  status: number,
  code: string | undefined,
  proof: 'signed' | 'unsigned',
];
const invalid = (name: string, make: () => RawRequest): Row => [
  name,
  make,
  401,
  'signature-invalid',
  'unsigned',
];
/** Signed by whoever asks, and so answered with a signature, but without the code in hand. */
const guessed = (name: string, make: () => RawRequest): Row => [
  name,
  make,
  401,
  'signature-invalid',
  'signed',
];
const malformed = (name: string, make: () => RawRequest): Row => [name, make, 400, 'invalid', 'unsigned'];

/** The body in which the invitation's own text is exchanged. */
const text = (change: (json: string) => string | Buffer) => () => {
  const body = Buffer.from(change(message().toString()));
  return redemption(body);
};

const ROWS: Row[] = [
  ...ALL.map((name) => invalid(`${name} not covered`, () => shaped(ALL.filter((each) => each !== name)))),
  ...ALL.map((name) => invalid(`${name} covered twice`, () => shaped([...ALL, name]))),
  invalid('another field covered', () => shaped([...ALL, '"content-type"'])),
  invalid('the tag of other requests', () =>
    shaped(ALL, (params) => params.replace('pairing-1', `federation-1:${served.key.thumbprint}`)),
  ),
  invalid('the tag of answers', () => shaped(ALL, (params) => params.replace('pairing-1', 'answer-1'))),
  invalid('a parameter more', () => shaped(ALL, (params) => `${params};expires=9999999999`)),
  invalid('no nonce', () => shaped(ALL, (params) => params.replace(/;nonce="[^"]*"/, ''))),
  invalid('another alg', () => shaped(ALL, (params) => params.replace('"ed25519"', '"none"'))),
  invalid('keyid of another', () =>
    shaped(ALL, (params) => params.replace(key.thumbprint, thief.thumbprint)),
  ),
  invalid('an Authorization besides', () => {
    const draft = redemption();
    return { ...draft, fields: [...draft.fields, ['Authorization', 'Bearer x']] };
  }),
  invalid('no proof', () => withField(redemption(), 'hedgerow-proof', () => [])),
  invalid('two proofs, alike', () => withField(redemption(), 'hedgerow-proof', (value) => [value, value])),
  invalid('another proof than the signed one', () =>
    withField(redemption(), 'hedgerow-proof', () => ['A'.repeat(86)]),
  ),
  invalid('no digest', () => withField(redemption(), 'content-digest', () => [])),
  invalid('two digests', () => withField(redemption(), 'content-digest', (value) => [value, value])),
  invalid('two signatures', () =>
    withField(redemption(), 'signature', (value) => [`${value}, two${value.slice(3)}`]),
  ),
  invalid('two signature fields', () => withField(redemption(), 'signature', (value) => [value, value])),
  invalid('no signature', () => withField(redemption(), 'signature', () => [])),
  invalid('a body altered on the way', () =>
    withBody(redemption(), message({ instance: { id: OTHER, name: 'Evil', publicKey: key.jwk } })),
  ),
  invalid('the key exchanged on the way', () => withBody(redemption(), message({}, thief))),
  invalid('a query', () => ({ ...redemption(), target: `${PATH}?x` })),
  guessed('a proof of another invitation', () => {
    const body = message();
    const subject = {
      invitation: invitation.id,
      inviter: served.key.thumbprint,
      redeemer: key.thumbprint,
      body,
    };
    return redemption(body, key, makeProof(subject, generateKey()));
  }),
  guessed('the proof that another redeemer sent', () =>
    redemption(message({}, thief), thief, proofOf(message())),
  ),
  guessed('a proof in another form', () => redemption(message(), key, `${proofOf(message())}=`)),
  guessed('the proof of another body', () => redemption(message({ extra: 1 }), key, proofOf(message()))),
  [
    'another audience, by key',
    () => redemption(message({ audience: { id: served.id, thumbprint: thief.thumbprint } })),
    403,
    'pairing-audience',
    'signed',
  ],
  [
    'another audience, by id',
    () => redemption(message({ audience: { id: OTHER, thumbprint: served.key.thumbprint } })),
    403,
    'pairing-audience',
    'signed',
  ],
  [
    'an unknown invitation',
    () => redemption(message({ invitation: 'pair_00000000-0000-4000-8000-000000000000' })),
    404,
    'invitation-unknown',
    'signed',
  ],
  [
    'a weak key',
    () =>
      redemption(
        message({
          instance: { id: OTHER, name: 'x', publicKey: { ...key.jwk, x: `AQ${'A'.repeat(41)}` } },
        }),
      ),
    403,
    'pairing-key-refused',
    'unsigned',
  ],
  [
    'a key of another curve',
    () =>
      redemption(message({ instance: { id: OTHER, name: 'x', publicKey: { ...key.jwk, crv: 'X25519' } } })),
    400,
    'invalid',
    'unsigned',
  ],
  [
    'a private key',
    () =>
      redemption(message({ instance: { id: OTHER, name: 'x', publicKey: { ...key.jwk, d: key.jwk.x } } })),
    403,
    'pairing-key-refused',
    'unsigned',
  ],
  malformed('no body', () => withBody(redemption(), Buffer.alloc(0))),
  malformed(
    'text that is not JSON',
    text(() => '{"invitation":'),
  ),
  malformed(
    'bytes that are not UTF-8',
    text(() => Buffer.of(0xff, 0xfe)),
  ),
  malformed(
    'null',
    text(() => 'null'),
  ),
  malformed(
    'a list',
    text((json) => `[${json}]`),
  ),
  malformed(
    'nesting without end',
    text(() => '['.repeat(50_000)),
  ),
  malformed(
    'an instance that is a text',
    text(() => message({ instance: 'x' }).toString()),
  ),
  malformed(
    'a name that is a number',
    text(() => message({ instance: { id: OTHER, name: 1, publicKey: key.jwk } }).toString()),
  ),
  malformed(
    'an id of 200 characters',
    text(() => message({ invitation: 'x'.repeat(200) }).toString()),
  ),
  [
    'a body of 300 kB',
    () => redemption(message({ extra: 'x'.repeat(300_000) })),
    413,
    'quota-exceeded',
    'unsigned',
  ],
  ['GET', () => ({ ...redemption(), method: 'GET' }), 405, 'method-not-allowed', 'unsigned'],
  ['PUT', () => ({ ...redemption(), method: 'PUT' }), 405, 'method-not-allowed', 'unsigned'],
  [
    'length and chunks',
    () => ({ ...redemption(), fields: [...redemption().fields, ['Transfer-Encoding', 'chunked']] }),
    400,
    undefined,
    'unsigned',
  ],
];

async function send(draft: RawRequest) {
  const { answers } = await exchangeRaw(served.url, compose(draft));
  const answer = answers[0] ?? { status: 0, fields: [], body: Buffer.alloc(0) };
  const signature = draft.fields.find(([name]) => name.toLowerCase() === 'signature')?.[1] ?? '';
  const code = answer.body.includes('"code"')
    ? (JSON.parse(answer.body.toString()) as { code?: string }).code
    : undefined;
  return {
    status: answer.status,
    code,
    proof: verifyAnswer(answer, { signature }, served.key, now()).kind,
    answer,
  };
}

describe('a redemption with', () => {
  it.each(ROWS)('%s gets nothing', async (_name, make, status, code, proof) => {
    // Whoever guesses is slowed down after a few times a minute; the invitation lives for sixty.
    clock += 7_000;
    const before = await fingerprint(server.app.database);
    const seen = await send(make());
    expect({ status: seen.status, code: seen.code, proof: seen.proof }).toEqual({ status, code, proof });
    expect(seen.answer.body.includes('hedgerow_peer_')).toBe(false);
    expect(await fingerprint(server.app.database)).toEqual(before);
  });

  it('an old or a future created is told of the clocks, signed, and gets nothing', async () => {
    for (const seconds of [-302, 302]) {
      const at = new Date(now().getTime() + seconds * 1000);
      const body = message();
      const signed = signPairingRequest(
        { method: 'POST', target: PATH, body },
        { key, now: at, proof: proofOf(body) },
      );
      const seen = await send(request(body, signed));
      expect(seen).toMatchObject({ status: 401, code: 'clock-skew', proof: 'signed' });
    }
  });

  it('guesses is slowed down, and whoever has the code is not', async () => {
    clock += 61_000;
    const codes: (string | undefined)[] = [];
    for (let time = 0; time < 14; time++)
      codes.push((await send(redemption(message({}, thief), thief, proofOf(message())))).code);
    expect(codes.slice(0, 10)).toEqual(Array.from({ length: 10 }, () => 'signature-invalid'));
    expect(codes.at(-1)).toBe('rate-limited');
    const { fields, ...rest } = redemption();
    // In chunks, which is no harm.
    const sent = fields.filter(([name]) => name !== 'Content-Length');
    const body = chunked(Buffer.from(rest.body ?? []));
    const seen = await send({ ...rest, body, fields: [...sent, ['Transfer-Encoding', 'chunked']] });
    expect(seen).toMatchObject({ status: 201, proof: 'signed' });
  });

  it('a used invitation, by whoever listened, gets nothing', async () => {
    clock += 61_000;
    const before = await fingerprint(server.app.database);
    const body = message({}, thief);
    expect(await send(redemption(body, thief))).toMatchObject({
      status: 409,
      code: 'invitation-used',
      proof: 'signed',
    });
    expect(
      await send(redemption(body, thief, createHash('sha512').update(body).digest('base64url'))),
    ).toMatchObject({ code: 'signature-invalid' });
    expect(await fingerprint(server.app.database)).toEqual(before);
  });
});
