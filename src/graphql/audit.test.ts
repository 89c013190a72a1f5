import {
  type GraphQLInputType,
  getNamedType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from 'graphql';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openTemporarySqlite, type TemporaryDatabase } from '../../test/support/databases.ts';
import { fakeFederation, type GraphqlUnderTest, startGraphql } from '../../test/support/graphql.ts';
import { createAudit } from '../access/audit.ts';
import { CODES, HedgerowError } from '../lib/errors.ts';
import { schema } from './schema.ts';

const SECRET = 'hedgerow_pair_c2VjcmV0c2VjcmV0';

/** A value for an input, with secrets wherever a text or an id may stand. */
function filled(type: GraphQLInputType): unknown {
  if (isNonNullType(type)) return filled(type.ofType);
  if (isListType(type)) return [filled(type.ofType)];
  if (isEnumType(type)) return type.getValues()[0]?.name;
  if (isInputObjectType(type)) {
    const fields = Object.values(type.getFields());
    const used = type.isOneOf ? fields.slice(0, 1) : fields;
    return Object.fromEntries(used.map((field) => [field.name, filled(field.type)]));
  }
  const values: Record<string, unknown> = {
    Int: 1,
    Float: 1,
    Boolean: true,
    BigInt: '1',
    DateTime: '2026-05-31T17:20:05Z',
    LocalDateTime: '2026-05-31T17:20:05',
    URL: `https://example.org/${SECRET}`,
    JSON: { a: SECRET },
  };
  return values[getNamedType(type).name] ?? SECRET;
}

/** Each mutation that the schema has, asked for with nothing but its name. */
const MUTATIONS = Object.values(schema.getMutationType()?.getFields() ?? {}).map((field) => ({
  name: field.name,
  document: `mutation (${field.args.map((each) => `$${each.name}: ${each.type}`).join(', ')}) {
    ${field.name}(${field.args.map((each) => `${each.name}: $${each.name}`).join(', ')}) { __typename }
  }`,
  variables: Object.fromEntries(field.args.map((each) => [each.name, filled(each.type)])),
}));

let temporary: TemporaryDatabase;
beforeAll(async () => {
  temporary = await openTemporarySqlite();
});
afterAll(() => temporary.close());

describe('every mutation there is', () => {
  it('is written to the audit once for each attempt, by whom and from where, and nothing of its input', async () => {
    expect(MUTATIONS.length).toBeGreaterThan(5);
    await using server = await startGraphql(temporary.database);
    for (const { name, document, variables } of MUTATIONS) {
      for (const [as, actor] of [
        ['viewer', { actorKind: 'USER', actor: 'user_viewer' }],
        ['readingToken', { actorKind: 'TOKEN', actor: 'token_1', detail: { user: 'user_admin' } }],
        ['admin', { actorKind: 'USER', actor: 'user_admin' }],
      ] as const) {
        server.audited.length = 0;
        await server.ask(document, { as, variables });
        expect(server.audited, name).toHaveLength(1);
        expect(server.audited[0]).toMatchObject({ ...actor, action: name, address: '127.0.0.1' });
        expect(JSON.stringify(server.audited)).not.toContain(SECRET);
        if (as === 'readingToken') {
          expect(server.audited[0], name).toMatchObject({ outcome: 'refused', code: 'FORBIDDEN' });
        }
      }
    }
  });

  it('of one document is written by itself, and queries are not', async () => {
    const federation = fakeFederation({ updatePeer: async () => {}, revokePeer: async () => {} });
    await using server = await startGraphql(temporary.database, { federation });
    await server.ask('{ instance { id } viewer { role } }');
    expect(server.audited).toEqual([]);
    await server.ask(
      'mutation { a: updatePeer(input: { id: "peer_1" }) { __typename } b: revokePeer(input: { id: "peer_2" }) { __typename } }',
    );
    expect(server.audited).toMatchObject([
      { action: 'updatePeer', target: 'peer_1', peerId: 'peer_1', outcome: 'done' },
      { action: 'revokePeer', target: 'peer_2', peerId: 'peer_2', outcome: 'done' },
    ]);
  });
});

describe('an event', () => {
  it('says what was refused, what failed, and by which code', async () => {
    let thrown: unknown;
    const federation = fakeFederation({
      pairWithPeer: async () => {
        throw thrown;
      },
    });
    await using server = await startGraphql(temporary.database, { federation });
    for (const [error, expected] of [
      [new HedgerowError('INVITATION_USED'), { outcome: 'refused', code: 'INVITATION_USED' }],
      [new HedgerowError('PEER_UNREACHABLE'), { outcome: 'failed', code: 'PEER_UNREACHABLE' }],
      [new HedgerowError('RATE_LIMITED'), { outcome: 'refused', code: 'RATE_LIMITED' }],
      [new Error('A fault.'), { outcome: 'failed', code: 'INTERNAL' }],
    ] as const) {
      thrown = error;
      server.audited.length = 0;
      await server.ask('mutation { pairWithPeer(input: { invitation: "x" }) { __typename } }');
      expect(server.audited).toMatchObject([{ action: 'pairWithPeer', ...expected }]);
    }
  });

  it('names what was made where the input named nothing, and each of many ids', async () => {
    const { prisma } = temporary.database;
    await prisma.peer.create({ data: { id: 'peer_made', name: 'Made' } });
    const federation = fakeFederation({
      pairWithPeer: async () => ({ peerId: 'peer_made' }),
      createInvitation: async () => ({ invitationId: 'pair_made', code: SECRET }),
    });
    await using server = await startGraphql(temporary.database, { federation });
    await server.ask('mutation { pairWithPeer(input: { invitation: "x" }) { peer { id } } }');
    await server.ask('mutation { createInvitation(input: {}) { code } }');
    const ids = Array.from({ length: 120 }, (_, index) => `media_${index}`);
    await server.ask('mutation ($ids: [ID!]!) { deleteMedia(input: { ids: $ids }) { __typename } }', {
      variables: { ids },
    });
    expect(server.audited).toMatchObject([
      { target: 'peer_made', peerId: 'peer_made' },
      { target: 'pair_made' },
      { target: ids.slice(0, 100).join(' '), detail: { targets: 120 } },
    ]);
    expect(JSON.stringify(server.audited)).not.toContain(SECRET);
  });

  it('is shown to admins alone, page by page, under every filter, and as a node', async () => {
    const { database, close } = await openTemporarySqlite();
    try {
      let at = Date.UTC(2026, 4, 1);
      await using audit = createAudit({ database, now: () => at, onError: () => {} });
      for (let step = 0; step < 5; step++) {
        await audit.record({
          actorKind: 'USER',
          actor: 'user_a',
          action: 'updatePeer',
          peerId: 'peer_1',
          outcome: 'done',
        });
        at += 1_000;
      }
      await audit.record({
        actorKind: 'ANONYMOUS',
        action: 'session.begin',
        outcome: 'refused',
        code: 'UNAUTHENTICATED',
        address: '192.0.2.1',
      });
      audit.served({ peerId: 'peer_1', itemId: 'media_1', variant: 'original', bytes: 2 ** 40 });
      await audit.flush();
      await using server: GraphqlUnderTest = await startGraphql(database);
      const ask = async (args: string, as: 'admin' | 'federationToken' | 'editor' = 'admin') =>
        server.ask(
          `{ auditEvents${args} { nodes { id at actorKind actor action target outcome code address bytes detail } pageInfo { hasNextPage endCursor } } }`,
          { as },
        );
      for (const as of ['federationToken', 'editor'] as const) {
        expect((await ask('', as)).errors).toMatchObject([{ extensions: { code: 'FORBIDDEN' } }]);
      }
      const first = (await ask('(first: 4)')).data.auditEvents;
      expect(first.nodes).toHaveLength(4);
      expect(first.nodes).toContainEqual({
        id: expect.stringMatching(/^audit_/),
        at: '2026-05-01T00:00:05.000Z',
        actorKind: 'PEER',
        actor: 'peer_1',
        action: 'media.served',
        target: 'media_1',
        outcome: 'done',
        code: null,
        address: null,
        bytes: String(2 ** 40),
        detail: { variant: 'original' },
      });
      expect(first.nodes).toContainEqual(
        expect.objectContaining({ actor: null, code: 'UNAUTHENTICATED', address: '192.0.2.1', bytes: null }),
      );
      const second = (await ask(`(first: 4, after: "${first.pageInfo.endCursor}")`)).data.auditEvents;
      expect(second.nodes).toHaveLength(3);
      expect(second.pageInfo.hasNextPage).toBe(false);
      const count = async (filter: string) =>
        (await ask(`(filter: { ${filter} })`)).data.auditEvents.nodes.length;
      expect(await count('actorKinds: [PEER]')).toBe(1);
      expect(await count('peerIds: ["peer_1"]')).toBe(6);
      expect(await count('peerIds: ["peer_1"], actorKinds: [USER, TOKEN]')).toBe(5);
      expect(await count('actions: ["session.begin", "media.served"]')).toBe(2);
      expect(await count('at: { gte: "2026-05-01T00:00:01Z", lt: "2026-05-01T00:00:03Z" }')).toBe(2);
      const wrong = await ask(`(filter: { actions: ["x"] }, after: "${first.pageInfo.endCursor}")`);
      expect(wrong.errors).toMatchObject([{ extensions: { code: 'BAD_CURSOR' } }]);

      const { id } = first.nodes[0];
      const node = `{ node(id: "${id}") { __typename id ... on AuditEvent { action } } }`;
      expect((await server.ask(node)).data.node).toMatchObject({ __typename: 'AuditEvent', id });
      expect((await server.ask(node, { as: 'federationToken' })).data.node).toBeNull();
    } finally {
      await close();
    }
  });
});

describe('the codes of errors', () => {
  it('are all names that an event may carry', () => {
    const type = schema.getType('ErrorCode');
    const names = isEnumType(type) ? type.getValues().map(({ name }) => name) : [];
    expect([...names].sort()).toEqual([...CODES].sort());
  });
});
