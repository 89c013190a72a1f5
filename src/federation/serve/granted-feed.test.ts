import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { describeOnBothDatabases } from '../../../test/support/databases.ts';
import { newItem, seedPeer } from '../../../test/support/items.ts';
import { type Catalog, createCatalog } from '../../catalog/catalog.ts';
import { covers } from '../../catalog/grant.ts';
import { VISIBILITIES } from '../../catalog/items.ts';
import type { Database } from '../../database/database.ts';
import {
  addChecksum,
  type Checksum,
  checksumTerm,
  EMPTY_CHECKSUM,
  formatChecksum,
} from '../../lib/checksum.ts';
import { isCode } from '../../lib/errors.ts';
import type { FederationContext } from '../context.ts';
import { storedGrant, WHOLE_GRANT } from '../grants.ts';
import { putGrant } from '../peers/grant-changes.ts';
import type { Grant } from '../wire/messages.ts';
import { feedPage, peerStatus } from './feed-page.ts';

interface Page {
  items: { id: string; version: string; [field: string]: unknown }[];
  removed: { id: string; reason: string }[];
  cursor: string;
  complete: boolean;
  total?: number;
  checksum?: string;
}

const ADMIN = { kind: 'ADMIN', userId: null } as const;
const DIGEST = `sha-256:${'ab'.repeat(32)}`;
const SMALL = `sha-256:${'cd'.repeat(32)}`;
const KINDS = ['IMAGE', 'VIDEO', 'DOCUMENT'] as const;
const TAGS = ['red', 'green', 'blue'] as const;

/** A server, and one pair that is served. */
async function server(database: Database) {
  const catalog = await createCatalog(database);
  const { key, id } = await seedPeer(database);
  await database.prisma.peer.update({ where: { key }, data: { serves: true } });
  const context = {
    database,
    masterKey: Buffer.alloc(32, 7),
    now: Date.now,
  } as unknown as FederationContext;
  const grant = (given: Grant) =>
    database.prisma.$transaction(async (tx) => {
      const { serveGrant } = await tx.peer.findUniqueOrThrow({ where: { key } });
      await putGrant(tx, key, serveGrant, given);
    });
  await grant(WHOLE_GRANT);
  const peer = async () => {
    const row = await database.prisma.peer.findUniqueOrThrow({ where: { key } });
    return { key, id, grant: storedGrant(row.serveGrant ?? ''), grantRevision: row.grantRevision };
  };
  return { catalog, context, peer, grant, key };
}
type Server = Awaited<ReturnType<typeof server>>;

/** What another instance does with the pages: it keeps ids and versions, and believes nothing else. */
class Puller {
  readonly server: Server;
  readonly copy = new Map<string, string>();
  /** Ids that any page showed since the grant was last changed. */
  shown = new Set<string>();
  seen = new Map<string, string>();
  cursor: string | null = null;
  listing = true;
  relistings = 0;

  constructor(given: Server) {
    this.server = given;
  }

  /** One page; answers whether it was the last. */
  async pull(limit: number, check: (page: Page, grant: Grant) => void): Promise<Page | null> {
    const peer = await this.server.peer();
    let page: Page;
    try {
      page = JSON.parse(await feedPage(this.server.context, peer, this.cursor, limit));
    } catch (error) {
      if (!isCode(error, 'CURSOR_EXPIRED')) throw error;
      expect((error as { extra?: unknown }).extra).toEqual({ reason: 'grant-changed' });
      this.cursor = null;
      this.listing = true;
      this.seen = new Map();
      this.shown = new Set();
      this.relistings += 1;
      return null;
    }
    check(page, peer.grant);
    const both = page.items.filter(({ id }) => page.removed.some((removal) => removal.id === id));
    expect(both).toEqual([]);
    for (const { id, version } of page.items) {
      this.copy.set(id, version);
      this.seen.set(id, version);
      this.shown.add(id);
    }
    for (const { id } of page.removed) {
      this.copy.delete(id);
      this.seen.delete(id);
    }
    this.cursor = page.cursor;
    if (page.complete && this.listing) {
      for (const id of this.copy.keys()) if (!this.seen.has(id)) this.copy.delete(id);
      this.listing = false;
    }
    return page;
  }

  async toTheEnd(limit: () => number, check: (page: Page, grant: Grant) => void): Promise<Page> {
    for (;;) {
      const page = await this.pull(limit(), check);
      if (page?.complete === true) return page;
    }
  }

  sum(): string {
    let sum: Checksum = EMPTY_CHECKSUM;
    for (const [id, version] of this.copy) sum = addChecksum(sum, checksumTerm(id, version));
    return formatChecksum(sum);
  }
}

/** Nothing of an item is beyond the grant's access, and no album is named that the pair may not know. */
async function checkFields(catalog: Catalog, page: Page, grant: Grant): Promise<void> {
  const named = new Set(grant.albums ?? []);
  for (const item of page.items) {
    const names = (item.variants as { name: string }[]).map(({ name }) => name);
    if (grant.access !== 'originals') {
      expect(item).not.toHaveProperty('digest');
      expect(item).not.toHaveProperty('segments');
      expect(names).not.toContain('playable');
      expect(JSON.stringify(item)).not.toContain(DIGEST);
    }
    if (grant.access === 'metadata') {
      expect(names).toEqual([]);
      expect(item).not.toHaveProperty('thumbhash');
      expect(JSON.stringify(item)).not.toContain(SMALL);
    }
    expect(item).toMatchObject({ size: 1000, width: 40, height: 30, filename: 'untitled.jpg' });
    for (const { id } of item.albums as { id: string }[]) {
      if (grant.albums === null) {
        const [album] = await catalog.albums.named([id]);
        // One that was deleted or is not shared any more since the page was read is another matter.
        if (album !== undefined) expect(['PEERS', 'PUBLIC']).toContain(album.visibility);
      } else expect(named).toContain(id);
    }
  }
}

function item(title: string, kind: (typeof KINDS)[number], tags: readonly string[], visibility = 'PEERS') {
  return newItem({
    title,
    kind,
    tags,
    visibility: visibility as 'PEERS',
    thumbhash: 'AAAA',
    variants: [
      { name: 'original', mimeType: 'image/jpeg', size: 1000, digest: DIGEST },
      { name: 'thumbnail', mimeType: 'image/webp', size: 10, digest: SMALL },
      { name: 'preview', mimeType: 'image/webp', size: 20, digest: SMALL },
      { name: 'playable', mimeType: 'video/mp4', size: 20, digest: SMALL },
    ],
  });
}

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('add' as const), kind: fc.nat(2), tag: fc.nat(3) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('tags' as const), at: fc.nat(20), tag: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('show' as const), at: fc.nat(20), to: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), at: fc.nat(20) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('album' as const),
      album: fc.nat(2),
      at: fc.nat(20),
      how: fc.constantFrom('add', 'remove', 'title', 'visibility'),
      to: fc.nat(3),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete-album' as const), album: fc.nat(2) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('grant' as const),
      kinds: fc.option(fc.subarray(['image', 'video', 'document'] as const)),
      tags: fc.option(fc.subarray([...TAGS])),
      albums: fc.option(fc.subarray([0, 1, 2])),
      access: fc.constantFrom('metadata', 'previews', 'originals' as const),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('pull' as const), limit: fc.integer({ min: 1, max: 5 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('quiet' as const) }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** What may be changed: ids of items and of albums, by their places. */
interface World {
  ids: string[];
  albums: string[];
  count: number;
}

async function change(given: Server, world: World, act: Step): Promise<void> {
  const { catalog } = given;
  const id = 'at' in act ? (world.ids[act.at % Math.max(1, world.ids.length)] ?? '') : '';
  const tags = 'tag' in act ? TAGS.slice(0, act.tag) : [];
  const album = 'album' in act ? (world.albums[act.album] ?? '') : '';
  const ignoreGone = (error: unknown) => {
    if (!isCode(error, 'NOT_FOUND')) throw error;
  };
  switch (act.do) {
    case 'add': {
      const [added] = await catalog.local.add([
        item(
          `${world.count++}`,
          KINDS[act.kind] ?? 'IMAGE',
          tags,
          world.count % 3 === 0 ? 'INSTANCE' : 'PEERS',
        ),
      ]);
      world.ids.push(added?.id ?? '');
      return;
    }
    case 'tags':
      return void (await catalog.local.update(id, { tags, title: `t${world.count++}` }).catch(ignoreGone));
    case 'show':
      return void (await catalog.local.setVisibility([id], VISIBILITIES[act.to] ?? 'PEERS'));
    case 'delete':
      return void (await catalog.local.remove([id]));
    case 'album':
      if (act.how === 'add') return catalog.albums.update(album, { add: [id] });
      if (act.how === 'remove') return catalog.albums.update(album, { remove: [id] });
      if (act.how === 'title') return catalog.albums.update(album, { title: `album ${world.count++}` });
      return catalog.albums.update(album, { visibility: VISIBILITIES[act.to] ?? 'PEERS' });
    case 'delete-album':
      await catalog.albums.remove(album);
      world.albums[act.album] = await catalog.albums.create({
        title: `anew ${world.count++}`,
        description: null,
        visibility: 'PEERS',
        ownerId: null,
        items: [],
      });
      return;
    case 'grant':
      return given.grant({
        kinds: act.kinds === null ? null : [...act.kinds],
        tags: act.tags,
        albums: act.albums?.map((at) => world.albums[at] ?? '') ?? null,
        access: act.access,
        until: null,
      });
  }
}

async function newWorld({ catalog }: Server): Promise<World> {
  const albums: string[] = [];
  for (const [at, visibility] of (['INSTANCE', 'PEERS', 'PUBLIC'] as const).entries()) {
    const title = `album ${at}`;
    albums.push(
      await catalog.albums.create({ title, description: null, visibility, ownerId: null, items: [] }),
    );
  }
  return { ids: [], albums, count: 0 };
}

/** Ids that the grant opens, by the rows themselves. */
async function grantedIds({ catalog }: Server, grant: Grant): Promise<Set<string>> {
  const { edges } = await catalog.page(
    ADMIN,
    {
      origin: 'LOCAL',
      filter: { visibilities: ['PEERS', 'PUBLIC'] },
      order: { field: 'ADDED_AT', direction: 'ASC' },
    },
    { first: 500 },
  );
  return new Set(edges.filter(({ item: one }) => covers(grant, one)).map(({ item: one }) => one.id));
}

async function agree(given: Server, puller: Puller, end: Page): Promise<void> {
  const peer = await given.peer();
  expect(new Set(puller.copy.keys())).toEqual(await grantedIds(given, peer.grant));
  expect(end.total).toBe(puller.copy.size);
  expect(end.checksum).toBe(puller.sum());
  const status = await peerStatus(given.context, peer, puller.cursor, { name: 'x', version: '1' });
  expect(status).toMatchObject({ total: end.total, checksum: end.checksum, behind: 0 });
}

describeOnBothDatabases('the feed of a pair whose grant is narrowed', (open, dialect) => {
  it('gives the same cursor again where nothing has changed, and another where something has', async () => {
    const { catalog, context, peer } = await server(await open());
    const page = async (after: string | null): Promise<Page> =>
      JSON.parse(await feedPage(context, await peer(), after, 10));
    await catalog.local.add([item('one', 'IMAGE', [])]);
    const first = await page(null);
    const { cursor } = await page(first.cursor);
    expect(await page(cursor)).toMatchObject({ items: [], removed: [], complete: true, cursor });
    await catalog.local.add([item('two', 'IMAGE', [])]);
    const changed = await page(cursor);
    expect(changed.items.length).toBe(1);
    expect(changed.cursor).not.toBe(cursor);
  });

  it('agrees with what the grant opens after any changes of items, albums and the grant', async () => {
    const runs = dialect === 'sqlite' ? 80 : 30;
    const database = await open();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const given = await server(database);
        const world = await newWorld(given);
        const puller = new Puller(given);
        /** Ids that were within the grant at any moment since it was last changed. */
        let within = new Set<string>();
        const check = async (page: Page, grant: Grant) => {
          const now = await grantedIds(given, grant);
          for (const { id } of page.items) expect(now).toContain(id);
          for (const { id } of page.removed) expect(within).toContain(id);
          await checkFields(given.catalog, page, grant);
        };
        const checks: Promise<void>[] = [];
        const pull = async (limit: () => number, all: boolean) => {
          const note = (page: Page, grant: Grant) => void checks.push(check(page, grant));
          const page = all ? await puller.toTheEnd(limit, note) : await puller.pull(limit(), note);
          await Promise.all(checks.splice(0));
          return page;
        };
        for (const act of steps) {
          if (act.do === 'pull') await pull(() => act.limit, false);
          else if (act.do === 'quiet') {
            const end = await pull(() => 3, true);
            if (end !== null) await agree(given, puller, end);
          } else {
            await change(given, world, act);
            if (act.do === 'grant') within = new Set();
            for (const id of await grantedIds(given, (await given.peer()).grant)) within.add(id);
          }
        }
        const end = await pull(() => 4, true);
        if (end !== null) await agree(given, puller, end);
        // The next run begins with an empty catalog and a pair of its own; this one's grant stays in the way of none.
        await given.catalog.local.remove(world.ids);
        for (const album of world.albums) await given.catalog.albums.remove(album);
        await database.prisma.peer.update({ where: { key: given.key }, data: { status: 'REVOKED' } });
      }),
      { numRuns: runs, seed: 20261125 },
    );
  });

  it('agrees at last, whoever changes items, albums and the grant at the same time as it is read', async () => {
    const database = await open();
    const given = await server(database);
    const world = await newWorld(given);
    for (let at = 0; at < 12; at++) await change(given, world, { do: 'add', kind: at % 3, tag: at % 4 });
    const puller = new Puller(given);
    const sampled = fc.sample(step, { numRuns: 240, seed: 7 });
    const acts = sampled.filter((act) => act.do !== 'pull' && act.do !== 'quiet');
    const checks: Promise<void>[] = [];
    const note = (page: Page, grant: Grant) => {
      // Albums may have changed since the page was read; what the grant says of fields holds for every page.
      if (grant.albums !== null) checks.push(checkFields(given.catalog, page, grant));
    };
    let writing = true;
    const writer = async (first: number) => {
      for (let at = first; at < acts.length; at += 4) {
        const act = acts[at];
        // A second deletion of one album finds nothing, and an album of a former moment is not there any more.
        if (act !== undefined) {
          await change(given, world, act).catch((error: unknown) => {
            if (!isCode(error, 'NOT_FOUND')) throw error;
          });
        }
      }
    };
    const reader = async () => {
      while (writing) {
        await puller.pull(3, note);
        // Each as a request of its own; whoever reads without a pause leaves no turn to those who write.
        await nextTurn();
      }
    };
    const writers = Promise.all([writer(0), writer(1), writer(2), writer(3)]).finally(() => {
      writing = false;
    });
    await Promise.all([writers, reader()]);
    await Promise.all(checks);
    await agree(given, puller, await puller.toTheEnd(() => 4, note));
  });
});
