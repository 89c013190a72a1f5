/**
 * Three processes on one PostgreSQL and one store, and a peer on either side of them, under load, while processes are killed
 * and started: what was acknowledged is there, what is private is shown to nobody, and nothing is older than it may be.
 *
 * `npm run test:processes` does the same for longer; PROCESSES_SEED repeats a run, as far as chance in it is ours.
 */
import { createHash, randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import sharp from 'sharp';
import { Agent, request } from 'undici';
import { expect, it } from 'vitest';
import { createCatalog } from '../src/catalog/catalog.ts';
import { openDatabase } from '../src/database/database.ts';
import { type Cluster, startCluster } from './support/cluster.ts';
import { newPostgresUrl } from './support/databases.ts';
import { ADMIN_TOKEN, eventually, type Instance, startInstance } from './support/instance.ts';
import { newItem } from './support/items.ts';
import { cookieOf } from './support/people.ts';

/** ms for which processes are killed and started. */
const STORM = Number(process.env['PROCESSES_SECONDS'] ?? 5) * 1_000;
/** At least. */
const KILLS = 3;
const SEED = Number(process.env['PROCESSES_SEED'] ?? Date.now() % 1_000_000);
/** ms that an answer may be old, across processes (API.md). */
const OLDEST = 1_000;
/** Items of a page, at most; there are never more of ours than fit on one. */
const MOST = 500;
const UPLOADS = 400;
const PASSWORD = 'correct horse battery';

type Title = { acknowledged: string; possible: Set<string> };

interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers are asserted upon field by field
  data: any;
  cookie: string | undefined;
}

/** Null where the process was killed on the way, or is not there: nobody knows what became of it. */
async function ask(
  url: string,
  query: string,
  variables: Record<string, unknown>,
  headers: Record<string, string>,
  agent: Agent,
): Promise<Answer | null> {
  try {
    const answer = await request(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-graphql-yoga-csrf': '1', ...headers },
      body: JSON.stringify({ query, variables }),
      dispatcher: agent,
      headersTimeout: 15_000,
    });
    const body = (await answer.body.json()) as { data?: unknown; errors?: { message: string }[] };
    if (answer.statusCode === 503) return null;
    if (body.errors !== undefined && answer.statusCode !== 401 && answer.statusCode !== 429) {
      throw new Error(`${answer.statusCode} ${JSON.stringify(body.errors)}`);
    }
    return { status: answer.statusCode, data: body.data, cookie: undefined };
  } catch (error) {
    if (isLost(error)) return null;
    throw error;
  }
}

function isLost(error: unknown): boolean {
  const code = (error as { code?: string }).code ?? '';
  return /^(ECONNREFUSED|ECONNRESET|EPIPE|UND_ERR_SOCKET|UND_ERR_HEADERS_TIMEOUT|UND_ERR_CLOSED)$/.test(code);
}

const ADMIN = { authorization: `Bearer ${ADMIN_TOKEN}` };
const UPDATE = `mutation ($input: UpdateMediaInput!) { updateMedia(input: $input) { media { title } userErrors { code } } }`;
const VISIBILITY = `mutation ($input: SetVisibilityInput!) { setVisibility(input: $input) { userErrors { code } } }`;
const LIST = `query ($origin: MediaOrigin, $first: Int) { media(origin: $origin, first: $first) { nodes { id title ... on LocalMedia { visibility } } } }`;

function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value ^= value + Math.imul(value ^ (value >>> 7), 61 | value);
    return ((value ^ (value >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function pairBoth(cluster: Cluster, peer: Instance): Promise<string> {
  const agent = new Agent();
  const { createInvitation } = await peer.query<{ createInvitation: { code: string } }>(
    'mutation { createInvitation(input: { mutual: true, allowPrivateEndpoint: true }) { code } }',
  );
  const answer = await ask(
    cluster.urlOf(0),
    'mutation ($input: PairWithPeerInput!) { pairWithPeer(input: $input) { peer { id } userErrors { code message } } }',
    { input: { invitation: createInvitation.code, shareBack: {} } },
    ADMIN,
    agent,
  );
  await agent.close();
  expect(answer?.data.pairWithPeer.userErrors).toEqual([]);
  return answer?.data.pairWithPeer.peer.id;
}

it('lose nothing and show nothing that they must not, whichever of them is killed', {
  timeout: 1_200_000,
}, async () => {
  const random = numbers(SEED);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const url = await newPostgresUrl();
  await using cluster = await startCluster(url, 3);
  await using peer = await startInstance('Peer');
  await using database = await openDatabase({ dialect: 'postgresql', url });
  const catalog = await createCatalog(database, Date.now);
  const agent = new Agent({ keepAliveTimeout: 1_000 });
  const context = `seed ${SEED}`;
  const problems: string[] = [];
  const problem = (text: string): void => {
    problems.push(text);
  };

  // What there is at the beginning: items here and there, a viewer who is signed in, and two pairs.
  const person = async (name: string, role: string): Promise<{ id: string; headers: { cookie: string } }> => {
    const made = await ask(
      cluster.urlOf(1),
      'mutation ($input: CreateUserInput!) { createUser(input: $input) { user { id } userErrors { code } } }',
      { input: { name, role, password: PASSWORD } },
      ADMIN,
      agent,
    );
    const session = await request(`${cluster.urlOf(2)}/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name, password: PASSWORD }),
    });
    await session.body.dump();
    expect(session.statusCode).toBeLessThan(300);
    return {
      id: made?.data.createUser.user.id,
      headers: { cookie: cookieOf(session.headers['set-cookie']) },
    };
  };
  const owner = await person('owner', 'EDITOR');
  const { headers: viewer } = await person('viewer', 'VIEWER');
  const own = await catalog.local.add(
    Array.from({ length: 12 }, (_, at) =>
      newItem({ title: `own ${at}`, visibility: 'PEERS', ownerId: owner.id }),
    ),
  );
  const theirs = await peer.app.catalog.local.add(
    Array.from({ length: 12 }, (_, at) => newItem({ title: `their ${at}`, visibility: 'PEERS' })),
  );
  const titles = new Map<string, Title>(
    own.slice(0, 8).map(({ id, title }) => [id, { acknowledged: title, possible: new Set([title]) }]),
  );
  const hidden = own.slice(8);
  const atCluster = await pairBoth(cluster, peer);
  const remoteTitles = async (at: number) => {
    const answer = await ask(cluster.urlOf(at), LIST, { origin: 'REMOTE', first: 100 }, ADMIN, agent);
    return answer?.data.media.nodes.map(({ title }: { title: string }) => title) as string[] | undefined;
  };
  await eventually('the first pull', async () => (await remoteTitles(0))?.length === theirs.length);

  // The storm: one is killed now and then, and comes again; at least one is there.
  const storm = new AbortController();
  const living = (): number[] => [0, 1, 2].filter((at) => cluster.isUp(at));
  const starting = new Set<Promise<void>>();
  let kills = 0;
  const killer = async (): Promise<void> => {
    const endsAt = Date.now() + STORM;
    // On a slow machine it takes longer until those that were killed are there again.
    while (Date.now() < endsAt || kills < KILLS) {
      await wait(400 + random() * 1_200);
      const up = living();
      if (up.length < 2) continue;
      const victim = pick(up);
      kills += 1;
      // Now and then in good order, as an upgrade does it.
      await cluster.kill(victim, random() < 0.25 ? 'SIGTERM' : 'SIGKILL');
      const start = wait(random() * 800)
        .then(() => cluster.start(victim))
        .finally(() => starting.delete(start));
      starting.add(start);
    }
    await Promise.all(starting);
    storm.abort();
  };
  const load = async (work: () => Promise<void>): Promise<void> => {
    while (!storm.signal.aborted) {
      await work();
      await wait(10 + random() * 30);
    }
  };
  let number = 0;
  const anyUrl = (): string => cluster.urlOf(pick(living().length > 0 ? living() : [0]));

  /** What was acknowledged is in every answer that is asked for a second later. */
  const writer = (ids: string[]) =>
    load(async () => {
      const id = pick(ids);
      const state = titles.get(id) as Title;
      number += 1;
      const title = `title ${number}`;
      state.possible.add(title);
      const answer = await ask(anyUrl(), UPDATE, { input: { id, title } }, ADMIN, agent);
      if (answer === null) return;
      expect(answer.data.updateMedia.userErrors).toEqual([]);
      state.acknowledged = title;
      state.possible = new Set([title]);
      await wait(OLDEST);
      const seen = await ask(anyUrl(), LIST, { origin: 'LOCAL', first: MOST }, ADMIN, agent);
      const found = seen?.data.media.nodes.find((node: { id: string }) => node.id === id)?.title;
      if (seen !== null && !state.possible.has(found)) problem(`${id} is ${found}, a second after ${title}`);
    });
  /** Nobody else writes these: what is private is in no answer of a viewer from a second after on. */
  const hider = (ids: string[]) =>
    load(async () => {
      const id = pick(ids);
      for (const visibility of ['PRIVATE', 'PEERS'] as const) {
        const set = await ask(
          anyUrl(),
          VISIBILITY,
          { input: { ids: [id], visibility } },
          owner.headers,
          agent,
        );
        if (set === null) return;
        expect(set.data.setVisibility.userErrors).toEqual([]);
        await wait(OLDEST);
        const seen = await ask(anyUrl(), LIST, { origin: 'LOCAL', first: MOST }, viewer, agent);
        if (seen === null) continue;
        if (seen.status === 401) problem('a session was not known');
        const shown = seen.data.media.nodes.some((node: { id: string }) => node.id === id);
        if (shown === (visibility === 'PRIVATE')) problem(`${id} is ${visibility} and shown: ${shown}`);
      }
    });
  /** A token that was revoked through one process opens no other. */
  const revoker = () =>
    load(async () => {
      const made = await ask(
        anyUrl(),
        'mutation { createApiToken(input: { name: "short", scopes: [CATALOG_READ] }) { token apiToken { id } } }',
        {},
        ADMIN,
        agent,
      );
      if (made === null) return;
      const { token, apiToken } = made.data.createApiToken;
      const bearer = { authorization: `Bearer ${token}` };
      const used = await ask(anyUrl(), LIST, { first: 1 }, bearer, agent);
      if (used !== null && used.status !== 200)
        problem(`a token that was just made is answered ${used.status}`);
      const gone = await ask(
        anyUrl(),
        'mutation ($id: ID!) { revokeApiToken(input: { id: $id }) { userErrors { code } } }',
        { id: apiToken.id },
        ADMIN,
        agent,
      );
      if (gone === null) return;
      const after = await ask(anyUrl(), LIST, { first: 1 }, bearer, agent);
      // Whoever shows many of them is kept waiting before they are looked at.
      if (after !== null && after.status !== 401 && after.status !== 429)
        problem(`a revoked token is answered ${after.status}`);
      await wait(1_500);
    });
  /** A file that was taken is there, with all of its bytes. */
  const uploads = new Map<string, string>();
  const uploader = () =>
    load(async () => {
      if (uploads.size >= UPLOADS) return;
      const png = await sharp({
        create: { width: 8, height: 8, channels: 3, background: `#${randomBytes(3).toString('hex')}` },
      })
        .withExif({ IFD0: { ImageDescription: randomBytes(8).toString('hex') } })
        .png()
        .toBuffer();
      const form = new FormData();
      form.set('file', new Blob([new Uint8Array(png)], { type: 'image/png' }), 'small.png');
      try {
        const answer = await fetch(`${anyUrl()}/uploads`, { method: 'POST', headers: ADMIN, body: form });
        if (answer.status !== 201) return;
        const { media } = (await answer.json()) as { media: { id: string }[] };
        uploads.set(media[0]?.id ?? '', createHash('sha256').update(png).digest('hex'));
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
      }
      await wait(300);
    });
  /** The peer changes what it shares. */
  const neighbour = () =>
    load(async () => {
      number += 1;
      await peer.app.catalog.local.update(pick(theirs).id, { title: `their ${number}` });
      if (number % 5 === 0) {
        const [one] = theirs;
        if (one !== undefined)
          await peer.app.catalog.local.setVisibility([one.id], random() < 0.5 ? 'PRIVATE' : 'PEERS');
      }
      await wait(150);
    });

  const ids = [...titles.keys()];
  await Promise.all([
    killer(),
    writer(ids.slice(0, 4)),
    writer(ids.slice(4)),
    hider(hidden.slice(0, 2).map(({ id }) => id)),
    hider(hidden.slice(2).map(({ id }) => id)),
    revoker(),
    uploader(),
    neighbour(),
  ]);
  expect(problems, context).toEqual([]);

  // It is over: each process says the same, and nothing that was acknowledged is missing.
  const wanted = (
    await peer.app.catalog.local.setVisibility(
      theirs.map(({ id }) => id),
      'PEERS',
    )
  )
    .map(({ title }) => title)
    .sort();
  for (const at of [0, 1, 2]) {
    const seen = await ask(cluster.urlOf(at), LIST, { origin: 'LOCAL', first: 500 }, ADMIN, agent);
    const nodes: { id: string; title: string }[] = seen?.data.media.nodes ?? [];
    for (const [id, { possible }] of titles) {
      const title = nodes.find((node) => node.id === id)?.title ?? 'nothing';
      expect([...possible], `${id} at process ${at}, ${context}`).toContain(title);
    }
    for (const [id, digest] of uploads) {
      const bytes = await request(`${cluster.urlOf(at)}/media/${id}/original`, { headers: ADMIN });
      const hash = createHash('sha256').update(Buffer.from(await bytes.body.arrayBuffer()));
      expect(`${bytes.statusCode} ${hash.digest('hex')}`, `${id}, ${context}`).toBe(`200 ${digest}`);
    }
  }
  expect(uploads.size, context).toBeGreaterThan(0);

  // Pulls are taken up by whoever lives, within 30 s; both copies agree with what is shared.
  const begun = Date.now();
  await eventually(
    `the copy of what the peer shares, ${context}`,
    async () => JSON.stringify((await remoteTitles(1))?.sort()) === JSON.stringify(wanted),
    30_000,
  );
  interface Listed {
    media: { nodes: { title: string; visibility?: string }[] };
  }
  const sharedTitles = async (): Promise<string[]> => {
    const answer = await ask(cluster.urlOf(0), LIST, { origin: 'LOCAL', first: 500 }, ADMIN, agent);
    const nodes = (answer?.data as Listed | undefined)?.media.nodes ?? [];
    return nodes
      .filter(({ visibility }) => visibility === 'PEERS' || visibility === 'PUBLIC')
      .map(({ title }) => title)
      .sort();
  };
  await eventually(
    `the copy that the peer has, ${context}`,
    async () => {
      const { media } = await peer.query<Listed>(LIST, { origin: 'REMOTE', first: 500 });
      const copied = media.nodes.map(({ title }) => title).sort();
      return JSON.stringify(copied) === JSON.stringify(await sharedTitles());
    },
    60_000,
  );
  await eventually(
    `the end of every pull, ${context}`,
    async () => (await database.prisma.pull.count({ where: { state: { in: ['QUEUED', 'RUNNING'] } } })) === 0,
    30_000,
  );
  expect(Date.now() - begun).toBeLessThan(60_000);
  const pulls = await database.prisma.pull.findMany({
    where: { state: 'SUCCEEDED' },
    orderBy: { startedAt: 'asc' },
  });
  for (const [at, pull] of pulls.entries()) {
    const next = pulls[at + 1];
    if (next === undefined) break;
    expect(Number(next.startedAt), `${pull.id} and ${next.id}, ${context}`).toBeGreaterThanOrEqual(
      Number(pull.finishedAt),
    );
  }

  // A revocation through one process is one for all of them, and what the peer left is cleared by whoever that falls to.
  const revoked = await ask(
    cluster.urlOf(0),
    'mutation ($id: ID!) { revokePeer(input: { id: $id }) { userErrors { code } } }',
    { id: atCluster },
    ADMIN,
    agent,
  );
  expect(revoked?.data.revokePeer.userErrors).toEqual([]);
  for (const at of [0, 1, 2]) expect(await remoteTitles(at)).toEqual([]);
  await eventually(
    'the clearing',
    async () => (await database.prisma.item.count({ where: { source: { not: 0 } } })) === 0,
    30_000,
  );
  await eventually('the notice', async () => {
    const row = await peer.app.database.prisma.peer.findFirst();
    return row?.status === 'REVOKED';
  });
  expect(cluster.said).not.toMatch(/"level":(50|60)/);
  await agent.close();
});
