import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTemporarySqlite, type TemporaryDatabase } from '../../test/support/databases.ts';
import { type GraphqlUnderTest, startGraphql, VIEWERS, type ViewerName } from '../../test/support/graphql.ts';
import { newItem } from '../../test/support/items.ts';
import { schema } from './schema.ts';

let temporary: TemporaryDatabase;
let closed: GraphqlUnderTest;
let open: GraphqlUnderTest;

beforeAll(async () => {
  temporary = await openTemporarySqlite();
  closed = await startGraphql(temporary.database);
  open = await startGraphql(temporary.database, { anonymous: true });
  await closed.catalog.local.add([
    newItem({ title: 'public', visibility: 'PUBLIC' }),
    newItem({ title: 'house', visibility: 'INSTANCE' }),
    newItem({ title: "Edda's", visibility: 'PRIVATE', ownerId: 'user_editor' }),
  ]);
});

afterAll(async () => {
  await closed[Symbol.asyncDispose]();
  await open[Symbol.asyncDispose]();
  await temporary.close();
});

/** Each root field, asked with as little as it takes; a mutation's input names nothing that exists. */
const QUERIES: Record<string, string> = {
  media: 'media { totalCount }',
  albums: 'albums { totalCount }',
  node: 'node(id: "media_x") { id }',
  nodes: 'nodes(ids: []) { id }',
  peers: 'peers { totalCount }',
  instance: 'instance { id }',
  viewer: 'viewer { role scopes user { id } }',
  invitations: 'invitations { nodes { id } }',
  auditEvents: 'auditEvents { nodes { id } }',
  users: 'users { totalCount }',
  cache: 'cache { bytes }',
  explainMedia: 'explainMedia(id: "media_x") { media { id } }',
};
/** Who may do these depends on more than scopes: they are asked in test/access-matrix.test.ts and test/people.test.ts. */
const PEOPLE = [
  'createApiToken',
  'revokeApiToken',
  'endSession',
  'createUser',
  'updateUser',
  'beginSecondFactor',
  'confirmSecondFactor',
  'renewRecoveryCodes',
  'endSecondFactor',
  'resetSecondFactor',
];
const MUTATIONS: Record<string, string> = {
  addPeer: 'addPeer(input: { endpoint: "http://127.0.0.1:1" }) { peer { id } }',
  createPeerCredential: 'createPeerCredential(input: { name: "x", dialect: ARTIFEX }) { token }',
  resolveHeldRemovals: 'resolveHeldRemovals(input: { id: "x", decision: KEEP }) { peer { id } }',
  createInvitation: 'createInvitation(input: { expiresInMinutes: 0 }) { code }',
  cancelInvitation: 'cancelInvitation(input: { id: "x" }) { invitation { id } }',
  pairWithPeer: 'pairWithPeer(input: { invitation: "x" }) { peer { id } }',
  updatePeer: 'updatePeer(input: { id: "x" }) { peer { id } }',
  refreshPeer: 'refreshPeer(input: {}) { pulls { id } }',
  diagnosePeer: 'diagnosePeer(input: { id: "x" }) { diagnosis { id } }',
  revokePeer: 'revokePeer(input: { id: "x" }) { peer { id } }',
  rotatePeerCredential: 'rotatePeerCredential(input: { id: "x" }) { peer { id } }',
  rotateInstanceKey: 'rotateInstanceKey(input: { confirm: false }) { instance { id } }',
  publishAgents: 'publishAgents(input: { agents: [] }) { instance { id } }',
  updateMedia: 'updateMedia(input: { id: "x" }) { media { id } }',
  setVisibility: 'setVisibility(input: { ids: ["x"], visibility: PUBLIC }) { media { id } }',
  tagMedia: 'tagMedia(input: { ids: ["x"], add: ["y"] }) { media { id } }',
  deleteMedia: 'deleteMedia(input: { ids: ["x"] }) { deletedMediaIds }',
  createAlbum: 'createAlbum(input: { title: "x" }) { album { id } }',
  updateAlbum: 'updateAlbum(input: { id: "x" }) { album { id } }',
  deleteAlbum: 'deleteAlbum(input: { id: "x" }) { deletedAlbumId }',
  purgeCache: 'purgeCache(input: { mediaId: "media_x" }) { cache { bytes } }',
  pinMedia: 'pinMedia(input: { id: "media_x", pinned: true }) { media { id } }',
  hideRemoteMedia: 'hideRemoteMedia(input: { ids: ["x"], hidden: true }) { media { id } }',
};
const ADMINS_ONLY = ['invitations', 'auditEvents', 'users', 'cache', 'explainMedia'];
const LIBRARY = [
  'updateMedia',
  'setVisibility',
  'tagMedia',
  'deleteMedia',
  'createAlbum',
  'updateAlbum',
  'deleteAlbum',
];

type Outcome = 'passes' | 'UNAUTHENTICATED' | 'FORBIDDEN';

/** Whether the field was resolved at all: what a stand-in behind it then answers is another matter. */
async function outcomes(server: GraphqlUnderTest, as: ViewerName): Promise<Record<string, Outcome>> {
  const result: Record<string, Outcome> = {};
  for (const [kind, fields] of [
    ['query', QUERIES],
    ['mutation', MUTATIONS],
  ] as const) {
    for (const [name, field] of Object.entries(fields)) {
      const { errors } = await server.ask(`${kind} { ${field} }`, { as });
      const code = errors?.[0]?.extensions['code'];
      result[name] = code === 'UNAUTHENTICATED' || code === 'FORBIDDEN' ? code : 'passes';
    }
  }
  return result;
}

function expected(rule: (name: string) => Outcome): Record<string, Outcome> {
  const names = [...Object.keys(QUERIES), ...Object.keys(MUTATIONS)];
  return Object.fromEntries(names.map((name) => [name, rule(name)]));
}

const federation = (name: string) =>
  ADMINS_ONLY.includes(name) || (Object.hasOwn(MUTATIONS, name) && !LIBRARY.includes(name));

describe('who may ask what', () => {
  it('is decided for every root field there is', () => {
    expect(Object.keys(schema.getQueryType()?.getFields() ?? {}).sort()).toEqual(Object.keys(QUERIES).sort());
    expect(Object.keys(schema.getMutationType()?.getFields() ?? {}).sort()).toEqual(
      [...Object.keys(MUTATIONS), ...PEOPLE].sort(),
    );
  });

  it('admits an admin everywhere', async () => {
    expect(await outcomes(closed, 'admin')).toEqual(expected(() => 'passes'));
  });

  it('keeps an editor from federation', async () => {
    expect(await outcomes(closed, 'editor')).toEqual(
      expected((name) => (federation(name) ? 'FORBIDDEN' : 'passes')),
    );
  });

  it('keeps a viewer from changing anything', async () => {
    expect(await outcomes(closed, 'viewer')).toEqual(
      expected((name) => (federation(name) || LIBRARY.includes(name) ? 'FORBIDDEN' : 'passes')),
    );
  });

  it("narrows a token to its scopes, whatever its owner's role", async () => {
    expect(await outcomes(closed, 'readingToken')).toEqual(
      expected((name) => (federation(name) || LIBRARY.includes(name) ? 'FORBIDDEN' : 'passes')),
    );
    expect(await outcomes(closed, 'bytesToken')).toEqual(
      expected((name) => (['instance', 'viewer'].includes(name) ? 'passes' : 'FORBIDDEN')),
    );
  });

  it('admits nobody without signing in, unless anonymous reading is on, and then to reading alone', async () => {
    expect(await outcomes(closed, 'nobody')).toEqual(expected(() => 'UNAUTHENTICATED'));
    expect(await outcomes(open, 'nobody')).toEqual(
      expected((name) =>
        Object.hasOwn(MUTATIONS, name) || ADMINS_ONLY.includes(name) ? 'UNAUTHENTICATED' : 'passes',
      ),
    );
  });

  it('shows each viewer what is visible to that viewer alone', async () => {
    const titles = async (server: GraphqlUnderTest, as: ViewerName) => {
      const { data } = await server.ask(
        '{ media(orderBy: { field: TITLE, direction: ASC }) { nodes { title } } }',
        {
          as,
        },
      );
      return data.media.nodes.map((node: { title: string }) => node.title);
    };
    expect(await titles(open, 'nobody')).toEqual(['public']);
    expect(await titles(closed, 'viewer')).toEqual(['house', 'public']);
    expect(await titles(closed, 'admin')).toEqual(['house', 'public']);
    expect(await titles(closed, 'editor')).toEqual(["Edda's", 'house', 'public']);
  });

  it('says who is asking', async () => {
    await temporary.database.prisma.user.create({
      data: { id: 'user_viewer', name: 'Vera', email: 'vera@example.org', role: 'VIEWER' },
    });
    expect(
      (await closed.ask('{ viewer { role scopes user { id name role } } }', { as: 'viewer' })).data.viewer,
    ).toEqual({
      role: 'VIEWER',
      scopes: VIEWERS.viewer.scopes,
      user: { id: 'user_viewer', name: 'Vera', role: 'VIEWER' },
    });
    expect((await open.ask('{ viewer { role } }', { as: 'nobody' })).data).toEqual({ viewer: null });
    expect(
      (await closed.ask('{ instance { id name version publicUrl thumbprint federation mediaCount } }')).data,
    ).toEqual({
      instance: {
        id: 'inst_1',
        name: 'Garden',
        version: '1.2.3',
        publicUrl: 'http://127.0.0.1:4000',
        thumbprint: 'thumb',
        federation: true,
        mediaCount: 2,
      },
    });
  });
});
