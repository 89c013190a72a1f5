import {
  type GraphQLField,
  type GraphQLOutputType,
  getNamedType,
  isInterfaceType,
  isLeafType,
  isObjectType,
  isRequiredArgument,
} from 'graphql';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTemporarySqlite, type TemporaryDatabase } from '../../test/support/databases.ts';
import { fakeFederation, startGraphql } from '../../test/support/graphql.ts';
import { newItem, remoteItem, seedPeer } from '../../test/support/items.ts';
import { countingStatements } from '../../test/support/statements.ts';
import { countGranted } from '../catalog/feed.ts';
import { applyRemotePage } from '../catalog/remote-changes.ts';
import type { Database } from '../database/database.ts';
import { sql } from '../database/sql.ts';
import { WHOLE_GRANT } from '../federation/grants.ts';
import { EMPTY_CHECKSUM } from '../lib/checksum.ts';
import { schema } from './schema.ts';

/** Fields of a list's items whose answer is a page again: each is one statement, as every page is. */
const PAGES = /Connection$/;
/** How many relations lie behind each other in what is asked. */
const DEPTH = 2;

interface Asked {
  /** With `N` for the length of the page. */
  query: string;
  path: string;
  /** A statement for the page, and one for each field below it that leads to another thing. */
  allowed: number;
}

/** Every field that can be asked for of the things on a page, each by itself, with what is nested in it. */
function everyField(): Asked[] {
  const roots: [wrap: (inner: string) => string, type: string][] = [
    [(inner) => `media(first: N) { nodes { ... on LocalMedia { ${inner} } } }`, 'LocalMedia'],
    [(inner) => `media(first: N) { nodes { ... on RemoteMedia { ${inner} } } }`, 'RemoteMedia'],
    [(inner) => `media(first: N) { ${inner} }`, 'MediaConnection'],
    [(inner) => `albums(first: N) { nodes { ${inner} } }`, 'Album'],
    [(inner) => `albums(first: N) { ${inner} }`, 'AlbumConnection'],
    [(inner) => `peers(first: N) { nodes { ${inner} } }`, 'Peer'],
    [(inner) => `peers(first: N) { ${inner} }`, 'PeerConnection'],
    [(inner) => `invitations(first: N) { nodes { ${inner} } }`, 'Invitation'],
    [(inner) => `users(first: N) { nodes { ${inner} } }`, 'User'],
    [(inner) => `users(first: N) { ${inner} }`, 'UserConnection'],
    [(inner) => `auditEvents(first: N) { nodes { ${inner} } }`, 'AuditEvent'],
  ];
  return roots.flatMap(([wrap, type]) =>
    fieldsOf(type, DEPTH, [type], type, 1).map((asked) => ({ ...asked, query: wrap(asked.query) })),
  );
}

function fieldsOf(typeName: string, depth: number, path: string[], label: string, above: number): Asked[] {
  const type = schema.getType(typeName);
  if (!isObjectType(type) && !isInterfaceType(type)) return [];
  return Object.values(type.getFields()).flatMap((field) => {
    const at = `${label}.${field.name}`;
    if (
      field.args.some(isRequiredArgument) &&
      field.args.some((arg) => arg.defaultValue === undefined && isRequiredArgument(arg))
    )
      return [];
    const of = getNamedType(field.type as GraphQLOutputType);
    const allowed = above + 1;
    if (isLeafType(of)) return [{ query: field.name, path: at, allowed }];
    if (isPageOfPages(typeName, field) || depth === 0 || path.includes(of.name)) return [];
    const inner = fieldsOf(of.name, depth - 1, [...path, of.name], at, allowed);
    return [
      { query: `${field.name} { __typename }`, path: at, allowed },
      ...inner.map((asked) => ({ ...asked, query: `${field.name} { ${asked.query} }` })),
    ];
  });
}

function isPageOfPages(typeName: string, field: GraphQLField<unknown, unknown>): boolean {
  return !PAGES.test(typeName) && PAGES.test(getNamedType(field.type as GraphQLOutputType).name);
}

const ITEMS = 12;

async function seed(database: Database): Promise<void> {
  const { prisma } = database;
  const now = Date.now();
  for (let number = 0; number < ITEMS; number++) {
    const id = `user_${number}`;
    await prisma.user.create({ data: { id, name: id, email: `${id}@example.test`, role: 'EDITOR' } });
    await prisma.invitation.create({
      data: {
        id: `pair_${number}`,
        publicKey: '',
        expiresAt: new Date(now),
        grant: JSON.stringify({ ...WHOLE_GRANT, tags: [`tag ${number}`] }),
      },
    });
    await prisma.auditEvent.create({
      data: { id: `audit_${number}`, at: number, actorKind: 'SYSTEM', action: 'test', outcome: 'ok' },
    });
    const peer = await seedPeer(database, { name: `Peer ${number}` });
    await prisma.peer.update({
      where: { key: peer.key },
      data: { serves: true, serveGrant: JSON.stringify({ ...WHOLE_GRANT, tags: [`tag ${number}`] }) },
    });
    await prisma.pull.create({ data: { id: `pull_${number}`, peerKey: peer.key, state: 'SUCCEEDED' } });
    await prisma.diagnosis.create({
      data: { id: `diag_${number}`, peerKey: peer.key, state: 'SUCCEEDED', startedAt: new Date(now) },
    });
    const items = [
      remoteItem({
        remoteId: 'r',
        digest: `sha-256:${number}`,
        tags: [`tag ${number}`],
        takenAt: number * 2,
        albums: [{ id: 'a', title: `Album ${number}` }],
      }),
    ];
    await database.write((tx) =>
      applyRemotePage(tx, peer.key, { items, skipped: [], removed: [], generation: 1 }, EMPTY_CHECKSUM, now),
    );
  }
}

/** On one database: what is asked of both is the same. */
describe('statements', () => {
  let under: TemporaryDatabase;
  beforeEach(async () => {
    under = await openTemporarySqlite();
  });
  afterEach(() => under.close());

  it('are at most two a page for every field, one more for each relation behind another, however long the page', async () => {
    const plain = under.database;
    const { database, statements } = countingStatements(plain);
    await using server = await startGraphql(database, {
      // As the cache's ledger reads it.
      availability: async (items) => {
        await database.read.all(
          sql`SELECT item_key FROM cached_files WHERE item_key = ${items[0]?.key ?? 0}`,
        );
        return new Map();
      },
      federation: fakeFederation({ grantCounts: (grants) => countGranted(database.read, grants) }),
    });
    await seed(plain);
    for (let number = 0; number < ITEMS; number++) {
      const [item] = await server.catalog.local.add([
        newItem({
          ownerId: `user_${number}`,
          digest: `sha-256:${number}`,
          tags: [`tag ${number}`],
          takenAt: number * 2 + 1,
        }),
      ]);
      await server.catalog.albums.create({
        title: `Album ${number} here`,
        description: null,
        visibility: 'INSTANCE',
        ownerId: `user_${number}`,
        items: [item?.id ?? ''],
      });
    }
    const fields = everyField();
    expect(fields.length).toBeGreaterThan(150);
    const cost = async ({ query }: Asked, first: number): Promise<number> => {
      const before = statements();
      const { errors } = await server.ask(`{ ${query.replace('N', String(first))} }`);
      expect(errors, query).toBeUndefined();
      return statements() - before;
    };
    const excess: string[] = [];
    for (const asked of fields) {
      // A statement for each of so many items would be far more.
      const statements = await cost(asked, 2 * ITEMS);
      if (statements > asked.allowed) excess.push(`${asked.path}: ${statements}, allowed ${asked.allowed}`);
    }
    expect(excess).toEqual([]);
  });

  it('are few for many ids of any kind', async () => {
    const plain = under.database;
    const { database, statements } = countingStatements(plain);
    await using server = await startGraphql(database);
    await seed(plain);
    const { prisma } = plain;
    const ids = [
      ...(await prisma.item.findMany()),
      ...(await prisma.album.findMany()),
      ...(await prisma.peer.findMany()),
      ...(await prisma.invitation.findMany()),
      ...(await prisma.pull.findMany()),
      ...(await prisma.diagnosis.findMany()),
      ...(await prisma.user.findMany()),
      ...(await prisma.auditEvent.findMany()),
    ].map(({ id }) => id);
    expect(ids.length).toBe(8 * ITEMS);
    const before = statements();
    const { data, errors } = await server.ask('query ($ids: [ID!]!) { nodes(ids: $ids) { id } }', {
      variables: { ids },
    });
    expect(errors).toBeUndefined();
    expect(data.nodes.map((node: { id: string } | null) => node?.id)).toEqual(ids);
    expect(statements() - before).toBe(8);
  });
});
