import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, type Instance, SAMPLES, settled, startInstance } from './support/instance.ts';
import { createWireClient, type Served, serverAt } from './support/wire-client.ts';

const FEED = '/federation/v1/media';
const STATUS = '/federation/v1/status';
const MARKER = 'only-the-original-says-so';

interface Node {
  id: string;
  title: string;
  kind: string;
  digest: string | null;
  thumbhash: string | null;
  byteSize: string;
  width: number | null;
  filename: string;
  thumbnailUrl: string | null;
  previewUrl: string | null;
  originalUrl: string | null;
  albums: { id: string; title: string; peer: { id: string } | null; mediaCount: number }[];
}
interface UserErrors {
  userErrors: { code: string; field: string[] | null }[];
}

const media = async (instance: Instance, origin: string, filter: object = {}) =>
  (
    await instance.query<{ media: { nodes: Node[]; totalCount: number } }>(
      `query ($origin: MediaOrigin!, $filter: MediaFilter) { media(origin: $origin, filter: $filter, first: 100) { totalCount nodes {
        id title kind digest thumbhash byteSize width filename thumbnailUrl previewUrl originalUrl
        albums { id title peer { id } mediaCount } } } }`,
      { origin, filter },
    )
  ).media;

const invite = async (instance: Instance, grant: object | null) =>
  (
    await instance.query<{
      createInvitation: {
        code: string;
        invitation: { mediaCount: number; placedCount: number };
      } & UserErrors;
    }>(
      `mutation ($input: CreateInvitationInput!) { createInvitation(input: $input) {
        code invitation { mediaCount placedCount grant { kinds tags albums { id } access until } } userErrors { code field } } }`,
      { input: grant === null ? {} : { grant } },
    )
  ).createInvitation;

const setGrant = async (instance: Instance, id: string, grant: object) =>
  (
    await instance.query<{ updatePeer: UserErrors }>(
      'mutation ($input: UpdatePeerInput!) { updatePeer(input: $input) { userErrors { code field } } }',
      { input: { id, grant } },
    )
  ).updatePeer.userErrors;

const album = async (instance: Instance, name: 'createAlbum' | 'updateAlbum', input: object) => {
  const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
  const answer = await instance.query<
    Record<string, { album: { id: string; mediaCount: number } } & UserErrors>
  >(
    `mutation ($input: ${type}!) { ${name}(input: $input) { album { id title mediaCount } userErrors { code field } } }`,
    { input },
  );
  const payload = answer[name];
  if (payload === undefined) throw new Error('no answer');
  expect(payload.userErrors).toEqual([]);
  return payload.album;
};

/** A photograph that says in its EXIF where it was taken. */
async function photographWithPlace(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'hedgerow-grants-'));
  const pixels = sharp({ create: { width: 640, height: 480, channels: 3, background: '#3366aa' } });
  const bytes = await pixels
    .jpeg()
    .withExif({
      IFD0: { ImageDescription: MARKER, Make: 'Camera of the test' },
      IFD3: {
        GPSLatitudeRef: 'N',
        GPSLatitude: '51/1 30/1 0/1',
        GPSLongitudeRef: 'W',
        GPSLongitude: '0/1 7/1 0/1',
      },
    })
    .toBuffer();
  expect(bytes.includes(MARKER)).toBe(true);
  await writeFile(join(folder, 'placed.jpg'), bytes);
  return folder;
}

describe('a grant', () => {
  let a: Instance;
  let b: Instance;
  let folder: string;
  /** B's id of A, and A's id of B. */
  let ofA: string;
  let ofB: string;
  let local: Node[];

  const refresh = async () => {
    await b.query('mutation ($id: ID!) { refreshPeer(input: { id: $id }) { userErrors { code } } }', {
      id: ofA,
    });
    await settled(b, ofA);
  };
  const titles = async () => (await media(b, 'REMOTE')).nodes.map(({ title }) => title).sort();
  const inSync = async () => {
    const { node } = await b.query<{
      node: { operations: { pull: { inSync: boolean; completeness: number } } };
    }>('query ($id: ID!) { node(id: $id) { ... on Peer { operations { pull { inSync completeness } } } } }', {
      id: ofA,
    });
    return node.operations.pull;
  };

  beforeAll(async () => {
    folder = await photographWithPlace();
    a = await startInstance('Garden');
    b = await startInstance('Coast');
    await a.app.library.importFiles({
      paths: [join(SAMPLES, 'garden'), join(SAMPLES, 'coast'), join(SAMPLES, 'formats'), folder],
      visibility: 'PEERS',
    });
    local = (await media(a, 'LOCAL')).nodes;
  });
  afterAll(async () => {
    await a?.[Symbol.asyncDispose]();
    await b?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  it('says before it is given how many items it opens, and how many places with them', async () => {
    const images = local.filter(({ kind }) => kind === 'IMAGE').length;
    expect(images).toBeLessThan(local.length);
    const { invitation } = await invite(a, null);
    expect(invitation).toMatchObject({
      mediaCount: local.length,
      placedCount: expect.any(Number),
      grant: { kinds: null, tags: null, albums: null, access: 'ORIGINALS', until: null },
    });
    expect(invitation.placedCount).toBeGreaterThan(0);
    expect((await invite(a, { kinds: ['IMAGE'] })).invitation.mediaCount).toBe(images);
    expect((await invite(a, { kinds: [] })).invitation.mediaCount).toBe(0);
    expect((await invite(a, { access: 'PREVIEWS' })).invitation).toMatchObject({
      mediaCount: local.length,
      placedCount: 0,
    });
  });

  it('is refused where it names an album that is not here, or an end that is past', async () => {
    const { userErrors } = await invite(a, { albumIds: ['album_nowhere'] });
    expect(userErrors).toEqual([{ code: 'INVALID', field: ['grant', 'albumIds', '0'] }]);
    expect((await invite(a, { until: '2020-01-01T00:00:00Z' })).userErrors).toEqual([
      { code: 'INVALID', field: ['grant', 'until'] },
    ]);
    expect((await invite(a, { tags: [' '] })).userErrors).toEqual([
      { code: 'INVALID', field: ['grant', 'tags'] },
    ]);
  });

  it('of metadata shows what an item is, and no picture of it', async () => {
    const { code } = await invite(a, { kinds: ['IMAGE'], access: 'METADATA' });
    const { pairWithPeer } = await b.query<{ pairWithPeer: { peer: { id: string } } }>(
      'mutation ($code: String!) { pairWithPeer(input: { invitation: $code }) { peer { id } userErrors { code } } }',
      { code },
    );
    ofA = pairWithPeer.peer.id;
    await settled(b, ofA);
    ofB = (await a.app.database.prisma.peer.findFirstOrThrow({ where: { serves: true } })).id;
    const { nodes } = await media(b, 'REMOTE');
    expect(nodes.length).toBe(local.filter(({ kind }) => kind === 'IMAGE').length);
    for (const node of nodes) {
      expect(node).toMatchObject({
        kind: 'IMAGE',
        digest: null,
        thumbhash: null,
        thumbnailUrl: null,
        previewUrl: null,
        originalUrl: null,
        byteSize: expect.stringMatching(/^\d+$/),
        width: expect.any(Number),
        filename: expect.any(String),
      });
    }
    expect(await inSync()).toEqual({ inSync: true, completeness: 1 });
    const { node } = await a.query<{ node: { operations: { serve: unknown } } }>(
      'query ($id: ID!) { node(id: $id) { ... on Peer { operations { serve { mediaCount grant { kinds access } } } } } }',
      { id: ofB },
    );
    expect(node.operations.serve).toEqual({
      mediaCount: nodes.length,
      grant: { kinds: ['IMAGE'], access: 'METADATA' },
    });
  });

  it('of previews gives pictures that carry no EXIF, and nothing of the original', async () => {
    expect(await setGrant(a, ofB, { access: 'PREVIEWS' })).toEqual([]);
    await refresh();
    const { nodes } = await media(b, 'REMOTE');
    expect(nodes.length).toBe(local.length);
    for (const node of nodes) {
      expect(node).toMatchObject({ digest: null, originalUrl: null, thumbnailUrl: expect.any(String) });
    }
    const placed = nodes.find(({ filename }) => filename === 'placed.jpg');
    for (const url of [placed?.thumbnailUrl, placed?.previewUrl]) {
      const answer = await b.get(url ?? '');
      expect(answer.status).toBe(200);
      for (const word of [MARKER, 'Exif', 'EXIF', 'Camera of the test', 'GPS']) {
        expect(answer.body.includes(word), `${word} in ${url}`).toBe(false);
      }
      expect((await sharp(answer.body).metadata()).exif).toBeUndefined();
    }
    expect((await b.get(`/media/${placed?.id}/original`)).status).toBe(404);
    expect(await inSync()).toEqual({ inSync: true, completeness: 1 });
  });

  it('of one album shows the album and its items, and follows what is done to it', async () => {
    const [one, two, three] = local;
    const curated = await album(a, 'createAlbum', {
      title: 'For the coast',
      mediaIds: [one?.id, two?.id],
    });
    const other = await album(a, 'createAlbum', {
      title: 'Of the house',
      visibility: 'PEERS',
      mediaIds: [one?.id, three?.id],
    });
    expect(curated.mediaCount).toBe(2);
    expect(await setGrant(a, ofB, { albumIds: [curated.id] })).toEqual([]);
    await refresh();
    expect(await titles()).toEqual([one?.title, two?.title].sort());
    const { albums } = await b.query<{ albums: { totalCount: number; nodes: object[] } }>(
      '{ albums(origin: REMOTE) { totalCount nodes { title mediaCount visibility peer { id } media { totalCount } } } }',
    );
    // The other album of the same item is no business of this pair.
    expect(albums).toEqual({
      totalCount: 1,
      nodes: [
        {
          title: 'For the coast',
          mediaCount: 2,
          visibility: null,
          peer: { id: ofA },
          media: { totalCount: 2 },
        },
      ],
    });
    await album(a, 'updateAlbum', {
      id: curated.id,
      title: 'For our friends',
      add: [three?.id],
      remove: [one?.id],
    });
    await refresh();
    expect(await titles()).toEqual([two?.title, three?.title].sort());
    for (const node of (await media(b, 'REMOTE')).nodes) {
      expect(node.albums).toMatchObject([{ title: 'For our friends', mediaCount: 2 }]);
      expect(node.originalUrl).not.toBeNull();
    }
    expect(await inSync()).toEqual({ inSync: true, completeness: 1 });
    // What is shared with whom, as the owner sees it.
    const shared = await a.query<{ media: { nodes: { id: string; sharedWith: { id: string }[] }[] } }>(
      '{ media(origin: LOCAL, first: 100) { nodes { id ... on LocalMedia { sharedWith { id } } } } }',
    );
    const withB = shared.media.nodes.filter(({ sharedWith }) => sharedWith.some(({ id }) => id === ofB));
    expect(withB.map(({ id }) => id).sort()).toEqual([two?.id, three?.id].sort());
    // A deleted album stays named, and opens nothing.
    await a.query(
      'mutation ($id: ID!) { deleteAlbum(input: { id: $id }) { deletedAlbumId userErrors { code } } }',
      {
        id: curated.id,
      },
    );
    await refresh();
    expect(await titles()).toEqual([]);
    expect((await media(b, 'REMOTE')).totalCount).toBe(0);
    // Without named albums, those that are shared as albums go with their items.
    expect(await setGrant(a, ofB, {})).toEqual([]);
    await refresh();
    const named = (await media(b, 'REMOTE')).nodes.filter(({ albums: of }) => of.length > 0);
    expect(named.map(({ title }) => title).sort()).toEqual([one?.title, three?.title].sort());
    expect((await media(b, 'REMOTE')).totalCount).toBe(local.length);
    await album(a, 'updateAlbum', { id: other.id, visibility: 'INSTANCE' });
    await refresh();
    expect((await media(b, 'REMOTE')).nodes.filter(({ albums: of }) => of.length > 0)).toEqual([]);
    expect(await inSync()).toEqual({ inSync: true, completeness: 1 });
  });

  it('is changed only of a peer that takes something from here', async () => {
    expect(await setGrant(b, ofA, { kinds: ['IMAGE'] })).toEqual([{ code: 'CONFLICT', field: ['grant'] }]);
  });

  it('is in force with the next request, for bytes and cursors alike', async () => {
    const served: Served = await serverAt(a.url);
    const client = createWireClient();
    const redeemed = await client.redeem(served, (await invite(a, null)).code);
    const { token } = redeemed.body.credential;
    const peer = await a.app.database.prisma.peer.findFirstOrThrow({
      where: { thumbprint: client.key.thumbprint },
    });
    const ask = (path: string) => client.ask(served, token, path);
    const video = local.find(({ kind }) => kind === 'VIDEO')?.id ?? '';
    const image = local.find(({ filename }) => filename === 'placed.jpg')?.id ?? '';
    const page = (await ask(`${FEED}?limit=3`)).body;
    expect((await ask(`${FEED}/${video}/original`)).status).toBe(200);

    await setGrant(a, peer.id, { kinds: ['IMAGE'], access: 'PREVIEWS' });
    for (const path of [`${FEED}?after=${page.cursor}`, `${STATUS}?after=${page.cursor}`]) {
      expect(await ask(path)).toMatchObject({
        status: 410,
        verdict: 'signed',
        body: { code: 'cursor-expired', reason: 'grant-changed' },
      });
    }
    for (const path of [
      `${video}/original`,
      `${video}/thumbnail`,
      `${video}/playable`,
      `${video}/original/segments`,
      `${image}/original`,
      `${image}/original/segments`,
    ]) {
      expect(await ask(`${FEED}/${path}`), path).toMatchObject({ status: 404, body: { code: 'not-found' } });
    }
    expect((await ask(`${FEED}/${image}/preview`)).status).toBe(200);
    const text = JSON.stringify((await ask(FEED)).body);
    expect(text).not.toContain('"original"');
    expect(text).not.toContain('"place"');
    expect(text).not.toContain('"kind":"video"');
    for (const { digest } of local) expect(text).not.toContain(digest);
    expect((await ask(STATUS)).body).toMatchObject({
      grant: { kinds: ['image'], access: 'previews' },
      total: local.filter(({ kind }) => kind === 'IMAGE').length,
    });

    // The same once more, in other words: nothing is begun anew.
    const { cursor } = (await ask(FEED)).body;
    await setGrant(a, peer.id, { kinds: ['IMAGE'], access: 'PREVIEWS', until: '2100-01-01T00:00:00Z' });
    expect((await ask(`${FEED}?after=${cursor}`)).status).toBe(200);

    await setGrant(a, peer.id, { until: new Date(Date.now() + 1_000).toISOString() });
    const ended = await eventually('the end of the grant', async () => {
      const answer = await ask(STATUS);
      return answer.status === 403 && answer;
    });
    expect(ended).toMatchObject({ verdict: 'signed', body: { code: 'grant-ended' } });
    expect((await ask(`${FEED}/${image}/preview`)).status).toBe(403);
    expect((await ask(FEED)).status).toBe(403);
  });
});

describe("a peer's items", () => {
  let a: Instance;
  let b: Instance;
  let ofA: string;
  let tokens: Record<'user' | 'admin', string>;

  const as = async <T>(token: string, query: string, variables: object = {}) => {
    const answer = await request(`${b.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = (await answer.body.json()) as { data: T; errors?: { message: string }[] };
    if (errors !== undefined) throw new Error(errors.map(({ message }) => message).join(' '));
    return data;
  };
  const status = async (token: string, path: string) => {
    const answer = await request(`${b.url}${path}`, { headers: { authorization: `Bearer ${token}` } });
    await answer.body.dump();
    return answer.statusCode;
  };
  interface Seen {
    media: { totalCount: number; nodes: { id: string; copies: { id: string }[] }[] };
    albums: { totalCount: number; nodes: { mediaCount: number }[] };
    node: { id: string } | null;
    nodes: ({ id: string } | null)[];
    peers: { totalCount: number };
    album: { id: string } | null;
  }
  const look = (token: string, id: string, albumId: string) =>
    as<Seen>(
      token,
      `query ($id: ID!, $album: ID!) { media { totalCount nodes { id copies { id } } } albums { totalCount nodes { mediaCount } }
        node(id: $id) { id } nodes(ids: [$id]) { id } peers { totalCount } album: node(id: $album) { id } }`,
      { id, album: albumId },
    );

  beforeAll(async () => {
    a = await startInstance('Garden');
    b = await startInstance('Coast');
    const paths = [join(SAMPLES, 'garden', 'hedge-in-blossom.jpg')];
    await a.app.library.importFiles({ paths, visibility: 'PEERS', album: 'Hedges' });
    // The same bytes here: a copy, by which a peer's item could be known.
    await b.app.library.importFiles({ paths, visibility: 'INSTANCE' });
    const [{ id }] = (await a.query<{ albums: { nodes: [{ id: string }] } }>('{ albums { nodes { id } } }'))
      .albums.nodes;
    await album(a, 'updateAlbum', { id, visibility: 'PUBLIC' });
    const { code } = await invite(a, null);
    const { pairWithPeer } = await b.query<{ pairWithPeer: { peer: { id: string } } }>(
      'mutation ($code: String!) { pairWithPeer(input: { invitation: $code }) { peer { id } userErrors { code } } }',
      { code },
    );
    ofA = pairWithPeer.peer.id;
    await settled(b, ofA);
    const token = async (name: string, role: 'VIEWER' | 'ADMIN') => {
      const { user } = await b.app.access.users.create({ name, role, password: 'a long enough password 17' });
      const scopes = role === 'ADMIN' ? (['ADMIN'] as const) : (['CATALOG_READ', 'MEDIA_READ'] as const);
      return (await b.app.access.tokens.create({ name, scopes: [...scopes], userId: user.id })).token;
    };
    tokens = { user: await token('Rose', 'VIEWER'), admin: await token('Ada', 'ADMIN') };
  });
  afterAll(async () => {
    await a?.[Symbol.asyncDispose]();
    await b?.[Symbol.asyncDispose]();
  });

  const remote = async () => {
    const { media: page } = await b.query<{
      media: { nodes: { id: string; remoteId: string; albums: { id: string }[] }[] };
    }>('{ media(origin: REMOTE) { nodes { id albums { id } ... on RemoteMedia { remoteId } } } }');
    return page.nodes[0] as (typeof page.nodes)[number];
  };
  const setAudience = (audience: string) =>
    b.query('mutation ($input: UpdatePeerInput!) { updatePeer(input: $input) { userErrors { code } } }', {
      input: { id: ofA, audience },
    });

  it('are seen by those in the audience alone, in every way of reading', async () => {
    const item = await remote();
    const albumId = item.albums[0]?.id ?? '';
    const paths = [`/media/${item.id}/thumbnail`, `/federation/proxy/${ofA}/${item.remoteId}/thumbnail`];
    const everything = {
      media: { totalCount: 2 },
      albums: { totalCount: 1, nodes: [{ mediaCount: 1 }] },
      node: { id: item.id },
      nodes: [{ id: item.id }],
      peers: { totalCount: 1 },
      album: { id: albumId },
    };
    expect(await look(tokens.user, item.id, albumId)).toMatchObject(everything);
    for (const path of paths) expect(await status(tokens.user, path)).toBe(200);

    await setAudience('ADMINS');
    const seen = await look(tokens.user, item.id, albumId);
    expect(seen).toMatchObject({
      media: { totalCount: 1 },
      albums: { totalCount: 0 },
      node: null,
      nodes: [null],
      peers: { totalCount: 0 },
      album: null,
    });
    expect(seen.media.nodes.flatMap(({ copies }) => copies)).toEqual([]);
    for (const path of paths) expect(await status(tokens.user, path), path).toBe(404);
    expect(await look(tokens.admin, item.id, albumId)).toMatchObject(everything);
    for (const path of paths) expect(await status(tokens.admin, path)).toBe(200);
    await setAudience('USERS');
  });

  it('are hidden one by one, stay hidden when the peer changes them, and are found by admins who ask', async () => {
    const item = await remote();
    const albumId = item.albums[0]?.id ?? '';
    const hide = (ids: string[], hidden: boolean) =>
      b.query<{ hideRemoteMedia: { media: { id: string; hidden: boolean }[] } & UserErrors }>(
        'mutation ($input: HideRemoteMediaInput!) { hideRemoteMedia(input: $input) { media { id hidden } userErrors { code field } } }',
        { input: { ids, hidden } },
      );
    const own = (await media(b, 'LOCAL')).nodes[0]?.id ?? '';
    expect((await hide([item.id, own], true)).hideRemoteMedia).toEqual({
      media: [],
      userErrors: [{ code: 'INVALID', field: ['ids', '1'] }],
    });
    expect((await hide([item.id], true)).hideRemoteMedia).toEqual({
      media: [{ id: item.id, hidden: true }],
      userErrors: [],
    });
    const [theirs] = (await media(a, 'LOCAL')).nodes;
    await a.query(
      'mutation ($input: UpdateMediaInput!) { updateMedia(input: $input) { userErrors { code } } }',
      {
        input: { id: theirs?.id, title: 'Renamed' },
      },
    );
    await b.query('mutation ($id: ID!) { refreshPeer(input: { id: $id }) { userErrors { code } } }', {
      id: ofA,
    });
    await settled(b, ofA);

    for (const token of [tokens.user, tokens.admin]) {
      const seen = await look(token, item.id, albumId);
      expect(seen).toMatchObject({ media: { totalCount: 1 }, albums: { nodes: [{ mediaCount: 0 }] } });
      expect(seen.media.nodes.flatMap(({ copies }) => copies)).toEqual([]);
    }
    expect((await look(tokens.user, item.id, albumId)).node).toBeNull();
    expect(await status(tokens.user, `/media/${item.id}/thumbnail`)).toBe(404);
    const hidden =
      '{ media(filter: { hidden: true }) { totalCount nodes { title ... on RemoteMedia { hidden } } } }';
    expect(await as(tokens.user, hidden)).toEqual({ media: { totalCount: 0, nodes: [] } });
    expect(await as(tokens.admin, hidden)).toEqual({
      media: { totalCount: 1, nodes: [{ title: 'Renamed', hidden: true }] },
    });
    expect((await look(tokens.admin, item.id, albumId)).node).toEqual({ id: item.id });

    await hide([item.id], false);
    expect(await look(tokens.user, item.id, albumId)).toMatchObject({ node: { id: item.id } });
  });
});
