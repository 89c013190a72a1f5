import { describe, expect, it } from 'vitest';
import { describeOnBothDatabases, openTemporarySqlite } from '../../test/support/databases.ts';
import { fakeFederation, startGraphql } from '../../test/support/graphql.ts';
import { newItem, remoteItem, seedPeer } from '../../test/support/items.ts';
import { applyRemotePage } from '../catalog/remote-changes.ts';
import type { Federation, UpdatePeer } from '../federation/federation.ts';
import { WHOLE_GRANT } from '../federation/grants.ts';
import { EMPTY_CHECKSUM } from '../lib/checksum.ts';
import { type Code, HedgerowError } from '../lib/errors.ts';
import { ERROR_CODES } from './user-error.ts';

const ERRORS = 'userErrors { field code message }';

const FEDERATION_MUTATIONS: Record<string, [method: keyof Federation, field: string, nothing: string]> = {
  createInvitation: [
    'createInvitation',
    `createInvitation(input: {}) { code invitation { id } ${ERRORS} }`,
    'code',
  ],
  cancelInvitation: [
    'cancelInvitation',
    `cancelInvitation(input: { id: "pair_x" }) { invitation { id } ${ERRORS} }`,
    'invitation',
  ],
  pairWithPeer: [
    'pairWithPeer',
    `pairWithPeer(input: { invitation: "code" }) { peer { id } ${ERRORS} }`,
    'peer',
  ],
  updatePeer: ['updatePeer', `updatePeer(input: { id: "peer_x" }) { peer { id } ${ERRORS} }`, 'peer'],
  refreshPeer: ['refresh', `refreshPeer(input: {}) { pulls { id } ${ERRORS} }`, 'pulls'],
  revokePeer: ['revokePeer', `revokePeer(input: { id: "peer_x" }) { peer { id } ${ERRORS} }`, 'peer'],
};

describe('what federation refuses', () => {
  it('comes as userErrors where the caller can put it right, else as an error of GraphQL', async () => {
    const { database, close } = await openTemporarySqlite();
    try {
      let thrown: unknown = null;
      const refuse = async (): Promise<never> => {
        throw thrown;
      };
      const methods = Object.fromEntries(
        Object.values(FEDERATION_MUTATIONS).map(([method]) => [method, refuse]),
      );
      await using server = await startGraphql(database, { federation: fakeFederation(methods) });
      for (const [name, [, field, nothing]] of Object.entries(FEDERATION_MUTATIONS)) {
        for (const code of ERROR_CODES) {
          thrown = new HedgerowError(code, 'A sentence.', { field: ['a', 'b'] });
          const { data, errors } = await server.ask(`mutation { ${field} }`);
          expect(errors).toBeUndefined();
          expect(data[name].userErrors).toEqual([{ field: ['a', 'b'], code, message: 'A sentence.' }]);
          expect(data[name][nothing] ?? []).toEqual([]);
        }
        for (const code of ['RATE_LIMITED', 'FORBIDDEN', 'UNAVAILABLE'] satisfies Code[]) {
          thrown = new HedgerowError(code, 'A sentence.', { retryAfter: 2.5 });
          const { data, errors } = await server.ask(`mutation { ${field} }`);
          expect(data ?? null).toBeNull();
          expect(errors).toMatchObject([{ message: 'A sentence.', extensions: { code, retryAfter: 3 } }]);
        }
        thrown = new Error('hunter2');
        const { errors } = await server.ask(`mutation { ${field} }`);
        expect(errors).toMatchObject([{ extensions: { code: 'INTERNAL', id: expect.any(String) } }]);
        expect(JSON.stringify(errors)).not.toContain('hunter2');
      }
    } finally {
      await close();
    }
  });
});

describeOnBothDatabases('mutations', (open) => {
  it('make, use and end a pairing through the door of federation, and answer with its rows', async () => {
    const database = await open();
    const { prisma } = database;
    const calls: unknown[] = [];
    const peer = await seedPeer(database, { id: 'peer_1', name: 'Meadow' });
    await using server = await startGraphql(database, {
      federation: fakeFederation({
        createInvitation: async (input) => {
          calls.push(input);
          await prisma.invitation.create({
            data: {
              id: 'pair_1',
              publicKey: '',
              note: input.note,
              grant: JSON.stringify(WHOLE_GRANT),
              expiresAt: new Date(0),
            },
          });
          return { invitationId: 'pair_1', code: 'hedgerow:…' };
        },
        cancelInvitation: async (id) => {
          await prisma.invitation.update({ where: { id }, data: { cancelledAt: new Date(0) } });
        },
        pairWithPeer: async (input) => {
          calls.push(input);
          return { peerId: 'peer_1' };
        },
        updatePeer: async (id, input: UpdatePeer) => {
          calls.push(JSON.parse(JSON.stringify(input)));
          await prisma.peer.update({ where: { id }, data: { name: input.name ?? '' } });
        },
        refresh: async (id) => {
          calls.push(id);
          await prisma.pull.create({ data: { id: 'pull_1', peerKey: peer.key, state: 'QUEUED' } });
          return { pullIds: ['pull_1'] };
        },
        revokePeer: async (id, options) => {
          calls.push(options);
          await prisma.peer.update({ where: { id }, data: { status: 'REVOKED' } });
        },
      }),
    });
    const run = async (field: string) => {
      const { data, errors } = await server.ask(`mutation { it: ${field} }`);
      expect(errors).toBeUndefined();
      expect(data.it.userErrors).toEqual([]);
      return data.it;
    };
    expect(
      await run(
        `createInvitation(input: { note: "For you" }) { code invitation { id note mutual mediaCount placedCount expiresAt usedAt } ${ERRORS} }`,
      ),
    ).toMatchObject({
      code: 'hedgerow:…',
      invitation: {
        id: 'pair_1',
        note: 'For you',
        mutual: false,
        mediaCount: 7,
        placedCount: 2,
        usedAt: null,
      },
    });
    expect(
      (await run(`cancelInvitation(input: { id: "pair_1" }) { invitation { cancelledAt } ${ERRORS} }`))
        .invitation,
    ).toEqual({ cancelledAt: '1970-01-01T00:00:00.000Z' });
    expect(
      (
        await run(
          `pairWithPeer(input: { invitation: "abc", endpoint: "http://10.0.0.2:4000" }) { peer { id name } ${ERRORS} }`,
        )
      ).peer,
    ).toEqual({ id: 'peer_1', name: 'Meadow' });
    expect(
      (
        await run(
          `updatePeer(input: { id: "peer_1", name: "Orchard", paused: true, interval: 60, audience: ADMINS }) { peer { name } ${ERRORS} }`,
        )
      ).peer,
    ).toEqual({ name: 'Orchard' });
    expect(
      (await run(`refreshPeer(input: { id: "peer_1" }) { pulls { id state peer { name } } ${ERRORS} }`))
        .pulls,
    ).toEqual([{ id: 'pull_1', state: 'QUEUED', peer: { name: 'Orchard' } }]);
    expect((await run(`revokePeer(input: { id: "peer_1" }) { peer { status } ${ERRORS} }`)).peer).toEqual({
      status: 'REVOKED',
    });
    expect(calls).toEqual([
      {
        note: 'For you',
        grant: { kinds: null, tags: null, albums: null, access: 'originals', until: null },
        expiresInMinutes: 60,
        createdBy: 'user_admin',
        mutual: false,
        allowPrivateEndpoint: false,
      },
      { code: 'abc', name: null, endpoint: 'http://10.0.0.2:4000', shareBack: null },
      { name: 'Orchard', paused: true, interval: 60, audience: 'ADMINS' },
      'peer_1',
      { keepCached: false },
    ]);
    for (const minutes of [0, 61]) {
      const { data } = await server.ask(
        `mutation { createInvitation(input: { expiresInMinutes: ${minutes} }) { code ${ERRORS} } }`,
      );
      expect(data.createInvitation).toMatchObject({
        code: null,
        userErrors: [{ code: 'INVALID', field: ['expiresInMinutes'] }],
      });
    }
  });

  it('change local items: what is left out stays, what is null is cleared', async () => {
    const database = await open();
    await using server = await startGraphql(database);
    const [item] = await server.catalog.local.add([
      newItem({
        title: 'old',
        description: 'old',
        tags: ['old'],
        takenAt: 0,
        creator: 'old',
        visibility: 'PEERS',
      }),
    ]);
    const update = async (input: Record<string, unknown>) => {
      const { data, errors } = await server.ask(
        `mutation ($input: UpdateMediaInput!) { updateMedia(input: $input) {
           media { title description tags takenAt creator license visibility } ${ERRORS} } }`,
        { variables: { input: { id: item?.id, ...input } } },
      );
      expect(errors).toBeUndefined();
      return data.updateMedia;
    };
    expect((await update({ title: ' new ', tags: ['a', 'b', 'a'], description: null })).media).toEqual({
      title: 'new',
      description: null,
      tags: ['a', 'b'],
      takenAt: '1970-01-01T00:00:00',
      creator: 'old',
      license: null,
      visibility: 'PEERS',
    });
    expect(
      (await update({ takenAt: '2024-05-31T17:20:05', visibility: 'PUBLIC', title: null })).media,
    ).toMatchObject({
      title: 'new',
      takenAt: '2024-05-31T17:20:05',
      visibility: 'PUBLIC',
    });
    expect((await update({ takenAt: null, license: 'CC0' })).media).toMatchObject({
      takenAt: null,
      license: 'CC0',
    });
    for (const [input, field] of [
      [{ title: '  ' }, 'title'],
      [{ title: 'x'.repeat(501) }, 'title'],
      [{ description: 'x'.repeat(10_001) }, 'description'],
      [{ tags: [''] }, 'tags'],
      [{ tags: ['x'.repeat(101)] }, 'tags'],
      [{ tags: Array.from({ length: 201 }, (_, at) => `${at}`) }, 'tags'],
    ] as const) {
      expect(await update(input)).toMatchObject({
        media: null,
        userErrors: [{ code: 'INVALID', field: [field] }],
      });
    }
  });

  it('change all of the named items, or none where one is unknown, hidden, of a peer, or of somebody else', async () => {
    const database = await open();
    await using server = await startGraphql(database);
    const peer = await seedPeer(database);
    const [own, other, secret] = await server.catalog.local.add([
      newItem({ title: 'own', ownerId: 'user_editor' }),
      newItem({ title: 'other', ownerId: 'user_other' }),
      newItem({ title: 'secret', ownerId: 'user_other', visibility: 'PRIVATE' }),
    ]);
    const page = { items: [remoteItem({ remoteId: 'r' })], skipped: [], removed: [], generation: 1 };
    await database.write((tx) => applyRemotePage(tx, peer.key, page, EMPTY_CHECKSUM, 0));
    const remote = await database.prisma.item.findFirstOrThrow({ where: { source: peer.key } });
    const publish = (ids: unknown[], as: 'admin' | 'editor') =>
      server.ask(
        `mutation ($ids: [ID!]!) { setVisibility(input: { ids: $ids, visibility: PUBLIC }) { media { title visibility } ${ERRORS} } }`,
        { as, variables: { ids } },
      );
    const remove = (ids: unknown[], as: 'admin' | 'editor') =>
      server.ask(
        `mutation ($ids: [ID!]!) { deleteMedia(input: { ids: $ids }) { deletedMediaIds ${ERRORS} } }`,
        {
          as,
          variables: { ids },
        },
      );
    const tag = (ids: unknown[], as: 'admin' | 'editor', change: object = { add: ['sea'] }) =>
      server.ask(
        `mutation ($input: TagMediaInput!) { tagMedia(input: $input) { media { title tags } ${ERRORS} } }`,
        { as, variables: { input: { ids, ...change } } },
      );
    for (const change of [publish, remove, tag]) {
      const refusal = async (id: string | undefined, as: 'admin' | 'editor') => {
        const { data, errors } = await change([own?.id, id], as);
        const payload =
          data === null || data === undefined ? undefined : Object.values<{ userErrors: object[] }>(data)[0];
        return payload?.userErrors[0] ?? { code: errors?.[0]?.extensions['code'] };
      };
      expect(await refusal('media_x', 'editor')).toMatchObject({ code: 'NOT_FOUND', field: ['ids', '1'] });
      expect(await refusal(secret?.id, 'editor')).toMatchObject({ code: 'NOT_FOUND', field: ['ids', '1'] });
      expect(await refusal(secret?.id, 'admin')).toMatchObject({ code: 'NOT_FOUND' });
      expect(await refusal(remote.id, 'admin')).toMatchObject({ code: 'READ_ONLY', field: ['ids', '1'] });
      expect(await refusal(other?.id, 'editor')).toEqual({ code: 'FORBIDDEN' });
    }
    const many = await publish(
      Array.from({ length: 501 }, () => own?.id),
      'editor',
    );
    expect(many.data.setVisibility.userErrors).toMatchObject([{ code: 'INVALID', field: ['ids'] }]);
    expect((await database.prisma.item.findMany({ where: { visibility: 3 } })).length).toBe(0);

    expect((await publish([own?.id, own?.id], 'editor')).data.setVisibility.media).toEqual([
      { title: 'own', visibility: 'PUBLIC' },
    ]);
    expect((await database.prisma.item.findMany({ where: { tags: { contains: 'sea' } } })).length).toBe(0);
    expect((await tag([own?.id, own?.id], 'editor', { add: [' sea ', 'light'] })).data.tagMedia).toEqual({
      media: [{ title: 'own', tags: ['sea', 'light'] }],
      userErrors: [],
    });
    expect(
      (await tag([own?.id, other?.id], 'admin', { add: ['sky'], remove: ['sea'] })).data.tagMedia.media,
    ).toEqual([
      { title: 'own', tags: ['light', 'sky'] },
      { title: 'other', tags: ['sky'] },
    ]);
    for (const [change, field] of [
      [{ add: [''] }, ['add']],
      [{ remove: ['x'.repeat(101)] }, ['remove']],
      [{ add: Array.from({ length: 199 }, (_, at) => `tag ${at}`) }, ['ids', '0']],
    ] as const) {
      const { data } = await tag([own?.id, other?.id], 'admin', change);
      expect(data.tagMedia).toMatchObject({ media: [], userErrors: [{ code: 'INVALID', field }] });
    }
    expect((await publish([other?.id], 'admin')).data.setVisibility.userErrors).toEqual([]);
    expect((await remove([own?.id], 'editor')).data.deleteMedia.deletedMediaIds).toEqual([own?.id]);
    expect((await remove([other?.id], 'admin')).data.deleteMedia.deletedMediaIds).toEqual([other?.id]);
    expect(await database.prisma.item.count()).toBe(2);
  });
});
