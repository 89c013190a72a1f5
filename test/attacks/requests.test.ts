/**
 * What can be done to a signed request on its way, or by a peer that signs oddly: each row says what it is answered,
 * whether the answer is signed, and nothing of it writes anything.
 */

import { randomUUID, sign as signRaw } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generatePeerToken, hashPeerToken } from '../../src/federation/credentials.ts';
import { WHOLE_GRANT } from '../../src/federation/grants.ts';
import { type AnswerVerdict, verifyAnswer } from '../../src/federation/identity/answer-signatures.ts';
import { contentDigest } from '../../src/federation/identity/content-digest.ts';
import { oneField } from '../../src/federation/identity/http-fields.ts';
import { makeKeyChange } from '../../src/federation/identity/key-changes.ts';
import { generateKey, type PrivateKey } from '../../src/federation/identity/keys.ts';
import { signedTarget } from '../../src/federation/identity/request-signatures.ts';
import { signatureBase, signatureHeaders } from '../../src/federation/identity/signature-fields.ts';
import { fingerprint } from '../support/fingerprint.ts';
import { ADMIN_TOKEN, type Instance, SAMPLES, startInstance } from '../support/instance.ts';
import { chunked, compose, exchangeRaw, type RawAnswer, type RawRequest } from '../support/raw-socket.ts';
import { type Served, serverAt } from '../support/wire-client.ts';

const FEED = '/federation/v1/media?limit=3';
const STATUS = '/federation/v1/status';
const COMPONENTS = ['"@method"', '"@path"', '"@query"', '"authorization"'];

/** A peer as the server knows it. */
interface Caller {
  id: string;
  key: PrivateKey;
  token: string;
}

let clock = 0;
const now = () => Date.now() + clock;

let server: Instance;
let elsewhere: Instance;
let served: Served;
let third: Served;
/** Paired. `replaced` is a token that it had before. */
let peer: Caller & { replaced: string };
let other: Caller;
let revoked: Caller;
let ended: Caller;
/** Knows the same server, by another dialect. */
let artifex: Caller;
/** A token of that dialect. */
let reader: string;
let mediaId: string;

beforeAll(async () => {
  server = await startInstance('Attacked', {}, { now });
  elsewhere = await startInstance('Elsewhere', {}, { now });
  await server.app.library.importFiles({ paths: [join(SAMPLES, 'garden')], visibility: 'PEERS' });
  served = await serverAt(server.url);
  third = await serverAt(elsewhere.url);
  const replaced = generatePeerToken();
  peer = { ...(await known({}, [replaced])), replaced };
  other = await known();
  revoked = await known({ status: 'REVOKED', revokedAt: new Date() });
  ended = await known({ serveGrant: JSON.stringify({ ...WHOLE_GRANT, until: '2020-01-01T00:00:00Z' }) });
  artifex = await known({ dialect: 'ARTIFEX' });
  const issued = await server.query<{ createPeerCredential: { token: string } }>(
    'mutation { createPeerCredential(input: {name: "Reader", dialect: ARTIFEX}) { token userErrors { code } } }',
  );
  reader = issued.createPeerCredential.token;
  mediaId = (await server.app.database.prisma.item.findFirstOrThrow({ where: { source: 0 } })).id;
  expect((await send(get())).answer.status).toBe(200);
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await elsewhere?.[Symbol.asyncDispose]();
});

/** A pairing as it stands in the database, with tokens of ours; `old` ones have ended. */
async function known(row: Record<string, unknown> = {}, old: string[] = []): Promise<Caller> {
  const key = generateKey();
  const token = generatePeerToken();
  const created = Date.now() - 3_600_000;
  const credential = (each: string, at: number, endedAt: Date | null) => ({
    id: `cred_${randomUUID()}`,
    hash: hashPeerToken(each),
    createdAt: new Date(at),
    firstUsedAt: new Date(at + 1000),
    endedAt,
  });
  const { id } = await server.app.database.prisma.peer.create({
    data: {
      id: `peer_${randomUUID()}`,
      name: 'Caller',
      publicKey: JSON.stringify(key.jwk),
      thumbprint: key.thumbprint,
      instanceId: `inst_${randomUUID()}`,
      pairedAt: new Date(created),
      serves: true,
      serveGrant: JSON.stringify(WHOLE_GRANT),
      ...row,
      credentials: {
        create: [
          ...old.map((each) => credential(each, created, new Date(created + 60_000))),
          credential(token, created + 60_000, row['status'] === 'REVOKED' ? new Date() : null),
        ],
      },
    },
  });
  return { id, key, token };
}

interface Signing {
  caller?: Caller;
  key?: PrivateKey;
  token?: string;
  receiver?: string;
  created?: number;
  nonce?: string;
  components?: string[];
  /** Values in place of the message's own. */
  values?: Record<string, string>;
  /** The parameters as they are signed and sent; by default canonical. */
  params?: (canonical: string) => string;
  /** Signature-Input and Signature as they are sent. */
  label?: string;
}

type Draft = RawRequest & { content?: Buffer | undefined };

/** Signs whatever it is told to: what is wrong then is the shape, never the signature. */
function signed(request: { method: string; target: string; content?: Buffer }, how: Signing = {}): Draft {
  const caller = how.caller ?? peer;
  const key = how.key ?? caller.key;
  const authorization = `Bearer ${how.token ?? caller.token}`;
  const { content } = request;
  const digest = content === undefined ? undefined : contentDigest(content);
  const components = how.components ?? [...COMPONENTS, ...(digest === undefined ? [] : ['"content-digest"'])];
  const target = signedTarget(request.target) ?? { path: request.target, query: '?' };
  const created = how.created ?? Math.floor(now() / 1000);
  const nonce = how.nonce ?? randomUUID();
  const canonical =
    `(${components.join(' ')});created=${created};nonce="${nonce}";keyid="${key.thumbprint}"` +
    `;alg="ed25519";tag="hedgerow-federation-1:${how.receiver ?? served.key.thumbprint}"`;
  const params = how.params?.(canonical) ?? canonical;
  const inner = /^\(([^)]*)\)/.exec(params)?.[1] ?? '';
  const covered = [...inner.matchAll(/"[^"]*"(?:;[a-z0-9=?-]+)*/g)].map(([name]) => name);
  const base = signatureBase(
    covered,
    {
      '"@method"': request.method,
      '"@path"': target.path,
      '"@query"': target.query,
      '"authorization"': authorization,
      '"content-digest"': digest ?? '',
      '"host"': new URL(served.url).host,
      '"@authority"': new URL(served.url).host,
      ...how.values,
    },
    params,
  );
  const made = signatureHeaders(params, signRaw(null, Buffer.from(base), key.privateKey));
  const label = (text: string | undefined) => (text ?? '').replace(/^sig=/, `${how.label ?? 'sig'}=`);
  return {
    method: request.method,
    target: request.target,
    content,
    body: content,
    fields: [
      ['Host', new URL(served.url).host],
      ['Authorization', authorization],
      ...(digest === undefined
        ? []
        : ([
            ['Content-Digest', digest],
            ['Content-Length', String(content?.length)],
          ] as [string, string][])),
      ['Signature-Input', label(made['signature-input'])],
      ['Signature', label(made['signature'])],
    ],
  };
}

const get = (how?: Signing, target = FEED): Draft => signed({ method: 'GET', target }, how);

const fieldOf = (draft: RawRequest, name: string): string =>
  draft.fields.find(([key]) => key.toLowerCase() === name)?.[1] ?? '';

/** With the field changed, left out (null) or repeated (a list). */
function withField(
  draft: Draft,
  name: string,
  change: string | string[] | null | ((value: string) => string | string[]),
): Draft {
  const value = typeof change === 'function' ? change(fieldOf(draft, name)) : (change ?? []);
  const fields = draft.fields.flatMap(([key, old]): [string, string][] =>
    key.toLowerCase() === name ? [value].flat().map((each) => [key, each]) : [[key, old]],
  );
  return { ...draft, fields };
}

const plus = (draft: Draft, ...more: [string, string][]): Draft => ({
  ...draft,
  fields: [...draft.fields, ...more],
});

interface Seen {
  answer: RawAnswer;
  code: string | undefined;
  proof: AnswerVerdict['kind'];
  answers: number;
  closed: boolean;
}

async function send(draft: Draft | Buffer, at = served, quiet = 0): Promise<Seen> {
  const bytes = Buffer.isBuffer(draft) ? draft : compose(draft);
  const { answers, closed } = await exchangeRaw(at.url, bytes, { quiet });
  const answer = answers[0] ?? { status: 0, fields: [], body: Buffer.alloc(0) };
  const type = oneField(answer.fields, 'content-type');
  const problem = type.kind === 'one' && type.value.includes('problem+json') && answer.body.length > 0;
  const code = problem ? (JSON.parse(answer.body.toString()) as { code: string }).code : undefined;
  // Bound to what was sent, not to what a server may have made of it.
  const request = Buffer.isBuffer(draft) ? null : draft;
  const verdict = verifyAnswer(
    answer,
    {
      signature: request === null ? '' : fieldOf(request, 'signature').trim(),
      authorization: request === null ? undefined : fieldOf(request, 'authorization').trim(),
    },
    at.key,
    new Date(now()),
  );
  return { answer, code, proof: verdict.kind, answers: answers.length, closed };
}

interface Expected {
  status: number;
  /** The problem's code; undefined where there is none. */
  code?: string;
  proof: 'signed' | 'signed-for-token' | 'unsigned';
}

const ALLOWED: Expected = { status: 200, proof: 'signed' };
const INVALID: Expected = { status: 401, code: 'signature-invalid', proof: 'unsigned' };
const REFUSED: Expected = { status: 401, code: 'credential-refused', proof: 'signed' };
const UNKNOWN: Expected = { status: 401, code: 'credential-refused', proof: 'signed-for-token' };
/** Nobody asks. */
const BARE: Expected = { status: 401, code: 'credential-refused', proof: 'unsigned' };
const NOT_FOUND: Expected = { status: 404, code: 'not-found', proof: 'unsigned' };
const SKEWED: Expected = { status: 401, code: 'clock-skew', proof: 'signed' };
/** Node's own refusal of what is no HTTP: no problem document, and the connection is closed. */
const NO_HTTP: Expected = { status: 400, proof: 'unsigned' };

type Row = [name: string, make: () => Draft | Buffer, expected: Expected];

/** What is kept of a request that verified, whatever becomes of it. */
const NONCES = { peer_nonces: ['*'] };

/** Sends it, judges the answer, and shows that nothing was written and that everything else goes on. */
async function judge(make: () => Draft | Buffer, expected: Expected, aside = {}): Promise<Seen> {
  // Refusals of one address are counted for a minute.
  clock += 61_000;
  const before = await fingerprint(server.app.database, aside);
  const draft = make();
  const seen = await send(draft);
  expect({ status: seen.answer.status, code: seen.code, proof: seen.proof }).toEqual({
    status: expected.status,
    code: expected.code,
    proof: expected.proof,
  });
  expect(seen.answers).toBe(1);
  // Nothing that came along comes back, and nothing of the catalog with a refusal.
  if (expected.status !== 200) {
    for (const secret of [peer.token, peer.replaced, other.token, reader, mediaId]) {
      expect(seen.answer.body.includes(secret)).toBe(false);
    }
  }
  expect(await fingerprint(server.app.database, aside)).toEqual(before);
  const honest = await send(get());
  expect([honest.answer.status, honest.proof]).toEqual([200, 'signed']);
  return seen;
}

const rows = (name: string, table: Row[]) =>
  describe(name, () => {
    it.each(table)('%s', async (_name, make, expected) => {
      await judge(make, expected);
    });
  });

rows('a component that is altered on the way', [
  [
    'the method',
    () => ({ ...get(), method: 'DELETE' }),
    { status: 405, code: 'method-not-allowed', proof: 'unsigned' },
  ],
  ['the path', () => ({ ...get(), target: '/federation/v1/status?limit=3' }), INVALID],
  [
    'the path, to an item’s bytes',
    () => ({ ...get(), target: `/federation/v1/media/${mediaId}/original` }),
    INVALID,
  ],
  ['the query', () => ({ ...get(), target: '/federation/v1/media?limit=5000' }), INVALID],
  ['the query, left out', () => ({ ...get(), target: '/federation/v1/media' }), INVALID],
  ['the query, a parameter more', () => ({ ...get(), target: `${FEED}&after=x` }), INVALID],
  ['the query, encoded otherwise', () => ({ ...get(), target: '/federation/v1/media?limit=%33' }), INVALID],
  ['the token, by another peer’s', () => withField(get(), 'authorization', `Bearer ${other.token}`), INVALID],
  [
    'the token, by a replaced one',
    () => withField(get(), 'authorization', `Bearer ${peer.replaced}`),
    INVALID,
  ],
  [
    'the token, by a revoked peer’s',
    () => withField(get(), 'authorization', `Bearer ${revoked.token}`),
    INVALID,
  ],
  [
    'the token, by an unknown one',
    () => withField(get(), 'authorization', `Bearer ${generatePeerToken()}`),
    UNKNOWN,
  ],
  [
    'the token, one character less',
    () => withField(get(), 'authorization', (value) => value.slice(0, -1)),
    UNKNOWN,
  ],
  [
    'the scheme, in capitals',
    () => withField(get(), 'authorization', (value) => value.replace('Bearer', 'BEARER')),
    INVALID,
  ],
  [
    'the scheme, another one',
    () => withField(get(), 'authorization', (value) => value.replace('Bearer', 'Basic')),
    UNKNOWN,
  ],
  [
    'a space more after the scheme',
    () => withField(get(), 'authorization', (value) => value.replace(' ', '  ')),
    INVALID,
  ],
  [
    'created, by a second',
    () =>
      withField(get(), 'signature-input', (value) =>
        value.replace(/created=(\d+)/, (_, at) => `created=${Number(at) + 1}`),
      ),
    INVALID,
  ],
  [
    'the nonce',
    () => withField(get(), 'signature-input', (value) => value.replace(/nonce="./, 'nonce="_')),
    INVALID,
  ],
  [
    'keyid',
    () =>
      withField(get(), 'signature-input', (value) =>
        value.replace(peer.key.thumbprint, other.key.thumbprint),
      ),
    INVALID,
  ],
  [
    'the tag',
    () =>
      withField(get(), 'signature-input', (value) =>
        value.replace(served.key.thumbprint, third.key.thumbprint),
      ),
    INVALID,
  ],
  [
    'one bit of the signature',
    () =>
      withField(get(), 'signature', (value) =>
        value.replace(/:(.)/, (_, first) => `:${first === 'A' ? 'B' : 'A'}`),
      ),
    INVALID,
  ],
]);

rows('a component or parameter', [
  ...COMPONENTS.map(
    (name): Row => [
      `${name} dropped`,
      () => get({ components: COMPONENTS.filter((each) => each !== name) }),
      INVALID,
    ],
  ),
  ...COMPONENTS.map(
    (name): Row => [`${name} doubled`, () => get({ components: [...COMPONENTS, name] }), INVALID],
  ),
  ['all of them dropped', () => get({ components: [] }), INVALID],
  ['reordered', () => get({ components: [...COMPONENTS].reverse() }), ALLOWED],
  [
    'parameters reordered',
    () => get({ params: (text) => text.replace(/^([^;]*);(created=\d+);(.*)$/, '$1;$3;$2') }),
    ALLOWED,
  ],
  ['host added', () => get({ components: [...COMPONENTS, '"host"'] }), INVALID],
  ['@authority added', () => get({ components: [...COMPONENTS, '"@authority"'] }), INVALID],
  ['a digest of no body added', () => get({ components: [...COMPONENTS, '"content-digest"'] }), INVALID],
  [
    '@query replaced by @query-param',
    () => get({ components: ['"@method"', '"@path"', '"@query-param";name="limit"', '"authorization"'] }),
    INVALID,
  ],
  [
    '@path replaced by @request-target',
    () => get({ components: ['"@method"', '"@request-target"', '"@query"', '"authorization"'] }),
    INVALID,
  ],
  [
    'in capitals',
    () => get({ components: ['"@METHOD"', '"@path"', '"@query"', '"authorization"'] }),
    INVALID,
  ],
  [
    'named like a header in capitals',
    () => get({ components: ['"@method"', '"@path"', '"@query"', '"Authorization"'] }),
    INVALID,
  ],
  [
    'authorization;sf',
    () => get({ components: ['"@method"', '"@path"', '"@query"', '"authorization";sf'] }),
    INVALID,
  ],
  [
    'authorization;bs',
    () => get({ components: ['"@method"', '"@path"', '"@query"', '"authorization";bs'] }),
    INVALID,
  ],
  [
    'authorization;tr',
    () => get({ components: ['"@method"', '"@path"', '"@query"', '"authorization";tr'] }),
    INVALID,
  ],
  [
    'authorization;req',
    () => get({ components: ['"@method"', '"@path"', '"@query"', '"authorization";req'] }),
    INVALID,
  ],
  [
    '@method;req=?1',
    () => get({ components: ['"@method";req=?1', '"@path"', '"@query"', '"authorization"'] }),
    INVALID,
  ],
  [
    '@method;req=?0',
    () => get({ components: ['"@method";req=?0', '"@path"', '"@query"', '"authorization"'] }),
    INVALID,
  ],
  ...['created', 'nonce', 'keyid', 'alg', 'tag'].map(
    (name): Row => [
      `${name} left out`,
      () => get({ params: (text) => text.replace(new RegExp(`;${name}=("[^"]*"|\\d+)`), '') }),
      INVALID,
    ],
  ),
  ...['created', 'nonce', 'keyid', 'alg', 'tag'].map(
    (name): Row => [
      `${name} doubled`,
      () => get({ params: (text) => text.replace(new RegExp(`(;${name}=(?:"[^"]*"|\\d+))`), '$1$1') }),
      INVALID,
    ],
  ),
  [
    'expires added',
    () => get({ params: (text) => `${text};expires=${Math.floor(now() / 1000) + 60}` }),
    INVALID,
  ],
  ['an unknown parameter added', () => get({ params: (text) => `${text};x` }), INVALID],
  [
    'alg of another algorithm',
    () => get({ params: (text) => text.replace('"ed25519"', '"hmac-sha256"') }),
    INVALID,
  ],
  ['alg none', () => get({ params: (text) => text.replace('"ed25519"', '"none"') }), INVALID],
  ['alg empty', () => get({ params: (text) => text.replace('"ed25519"', '""') }), INVALID],
  ['alg in capitals', () => get({ params: (text) => text.replace('"ed25519"', '"Ed25519"') }), INVALID],
  ['alg as a token', () => get({ params: (text) => text.replace('"ed25519"', 'ed25519') }), INVALID],
  ['keyid as a token', () => get({ params: (text) => text.replace(/keyid="[^"]*"/, 'keyid=abc') }), INVALID],
  [
    'created as a string',
    () => get({ params: (text) => text.replace(/created=(\d+)/, 'created="$1"') }),
    INVALID,
  ],
  [
    'created as a decimal',
    () => get({ params: (text) => text.replace(/created=(\d+)/, 'created=$1.0') }),
    INVALID,
  ],
  [
    'created as a date',
    () => get({ params: (text) => text.replace(/created=(\d+)/, 'created=@$1') }),
    INVALID,
  ],
  [
    'created with a leading zero',
    () => get({ params: (text) => text.replace('created=', 'created=0') }),
    INVALID,
  ],
  ['created with a sign', () => get({ params: (text) => text.replace('created=', 'created=+') }), INVALID],
  ['created below zero', () => get({ params: (text) => text.replace('created=', 'created=-') }), INVALID],
  ['created of 15 digits', () => get({ created: 999_999_999_999_999 }), SKEWED],
  [
    'created of 16 digits',
    () => get({ params: (text) => text.replace(/created=\d+/, 'created=9999999999999999') }),
    INVALID,
  ],
  ['a nonce of 15 characters', () => get({ nonce: 'x'.repeat(15) }), INVALID],
  ['a nonce of 16 characters', () => get({ nonce: 'x'.repeat(16) }), ALLOWED],
  ['a nonce of 64 characters', () => get({ nonce: 'x'.repeat(64) }), ALLOWED],
  ['a nonce of 65 characters', () => get({ nonce: 'x'.repeat(65) }), INVALID],
]);

rows('who signs, and for whom', [
  ['another peer’s key, under its own name', () => get({ key: other.key }), INVALID],
  [
    'another peer’s key, under the peer’s name',
    () => get({ key: other.key, params: (text) => text.replace(other.key.thumbprint, peer.key.thumbprint) }),
    INVALID,
  ],
  ['another peer’s token with the peer’s key', () => get({ token: other.token }), INVALID],
  ['a replaced token of the same peer', () => get({ token: peer.replaced }), REFUSED],
  [
    'a token of a revoked peer, with its key',
    () => get({ caller: revoked }),
    { status: 401, code: 'revoked', proof: 'signed' },
  ],
  ['a token of a revoked peer, with another key', () => get({ caller: revoked, key: peer.key }), INVALID],
  [
    'a grant that has ended',
    () => get({ caller: ended }),
    { status: 403, code: 'grant-ended', proof: 'signed' },
  ],
  ['a token that was never issued', () => get({ token: generatePeerToken() }), UNKNOWN],
  ['a token of another dialect', () => get({ caller: artifex }), UNKNOWN],
  ['an admin’s token', () => get({ token: ADMIN_TOKEN }), UNKNOWN],
  [
    'a token in the form of a peer’s, with a quote',
    () => get({ token: "hedgerow_peer_' OR 1=1 --" }),
    UNKNOWN,
  ],
  ['an empty token', () => get({ token: '' }), UNKNOWN],
  ['no Authorization', () => withField(get(), 'authorization', null), BARE],
  ['two Authorizations, alike', () => withField(get(), 'authorization', (value) => [value, value]), INVALID],
  [
    'two Authorizations, the peer’s first',
    () => withField(get(), 'authorization', (value) => [value, `Bearer ${other.token}`]),
    INVALID,
  ],
  [
    'two Authorizations, the peer’s last',
    () => withField(get(), 'authorization', (value) => [`Bearer ${other.token}`, value]),
    INVALID,
  ],
  [
    'two tokens in one Authorization',
    () => withField(get(), 'authorization', (value) => `${value}, Bearer ${other.token}`),
    UNKNOWN,
  ],
  [
    'the token in Proxy-Authorization',
    () => ({
      ...get(),
      fields: get().fields.map(([name, value]) => [
        name === 'Authorization' ? 'Proxy-Authorization' : name,
        value,
      ]),
    }),
    BARE,
  ],
  [
    'the token in the query',
    () => withField(get({}, `${FEED}&access_token=${peer.token}`), 'authorization', null),
    BARE,
  ],
  ['a tag of another receiver', () => get({ receiver: third.key.thumbprint }), INVALID],
  ['a tag of no receiver', () => get({ receiver: '' }), INVALID],
  [
    'a tag of ourselves twice',
    () => get({ receiver: `${served.key.thumbprint}:${served.key.thumbprint}` }),
    INVALID,
  ],
  ['a tag with the sender as receiver', () => get({ receiver: peer.key.thumbprint }), INVALID],
  [
    'the tag of pairing',
    () => get({ params: (text) => text.replace(/tag="[^"]*"/, 'tag="hedgerow-pairing-1"') }),
    INVALID,
  ],
  [
    'the tag of answers',
    () => get({ params: (text) => text.replace(/tag="[^"]*"/, 'tag="hedgerow-answer-1"') }),
    INVALID,
  ],
  [
    'the tag of a later version',
    () => get({ params: (text) => text.replace('federation-1:', 'federation-2:') }),
    INVALID,
  ],
  ['an old created', () => get({ created: Math.floor(now() / 1000) - 302 }), SKEWED],
  ['a future created', () => get({ created: Math.floor(now() / 1000) + 302 }), SKEWED],
  ['created nearly too old', () => get({ created: Math.floor(now() / 1000) - 298 }), ALLOWED],
  ['created nearly too far ahead', () => get({ created: Math.floor(now() / 1000) + 298 }), ALLOWED],
  ['created of 1970', () => get({ created: 0 }), SKEWED],
  [
    'an old created by a revoked peer',
    () => get({ caller: revoked, created: Math.floor(now() / 1000) - 3600 }),
    SKEWED,
  ],
]);

rows('structured fields (RFC 8941)', [
  [
    'a second signature',
    () =>
      withField(
        withField(get(), 'signature-input', (value) => `${value}, two=${value.slice(4)}`),
        'signature',
        (value) => `${value}, two=${value.slice(4)}`,
      ),
    INVALID,
  ],
  [
    'a second input without a signature',
    () => withField(get(), 'signature-input', (value) => `${value}, two=${value.slice(4)}`),
    INVALID,
  ],
  [
    'a second signature without an input',
    () => withField(get(), 'signature', (value) => `${value}, two=${value.slice(4)}`),
    INVALID,
  ],
  ['the label twice', () => withField(get(), 'signature-input', (value) => `${value}, ${value}`), INVALID],
  [
    'the label twice, first a wrong one',
    () => withField(get(), 'signature-input', (value) => `sig=(), ${value}`),
    INVALID,
  ],
  [
    'the signature twice, first a wrong one',
    () => withField(get(), 'signature', (value) => `sig=:AAAA:, ${value}`),
    INVALID,
  ],
  ['another label', () => get({ label: 'sig1' }), INVALID],
  ['a label in capitals', () => get({ label: 'Sig' }), INVALID],
  [
    'labels that differ',
    () => withField(get(), 'signature', (value) => value.replace('sig=', 'sig1=')),
    INVALID,
  ],
  [
    'Signature-Input in two lines',
    () => withField(get(), 'signature-input', (value) => [value, value]),
    INVALID,
  ],
  ['Signature in two lines', () => withField(get(), 'signature', (value) => [value, value]), INVALID],
  ['an empty second line', () => withField(get(), 'signature', (value) => [value, '']), INVALID],
  ['no Signature', () => withField(get(), 'signature', null), INVALID],
  ['no Signature-Input', () => withField(get(), 'signature-input', null), INVALID],
  ['neither', () => withField(withField(get(), 'signature', null), 'signature-input', null), INVALID],
  ['both empty', () => withField(withField(get(), 'signature', ''), 'signature-input', ''), INVALID],
  ['spaces around', () => withField(get(), 'signature-input', (value) => `  ${value} \t `), ALLOWED],
  [
    'spaces inside the list',
    () => withField(get(), 'signature-input', (value) => value.replace('(', '(  ').replace('" "', '"    "')),
    ALLOWED,
  ],
  [
    'a space before a parameter',
    () => withField(get(), 'signature-input', (value) => value.replace(';created', '; created')),
    ALLOWED,
  ],
  [
    'a tab in the list',
    () => withField(get(), 'signature-input', (value) => value.replace('" "', '"\t"')),
    INVALID,
  ],
  [
    'a space before the equals sign',
    () => withField(get(), 'signature-input', (value) => value.replace('created=', 'created =')),
    INVALID,
  ],
  [
    'a space after the equals sign',
    () => withField(get(), 'signature-input', (value) => value.replace('sig=', 'sig= ')),
    INVALID,
  ],
  [
    'no space between components',
    () => withField(get(), 'signature-input', (value) => value.replace('" "', '""')),
    INVALID,
  ],
  ['a comma at the end', () => withField(get(), 'signature-input', (value) => `${value},`), INVALID],
  [
    'an inner list that is not closed',
    () => withField(get(), 'signature-input', (value) => value.replace(')', '')),
    INVALID,
  ],
  [
    'an inner list within the list',
    () => withField(get(), 'signature-input', (value) => value.replace('("@method"', '(("@method")')),
    INVALID,
  ],
  [
    'a token in place of a string',
    () => get({ params: (text) => text.replace('"@path"', '@path') }),
    INVALID,
  ],
  [
    'an escaped letter in a string',
    () => withField(get(), 'signature-input', (value) => value.replace('"@path"', '"@p\\ath"')),
    INVALID,
  ],
  ['an escaped quote in the nonce', () => get({ nonce: 'abcdefghijklmnop\\"' }), ALLOWED],
  [
    'a signature as a string',
    () => withField(get(), 'signature', (value) => `sig="${value.slice(5, -1)}"`),
    INVALID,
  ],
  [
    'a signature as a list',
    () => withField(get(), 'signature', (value) => `sig=(${value.slice(4)})`),
    INVALID,
  ],
  ['a signature with a parameter', () => withField(get(), 'signature', (value) => `${value};x`), INVALID],
  [
    'base64 without padding',
    () => withField(get(), 'signature', (value) => value.replace(/=+:$/, ':')),
    INVALID,
  ],
  [
    'base64 with padding doubled',
    () => withField(get(), 'signature', (value) => value.replace(/=+:$/, '====:')),
    INVALID,
  ],
  [
    'base64 with bits left over',
    () =>
      withField(get(), 'signature', (value) =>
        value.replace(/(.)==:$/, (_, last: string) => `${{ A: 'B', Q: 'R', g: 'h', w: 'x' }[last]}==:`),
      ),
    INVALID,
  ],
  [
    'base64url',
    () =>
      withField(get({ nonce: nonceWithSlash() }), 'signature', (value) =>
        value.replaceAll('+', '-').replaceAll('/', '_'),
      ),
    INVALID,
  ],
  [
    'base64 with a space',
    () => withField(get(), 'signature', (value) => value.replace(/:(.{10})/, ':$1 ')),
    INVALID,
  ],
  [
    'base64 with a line break',
    () => withField(get(), 'signature', (value) => value.replace(/:(.{10})/, ':$1\r\n ')),
    NO_HTTP,
  ],
  [
    'a signature of 63 bytes',
    () => withField(get(), 'signature', `sig=:${Buffer.alloc(63, 1).toString('base64')}:`),
    INVALID,
  ],
  [
    'a signature of 65 bytes',
    () => withField(get(), 'signature', `sig=:${Buffer.alloc(65, 1).toString('base64')}:`),
    INVALID,
  ],
  [
    'a signature of zeros',
    () => withField(get(), 'signature', `sig=:${Buffer.alloc(64).toString('base64')}:`),
    INVALID,
  ],
  [
    'bytes above ASCII',
    () => withField(get(), 'signature-input', (value) => value.replace(/nonce="./, 'nonce="\u00e9')),
    INVALID,
  ],
  [
    'a field of 3 kB',
    () => withField(get(), 'signature-input', (value) => `${value};x="${'y'.repeat(3000)}"`),
    INVALID,
  ],
  [
    'spaces to 3 kB',
    () => withField(get(), 'signature-input', (value) => value.replace('(', `(${' '.repeat(3000)}`)),
    INVALID,
  ],
  [
    'a thousand components',
    () => withField(get(), 'signature-input', (value) => value.replace('(', `(${'"a" '.repeat(400)}`)),
    INVALID,
  ],
]);

/** A signature in base64 that has a character which base64url writes otherwise. */
function nonceWithSlash(): string {
  for (;;) {
    const nonce = randomUUID();
    const draft = get({ nonce });
    if (/[+/]/.test(fieldOf(draft, 'signature'))) return nonce;
  }
}

rows('the target', [
  ['in absolute form', () => ({ ...get(), target: `http://elsewhere.example${FEED}` }), ALLOWED],
  [
    'in absolute form, with our path as host',
    () => ({ ...get(), target: `http://federation/v1${FEED}` }),
    NOT_FOUND,
  ],
  [
    'in absolute form, of another scheme',
    () => ({ ...get(), target: `ftp://elsewhere.example${FEED}` }),
    NOT_FOUND,
  ],
  ['with an unknown prefix', () => ({ ...get(), target: `/x${FEED}` }), NOT_FOUND],
  ['with the root twice', () => ({ ...get(), target: `/federation/v1${FEED}` }), NOT_FOUND],
  [
    'with the root once more in an item’s id',
    () => get({}, '/federation/v1/media/federation/v1'),
    { status: 404, code: 'not-found', proof: 'signed' },
  ],
  [
    'with the root in the query only',
    () => ({ ...get(), target: '/healthz?/federation/v1/media' }),
    { status: 200, proof: 'unsigned' },
  ],
  ['with an encoded root', () => ({ ...get(), target: '/%66ederation/v1/media?limit=3' }), INVALID],
  ['with an encoded slash', () => ({ ...get(), target: '/federation%2Fv1/media?limit=3' }), NOT_FOUND],
  ['with an encoded letter', () => ({ ...get(), target: '/federation/v1/%6dedia?limit=3' }), INVALID],
  ['with an encoded letter, signed so', () => get({}, '/federation/v1/%6dedia?limit=3'), ALLOWED],
  ['with a slash doubled', () => ({ ...get(), target: '//federation/v1/media?limit=3' }), NOT_FOUND],
  ['with a slash doubled inside', () => ({ ...get(), target: '/federation//v1/media?limit=3' }), NOT_FOUND],
  ['with a slash at the end', () => ({ ...get(), target: '/federation/v1/media/?limit=3' }), NOT_FOUND],
  ['with dots', () => ({ ...get(), target: '/federation/v1/../v1/media?limit=3' }), NOT_FOUND],
  ['with dots, signed so', () => get({}, '/federation/v1/../v1/media?limit=3'), NOT_FOUND],
  [
    'with encoded dots in an id',
    () => get({}, '/federation/v1/media/%2e%2e/status'),
    { status: 404, code: 'not-found', proof: 'signed' },
  ],
  [
    'with encoded slashes in an id',
    () => get({}, '/federation/v1/media/..%2f..%2fmedia/original'),
    { status: 404, code: 'not-found', proof: 'signed' },
  ],
  [
    'with a zero byte in an id',
    () => get({}, '/federation/v1/media/a%00b/original'),
    { status: 404, code: 'not-found', proof: 'signed' },
  ],
  [
    'with a broken escape',
    () => get({}, '/federation/v1/media/%zz/original'),
    { status: 400, code: 'invalid', proof: 'unsigned' },
  ],
  [
    'with invalid UTF-8 in an escape',
    () => get({}, '/federation/v1/media/%ff%fe/original'),
    { status: 400, code: 'invalid', proof: 'unsigned' },
  ],
  [
    'with an id of 300 characters',
    () => get({}, `/federation/v1/media/${'a'.repeat(300)}/original`),
    NOT_FOUND,
  ],
  ['in capitals', () => ({ ...get(), target: FEED.toUpperCase() }), NOT_FOUND],
  ['with a semicolon', () => ({ ...get(), target: '/federation/v1/media;limit=3' }), NOT_FOUND],
  ['with a backslash', () => ({ ...get(), target: '/federation\\v1\\media?limit=3' }), NOT_FOUND],
  ['with a fragment', () => ({ ...get(), target: `${FEED}#x` }), INVALID],
  [
    'with a query of one question mark',
    () => ({ ...get({}, '/federation/v1/media'), target: '/federation/v1/media?' }),
    ALLOWED,
  ],
  [
    'with a parameter twice',
    () => get({}, '/federation/v1/media?limit=3&limit=5000'),
    { status: 400, code: 'invalid', proof: 'signed' },
  ],
  [
    'with after twice',
    () => get({}, '/federation/v1/media?after=a&after=b'),
    { status: 400, code: 'invalid', proof: 'signed' },
  ],
  [
    'with a limit of 0',
    () => get({}, '/federation/v1/media?limit=0'),
    { status: 400, code: 'invalid', proof: 'signed' },
  ],
  [
    'with a limit of 5001',
    () => get({}, '/federation/v1/media?limit=5001'),
    { status: 400, code: 'invalid', proof: 'signed' },
  ],
  [
    'with a limit in another form',
    () => get({}, '/federation/v1/media?limit=1e3'),
    { status: 400, code: 'invalid', proof: 'signed' },
  ],
  [
    'with a cursor that is none',
    () => get({}, `/federation/v1/media?after=${'A'.repeat(120)}`),
    { status: 410, code: 'cursor-expired', proof: 'signed' },
  ],
  [
    'with a cursor of 12 kB',
    () => get({}, `/federation/v1/media?after=${'A'.repeat(12_000)}`),
    { status: 400, code: 'invalid', proof: 'signed' },
  ],
  [
    'of 64 kB',
    () => ({ ...get(), target: `${FEED}&x=${'y'.repeat(64_000)}` }),
    { status: 431, proof: 'unsigned' },
  ],
]);

rows('the message around it', [
  [
    'a body on GET, with its length',
    () => plus({ ...get(), body: Buffer.from('x') }, ['Content-Length', '1']),
    INVALID,
  ],
  [
    'a body on GET, in chunks',
    () => plus({ ...get(), body: chunked(Buffer.from('x')) }, ['Transfer-Encoding', 'chunked']),
    INVALID,
  ],
  ['an empty body on GET', () => plus(get(), ['Content-Length', '0']), ALLOWED],
  [
    'an empty body on GET, in chunks',
    () => plus({ ...get(), body: Buffer.from('0\r\n\r\n') }, ['Transfer-Encoding', 'chunked']),
    INVALID,
  ],
  [
    'a whole second request as the body of GET',
    () => plus({ ...get(), body: compose(get()) }, ['Content-Length', String(compose(get()).length)]),
    INVALID,
  ],
  [
    'length and chunks',
    () =>
      plus(
        { ...get(), body: Buffer.from('0\r\n\r\n') },
        ['Content-Length', '4'],
        ['Transfer-Encoding', 'chunked'],
      ),
    NO_HTTP,
  ],
  [
    'two lengths',
    () => plus({ ...get(), body: Buffer.from('x') }, ['Content-Length', '1'], ['Content-Length', '0']),
    NO_HTTP,
  ],
  [
    'two lengths, alike',
    () => plus({ ...get(), body: Buffer.from('x') }, ['Content-Length', '1'], ['Content-Length', '1']),
    NO_HTTP,
  ],
  [
    'a length with a sign',
    () => plus({ ...get(), body: Buffer.from('x') }, ['Content-Length', '+1']),
    NO_HTTP,
  ],
  [
    'a length in hexadecimal',
    () => plus({ ...get(), body: Buffer.from('x') }, ['Content-Length', '0x1']),
    NO_HTTP,
  ],
  [
    'a coding that chunks only sound like',
    () => plus({ ...get(), body: Buffer.from('0\r\n\r\n') }, ['Transfer-Encoding', 'xchunked']),
    NO_HTTP,
  ],
  [
    'a coding after the chunks',
    () => plus({ ...get(), body: Buffer.from('0\r\n\r\n') }, ['Transfer-Encoding', 'chunked, identity']),
    NO_HTTP,
  ],
  [
    'a space before the colon',
    () =>
      Buffer.from(compose(get()).toString('latin1').replace('Authorization:', 'Authorization :'), 'latin1'),
    NO_HTTP,
  ],
  [
    'a folded field',
    () => Buffer.from(compose(get()).toString('latin1').replace('Bearer ', 'Bearer\r\n '), 'latin1'),
    NO_HTTP,
  ],
  [
    'a bare line feed',
    () => Buffer.from(compose(get()).toString('latin1').replace('\r\nSignature:', '\nSignature:'), 'latin1'),
    NO_HTTP,
  ],
  ['a zero byte in a field', () => withField(get(), 'signature', (value) => `${value}\0`), NO_HTTP],
  ['no Host', () => withField(get(), 'host', null), NO_HTTP],
  ['another Host', () => withField(get(), 'host', 'elsewhere.example'), ALLOWED],
  // Nothing is decided by it, so it does no harm that Node takes two.
  ['two Hosts', () => withField(get(), 'host', (value) => [value, 'elsewhere.example']), ALLOWED],
  [
    'X-Forwarded fields from anywhere',
    () =>
      plus(
        get(),
        ['X-Forwarded-Prefix', '/x'],
        ['X-Forwarded-Host', 'elsewhere.example'],
        ['X-Original-URL', '/federation/v1/status'],
        ['X-Rewrite-URL', '/federation/v1/status'],
      ),
    ALLOWED,
  ],
  ['another method by a field', () => plus(get(), ['X-HTTP-Method-Override', 'DELETE']), ALLOWED],
  ['HTTP/1.0', () => ({ ...get(), version: '1.0' }), ALLOWED],
  ['HTTP/0.9', () => Buffer.from(`GET ${FEED}\r\n\r\n`), BARE],
  ['HTTP/2.0 in words', () => ({ ...get(), version: '2.0' }), ALLOWED],
  ['a method that is none', () => ({ ...get(), method: 'GETT' }), NO_HTTP],
  ['a method in small letters', () => ({ ...get(), method: 'get' }), NO_HTTP],
  ['HEAD', () => signed({ method: 'HEAD', target: FEED }), { status: 405, proof: 'unsigned' }],
  [
    'PUT, signed',
    () => signed({ method: 'PUT', target: FEED, content: Buffer.from('{}') }),
    { status: 405, code: 'method-not-allowed', proof: 'unsigned' },
  ],
  [
    'OPTIONS, as browsers ask beforehand',
    () =>
      plus(
        signed({ method: 'OPTIONS', target: FEED }),
        ['Origin', 'https://evil.example'],
        ['Access-Control-Request-Method', 'GET'],
      ),
    { status: 405, code: 'method-not-allowed', proof: 'unsigned' },
  ],
  ['an Origin of elsewhere', () => plus(get(), ['Origin', 'https://evil.example']), ALLOWED],
  ['fields of 20 kB', () => plus(get(), ['X-Flood', 'y'.repeat(20_000)]), { status: 431, proof: 'unsigned' }],
  [
    'thousands of small fields',
    () => plus(get(), ...Array.from({ length: 10_000 }, (): [string, string] => ['a', 'b'])),
    { status: 431, proof: 'unsigned' },
  ],
  [
    'a second Authorization after 2,100 fields',
    () =>
      plus(get(), ...Array.from({ length: 2_100 }, (): [string, string] => ['a', '']), [
        'Authorization',
        `Bearer ${other.token}`,
      ]),
    { status: 431, proof: 'unsigned' },
  ],
  ['an Expect', () => plus(get(), ['Expect', 'x']), { status: 417, proof: 'unsigned' }],
  ['an Upgrade', () => plus(get(), ['Connection', 'Upgrade'], ['Upgrade', 'websocket']), ALLOWED],
]);

const CREDENTIALS = '/federation/v1/credentials';
const post = (how?: Signing, target = CREDENTIALS, content = Buffer.from('{"asked":1}')): Draft =>
  signed({ method: 'POST', target, content }, how);
const withBody = (draft: Draft, body: Buffer): Draft =>
  withField({ ...draft, body }, 'content-length', String(body.length));

rows('a request with a body', [
  ['another body of the same length', () => withBody(post(), Buffer.from('{"asked":2}')), INVALID],
  ['no body any more', () => withBody(post(), Buffer.alloc(0)), INVALID],
  ['a body cut short', () => withBody(post(), Buffer.from('{"asked":1')), INVALID],
  ['a space more', () => withBody(post(), Buffer.from('{"asked":1} ')), INVALID],
  ['the body in capitals', () => withBody(post(), Buffer.from('{"ASKED":1}')), INVALID],
  [
    'the body and digest of another',
    () => withField(withBody(post(), Buffer.from('x')), 'content-digest', contentDigest(Buffer.from('x'))),
    INVALID,
  ],
  ['no digest', () => withField(post(), 'content-digest', null), INVALID],
  ['two digests, alike', () => withField(post(), 'content-digest', (value) => [value, value]), INVALID],
  [
    'two digests in one line',
    () => withField(post(), 'content-digest', (value) => `${value}, ${value}`),
    INVALID,
  ],
  [
    'a digest by another name',
    () => withField(post(), 'content-digest', (value) => value.replace('sha-256', 'sha-512')),
    INVALID,
  ],
  [
    'a digest in base64url',
    () => withField(post(), 'content-digest', (value) => value.replace(/[+/=]/g, '-')),
    INVALID,
  ],
  ['a digest that the signature does not cover', () => post({ components: COMPONENTS }), INVALID],
  [
    'a body that no digest and no signature covers',
    () =>
      plus(withBody(signed({ method: 'POST', target: CREDENTIALS }), Buffer.from('{}')), [
        'Content-Length',
        '2',
      ]),
    INVALID,
  ],
  [
    'a digest of the empty body for none',
    () => signed({ method: 'POST', target: CREDENTIALS, content: Buffer.alloc(0) }),
    INVALID,
  ],
  [
    'each component dropped',
    () => post({ components: [...COMPONENTS.slice(1), '"content-digest"'] }),
    INVALID,
  ],
  [
    'the digest doubled among the components',
    () => post({ components: [...COMPONENTS, '"content-digest"', '"content-digest"'] }),
    INVALID,
  ],
  [
    'content-length added',
    () =>
      post({
        components: [...COMPONENTS, '"content-digest"', '"content-length"'],
        values: { '"content-length"': '11' },
      }),
    INVALID,
  ],
  ['another peer’s key', () => post({ key: other.key }), INVALID],
  ['another peer’s token', () => post({ token: other.token }), INVALID],
  ['another receiver', () => post({ receiver: third.key.thumbprint }), INVALID],
  ['an unknown token', () => post({ token: generatePeerToken() }), UNKNOWN],
  ['a token of another dialect', () => post({ caller: artifex }), UNKNOWN],
  ['an old created', () => post({ created: Math.floor(now() / 1000) - 302 }), SKEWED],
  ['a future created', () => post({ created: Math.floor(now() / 1000) + 302 }), SKEWED],
  [
    'length and chunks',
    () => plus({ ...post(), body: chunked(Buffer.from('{"asked":1}')) }, ['Transfer-Encoding', 'chunked']),
    NO_HTTP,
  ],
  [
    'a body of 300 kB',
    () => post({}, CREDENTIALS, Buffer.alloc(300_000, 'x')),
    { status: 413, code: 'quota-exceeded', proof: 'unsigned' },
  ],
  [
    'GET in place of POST',
    () => ({ ...post(), method: 'GET' }),
    { status: 405, code: 'method-not-allowed', proof: 'unsigned' },
  ],
  [
    'the notice of another peer’s end',
    () => signed({ method: 'DELETE', target: '/federation/v1/pairing' }, { key: other.key }),
    INVALID,
  ],
  [
    'a notice without a signature',
    () =>
      withField(
        withField(signed({ method: 'DELETE', target: '/federation/v1/pairing' }), 'signature', null),
        'signature-input',
        null,
      ),
    INVALID,
  ],
  [
    'a notice made of another request',
    () => ({ ...get(), method: 'DELETE', target: '/federation/v1/pairing' }),
    INVALID,
  ],
]);

describe('a request with a body, of whoever is known but may not', () => {
  it.each<Row>([
    ['a replaced token', () => post({ token: peer.replaced }), REFUSED],
    ['a revoked peer', () => post({ caller: revoked }), { status: 401, code: 'revoked', proof: 'signed' }],
    [
      'a notice by a replaced token',
      () => signed({ method: 'DELETE', target: '/federation/v1/pairing' }, { token: peer.replaced }),
      REFUSED,
    ],
  ])('%s', async (_name, make, expected) => {
    await judge(make, expected, NONCES);
  });

  it.each([
    ['no chain', {}],
    ['an empty chain', { keys: [] }],
    ['a chain that is none', { keys: 'x' }],
    ['a thousand changes', { keys: Array.from({ length: 1000 }, () => ({ number: 1 })) }],
  ])('an announcement with %s changes nothing', async (_name, body) => {
    clock += 61_000;
    const before = await fingerprint(server.app.database, NONCES);
    const { answer } = await send(post({}, '/federation/v1/keys', Buffer.from(JSON.stringify(body))));
    expect([200, 400, 401]).toContain(answer.status);
    expect(await fingerprint(server.app.database, NONCES)).toEqual(before);
  });

  it('a key that the pinned one has not signed is not followed', async () => {
    clock += 61_000;
    const before = await fingerprint(server.app.database, NONCES);
    const thief = generateKey();
    const { instanceId } = await server.app.database.prisma.peer.findUniqueOrThrow({
      where: { id: peer.id },
    });
    for (const change of [
      makeKeyChange(instanceId ?? '', 1, other.key, thief),
      makeKeyChange('inst_other', 1, peer.key, thief),
      { ...makeKeyChange(instanceId ?? '', 1, peer.key, thief), old: other.key.jwk },
      { ...makeKeyChange(instanceId ?? '', 1, peer.key, other.key), new: thief.jwk },
    ]) {
      const body = Buffer.from(JSON.stringify({ keys: [change] }));
      const seen = await send(post({ key: thief }, '/federation/v1/keys', body));
      expect(seen.answer.status).toBeGreaterThanOrEqual(400);
      expect(seen.proof).toBe('unsigned');
    }
    expect(await fingerprint(server.app.database, NONCES)).toEqual(before);
    expect((await send(get())).answer.status).toBe(200);
  });
});

describe('a request that changes something', () => {
  it('is taken once; sent again, to the letter or signed anew with its nonce, it is refused and does nothing', async () => {
    const caller = await known();
    const draft = post({ caller });
    expect(await send(draft)).toMatchObject({ answer: { status: 201 }, proof: 'signed' });
    const before = await fingerprint(server.app.database);
    const nonce = /nonce="([^"]+)"/.exec(fieldOf(draft, 'signature-input'))?.[1] ?? '';
    for (const again of [draft, draft, post({ caller, nonce }, CREDENTIALS, Buffer.from('{"asked":2}'))]) {
      expect(await send(again)).toMatchObject({
        answer: { status: 401 },
        code: 'signature-invalid',
        proof: 'signed',
      });
    }
    expect(await fingerprint(server.app.database)).toEqual(before);
    // What only reads keeps no nonces, and peers have theirs apart.
    expect((await send(get({ caller, nonce }))).answer.status).toBe(200);
    expect((await send(post({ caller: await known(), nonce }))).answer.status).toBe(201);
    // Once its time is over it is refused for that, and its nonce may be forgotten.
    clock += 361_000;
    expect(await send(draft)).toMatchObject({ code: 'clock-skew', proof: 'signed' });
    clock += 61_000;
    expect((await send(post({ caller }))).answer.status).toBe(201);
    expect(await send(draft)).toMatchObject({ code: 'clock-skew', proof: 'signed' });
  });

  it('sent many times at once is taken once', async () => {
    const caller = await known();
    const draft = post({ caller });
    const seen = await Promise.all(Array.from({ length: 12 }, () => send(draft)));
    expect(seen.map(({ answer }) => answer.status).sort()).toEqual([
      201,
      ...Array.from({ length: 11 }, () => 401),
    ]);
    const { credentials } = await server.app.database.prisma.peer.findUniqueOrThrow({
      where: { id: caller.id },
      include: { credentials: true },
    });
    expect(credentials.length).toBe(2);
  });

  it('that was refused before its signature verified leaves its nonce free', async () => {
    const caller = await known();
    const draft = post({ caller });
    clock += 61_000;
    expect((await send(withBody(draft, Buffer.from('{"asked":3}')))).code).toBe('signature-invalid');
    expect((await send(draft)).answer.status).toBe(201);
  });

  it('may come in chunks', async () => {
    const draft = post({ caller: await known() });
    const { fields } = withField(draft, 'content-length', null);
    const sent = plus({ ...draft, fields, body: chunked(draft.content ?? Buffer.alloc(0)) }, [
      'Transfer-Encoding',
      'chunked',
    ]);
    expect(await send(sent)).toMatchObject({ answer: { status: 201 }, proof: 'signed' });
  });

  it('carries out the end of its own pair only', async () => {
    const caller = await known();
    expect(
      (await send(signed({ method: 'DELETE', target: '/federation/v1/pairing' }, { caller }))).answer.status,
    ).toBe(200);
    expect((await send(get({ caller }))).answer.status).toBe(401);
    expect((await send(get())).answer.status).toBe(200);
  });
});

it('a request for a former key of the server is taken, and the answer is signed with the key of today', async () => {
  await using renewed = await startInstance('Renewed');
  const former = await serverAt(renewed.url);
  const key = generateKey();
  const token = generatePeerToken();
  await renewed.app.database.prisma.peer.create({
    data: {
      id: `peer_${randomUUID()}`,
      name: 'Caller',
      publicKey: JSON.stringify(key.jwk),
      thumbprint: key.thumbprint,
      instanceId: `inst_${randomUUID()}`,
      pairedAt: new Date(),
      serves: true,
      serveGrant: JSON.stringify(WHOLE_GRANT),
      credentials: {
        create: { id: `cred_${randomUUID()}`, hash: hashPeerToken(token), firstUsedAt: new Date() },
      },
    },
  });
  await renewed.query('mutation { rotateInstanceKey(input: {confirm: true}) { userErrors { code } } }');
  const today = await serverAt(renewed.url);
  expect(today.key.thumbprint).not.toBe(former.key.thumbprint);
  const ask = (receiver: string) =>
    signed(
      { method: 'GET', target: FEED },
      { caller: { id: '', key, token }, receiver, created: Math.floor(Date.now() / 1000) },
    );
  clock = 0;
  for (const receiver of [former.key.thumbprint, today.key.thumbprint]) {
    expect(await send(ask(receiver), today)).toMatchObject({ answer: { status: 200 }, proof: 'signed' });
    expect((await send(ask(receiver), former)).proof).toBe('other-key');
  }
  expect(await send(ask(served.key.thumbprint), today)).toMatchObject({ code: 'signature-invalid' });
});

describe('a route of another dialect', () => {
  const images = ['/federation/v1/images', '/federation/images'];
  const bare = (target: string, field: string, token: string): Draft => ({
    method: 'GET',
    target,
    fields: [
      ['Host', new URL(served.url).host],
      [field, token],
    ],
  });

  it.each<Row>([
    ...images.flatMap((target): Row[] => [
      ['a request signed for the native routes', () => get({}, target), BARE],
      ['a native token in the other’s field', () => bare(target, 'X-Federation-Token', peer.token), BARE],
      ['a native token as a bearer', () => bare(target, 'Authorization', `Bearer ${peer.token}`), BARE],
      ['an admin’s token', () => bare(target, 'X-Federation-Token', ADMIN_TOKEN), BARE],
      ['no token', () => bare(target, 'X-Nothing', ''), BARE],
      [
        'two tokens',
        () => plus(bare(target, 'X-Federation-Token', reader), ['X-Federation-Token', reader]),
        BARE,
      ],
      ['a token as a bearer', () => bare(target, 'Authorization', `Bearer ${reader}`), BARE],
      ['a token in the query', () => bare(`${target}?token=${reader}`, 'X-Nothing', ''), BARE],
    ]),
    [
      'a native token for bytes',
      () => bare(`/images/${mediaId}/original`, 'X-Federation-Token', peer.token),
      BARE,
    ],
    ['its own token, on the native feed', () => bare(FEED, 'X-Federation-Token', reader), BARE],
    [
      'its own token, on the native feed, as a bearer',
      () => bare(FEED, 'Authorization', `Bearer ${reader}`),
      UNKNOWN,
    ],
    ['its own token, on the native feed, signed', () => get({ token: reader }), UNKNOWN],
  ])('is closed to %s, and the native ones to it (%#)', async (_name, make, expected) => {
    await judge(make, expected);
  });

  it('is open to its own token, which gets no signature', async () => {
    for (const target of images) {
      expect(await send(bare(target, 'X-Federation-Token', reader))).toMatchObject({
        answer: { status: 200 },
        proof: 'unsigned',
      });
    }
  });
});

describe('a safe request', () => {
  it('may be repeated to the letter, and each answer is bound to it', async () => {
    const draft = get();
    for (const _time of [1, 2, 3])
      expect(await send(draft)).toMatchObject({ proof: 'signed', code: undefined });
  });

  it('carried to a third server that knows the same peer and the same token opens nothing', async () => {
    await elsewhere.app.database.prisma.peer.create({
      data: {
        id: `peer_${randomUUID()}`,
        name: 'Caller',
        publicKey: JSON.stringify(peer.key.jwk),
        thumbprint: peer.key.thumbprint,
        instanceId: `inst_${randomUUID()}`,
        pairedAt: new Date(),
        serves: true,
        serveGrant: JSON.stringify(WHOLE_GRANT),
        credentials: {
          create: { id: `cred_${randomUUID()}`, hash: hashPeerToken(peer.token), firstUsedAt: new Date() },
        },
      },
    });
    const before = await fingerprint(elsewhere.app.database);
    expect(await send(get(), third)).toMatchObject({ code: 'signature-invalid', proof: 'unsigned' });
    expect(await fingerprint(elsewhere.app.database)).toEqual(before);
    expect((await send(get({ receiver: third.key.thumbprint }), third)).answer.status).toBe(200);
  });

  it('of bytes is refused as any other, and its bytes are not given', async () => {
    const target = `/federation/v1/media/${mediaId}/original`;
    const good = await send(get({}, target));
    expect([good.answer.status, good.answer.body.length > 1000]).toEqual([200, true]);
    for (const draft of [
      get({ token: peer.replaced }, target),
      get({ caller: revoked }, target),
      get({ caller: ended }, target),
      get({ caller: artifex }, target),
      get({ receiver: third.key.thumbprint }, target),
      { ...get({}, `/federation/v1/media/${mediaId}/thumbnail`), target },
      plus({ ...get({}, target), target: `${target}?x` }, ['Range', 'bytes=0-99']),
    ]) {
      clock += 61_000;
      const { answer, code } = await send(draft);
      expect([401, 403]).toContain(answer.status);
      expect(code).toMatch(/^(credential-refused|revoked|grant-ended|signature-invalid)$/);
      expect(answer.body.length).toBeLessThan(1000);
    }
  });

  it('and another behind it on one connection are two requests, each by its own signature', async () => {
    const two = Buffer.concat([compose(get()), compose(get({ token: peer.replaced }, STATUS))]);
    const { answers } = await exchangeRaw(served.url, two, { quiet: 300 });
    expect(answers.map(({ status }) => status)).toEqual([200, 401]);
  });

  it('with a request hidden in its body is one request', async () => {
    const hidden = compose(get({}, STATUS));
    for (const draft of [
      plus({ ...get(), body: hidden }, ['Content-Length', String(hidden.length)]),
      plus({ ...get(), body: chunked(hidden) }, ['Transfer-Encoding', 'chunked']),
      plus(
        { ...get(), body: Buffer.concat([Buffer.from('0\r\n\r\n'), hidden]) },
        ['Content-Length', String(hidden.length + 5)],
        ['Transfer-Encoding', 'chunked'],
      ),
    ]) {
      clock += 61_000;
      const { answers } = await exchangeRaw(served.url, compose(draft), { quiet: 300 });
      expect(answers.map(({ status }) => status).filter((status) => status === 200)).toEqual([]);
      expect(answers.length).toBe(1);
    }
  });
});

describe('many refused requests', () => {
  it('of one address are answered 429 after a while, and who proves itself goes on', async () => {
    clock += 61_000;
    const statuses: number[] = [];
    for (let time = 0; time < 130; time++) statuses.push((await send(get({ key: other.key }))).answer.status);
    expect(statuses.slice(0, 100).every((status) => status === 401)).toBe(true);
    const last = await send(get({ token: generatePeerToken() }));
    expect(last).toMatchObject({ code: 'rate-limited', proof: 'unsigned' });
    expect(oneField(last.answer.fields, 'retry-after')).toMatchObject({ kind: 'one' });
    expect((await send(get())).answer.status).toBe(200);
    // Of those that prove who asks, a refusal is still said, and signed.
    expect(await send(get({ caller: revoked }))).toMatchObject({ code: 'revoked', proof: 'signed' });
  });
});

it('every kind of refusal stands in the audit, and no token does', async () => {
  const { prisma } = server.app.database;
  const codes = await prisma.auditEvent.findMany({ where: { outcome: 'refused' }, distinct: ['code'] });
  expect(codes.map(({ code }) => code)).toEqual(
    expect.arrayContaining([
      'SIGNATURE_INVALID',
      'CREDENTIAL_REFUSED',
      'CLOCK_SKEW',
      'REVOKED',
      'GRANT_ENDED',
    ]),
  );
  const all = JSON.stringify(await prisma.auditEvent.findMany(), (_key, value) =>
    typeof value === 'bigint' ? Number(value) : value,
  );
  for (const { token } of [peer, other, revoked, ended, artifex]) expect(all).not.toContain(token);
});
