/**
 * Who may do and see what: every route and every root field of the schema, asked by everybody; and every item, local of
 * each visibility and remote of each audience, looked for by everybody in every place where items come out.
 *
 * The lists are made from the running server's routes and from the schema. What has no entry here fails: whoever adds a
 * route or a field decides whom it is for.
 */

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import {
  type GraphQLField,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
} from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Role, TOKEN_SCOPES, type TokenScope } from '../src/access/viewer.ts';
import { VISIBILITIES, type Visibility } from '../src/catalog/items.ts';
import { applyRemotePage } from '../src/catalog/remote-changes.ts';
import { schema } from '../src/graphql/schema.ts';
import { EMPTY_CHECKSUM } from '../src/lib/checksum.ts';
import { type Instance, pair, settled, startInstance } from './support/instance.ts';
import { newItem, remoteItem } from './support/items.ts';
import { type Asker, nobody, signedIn, withToken } from './support/people.ts';

/** Answers to others that a stream must have been silent through. */
const OTHERS_ANSWERED = 30;

/** What one has to be, or to have. */
type Need =
  /** Everybody, also without signing in. */
  | 'anyone'
  /** Whoever is signed in, or has any token. */
  | 'known'
  /** The same, and never nobody. */
  | 'CATALOG_READ, signed in'
  | 'CATALOG_READ'
  | 'MEDIA_READ'
  | 'LIBRARY_WRITE'
  | 'FEDERATION_ADMIN'
  | 'ADMIN'
  /** A browser in which somebody is signed in, or a token with ADMIN. */
  | 'manage'
  /** A browser in which an admin is signed in; others are refused, whoever is signed out is led to sign in. */
  | 'page for admins'
  /** A browser in which somebody is signed in. */
  | 'browser'
  /** The terminal on this machine, whose token stands in a file. */
  | 'terminal'
  /** A paired server, by its token and signature: nobody of this instance. */
  | 'peer'
  /** The link, password or code in the request itself; nobody is asked who it is. */
  | 'secret in the request';

/** `anonymous`: where reading without signing in is switched on, whoever may read may be nobody. */
const FIELDS: Record<string, Need> = {
  'Query.media': 'CATALOG_READ',
  'Query.albums': 'CATALOG_READ',
  'Query.node': 'CATALOG_READ',
  'Query.nodes': 'CATALOG_READ',
  'Query.peers': 'CATALOG_READ',
  'Query.instance': 'known',
  'Query.viewer': 'known',
  'Query.invitations': 'FEDERATION_ADMIN',
  'Query.users': 'ADMIN',
  'Query.auditEvents': 'ADMIN',
  'Query.cache': 'FEDERATION_ADMIN',
  'Query.explainMedia': 'FEDERATION_ADMIN',
  'Mutation.createInvitation': 'FEDERATION_ADMIN',
  'Mutation.cancelInvitation': 'FEDERATION_ADMIN',
  'Mutation.pairWithPeer': 'FEDERATION_ADMIN',
  'Mutation.addPeer': 'FEDERATION_ADMIN',
  'Mutation.createPeerCredential': 'FEDERATION_ADMIN',
  'Mutation.updatePeer': 'FEDERATION_ADMIN',
  'Mutation.refreshPeer': 'FEDERATION_ADMIN',
  'Mutation.diagnosePeer': 'FEDERATION_ADMIN',
  'Mutation.resolveHeldRemovals': 'FEDERATION_ADMIN',
  'Mutation.rotatePeerCredential': 'FEDERATION_ADMIN',
  'Mutation.rotateInstanceKey': 'FEDERATION_ADMIN',
  'Mutation.revokePeer': 'FEDERATION_ADMIN',
  'Mutation.publishAgents': 'FEDERATION_ADMIN',
  'Mutation.purgeCache': 'FEDERATION_ADMIN',
  'Mutation.pinMedia': 'FEDERATION_ADMIN',
  'Mutation.hideRemoteMedia': 'FEDERATION_ADMIN',
  'Mutation.updateMedia': 'LIBRARY_WRITE',
  'Mutation.setVisibility': 'LIBRARY_WRITE',
  'Mutation.tagMedia': 'LIBRARY_WRITE',
  'Mutation.deleteMedia': 'LIBRARY_WRITE',
  'Mutation.createAlbum': 'LIBRARY_WRITE',
  'Mutation.updateAlbum': 'LIBRARY_WRITE',
  'Mutation.deleteAlbum': 'LIBRARY_WRITE',
  'Mutation.createUser': 'ADMIN',
  // Of somebody else; one's own account is in test/people.test.ts.
  'Mutation.updateUser': 'ADMIN',
  'Mutation.createApiToken': 'manage',
  'Mutation.revokeApiToken': 'manage',
  'Mutation.endSession': 'manage',
  'Subscription.changed': 'CATALOG_READ',
  // A person's own, and in a session: no token that leaked sets one up or turns one off.
  'Mutation.beginSecondFactor': 'browser',
  'Mutation.confirmSecondFactor': 'browser',
  'Mutation.renewRecoveryCodes': 'browser',
  'Mutation.endSecondFactor': 'browser',
  'Mutation.resetSecondFactor': 'ADMIN',
  'Subscription.catalogChanged': 'CATALOG_READ',
  'Subscription.peerChanged': 'CATALOG_READ',
  'Subscription.pullChanged': 'FEDERATION_ADMIN',
};

const ROUTES: Record<string, Need> = {
  'GET /healthz': 'anyone',
  'GET /readyz': 'anyone',
  'GET /openapi.json': 'anyone',
  'GET /schema.graphql': 'anyone',
  'GET /federation.schema.json': 'anyone',
  'GET /metrics': 'ADMIN',
  // Pages hold nothing but a name; what they show they ask for.
  'GET /': 'anyone',
  'GET /admin': 'page for admins',
  'GET /sign-in': 'anyone',
  'GET /setup': 'anyone',
  'GET /password': 'anyone',
  // To whoever is not signed in the way to signing in.
  'GET /account': 'anyone',
  'GET /offline': 'anyone',
  'GET /manifest.webmanifest': 'anyone',
  'GET /worker.js': 'anyone',
  'GET /assets/*': 'anyone',
  'GET /session': 'known',
  'POST /session': 'secret in the request',
  'DELETE /session': 'anyone',
  'POST /setup': 'secret in the request',
  'POST /password': 'secret in the request',
  'GET /oidc/sign-in': 'anyone',
  'GET /oidc/callback': 'secret in the request',
  'GET /graphql': 'known',
  'POST /graphql': 'known',
  'OPTIONS /graphql': 'anyone',
  'GET /media/:id/:variant': 'MEDIA_READ',
  'GET /federation/proxy/:peerId/:remoteId/:variant': 'MEDIA_READ',
  'OPTIONS /uploads': 'anyone',
  'POST /uploads': 'LIBRARY_WRITE',
  'PATCH /uploads/:id': 'LIBRARY_WRITE',
  'DELETE /uploads/:id': 'LIBRARY_WRITE',
  'POST /uploads/:id': 'LIBRARY_WRITE',
  'POST /internal/import': 'terminal',
  'DELETE /internal/import/:id': 'terminal',
  'POST /internal/accounts/:operation': 'terminal',
  'GET /audit.ndjson': 'ADMIN',
  'GET /audit.csv': 'ADMIN',
  'GET /api/federation/peers': 'CATALOG_READ, signed in',
  'GET /api/federation/peers/:id/agents': 'CATALOG_READ, signed in',
  'POST /api/federation/generate-pairing-token': 'FEDERATION_ADMIN',
  'POST /api/federation/pair': 'FEDERATION_ADMIN',
  'DELETE /api/federation/peers/:id': 'FEDERATION_ADMIN',
  'GET /.well-known/hedgerow': 'anyone',
  'POST /federation/v1/pairings': 'secret in the request',
  'POST /federation/v1/keys': 'peer',
  'GET /federation/v1/media': 'peer',
  'GET /federation/v1/media/:id/:variant': 'peer',
  'GET /federation/v1/media/:id/:variant/segments': 'peer',
  'GET /federation/v1/status': 'peer',
  'GET /federation/v1/events': 'peer',
  'GET /federation/v1/agents': 'peer',
  'POST /federation/v1/credentials': 'peer',
  'DELETE /federation/v1/pairing': 'peer',
  'GET /federation/images': 'peer',
  'GET /federation/v1/images': 'peer',
  'GET /images/:id/:variant': 'peer',
};

interface Actor {
  name: string;
  asker: Asker;
  role: Role | null;
  scopes: readonly TokenScope[];
  via: 'browser' | 'token' | 'terminal' | 'nobody';
  userId: string | null;
}

const SCOPES_OF: Record<Role, readonly TokenScope[]> = {
  ADMIN: TOKEN_SCOPES,
  EDITOR: ['CATALOG_READ', 'MEDIA_READ', 'LIBRARY_WRITE'],
  VIEWER: ['CATALOG_READ', 'MEDIA_READ'],
};

describe.each([
  ['off', false],
  ['public', true],
] as const)('with anonymous reading %s', (setting, anonymous) => {
  let instance: Instance;
  let actors: Actor[];
  /** Stands in for the peers, and counts who connects to it. */
  let upstream: Server;
  let connections = 0;

  beforeAll(async () => {
    instance = await startInstance('Garden', {
      HEDGEROW_ANONYMOUS: setting,
      HEDGEROW_REQUESTS_PER_MINUTE: '1000000',
    });
    upstream = createServer((_request, response) => response.writeHead(503).end());
    upstream.on('connection', () => {
      connections++;
    });
    await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
    const people = await Promise.all([
      signedIn(instance, 'Ada', 'ADMIN'),
      signedIn(instance, 'Edda', 'EDITOR'),
      signedIn(instance, 'Otto', 'EDITOR'),
      signedIn(instance, 'Vera', 'VIEWER'),
    ]);
    const roles: Role[] = ['ADMIN', 'EDITOR', 'EDITOR', 'VIEWER'];
    const [ada, edda] = people;
    actors = [
      { name: 'nobody', asker: nobody(instance), role: null, scopes: [], via: 'nobody', userId: null },
      ...people.map((person, at): Actor => {
        const role = roles[at] ?? 'VIEWER';
        return {
          name: person.name,
          asker: person,
          role,
          scopes: SCOPES_OF[role],
          via: 'browser',
          userId: person.id,
        };
      }),
    ];
    for (const scope of TOKEN_SCOPES) {
      for (const [whose, userId] of [
        ['Ada', ada?.id ?? null],
        ['the instance', null],
      ] as const) {
        actors.push({
          name: `${scope} of ${whose}`,
          asker: await withToken(instance, [scope], userId ?? undefined),
          role: scope === 'ADMIN' ? 'ADMIN' : scope === 'LIBRARY_WRITE' ? 'EDITOR' : 'VIEWER',
          scopes: [scope],
          via: 'token',
          userId,
        });
      }
    }
    actors.push({
      name: 'MEDIA_READ and CATALOG_READ of Edda',
      asker: await withToken(instance, ['CATALOG_READ', 'MEDIA_READ'], edda?.id),
      role: 'VIEWER',
      scopes: ['CATALOG_READ', 'MEDIA_READ'],
      via: 'token',
      userId: edda?.id ?? null,
    });
  });

  afterAll(async () => {
    await instance[Symbol.asyncDispose]();
    upstream.closeAllConnections();
    upstream.close();
  });

  function has(actor: Actor, scope: TokenScope): boolean {
    return actor.scopes.includes(scope) || actor.scopes.includes('ADMIN');
  }

  function may(actor: Actor, need: Need): boolean {
    switch (need) {
      case 'anyone':
      case 'secret in the request':
        return true;
      case 'known':
        return actor.via !== 'nobody';
      case 'browser':
        return actor.via === 'browser';
      case 'manage':
        return actor.via === 'browser' || has(actor, 'ADMIN');
      case 'page for admins':
        return actor.via === 'browser' && actor.role === 'ADMIN';
      case 'terminal':
      case 'peer':
        return false;
      case 'CATALOG_READ, signed in':
        return has(actor, 'CATALOG_READ');
      case 'CATALOG_READ':
      case 'MEDIA_READ':
        return has(actor, need) || (actor.via === 'nobody' && anonymous);
      default:
        return has(actor, need);
    }
  }

  describe('every root field of the schema', () => {
    const fields = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()].flatMap(
      (type) =>
        type == null
          ? []
          : Object.values(type.getFields()).map((field) => [`${type.name}.${field.name}`, field] as const),
    );

    test.each(fields)('%s is open to whom it is meant for, and to nobody else', async (name, field) => {
      const need = FIELDS[name];
      if (need === undefined) throw new Error(`${name} has no entry: for whom is it?`);
      const { document, variables } = operation(name, field);
      const asked = async (actor: Actor) => ({
        actor,
        codes: await codesOf(actor.asker, name, document, variables),
      });
      // Streams that are open are waited at, so at all of them at once; what changes something is asked one after the other.
      const answers = name.startsWith('Subscription.') ? await Promise.all(actors.map(asked)) : [];
      if (answers.length === 0) for (const actor of actors) answers.push(await asked(actor));
      for (const { actor, codes } of answers) {
        const refused = codes.some((code) => code === 'UNAUTHENTICATED' || code === 'FORBIDDEN');
        // Who is nobody is told so, also where the field itself is for everybody.
        const open = may(actor, need) || (need === 'known' && anonymous && actor.via === 'nobody');
        expect({ actor: actor.name, refused }, `${codes}`).toEqual({ actor: actor.name, refused: !open });
        if (!open) {
          const expected = actor.via === 'nobody' ? 'UNAUTHENTICATED' : 'FORBIDDEN';
          expect({ actor: actor.name, codes }).toEqual({ actor: actor.name, codes: [expected] });
        }
      }
    });
  });

  test('every route is open to whom it is meant for, and to nobody else', async () => {
    const decided = new Set(Object.keys(ROUTES).map((route) => route.split(' ')[1]));
    const undecided = instance.app.routes.filter((route) => ROUTES[route] === undefined);
    const unknown = undecided.filter((route) => !decided.has(route.split(' ')[1]));
    expect(unknown, 'routes without an entry: for whom are they?').toEqual([]);
    // A method that a known path does not take is refused, to everybody alike.
    for (const route of undecided) {
      const [method = 'GET', pattern = ''] = route.split(' ');
      for (const { asker } of [actors[0], actors[1]].filter((actor) => actor !== undefined)) {
        const { status } = await asker.send(method as 'GET', pattern.replace(/:\w+/g, 'none_1'));
        expect(status, `${route} has no entry: for whom is it?`).toBe(405);
      }
    }
    for (const route of instance.app.routes) {
      const need = ROUTES[route];
      if (need === undefined || need === 'anyone') continue;
      const [method = 'GET', pattern = ''] = route.split(' ');
      const path = pattern
        .replace(':id', pattern.startsWith('/uploads') ? `upload_${'0'.repeat(30)}` : 'none_1')
        .replace(':variant', 'original')
        .replace(/:\w+/g, 'none_1');
      for (const actor of actors) {
        const { status, body } = await actor.asker.send(
          method as 'GET',
          path,
          {
            'content-type': pattern.startsWith('/uploads')
              ? 'application/offset+octet-stream'
              : 'application/json',
            'tus-resumable': '1.0.0',
          },
          method === 'GET' || method === 'DELETE' ? undefined : '{}',
        );
        const where = `${route} as ${actor.name}: ${status} ${body.toString().slice(0, 200)}`;
        expect(status, where).toBeLessThan(500);
        if (need === 'secret in the request') {
          // Without the secret nothing comes of it, for nobody.
          expect(status === 303 || status >= 400, where).toBe(true);
          continue;
        }
        if (need === 'page for admins') {
          // Who is not signed in as a browser is led to where one signs in.
          const page = actor.role === 'ADMIN' ? [200] : [403];
          expect(actor.via === 'browser' ? page : [303], where).toContain(status);
          continue;
        }
        if (need === 'peer') {
          // By a token of ours nothing is opened; who tries often is slowed down.
          expect([401, 403, 404, 429], where).toContain(status);
          continue;
        }
        const open =
          may(actor, need) ||
          (need === 'known' && anonymous && pattern === '/graphql' && actor.via === 'nobody');
        const refused = status === 401 || status === 403;
        expect(refused, where).toBe(!open);
        if (!open) expect(status, where).toBe(actor.via === 'nobody' ? 401 : 403);
      }
    }
  });

  describe('every item', () => {
    interface Known {
      id: string;
      title: string;
      tag: string;
      /** Of a local item. */
      visibility: Visibility | null;
      ownerId: string | null;
      /** Of a remote one. */
      audience: 'ADMINS' | 'USERS' | 'ANYONE' | 'NOBODY' | null;
      peerId: string | null;
      remoteId: string | null;
    }
    const known: Known[] = [];
    const variants = (['thumbnail', 'original'] as const).map((name) => ({
      name,
      mimeType: 'image/jpeg',
      size: 1000,
      digest: `sha-256:${'ab'.repeat(32)}`,
    }));

    function sees(actor: Actor, item: Known): boolean {
      if (actor.via === 'nobody') {
        return anonymous && (item.visibility === 'PUBLIC' || item.audience === 'ANYONE');
      }
      if (item.visibility === 'PRIVATE') return item.ownerId !== null && item.ownerId === actor.userId;
      if (item.visibility !== null) return true;
      if (item.audience === 'NOBODY') return false;
      return item.audience !== 'ADMINS' || actor.role === 'ADMIN';
    }

    beforeAll(async () => {
      const { app } = instance;
      const { database } = app;
      for (const owner of [...actors.filter(({ via }) => via === 'browser'), null]) {
        for (const visibility of VISIBILITIES) {
          if (owner === null && visibility === 'PRIVATE') continue;
          const title = `local${visibility.toLowerCase()}of${owner?.name.toLowerCase() ?? 'noone'}`;
          const [item] = await app.catalog.local.add([
            newItem({
              title,
              filename: `${title}.jpg`,
              tags: [`tag${title}`],
              visibility,
              ownerId: owner?.userId ?? null,
              variants,
            }),
          ]);
          known.push({
            id: item?.id ?? '',
            title,
            tag: `tag${title}`,
            visibility,
            ownerId: owner?.userId ?? null,
            audience: null,
            peerId: null,
            remoteId: null,
          });
        }
      }
      const endpoint = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`;
      for (const [label, audience, more] of [
        ['admins', 'ADMINS', {}],
        ['users', 'USERS', {}],
        ['anyone', 'ANYONE', {}],
        ['revoked', 'ANYONE', { status: 'REVOKED' }],
        ['ended', 'ANYONE', { hiddenSince: new Date() }],
      ] as const) {
        const id = `peer_${crypto.randomUUID()}`;
        const peer = await database.prisma.peer.create({
          data: { id, name: `Peer ${label}`, endpoint, endpointOurs: true, pulls: true, audience, ...more },
        });
        const title = `remoteof${label}`;
        const remoteId = `r_${label}`;
        await database.write((tx) =>
          applyRemotePage(
            tx,
            peer.key,
            {
              items: [remoteItem({ remoteId, title, tags: [`tag${title}`], variants })],
              skipped: [],
              removed: [],
              generation: 1,
            },
            EMPTY_CHECKSUM,
            Date.now(),
          ),
        );
        const row = await database.prisma.item.findFirstOrThrow({ where: { remoteId } });
        const shown = Object.keys(more).length === 0;
        known.push({
          id: row.id,
          title,
          tag: `tag${title}`,
          visibility: null,
          ownerId: null,
          audience: shown ? audience : 'NOBODY',
          peerId: id,
          remoteId,
        });
      }
    });

    const readers = () => actors.filter((actor) => may(actor, 'CATALOG_READ'));
    const expected = (actor: Actor, among: (item: Known) => boolean = () => true) =>
      known
        .filter((item) => among(item) && sees(actor, item))
        .map(({ title }) => title)
        .sort();
    // biome-ignore lint/suspicious/noExplicitAny: whatever was asked for
    const titles = (nodes: any[]): string[] =>
      nodes
        .filter((node) => node !== null)
        .map(({ title }) => title)
        .sort();
    const NODES = 'nodes { id title tags copies { id title tags } }';

    test('is on pages, in counts, in facets’ place, by filter, and in searches of whoever may see it, and of nobody else', async () => {
      for (const actor of readers()) {
        const { data, errors } = await actor.asker.ask(
          `{
          all: media(first: 100) { totalCount ${NODES} }
          local: media(origin: LOCAL, first: 100) { totalCount ${NODES} }
          remote: media(origin: REMOTE, first: 100) { totalCount ${NODES} }
          private: media(first: 100, filter: { visibilities: [PRIVATE] }) { totalCount ${NODES} }
          collapsed: media(first: 100, filter: { duplicates: COLLAPSE }) { totalCount ${NODES} }
        }`.replace(/\n {10}collapsed.*/, schema.getType('Duplicates') === undefined ? '' : '$&'),
        );
        expect(errors, actor.name).toBeUndefined();
        for (const [page, among] of [
          [data.all, () => true],
          [data.local, (item: Known) => item.visibility !== null],
          [data.remote, (item: Known) => item.visibility === null],
          [data.private, (item: Known) => item.visibility === 'PRIVATE'],
        ] as const) {
          expect({ actor: actor.name, seen: titles(page.nodes) }).toEqual({
            actor: actor.name,
            seen: expected(actor, among),
          });
          expect(page.totalCount).toBe(page.nodes.length);
        }
        // All have the same bytes: the others that one may see are copies, and no more.
        for (const node of data.all.nodes) {
          expect(titles([node, ...node.copies])).toEqual(expected(actor));
        }
        nothingOfOthers(actor, data);
      }
    });

    test('is found by word and by tag', async () => {
      for (const actor of readers()) {
        for (const item of known) {
          const { data } = await actor.asker.ask(
            `query ($query: String, $tag: String!) {
              word: media(filter: { query: $query }) { totalCount nodes { id title tags } }
              tag: media(filter: { tags: { any: [$tag] } }) { totalCount nodes { id title tags } }
            }`,
            { query: item.title, tag: item.tag },
          );
          const count = sees(actor, item) ? 1 : 0;
          expect({
            actor: actor.name,
            item: item.title,
            counts: [
              data.word.totalCount,
              data.tag.totalCount,
              data.word.nodes.length,
              data.tag.nodes.length,
            ],
          }).toEqual({
            actor: actor.name,
            item: item.title,
            counts: [count, count, count, count],
          });
        }
      }
    });

    test('is opened by id, one by one and together, and by its peer', async () => {
      for (const actor of readers()) {
        const { data } = await actor.asker.ask(
          `query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on Media { title tags } } peers(status: [ACTIVE, PAUSED, REVOKED]) { nodes { id media { totalCount nodes { id title tags } } } } instance { mediaCount } }`,
          { ids: known.map(({ id }) => id) },
        );
        expect(titles(data.nodes)).toEqual(expected(actor));
        expect(data.instance.mediaCount).toBe(expected(actor, (item) => item.visibility !== null).length);
        for (const peer of data.peers.nodes) {
          const seen = expected(actor, (item) => item.peerId === peer.id);
          expect([titles(peer.media.nodes), peer.media.totalCount]).toEqual([seen, seen.length]);
        }
        for (const item of known) {
          const one = await actor.asker.ask(`{ node(id: "${item.id}") { ... on Media { title } } }`);
          expect(one.data.node === null, `${item.title} as ${actor.name}`).toBe(!sees(actor, item));
        }
        nothingOfOthers(actor, data);
      }
    });

    test('gives its bytes by route, by the peer’s route and by signed URL to whoever may see it', async () => {
      for (const actor of actors.filter((each) => may(each, 'MEDIA_READ'))) {
        const before = connections;
        for (const item of known) {
          const paths = [`/media/${item.id}/thumbnail`];
          if (item.peerId !== null) paths.push(`/federation/proxy/${item.peerId}/${item.remoteId}/thumbnail`);
          for (const path of paths) {
            for (const method of ['GET', 'HEAD'] as const) {
              // No bytes are behind the items here: whoever may see one is told that, and whoever may not gets a 404.
              const { status } = await actor.asker.send(method, path);
              const shown = `${method} ${path} of ${item.title} as ${actor.name}: ${status}`;
              if (!sees(actor, item)) expect(status, shown).toBe(404);
              else if (method === 'HEAD') expect(status, shown).toBe(200);
              else expect([401, 403].includes(status), shown).toBe(false);
            }
          }
        }
        if (actor.via === 'nobody') expect(connections, 'an anonymous request reached a peer').toBe(before);
      }
    });

    test('is signed for whoever sees it, and opens for nobody who would not see it', async () => {
      for (const actor of readers()) {
        const { data } = await actor.asker.ask(
          `{ media(first: 500) { nodes { title thumbnailUrl(access: SIGNED) } } }`,
        );
        for (const { title, thumbnailUrl } of data.media.nodes) {
          const { status } = await nobody(instance).send('HEAD', thumbnailUrl);
          expect(status, `${title} signed for ${actor.name}`).toBe(may(actor, 'MEDIA_READ') ? 200 : 403);
          // The same permission on another item opens nothing.
          for (const other of known.filter((item) => item.title !== title).slice(0, 3)) {
            const moved = thumbnailUrl.replace(/media_\w+/, other.id);
            expect((await nobody(instance).send('HEAD', moved)).status).toBe(403);
          }
        }
      }
    });

    test('is changed by its owner and by an admin who sees it, and by nobody else', async () => {
      for (const actor of actors.filter((each) => may(each, 'LIBRARY_WRITE'))) {
        for (const item of known) {
          const { data, errors } = await actor.asker.ask(
            `mutation ($id: ID!) { updateMedia(input: { id: $id, license: "CC0" }) { media { id } userErrors { code } } }`,
            { id: item.id },
          );
          const code = errors?.[0]?.extensions?.code ?? data.updateMedia.userErrors[0]?.code ?? 'DONE';
          const owns = item.ownerId !== null && item.ownerId === actor.userId;
          const wanted = !sees(actor, item)
            ? 'NOT_FOUND'
            : item.visibility === null
              ? 'READ_ONLY'
              : owns || actor.role === 'ADMIN'
                ? 'DONE'
                : 'FORBIDDEN';
          expect({ actor: actor.name, item: item.title, code }).toEqual({
            actor: actor.name,
            item: item.title,
            code: wanted,
          });
        }
      }
    });

    test('reaches a paired server only where it is for peers or for everybody, and never a peer’s', async () => {
      await using coast = await startInstance('Coast');
      const peerId = await pair(instance, coast);
      await settled(coast, peerId);
      const { media } = await coast.query<{ media: { nodes: { title: string }[] } }>(
        '{ media(first: 500) { nodes { title } } }',
      );
      expect(titles(media.nodes)).toEqual(
        known
          .filter(({ visibility }) => visibility === 'PEERS' || visibility === 'PUBLIC')
          .map(({ title }) => title)
          .sort(),
      );
    });

    /** Not in any place of an answer: neither its title, which is in its tag too, nor its id. */
    function nothingOfOthers(actor: Actor, answer: unknown): void {
      const text = JSON.stringify(answer);
      for (const item of known) {
        if (sees(actor, item)) continue;
        expect(
          text.includes(item.title) || text.includes(item.id),
          `${item.title} shown to ${actor.name}`,
        ).toBe(false);
      }
    }
  });
});

/** An operation with the arguments that are needed, of values that belong to nothing. */
function operation(
  name: string,
  field: GraphQLField<unknown, unknown>,
): { document: string; variables: Record<string, unknown> } {
  const needed = field.args.filter(
    ({ type, defaultValue }) => isNonNullType(type) && defaultValue === undefined,
  );
  const variables = Object.fromEntries(needed.map((arg) => [arg.name, sample(arg.type)]));
  const kind = name.split('.')[0]?.toLowerCase();
  const declared = needed.map((arg) => `$${arg.name}: ${arg.type}`).join(', ');
  const given = needed.map((arg) => `${arg.name}: $${arg.name}`).join(', ');
  const selection = isLeafType(getNamedType(field.type)) ? '' : '{ __typename }';
  return {
    document: `${kind}${declared && `(${declared})`} { ${field.name}${given && `(${given})`} ${selection} }`,
    variables,
  };
}

function sample(type: GraphQLInputType): unknown {
  if (isNonNullType(type)) return sample(type.ofType);
  if (isListType(type)) return [sample(type.ofType)];
  if (isEnumType(type)) return type.getValues()[0]?.name;
  if (isInputObjectType(type)) return sampleObject(type);
  return { Int: 1, Float: 1, Boolean: false, BigInt: '1', URL: 'http://127.0.0.1:9/' }[type.name] ?? 'none_1';
}

function sampleObject(type: GraphQLInputObjectType): Record<string, unknown> {
  const fields = Object.values(type.getFields());
  const chosen = type.isOneOf
    ? fields.filter((field) => getNamedType(field.type).name === 'ID').slice(0, 1)
    : fields.filter((field) => isNonNullType(field.type) && field.defaultValue === undefined);
  return Object.fromEntries(chosen.map((field) => [field.name, sample(field.type)]));
}

async function codesOf(
  who: Asker,
  name: string,
  document: string,
  variables: Record<string, unknown>,
): Promise<string[]> {
  if (!name.startsWith('Subscription.')) {
    const { errors } = await who.ask(document, variables);
    return (errors ?? []).map((error) => error.extensions?.code ?? '');
  }
  return streamedCodes(who, document, variables);
}

/**
 * What a stream says in place of events. One that says nothing while the server answers others again and again, however busy
 * the machine is, is an open one.
 */
async function streamedCodes(
  who: Asker,
  document: string,
  variables: Record<string, unknown>,
): Promise<string[]> {
  const left = new AbortController();
  const said = who.stream('/graphql', JSON.stringify({ query: document, variables }), left.signal);
  let ended = false;
  const end = said.finally(() => {
    ended = true;
  });
  for (let time = 0; time < OTHERS_ANSWERED && !ended; time++) {
    await Promise.race([end, wait(25)]);
    await who.send('GET', '/readyz');
  }
  left.abort();
  const text = await end;
  return ['UNAUTHENTICATED', 'FORBIDDEN', 'INTERNAL'].filter((code) => text.includes(code));
}
