/** The manners of AppKask servers: what is particular to this make. */

import { afterEach, describe, expect, it } from 'vitest';
import { addPeer, tryAddPeer } from './support/add-peer.ts';
import {
  APPKASK_KEY,
  type AppkaskOptions,
  type AppkaskServer,
  startAppkaskServer,
} from './support/appkask-server.ts';
import { refresh, shownItems, titlesOf } from './support/dialect-contract.ts';
import { jumpingClock } from './support/foreign-server.ts';
import { eventually, type Instance, settled, startInstance } from './support/instance.ts';

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

async function setUp(options: AppkaskOptions = {}): Promise<{
  home: Instance;
  cask: AppkaskServer;
  clock: ReturnType<typeof jumpingClock>;
}> {
  const clock = jumpingClock();
  const home = await startInstance('Home', {}, { now: clock.now, sleep: clock.sleep });
  opened.push(home);
  const cask = await startAppkaskServer(options);
  opened.push(cask);
  return { home, cask, clock };
}

const add = (home: Instance, cask: AppkaskServer) =>
  addPeer(home, { endpoint: cask.url, token: APPKASK_KEY });

describe('an AppKask server', () => {
  it('whose pages shift, and which has no order among equals, is listed whole in the end and nothing twice', async () => {
    const { home, cask } = await setUp({ pageSize: 3 });
    for (let index = 0; index < 20; index += 1) cask.put(`item-${index}`);
    let late = 0;
    cask.onList = (page) => {
      if (page % 2 === 1 && late < 6)
        cask.put(`late-${late++}`, { createdAt: Date.parse('2026-08-01T00:00:00Z') + late });
      if (page === 3) cask.remove(`item-${late}`);
    };
    const peerId = await add(home, cask);
    await settled(home, peerId);
    cask.onList = null;
    for (let pulls = 0; pulls < 3; pulls += 1) await refresh(home, peerId);
    const remoteIds = (await shownItems(home, peerId)).map(({ remoteId }) => remoteId).sort();
    expect(remoteIds).toEqual([...cask.items.keys()].sort());
  });

  it('may name its items as it likes: each gets a safe id, and its bytes are found', async () => {
    const { home, cask } = await setUp();
    const slugs = ['plain-slug', 'äpfel und birnen', 'a/b?c#d', '-dash', 'slug_abc', 'UPPER', 'upper'];
    for (const slug of slugs) cask.put(slug, { title: slug });
    cask.put('ü'.repeat(80));
    const peerId = await add(home, cask);
    await settled(home, peerId);
    const items = await shownItems(home, peerId);
    expect(items.map(({ title }) => title).sort()).toEqual([...slugs].sort());
    for (const { id, title, remoteId } of items) {
      expect(remoteId).toMatch(/^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$/);
      const answer = await home.get(`/media/${id}/original`);
      expect([title, answer.body.toString()]).toEqual([title, `content of ${title}`]);
      expect((await home.get(`/federation/proxy/${peerId}/${remoteId}/thumbnail`)).status).toBe(200);
    }
    // One whose name is too long for an id is missing, and counted as such.
    const { node } = await home.query<{ node: { operations: { pull: { skippedItems: number } } } }>(
      'query ($id: ID!) { node(id: $id) { ... on Peer { operations { pull { skippedItems } } } } }',
      { id: peerId },
    );
    expect(node.operations.pull.skippedItems).toBe(1);
  });

  it('that does not know the key, lets it do nothing, or misses a scope, is quoted in three different sentences', async () => {
    const { home, cask } = await setUp();
    cask.keys.set('ak_live_nothing', 'nothing').set('ak_live_noscope', 'no-scope');
    const sentences: string[] = [];
    for (const token of [null, 'ak_live_unknown', 'ak_live_nothing', 'ak_live_noscope']) {
      const { peer, userErrors } = await tryAddPeer(home, { endpoint: cask.url, token });
      expect(peer).toBeNull();
      expect(userErrors[0]?.code).toBe('CREDENTIAL_REFUSED');
      sentences.push(userErrors[0]?.message ?? '');
    }
    expect(sentences[1]).toMatch(/does not know this API key/);
    expect(sentences[2]).toMatch(/knows the API key/);
    expect(sentences[3]).toMatch(/scope \(federation:read\)/);
    expect(new Set(sentences.slice(1)).size).toBe(3);
  });

  it('that takes the key back is shown with that, and keeps its items here', async () => {
    const { home, cask } = await setUp();
    cask.put('one');
    const peerId = await add(home, cask);
    await settled(home, peerId);
    for (const [may, words] of [
      ['no-scope', /scope/],
      ['nothing', /knows the API key/],
      [null, /does not know/],
    ] as const) {
      if (may === null) cask.keys.delete(APPKASK_KEY);
      else cask.keys.set(APPKASK_KEY, may);
      const seen = await refresh(home, peerId);
      expect(seen.health).toBe('AUTH_FAILED');
      expect(seen.operations.pull.error).toMatchObject({
        code: 'CREDENTIAL_REFUSED',
        message: expect.stringMatching(words),
      });
      expect(await titlesOf(home, peerId)).toEqual(['Title of one']);
    }
    cask.keys.set(APPKASK_KEY, 'all');
    expect((await refresh(home, peerId)).health).toBe('ONLINE');
  });

  it('says little of some items, and nothing is invented for them', async () => {
    const { home, cask } = await setUp();
    const nothing = { filename: null, mime_type: null, file_size: null, description: null, updated_at: null };
    cask.put('one', { parts: { ...nothing, media_type: 'image' } });
    const peerId = await add(home, cask);
    await settled(home, peerId);
    const { media } = await home.query<{ media: { nodes: Record<string, unknown>[] } }>(
      '{ media { nodes { kind title filename mimeType byteSize digest width height durationMs takenAt addedAt updatedAt creator license tags properties } } }',
    );
    expect(media.nodes).toEqual([
      {
        kind: 'IMAGE',
        title: 'Title of one',
        filename: null,
        mimeType: null,
        byteSize: null,
        digest: null,
        width: null,
        height: null,
        durationMs: null,
        takenAt: null,
        addedAt: '2026-07-02T08:00:00.000Z',
        updatedAt: '2026-07-02T08:00:00.000Z',
        creator: null,
        license: null,
        tags: [],
        properties: {},
      },
    ]);
    // The bytes tell type, size and digest.
    const [item] = await shownItems(home, peerId);
    const answer = await home.get(`/media/${item?.id}/original`);
    expect(answer.headers['content-type']).toBe('video/mp4');
    const learnt = await eventually('what was learnt', async () => {
      const [now] = await shownItems(home, peerId);
      return now?.digest !== null && now;
    });
    expect(learnt.byteSize).toBe(String(answer.body.length));
  });
});

describe('a file that has no digest', () => {
  async function oneFile(content: Buffer, faults = {}) {
    const { home, cask, clock } = await setUp();
    cask.put('film', { content });
    cask.faults = faults;
    const peerId = await add(home, cask);
    await settled(home, peerId);
    const [item] = await shownItems(home, peerId);
    return {
      home,
      cask,
      clock,
      peerId,
      get: (range?: string) => home.get(`/media/${item?.id}/original`, range === undefined ? {} : { range }),
      asked: () => cask.requests.filter((path) => path.endsWith('/content')).length,
    };
  }
  const filled = (byte: number, length = 900_000) => Buffer.alloc(length, byte);

  it('is never put together of two versions', async () => {
    const { cask, get } = await oneFile(filled(1));
    expect((await get('bytes=0-99')).body.equals(filled(1, 100))).toBe(true);
    // Another one of the same length, and no word of it in the catalog.
    cask.put('film', { content: filled(2) });
    for (let tries = 0; tries < 5; tries += 1) {
      const { status, body } = await get().catch(() => ({ status: 0, body: Buffer.alloc(0) }));
      if (status !== 200) continue;
      expect(new Set(body).size).toBe(1);
    }
    const whole = await get();
    expect(whole.body.equals(filled(2))).toBe(true);
  });

  it('is compared with the peer once an hour by its tag, and served from here in between and where the peer is away', async () => {
    const { cask, clock, get, asked } = await oneFile(filled(1));
    expect((await get()).body.equals(filled(1))).toBe(true);
    const before = asked();
    await get();
    expect(asked()).toBe(before);
    clock.advance(61 * 60_000);
    expect((await get()).headers['cache-status']).toContain('hit');
    expect(asked()).toBe(before + 1);
    await get();
    expect(asked()).toBe(before + 1);
    clock.advance(61 * 60_000);
    await cask.goDown();
    const away = await get();
    expect(away.status).toBe(200);
    expect(away.body.equals(filled(1))).toBe(true);
    await cask.comeUp();
    // Shorter than the catalog says, until that is read again.
    cask.put('film', { content: filled(3, 500_000) });
    clock.advance(61 * 60_000);
    const anew = await get();
    expect(anew.status).toBe(200);
    expect(anew.body.equals(filled(3, 500_000))).toBe(true);
    expect((await get('bytes=400000-')).body.equals(filled(3, 100_000))).toBe(true);
  });

  it('comes whole where the server has no ranges, and no length, and no tags', async () => {
    for (const faults of [{ noRanges: true }, { noLength: true, noRanges: true }, { noTags: true }]) {
      const { get } = await oneFile(filled(7), faults);
      const part = await get('bytes=600000-600009');
      expect(part.status).toBe(206);
      expect(part.body.equals(filled(7, 10))).toBe(true);
      expect((await get()).body.equals(filled(7))).toBe(true);
    }
  });
});
