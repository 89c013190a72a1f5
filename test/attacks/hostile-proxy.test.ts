/**
 * Somebody on the path between two real instances, who forges, swaps, holds back, plays back and recompresses what
 * passes: the puller believes nothing of it, says so, and recovers.
 */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gunzipSync, gzipSync, zstdDecompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signAnswer } from '../../src/federation/identity/answer-signatures.ts';
import { contentDigest } from '../../src/federation/identity/content-digest.ts';
import { makeKeyChange } from '../../src/federation/identity/key-changes.ts';
import { generateKey } from '../../src/federation/identity/keys.ts';
import { signRequest } from '../../src/federation/identity/request-signatures.ts';
import { type Instance, pair, SAMPLES, settled, startInstance } from '../support/instance.ts';
import { refreshed, shownOf, storedOf } from '../support/peer-view.ts';
import {
  headerOf,
  type RawHeaders,
  type Relay,
  type RelayedAnswer,
  type RelayedRequest,
  type RelayHooks,
  type RequestFate,
  startRelay,
} from '../support/relay.ts';
import { serverAt } from '../support/wire-client.ts';

const FEED = '/federation/v1/media';

/** ms that every clock is ahead, and that the puller's is ahead of the others. */
let common = 0;
let clock = 0;
const today = () => new Date(Date.now() + common);
let relay: Relay;
let source: Instance;
let home: Instance;
let neighbour: Instance;
let peerId: string;
let atNeighbour: string;
/** Thumbprint of the source. */
let sourceKey: string;

beforeAll(async () => {
  relay = await startRelay(() => source.url);
  source = await startInstance(
    'Source',
    { HEDGEROW_PUBLIC_URL: relay.url },
    { now: () => Date.now() + common },
  );
  await source.app.library.importFiles({
    paths: [join(SAMPLES, 'garden'), join(SAMPLES, 'coast')],
    visibility: 'PEERS',
  });
  home = await startInstance('Home', {}, { now: () => Date.now() + common + clock });
  neighbour = await startInstance('Neighbour', {}, { now: () => Date.now() + common });
  sourceKey = (await serverAt(source.url)).key.thumbprint;
  peerId = await pair(source, home);
  atNeighbour = await pair(source, neighbour);
  await settled(home, peerId);
  await settled(neighbour, atNeighbour);
  expect((await shownOf(home, peerId)).length).toBeGreaterThan(5);
});
afterAll(async () => {
  for (const each of [home, neighbour, source, relay]) await each?.[Symbol.asyncDispose]();
});

const isFeed = ({ target }: RelayedRequest) => target.split('?', 1)[0] === FEED;

/** Changes answers of the feed; everything else passes. */
const onFeed = (
  alter: (answer: RelayedAnswer, request: RelayedRequest) => RelayedAnswer | Promise<RelayedAnswer>,
): RelayHooks => ({
  onAnswer: async (answer, request) => (isFeed(request) ? { alter: await alter(answer, request) } : 'pass'),
});

/** Answers the feed in the source's place. */
const inPlace = (answer: (request: RelayedRequest) => RelayedAnswer): RelayHooks => ({
  onRequest: (request) => (isFeed(request) ? { answer: answer(request) } : 'pass'),
});

/** Changes the request for the feed before the source sees it. */
const asking = (alter: (request: RelayedRequest) => RelayedRequest): RelayHooks => ({
  onRequest: (request) => (isFeed(request) ? { alter: alter(request) } : 'pass'),
});

function without(headers: RawHeaders, ...names: string[]): string[] {
  const kept: string[] = [];
  for (let i = 0; i + 1 < headers.length; i += 2) {
    if (!names.includes(headers[i]?.toLowerCase() ?? '')) kept.push(headers[i] ?? '', headers[i + 1] ?? '');
  }
  return kept;
}

const withHeaders = (headers: RawHeaders, fields: Record<string, string>): string[] => [
  ...without(headers, ...Object.keys(fields)),
  ...Object.entries(fields).flat(),
];

function decoded(answer: RelayedAnswer): Buffer {
  const coding = headerOf(answer, 'content-encoding');
  if (coding === 'zstd') return zstdDecompressSync(answer.body);
  return coding === 'gzip' ? gunzipSync(answer.body) : answer.body;
}

/** The page without its items, and with a word that nobody may ever see. */
function forgedPage(answer: RelayedAnswer): Buffer {
  const page = JSON.parse(decoded(answer).toString()) as { items: { title: string }[]; removed: unknown[] };
  for (const item of page.items) item.title = 'forged';
  page.removed = stored.map((id) => ({ id, reason: 'deleted', at: new Date().toISOString() }));
  return Buffer.from(JSON.stringify(page));
}
let stored: string[] = [];

const mallory = generateKey();
const unsigned = (status: number, code: string, headers: Record<string, string> = {}) =>
  inPlace(() => ({
    status,
    headers: Object.entries({ 'content-type': 'application/problem+json', ...headers }).flat(),
    body: Buffer.from(JSON.stringify({ code, status, reason: 'restored', retryAfter: 999_999_999 })),
  }));

interface Case {
  name: string;
  hooks: () => RelayHooks;
  code: string;
  health?: string;
}

const IDENTITY = 'PEER_IDENTITY';
const AWAY = 'PEER_UNREACHABLE';
const INVALID = 'PEER_INVALID_ANSWER';

const FORGED: Case[] = [
  {
    name: 'alters the body and puts the digest right',
    code: IDENTITY,
    hooks: () =>
      onFeed((answer) => {
        const body = forgedPage(answer);
        const headers = withHeaders(without(answer.headers, 'content-encoding'), {
          'content-digest': contentDigest(body),
        });
        return { ...answer, headers, body };
      }),
  },
  {
    name: 'alters the body and leaves the digest',
    code: IDENTITY,
    hooks: () =>
      onFeed((answer) => ({
        ...answer,
        headers: without(answer.headers, 'content-encoding'),
        body: forgedPage(answer),
      })),
  },
  {
    name: 'alters the body and takes digest and signature away',
    code: IDENTITY,
    hooks: () =>
      onFeed((answer) => ({
        ...answer,
        headers: without(
          answer.headers,
          'content-encoding',
          'content-digest',
          'signature',
          'signature-input',
        ),
        body: forgedPage(answer),
      })),
  },
  {
    name: 'signs with a key of its own',
    code: IDENTITY,
    hooks: () =>
      onFeed((answer, request) => {
        const body = forgedPage(answer);
        const binding = { signature: headerOf(request, 'signature') ?? '' };
        const made = signAnswer({ status: 200, body, binding }, mallory, today());
        return { ...answer, headers: withHeaders(without(answer.headers, 'content-encoding'), made), body };
      }),
  },
  {
    name: 'signs with a key of its own under the name of the right one',
    code: IDENTITY,
    hooks: () =>
      onFeed((answer, request) => {
        const body = forgedPage(answer);
        const binding = { signature: headerOf(request, 'signature') ?? '' };
        const made = signAnswer(
          { status: 200, body, binding },
          { ...mallory, thumbprint: sourceKey },
          new Date(),
        );
        return { ...answer, headers: withHeaders(without(answer.headers, 'content-encoding'), made), body };
      }),
  },
  ...['signature', 'signature-input', 'content-digest'].flatMap((name): Case[] => [
    {
      name: `takes ${name} away`,
      code: IDENTITY,
      hooks: () => onFeed((answer) => ({ ...answer, headers: without(answer.headers, name) })),
    },
    {
      name: `doubles ${name}`,
      code: IDENTITY,
      hooks: () =>
        onFeed((answer) => ({ ...answer, headers: [...answer.headers, name, headerOf(answer, name) ?? ''] })),
    },
    {
      name: `doubles ${name} in one line`,
      code: IDENTITY,
      hooks: () =>
        onFeed((answer) => {
          const value = headerOf(answer, name) ?? '';
          return { ...answer, headers: withHeaders(answer.headers, { [name]: `${value}, ${value}` }) };
        }),
    },
  ]),
  {
    name: 'adds a second signature of its own',
    code: IDENTITY,
    hooks: () =>
      onFeed((answer, request) => {
        const binding = { signature: headerOf(request, 'signature') ?? '' };
        const made = signAnswer({ status: 200, body: answer.body, binding }, mallory, today());
        const join2 = (name: string) => `${headerOf(answer, name)}, ${made[name]?.replace('sig=', 'sig2=')}`;
        return {
          ...answer,
          headers: withHeaders(answer.headers, {
            signature: join2('signature'),
            'signature-input': join2('signature-input'),
          }),
        };
      }),
  },
  ...[401, 403, 404, 410, 201, 206, 500, 503].map(
    (status): Case => ({
      name: `passes the signed page on as ${status}`,
      code: [404, 500, 503].includes(status) ? AWAY : IDENTITY,
      hooks: () => onFeed((answer) => ({ ...answer, status })),
    }),
  ),
];

const RECODED: Case[] = [
  {
    name: 'unpacks what was packed',
    code: IDENTITY,
    hooks: () =>
      onFeed((answer) => ({
        ...answer,
        headers: without(answer.headers, 'content-encoding'),
        body: decoded(answer),
      })),
  },
  {
    name: 'packs it otherwise',
    code: IDENTITY,
    hooks: () =>
      onFeed((answer) => ({
        ...answer,
        headers: withHeaders(answer.headers, { 'content-encoding': 'gzip' }),
        body: gzipSync(decoded(answer), { level: 9 }),
      })),
  },
  {
    name: 'packs it once more',
    code: IDENTITY,
    hooks: () =>
      onFeed((answer) => ({
        ...answer,
        headers: withHeaders(answer.headers, { 'content-encoding': 'zstd, gzip' }),
        body: gzipSync(answer.body),
      })),
  },
  {
    name: 'packs it otherwise and puts the digest right',
    code: IDENTITY,
    hooks: () =>
      onFeed((answer) => {
        const body = gzipSync(decoded(answer));
        const fields = { 'content-encoding': 'gzip', 'content-digest': contentDigest(body) };
        return { ...answer, headers: withHeaders(answer.headers, fields), body };
      }),
  },
  {
    name: 'takes the name of the coding away',
    code: INVALID,
    hooks: () => onFeed((answer) => ({ ...answer, headers: without(answer.headers, 'content-encoding') })),
  },
  {
    name: 'gives the coding another name',
    code: INVALID,
    hooks: () =>
      onFeed((answer) => ({ ...answer, headers: withHeaders(answer.headers, { 'content-encoding': 'br' }) })),
  },
];

const UNSIGNED: Case[] = [
  ...(['revoked', 'credential-refused', 'signature-invalid', 'clock-skew'] as const).map(
    (code): Case => ({
      name: `answers 401 ${code}`,
      code: IDENTITY,
      hooks: () => unsigned(401, code),
    }),
  ),
  { name: 'answers 403 grant-ended', code: IDENTITY, hooks: () => unsigned(403, 'grant-ended') },
  { name: 'answers 404', code: AWAY, hooks: () => unsigned(404, 'not-found') },
  { name: 'answers 410 cursor-expired', code: IDENTITY, hooks: () => unsigned(410, 'cursor-expired') },
  ...[500, 502, 503, 504].map(
    (status): Case => ({ name: `answers ${status}`, code: AWAY, hooks: () => unsigned(status, 'revoked') }),
  ),
  ...[204, 304, 400, 405, 418, 426, 451].map(
    (status): Case => ({
      name: `answers ${status}`,
      code: IDENTITY,
      hooks: () => unsigned(status, 'revoked'),
    }),
  ),
  {
    name: 'answers 407',
    code: IDENTITY,
    hooks: () => unsigned(407, 'revoked', { 'proxy-authenticate': 'Basic realm="x"' }),
  },
  {
    name: 'answers 429 with a Retry-After of years',
    code: 'PEER_RATE_LIMITED',
    hooks: () => unsigned(429, 'rate-limited', { 'retry-after': '999999999' }),
  },
  {
    name: 'answers a sign-in page',
    code: IDENTITY,
    hooks: () =>
      inPlace(() => ({ status: 200, headers: ['content-type', 'text/html'], body: Buffer.from('<form>') })),
  },
  {
    name: 'breaks the connection off',
    code: AWAY,
    health: 'OFFLINE',
    hooks: () => ({ onRequest: (request) => (isFeed(request) ? 'drop' : 'pass') }),
  },
  {
    name: 'loses the answer',
    code: AWAY,
    health: 'OFFLINE',
    hooks: () => ({ onAnswer: (_answer, request) => (isFeed(request) ? 'drop' : 'pass') }),
  },
];

const stranger = (target: string) => {
  const key = generateKey();
  const token = `hedgerow_peer_${'A'.repeat(43)}`;
  return signRequest({ method: 'GET', target }, { key, token, now: today(), receiver: sourceKey });
};

const MISTOLD: Case[] = [
  {
    name: 'asks for another page',
    code: IDENTITY,
    hooks: () => asking((request) => ({ ...request, target: `${FEED}?limit=1` })),
  },
  {
    name: 'asks for something else',
    code: IDENTITY,
    hooks: () => asking((request) => ({ ...request, target: '/federation/v1/status' })),
  },
  {
    name: 'adds a fragment',
    code: IDENTITY,
    hooks: () => asking((request) => ({ ...request, target: `${request.target}#0` })),
  },
  {
    name: 'asks by another method',
    code: IDENTITY,
    hooks: () => asking((request) => ({ ...request, method: 'DELETE' })),
  },
  {
    name: 'takes the token away',
    code: IDENTITY,
    hooks: () => asking((request) => ({ ...request, headers: without(request.headers, 'authorization') })),
  },
  {
    name: 'puts an unknown token in its place',
    code: IDENTITY,
    hooks: () =>
      asking((request) => ({
        ...request,
        headers: withHeaders(request.headers, { authorization: `Bearer hedgerow_peer_${'A'.repeat(43)}` }),
      })),
  },
  {
    name: 'puts the request of a stranger in its place',
    code: IDENTITY,
    hooks: () =>
      asking((request) => ({ ...request, headers: withHeaders(request.headers, stranger(request.target)) })),
  },
  {
    name: 'takes the signature away',
    code: IDENTITY,
    hooks: () => asking((request) => ({ ...request, headers: without(request.headers, 'signature') })),
  },
  {
    name: 'doubles the token',
    code: IDENTITY,
    hooks: () =>
      asking((request) => ({
        ...request,
        headers: [...request.headers, 'authorization', headerOf(request, 'authorization') ?? ''],
      })),
  },
  {
    name: 'adds a body',
    code: IDENTITY,
    hooks: () => asking((request) => ({ ...request, body: Buffer.from('{}') })),
  },
];

/** The copy is behind by one item that was renamed; nothing that comes of `hooks` may change it. */
async function judge(hooks: RelayHooks, code: string, health = 'DEGRADED', then = () => {}): Promise<void> {
  await changeSomething();
  const before = await storedOf(home, peerId);
  const shown = await shownOf(home, peerId);
  stored = before.items.map(({ remoteId }) => remoteId ?? '');
  relay.hook(hooks);
  const seen = await refreshed(home, peerId);
  expect({ code: seen.operations.pull.error?.code, health: seen.health, status: seen.status }).toEqual({
    code,
    health,
    status: 'ACTIVE',
  });
  expect(seen.operations.pull.error?.message).toMatch(/\w+.*\.$/);
  const after = await storedOf(home, peerId);
  expect(after.items).toEqual(before.items);
  expect(after.peer).toMatchObject({
    cursor: before.peer.cursor,
    epoch: before.peer.epoch,
    generation: before.peer.generation,
    hiddenSince: null,
    publicKey: before.peer.publicKey,
    sealedToken: before.peer.sealedToken,
    endpoint: before.peer.endpoint,
    settlingUntil: null,
  });
  expect(await shownOf(home, peerId)).toEqual(shown);
  expect(Date.parse(seen.operations.pull.nextAttemptAt ?? '') - Date.now() - common - clock).toBeLessThan(
    3_700_000,
  );

  // Not before all was looked at: a pull that is due may come at any time.
  relay.hook({});
  then();
  const recovered = await refreshed(home, peerId);
  expect(recovered).toMatchObject({ health: 'ONLINE', operations: { pull: { error: null, inSync: true } } });
  expect(await shownOf(home, peerId)).toContain(`Renamed ${changes}`);
}

let changes = 0;
async function changeSomething(): Promise<void> {
  changes += 1;
  const { media } = await source.query<{ media: { nodes: { id: string }[] } }>(
    '{ media(first: 1, origin: LOCAL) { nodes { id } } }',
  );
  await source.query(
    'mutation ($input: UpdateMediaInput!) { updateMedia(input: $input) { userErrors { code message } } }',
    { input: { id: media.nodes[0]?.id, title: `Renamed ${changes}` } },
  );
}

describe.each([
  ['that forges answers', FORGED],
  ['that recodes answers', RECODED],
  ['that answers itself, unsigned', UNSIGNED],
  ['that changes what is asked', MISTOLD],
])('somebody on the path %s', (_name, cases) => {
  it.each(cases)('and $name is believed nothing', ({ hooks, code, health }) => judge(hooks(), code, health));
});

describe('somebody on the path', () => {
  it.each([301, 302, 303, 307, 308])('who redirects by %i is not followed', async (status) => {
    let asked = 0;
    const trap = createServer((_request, response) => {
      asked += 1;
      response.end('{}');
    });
    await new Promise<void>((resolve) => trap.listen(0, '127.0.0.1', resolve));
    try {
      const location = `http://127.0.0.1:${(trap.address() as AddressInfo).port}${FEED}`;
      await judge(
        inPlace(() => ({ status, headers: ['location', location], body: Buffer.alloc(0) })),
        IDENTITY,
      );
      expect(asked).toBe(0);
    } finally {
      trap.close();
    }
  });

  it('who signs with a key of its own and forges the chain that leads to it is believed nothing', async () => {
    const { id, key } = await serverAt(source.url);
    const pinned = { ...mallory, jwk: key.jwk, thumbprint: key.thumbprint };
    const chains = [
      [makeKeyChange(id, 1, pinned, mallory)],
      [{ ...makeKeyChange(id, 1, mallory, mallory), old: key.jwk }],
      [],
    ];
    for (const keys of chains) {
      // A chain is read once an hour at most.
      common += 61 * 60_000;
      const forged = onFeed((answer, request) => {
        const body = forgedPage(answer);
        const binding = { signature: headerOf(request, 'signature') ?? '' };
        const made = signAnswer({ status: 200, body, binding }, mallory, today());
        return { ...answer, headers: withHeaders(without(answer.headers, 'content-encoding'), made), body };
      });
      const discovery = { protocols: ['1'], instance: { id, publicKey: mallory.jwk, keys } };
      await judge(
        {
          ...forged,
          onRequest: ({ target }) =>
            target.endsWith('/.well-known/hedgerow')
              ? {
                  answer: {
                    status: 200,
                    headers: ['content-type', 'application/json'],
                    body: Buffer.from(JSON.stringify(discovery)),
                  },
                }
              : 'pass',
        },
        IDENTITY,
      );
    }
  });

  it('who plays an earlier answer back is believed nothing', async () => {
    relay.forget();
    await refreshed(home, peerId);
    const earlier = relay.answers.filter(({ to }) => isFeed(to));
    expect(earlier.length).toBeGreaterThan(0);
    for (const answer of earlier)
      await judge(
        inPlace(() => answer),
        IDENTITY,
      );
  });

  it('who plays an earlier refusal back is believed nothing', async () => {
    // Signed, and true when it was said: the peer was refused for its clock, which is right again.
    clock = 3_600_000;
    relay.forget();
    expect((await refreshed(home, peerId)).operations.pull.error?.code).toBe('CLOCK_SKEW');
    // The neighbour, whose clock is right, passes here too.
    const refusal = relay.answers.find(({ to, status }) => isFeed(to) && status === 401);
    clock = 0;
    if (refusal === undefined) throw new Error('Nobody was refused.');
    await judge(
      inPlace(() => refusal),
      IDENTITY,
    );
  });

  it('who swaps the answers of two pullers convinces neither', async () => {
    const held: { answer: RelayedAnswer; resolve: (other: RelayedAnswer) => void }[] = [];
    const swap = onFeed(
      (answer) =>
        new Promise<RelayedAnswer>((resolve) => {
          held.push({ answer, resolve });
          const [first, second] = held;
          if (first === undefined || second === undefined) return;
          first.resolve(second.answer);
          second.resolve(first.answer);
          held.length = 0;
        }),
    );
    await changeSomething();
    const before = [await storedOf(home, peerId), await storedOf(neighbour, atNeighbour)];
    relay.hook(swap);
    const seen = await Promise.all([refreshed(home, peerId), refreshed(neighbour, atNeighbour)]);
    relay.hook({});
    for (const each of seen)
      expect(each).toMatchObject({ health: 'DEGRADED', operations: { pull: { error: { code: IDENTITY } } } });
    const after = [await storedOf(home, peerId), await storedOf(neighbour, atNeighbour)];
    expect(after.map(({ items, peer }) => [items, peer.cursor])).toEqual(
      before.map(({ items, peer }) => [items, peer.cursor]),
    );
    expect((await refreshed(home, peerId)).health).toBe('ONLINE');
    expect((await refreshed(neighbour, atNeighbour)).health).toBe('ONLINE');
  });

  it('who holds an answer back for more than five minutes is believed nothing', async () => {
    // Time passes for everybody, with each answer, however often it is asked for.
    const late = onFeed((answer) => {
      common += 302_000;
      return answer;
    });
    await judge(late, IDENTITY);
  });

  it('who asks the same thing twice changes nothing, and the first answer is as good as the second', async () => {
    await changeSomething();
    let again = 0;
    relay.hook({
      onRequest: async (request): Promise<RequestFate> => {
        if (!isFeed(request)) return 'pass';
        const headers = new Headers();
        for (let i = 0; i + 1 < request.headers.length; i += 2) {
          if (!/^(host|connection)$/i.test(request.headers[i] ?? ''))
            headers.append(request.headers[i] ?? '', request.headers[i + 1] ?? '');
        }
        again = (await fetch(`${source.url}${request.target}`, { headers })).status;
        return 'pass';
      },
    });
    expect((await refreshed(home, peerId)).health).toBe('ONLINE');
    relay.hook({});
    expect(again).toBe(200);
  });
});

describe('bytes that somebody on the path has touched', () => {
  const VARIANTS = ['thumbnail', 'preview', 'original'] as const;
  let film: { remoteId: string; original: Buffer };
  let picture: { remoteId: string };

  beforeAll(async () => {
    await home.query(
      'mutation ($input: UpdatePeerInput!) { updatePeer(input: $input) { userErrors { code } } }',
      {
        input: { id: peerId, cacheMode: 'NONE' },
      },
    );
    const rows = await source.app.database.prisma.item.findMany({ where: { source: 0 } });
    const movie = rows.find(({ mimeType }) => mimeType === 'video/mp4');
    const image = rows.find(({ mimeType }) => mimeType === 'image/jpeg');
    const { body } = await source.get(`/media/${movie?.id}/original`);
    film = { remoteId: movie?.id ?? '', original: body };
    picture = { remoteId: image?.id ?? '' };
    expect(film.original.length).toBeGreaterThan(4 * 262_144);
  });

  const isBytes = ({ target }: RelayedRequest) => target.startsWith(`${FEED}/`);
  const path = (id: string, variant: string) => `/federation/proxy/${peerId}/${id}/${variant}`;

  const touched: [string, (answer: RelayedAnswer, request: RelayedRequest) => RelayedAnswer][] = [
    [
      'with one bit changed',
      (answer) => ({
        ...answer,
        body: Buffer.from(answer.body.map((byte, at) => (at === answer.body.length >> 1 ? byte ^ 1 : byte))),
      }),
    ],
    ['cut short', (answer) => ({ ...answer, body: answer.body.subarray(0, answer.body.length - 100) })],
    ['made longer', (answer) => ({ ...answer, body: Buffer.concat([answer.body, Buffer.from('forged')]) })],
    ['replaced', (answer) => ({ ...answer, body: Buffer.alloc(answer.body.length, 'forged') })],
    [
      'packed',
      (answer) => ({
        ...answer,
        headers: withHeaders(answer.headers, { 'content-encoding': 'gzip' }),
        body: gzipSync(answer.body),
      }),
    ],
    ['packed, and not said so', (answer) => ({ ...answer, body: gzipSync(answer.body) })],
    [
      'moved by one',
      (answer) => ({ ...answer, body: Buffer.concat([answer.body.subarray(1), Buffer.from('x')]) }),
    ],
    ['sent as an error with the right body', (answer) => ({ ...answer, status: 500 })],
    ['sent as gone', (answer) => ({ ...answer, status: 404, body: Buffer.from('{"code":"not-found"}') })],
    ['sent as revoked', (answer) => ({ ...answer, status: 401, body: Buffer.from('{"code":"revoked"}') })],
    [
      'redirected',
      (answer) => ({
        ...answer,
        status: 302,
        headers: [...answer.headers, 'location', 'http://127.0.0.1:1/'],
        body: Buffer.alloc(0),
      }),
    ],
  ];

  it.each(touched)('%s reach no client', async (_name, alter) => {
    const { items } = await storedOf(home, peerId);
    const good = new Map<string, Buffer>();
    for (const variant of VARIANTS)
      good.set(variant, (await source.get(`/media/${picture.remoteId}/${variant}`)).body);
    relay.hook({
      onAnswer: (answer, request) => (isBytes(request) ? { alter: alter(answer, request) } : 'pass'),
    });
    for (const variant of VARIANTS) {
      const answer = await home.get(path(picture.remoteId, variant)).catch(() => null);
      if (answer === null) continue;
      // What was kept from before is as good as ever.
      if (answer.status === 200) expect(answer.body.equals(good.get(variant) ?? Buffer.alloc(0))).toBe(true);
      else expect(answer.status).toBeGreaterThanOrEqual(404);
      expect(answer.body.includes('forged')).toBe(false);
    }
    const whole = await home.get(path(film.remoteId, 'original')).catch(() => null);
    if (whole?.status === 200)
      expect(film.original.subarray(0, whole.body.length).equals(whole.body)).toBe(true);
    const range = await home
      .get(path(film.remoteId, 'original'), { range: 'bytes=600000-600099' })
      .catch(() => null);
    if (range?.status === 206) expect(range.body.equals(film.original.subarray(600_000, 600_100))).toBe(true);
    else expect(range?.status ?? 500).toBeGreaterThanOrEqual(404);

    relay.hook({});
    // Until a pull succeeds, the peer's row says that its bytes were wrong.
    expect((await refreshed(home, peerId)).health).toBe('ONLINE');
    expect((await storedOf(home, peerId)).items).toEqual(items);
    expect((await storedOf(home, peerId)).peer).toMatchObject({ status: 'ACTIVE', hiddenSince: null });
    const again = await home.get(path(film.remoteId, 'original'), { range: 'bytes=600000-600099' });
    expect([again.status, again.body.equals(film.original.subarray(600_000, 600_100))]).toEqual([206, true]);
    const original = await home.get(path(picture.remoteId, 'original'));
    expect([original.status, original.body.equals(good.get('original') ?? Buffer.alloc(0))]).toEqual([
      200,
      true,
    ]);
  });

  it('of another item, another variant or another part reach no client', async () => {
    const other = (await storedOf(home, peerId)).items.find(
      ({ remoteId }) => remoteId !== picture.remoteId && remoteId !== film.remoteId,
    );
    for (const target of [
      `${FEED}/${other?.remoteId}/original`,
      `${FEED}/${picture.remoteId}/thumbnail`,
      `${FEED}/${film.remoteId}/original`,
    ]) {
      relay.hook({
        onAnswer: async (answer, request) => {
          if (!isBytes(request)) return 'pass';
          const swapped = await source.get(target.replace('/federation/v1', ''));
          return { alter: { ...answer, status: 200, body: swapped.body } };
        },
      });
      const answer = await home.get(path(picture.remoteId, 'original')).catch(() => null);
      relay.hook({});
      expect(answer?.status ?? 502).toBeGreaterThanOrEqual(500);
    }
    const good = await home.get(path(picture.remoteId, 'original'));
    expect(good.status).toBe(200);
  });
});
