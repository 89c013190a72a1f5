/**
 * Whom the server stands beside on SQLite, over a copy of the same file: `pothos`, Pothos with a plain `prismaConnection` in
 * Yoga; `driver`, Yoga with rows of the driver and its response cache. Both look up the bearer token of each request.
 *
 *   node bench/catalog-yoga.ts <pothos or driver> <file>
 */

import { once } from 'node:events';
import { createServer } from 'node:http';
import { useResponseCache as responseCache } from '@graphql-yoga/plugin-response-cache';
import SchemaBuilder from '@pothos/core';
import PrismaPlugin from '@pothos/plugin-prisma';
import RelayPlugin from '@pothos/plugin-relay';
import { createSchema, createYoga } from 'graphql-yoga';
import { hashSecret } from '../src/access/secrets.ts';
import { type Database, openDatabase } from '../src/database/database.ts';
import type PrismaTypes from '../src/database/generated/pothos-types.ts';
import { getDatamodel } from '../src/database/generated/pothos-types.ts';
import { sql } from '../src/database/sql.ts';

const [, , name, path = ''] = process.argv;
const database = await openDatabase({ dialect: 'sqlite', path });
const yoga = createYoga({
  schema: name === 'pothos' ? pothosSchema(database) : driverSchema(database),
  graphiql: false,
  logging: false,
  maskedErrors: false,
  plugins: [
    {
      onRequest: async ({ request, endResponse }) => {
        const token = request.headers.get('authorization')?.slice('Bearer '.length) ?? '';
        const row = await database.read.get(sql`SELECT id FROM api_tokens WHERE hash = ${hashSecret(token)}`);
        if (row === undefined) endResponse(new Response(null, { status: 401 }));
      },
    },
    ...(name === 'driver' ? [responseCache({ session: () => 'bench', ttl: 3_600_000 })] : []),
  ],
});
const server = createServer(yoga);
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const address = server.address();
console.log(` ready on http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`);

function pothosSchema({ prisma }: Database) {
  const builder = new SchemaBuilder<{ PrismaTypes: PrismaTypes }>({
    plugins: [RelayPlugin, PrismaPlugin],
    prisma: { client: prisma, dmmf: getDatamodel() },
    relay: {},
    // Asked for by the types alone: the plugin of the same name is not loaded here.
    scopeAuth: { authScopes: () => ({}) },
  });
  const Peer = builder.prismaObject('Peer', {
    fields: (t) => ({ id: t.exposeID('id'), name: t.exposeString('name'), health: t.exposeString('health') }),
  });
  const peers = new Map<number, Promise<unknown>>();
  const Media = builder.prismaObject('Item', {
    name: 'Media',
    fields: (t) => ({
      id: t.exposeID('id'),
      kind: t.exposeInt('kind'),
      title: t.exposeString('title'),
      description: t.exposeString('description', { nullable: true }),
      mimeType: t.exposeString('mimeType'),
      byteSize: t.string({ nullable: true, resolve: (item) => item.byteSize?.toString() ?? null }),
      width: t.exposeInt('width', { nullable: true }),
      height: t.exposeInt('height', { nullable: true }),
      takenAt: t.string({ nullable: true, resolve: (item) => item.takenAt?.toString() ?? null }),
      addedAt: t.string({ resolve: (item) => new Date(Number(item.addedAt)).toISOString() }),
      tags: t.stringList({ resolve: (item) => JSON.parse(item.tags) }),
      // The model has no relation; what a loader would do within one request is done for all of them.
      peer: t.field({
        type: Peer,
        nullable: true,
        resolve: async (item) => {
          if (item.source === 0) return null;
          let peer = peers.get(item.source);
          if (peer === undefined) {
            peer = prisma.peer.findUnique({ where: { key: item.source } });
            peers.set(item.source, peer);
          }
          return (await peer) as never;
        },
      }),
    }),
  });
  builder.queryType({
    fields: (t) => ({
      media: t.prismaConnection({
        type: Media,
        cursor: 'id',
        maxSize: 500,
        resolve: (query) =>
          prisma.item.findMany({
            ...query,
            where: { OR: [{ visibility: { gte: 1 } }] },
            orderBy: [{ timelineAt: 'desc' }, { id: 'desc' }],
          } as never),
      }),
    }),
  });
  return builder.toSchema();
}

function driverSchema({ read }: Database) {
  return createSchema({
    typeDefs: `
      type Query { media(first: Int!, after: String): MediaConnection! }
      type MediaConnection { edges: [MediaEdge!]! pageInfo: PageInfo! }
      type PageInfo { hasNextPage: Boolean! endCursor: String }
      type MediaEdge { cursor: String! node: Media! }
      type Media { id: ID! kind: Int! title: String! description: String mimeType: String! byteSize: String width: Int height: Int takenAt: String addedAt: String! tags: [String!]! peer: Peer }
      type Peer { id: ID! name: String! health: String! }
    `,
    resolvers: {
      Query: {
        media: async (_root, { first, after }: { first: number; after?: string }) => {
          const [at, id] = after === undefined ? [Number.MAX_SAFE_INTEGER, '~'] : JSON.parse(atob(after));
          const rows = await read.all<Record<string, unknown>>(
            sql`SELECT id, source, kind, title, description, mime_type AS "mimeType", byte_size AS "byteSize", width, height, taken_at AS "takenAt", added_at AS "addedAt", timeline_at AS "timelineAt", tags FROM items WHERE visibility >= 1 AND (timeline_at, id) < (${at}, ${id}) ORDER BY timeline_at DESC, id DESC LIMIT ${first + 1}`,
          );
          const peers = await read.all<{ key: number }>(
            sql`SELECT key, id, peer_name AS name, health FROM federation_peers`,
          );
          const byKey = new Map(peers.map((peer) => [peer.key, peer]));
          const edges = rows.slice(0, first).map((row) => ({
            cursor: btoa(JSON.stringify([row['timelineAt'], row['id']])),
            node: {
              ...row,
              addedAt: new Date(Number(row['addedAt'])).toISOString(),
              tags: JSON.parse(String(row['tags'])),
              peer: byKey.get(Number(row['source'])) ?? null,
            },
          }));
          return {
            edges,
            pageInfo: { hasNextPage: rows.length > first, endCursor: edges.at(-1)?.cursor ?? null },
          };
        },
      },
    },
  });
}
