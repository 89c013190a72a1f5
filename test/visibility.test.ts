/** Who may see items, set for many at once and for albums; and who had them before. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Visibility } from '../src/catalog/items.ts';
import { type Instance, pair, settled, startInstance } from './support/instance.ts';
import { newItem } from './support/items.ts';
import { type Person, signedIn } from './support/people.ts';

const SET = `mutation ($input: SetVisibilityInput!) { setVisibility(input: $input) {
  media { id visibility } unsharedFrom { name } userErrors { code field } } }`;

let garden: Instance;
let coast: Instance;
let editor: Person;
let other: Person;

beforeAll(async () => {
  garden = await startInstance('Garden');
  coast = await startInstance('Coast');
  editor = await signedIn(garden, 'Edda', 'EDITOR');
  other = await signedIn(garden, 'Otto', 'EDITOR');
});

afterAll(async () => {
  await coast[Symbol.asyncDispose]();
  await garden[Symbol.asyncDispose]();
});

async function add(
  count: number,
  visibility: Visibility,
  ownerId: string | null = editor.id,
): Promise<string[]> {
  const items = await garden.app.catalog.local.add(
    Array.from({ length: count }, (_, at) => newItem({ title: `Item ${at}`, visibility, ownerId })),
  );
  return items.map(({ id }) => id);
}

async function album(who: Person, mediaIds: string[]): Promise<string> {
  const { data } = await who.ask(
    'mutation ($input: CreateAlbumInput!) { createAlbum(input: $input) { album { id } userErrors { code } } }',
    { input: { title: 'An album', mediaIds } },
  );
  return data.createAlbum.album.id;
}

const visibilities = async (ids: string[]) => {
  const rows = await garden.app.database.prisma.item.findMany({ where: { id: { in: ids } } });
  return [...new Set(rows.map(({ visibility }) => visibility))];
};

test('a whole album is set at once, more of it than one transaction has, and single items beside it', async () => {
  const ids = await add(230, 'INSTANCE');
  const [single = ''] = await add(1, 'INSTANCE');
  const [untouched = ''] = await add(1, 'INSTANCE');
  const albumId = await album(editor, ids);
  const { data } = await editor.ask(SET, {
    input: { ids: [single], albumIds: [albumId], visibility: 'PEERS' },
  });
  expect(data.setVisibility.userErrors).toEqual([]);
  expect(data.setVisibility.media).toHaveLength(231);
  expect(await visibilities([...ids, single])).toEqual([2]);
  expect(await visibilities([untouched])).toEqual([1]);
});

test('nothing is set where one item is somebody else’s, or an album is not there', async () => {
  const own = await add(2, 'INSTANCE');
  const theirs = await add(1, 'INSTANCE', other.id);
  const albumId = await album(editor, [...own, ...theirs]);
  const mixed = await editor.ask(SET, { input: { ids: [], albumIds: [albumId], visibility: 'PUBLIC' } });
  expect(mixed.errors?.[0]?.extensions?.code).toBe('FORBIDDEN');
  const missing = await editor.ask(SET, {
    input: { ids: own, albumIds: ['album_none'], visibility: 'PUBLIC' },
  });
  expect(missing.data.setVisibility.userErrors).toEqual([{ code: 'NOT_FOUND', field: ['albumIds', '0'] }]);
  expect(await visibilities([...own, ...theirs])).toEqual([1]);
});

test('an item that is nobody’s cannot be hidden from everybody', async () => {
  const ids = await add(1, 'INSTANCE', null);
  const admin = await signedIn(garden, 'Ada', 'ADMIN');
  const { data } = await admin.ask(SET, { input: { ids, visibility: 'PRIVATE' } });
  expect(data.setVisibility.userErrors).toEqual([{ code: 'INVALID', field: ['visibility'] }]);
  expect(await visibilities(ids)).toEqual([1]);
});

test('whoever stops sharing is told which peers had it, and they have it no longer', async () => {
  const ids = await add(3, 'PEERS');
  const peerId = await pair(garden, coast);
  await settled(coast, peerId);
  const held = async () =>
    (
      await coast.query<{ media: { totalCount: number } }>(
        '{ media(origin: REMOTE, filter: { query: "Item" }) { totalCount } }',
      )
    ).media.totalCount;
  const before = await held();
  expect(before).toBeGreaterThanOrEqual(3);

  // Still shown to the peer: nothing is taken from it.
  const wider = await editor.ask(SET, { input: { ids, visibility: 'PUBLIC' } });
  expect(wider.data.setVisibility.unsharedFrom).toEqual([]);
  const narrower = await editor.ask(SET, { input: { ids, visibility: 'INSTANCE' } });
  expect(narrower.data.setVisibility.unsharedFrom).toHaveLength(1);
  const again = await editor.ask(SET, { input: { ids, visibility: 'PRIVATE' } });
  expect(again.data.setVisibility.unsharedFrom).toEqual([]);

  await coast.query('mutation ($id: ID!) { refreshPeer(input: { id: $id }) { userErrors { code } } }', {
    id: peerId,
  });
  await settled(coast, peerId);
  expect(await held()).toBe(before - 3);
});
