/** The manners of Artifex servers, and adding one: what is particular to this make. */

import { afterEach, describe, expect, it } from 'vitest';
import { addPeer, tryAddPeer } from './support/add-peer.ts';
import { type ArtifexOptions, type ArtifexServer, startArtifexServer } from './support/artifex-server.ts';
import { newPostgresUrl } from './support/databases.ts';
import { refresh, relist, shownItems, titlesOf, viewPeer } from './support/dialect-contract.ts';
import { jumpingClock, startForeignServer } from './support/foreign-server.ts';
import { eventually, type Instance, settled, startInstance } from './support/instance.ts';

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

async function setUp(options: Partial<ArtifexOptions> = {}): Promise<{
  home: Instance;
  prints: ArtifexServer;
  clock: ReturnType<typeof jumpingClock>;
}> {
  const clock = jumpingClock();
  const { now, sleep } = clock;
  const home = await startInstance('Home', {}, { now, sleep });
  opened.push(home);
  const prints = await startArtifexServer({ form: 'running', now, ...options });
  opened.push(prints);
  return { home, prints, clock };
}

describe('adding a server of another make', () => {
  it('finds out which it is, takes its name, and shows that nothing of it is verified', async () => {
    const { home, prints } = await setUp();
    prints.put('Ash');
    const { peer, userErrors } = await tryAddPeer(home, { endpoint: `${prints.url}/` });
    expect(userErrors).toEqual([]);
    expect(peer).toMatchObject({ name: 'Prints', dialect: 'ARTIFEX', verified: false });
    const row = await home.app.database.prisma.peer.findFirstOrThrow();
    expect(row).toMatchObject({ publicKey: '', thumbprint: null, endpoint: prints.url, endpointOurs: true });
  });

  it.each(['sqlite', 'postgresql'])(
    'is refused where the server is a peer already, also when three do it at once (%s)',
    async (database) => {
      const { prints } = await setUp();
      const url = database === 'postgresql' ? { HEDGEROW_DATABASE_URL: await newPostgresUrl() } : {};
      const home = await startInstance('Home', url);
      opened.push(home);
      prints.put('Ash');
      const answers = await Promise.all([
        tryAddPeer(home, { endpoint: prints.url }),
        tryAddPeer(home, { endpoint: `${prints.url}/` }),
        tryAddPeer(home, { endpoint: prints.url.replace('http:', 'HTTP:') }),
      ]);
      expect(answers.filter(({ peer }) => peer !== null).length).toBe(1);
      for (const { peer, userErrors } of answers) {
        if (peer === null)
          expect(userErrors).toMatchObject([{ code: 'PAIRING_ALREADY_PAIRED', field: ['endpoint'] }]);
      }
      const [row] = await home.app.database.prisma.peer.findMany();
      expect(await home.app.database.prisma.peer.count()).toBe(1);
      await settled(home, row?.id ?? '');
      const [ash] = await shownItems(home, row?.id ?? '');
      expect((await home.get(`/media/${ash?.id}/original`)).body.toString()).toBe('picture Ash');
      await eventually('its digest', async () => (await shownItems(home, row?.id ?? ''))[0]?.digest);
    },
  );

  it('may be done anew after the revocation', async () => {
    const { home, prints } = await setUp();
    prints.put('Ash');
    const first = await addPeer(home, { endpoint: prints.url });
    await settled(home, first);
    await home.query('mutation ($id: ID!) { revokePeer(input: {id: $id}) { userErrors { code } } }', {
      id: first,
    });
    const second = await addPeer(home, { endpoint: prints.url });
    expect(second).not.toBe(first);
    await settled(home, second);
    expect(await titlesOf(home, second)).toEqual(['Ash']);
  });

  it('says to pair by invitation where a Hedgerow answers, and where one is named', async () => {
    const { home } = await setUp();
    const garden = await startInstance('Garden');
    opened.push(garden);
    for (const input of [{ endpoint: garden.url }, { endpoint: garden.url, dialect: 'HEDGEROW' }]) {
      const { peer, userErrors } = await tryAddPeer(home, input);
      expect(peer).toBeNull();
      expect(userErrors).toMatchObject([{ code: 'INVALID', message: expect.stringMatching(/invitation/) }]);
    }
    expect(await home.app.database.prisma.peer.count()).toBe(0);
  });

  it('says what answers, or that nothing does', async () => {
    const { home } = await setUp();
    const stranger = await startForeignServer(({ path }, { json }) => {
      json(200, { path });
      return true;
    });
    opened.push(stranger);
    const codes: [string, string][] = [
      [stranger.url, 'PROTOCOL_UNSUPPORTED'],
      ['http://127.0.0.1:1', 'PEER_UNREACHABLE'],
      ['http://169.254.169.254', 'PEER_ADDRESS_FORBIDDEN'],
      ['ftp://127.0.0.1', 'INVALID'],
      [home.url, 'PAIRING_OWN_INSTANCE'],
    ];
    for (const [endpoint, code] of codes) {
      const { peer, userErrors } = await tryAddPeer(home, { endpoint }).catch((error: Error) => ({
        peer: null,
        userErrors: [{ code: error.message.includes('URL') ? 'INVALID' : error.message }],
      }));
      expect(peer).toBeNull();
      expect([endpoint, userErrors[0]?.code]).toEqual([endpoint, code]);
    }
    for (const token of ['two words', 'line\nbreak', 'ümlaut']) {
      const { userErrors } = await tryAddPeer(home, { endpoint: stranger.url, token });
      expect(userErrors).toMatchObject([{ code: 'INVALID', field: ['token'] }]);
    }
    expect(await home.app.database.prisma.peer.count()).toBe(0);
  });

  it('tells a wrong token from a missing one, and keeps the right one sealed', async () => {
    const { home, prints } = await setUp({ form: 'described', token: 'token-of-prints-1234' });
    const missing = await tryAddPeer(home, { endpoint: prints.url });
    const wrong = await tryAddPeer(home, { endpoint: prints.url, token: 'token-of-nobody' });
    expect(missing.userErrors).toMatchObject([
      { code: 'CREDENTIAL_REFUSED', message: expect.stringMatching(/asks for a token/) },
    ]);
    expect(wrong.userErrors).toMatchObject([
      { code: 'CREDENTIAL_REFUSED', message: expect.stringMatching(/does not know this token/) },
    ]);
    await addPeer(home, { endpoint: prints.url, token: 'token-of-prints-1234' });
    const row = await home.app.database.prisma.peer.findFirstOrThrow();
    expect(
      JSON.stringify(row, (_key, value) => (typeof value === 'bigint' ? String(value) : value)),
    ).not.toContain('token-of-prints');
  });

  it('of one that is switched off says so', async () => {
    const { home, prints } = await setUp();
    prints.on = false;
    const { userErrors } = await tryAddPeer(home, { endpoint: prints.url });
    expect(userErrors).toMatchObject([
      { code: 'PEER_UNREACHABLE', message: expect.stringMatching(/switched off/) },
    ]);
  });
});

describe('a running Artifex server', () => {
  it('is asked for changes in the one form that it understands, and its deletions are followed', async () => {
    const { home, prints } = await setUp();
    const ash = prints.put('Ash');
    prints.put('Beech');
    const peerId = await addPeer(home, { endpoint: prints.url });
    await settled(home, peerId);
    const before = prints.requests.length;
    prints.put('Cedar');
    prints.remove(ash.id);
    await refresh(home, peerId);
    expect(await titlesOf(home, peerId)).toEqual(['Beech', 'Cedar']);
    const asked = prints.requests.slice(before).filter((path) => path.startsWith('/api/federation/updates'));
    expect(asked.length).toBeGreaterThan(0);
    for (const path of asked) {
      expect(decodeURIComponent(path)).toMatch(/since=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
    }
    // Not the whole again.
    expect(prints.requests.slice(before)).not.toContain('/api/federation/public?limit=200&offset=0');
  });

  it('brings a thousand thumbnails within its 30 requests a minute: not one too many, and none lost', async () => {
    const { home, prints, clock } = await setUp();
    for (let index = 0; index < 1_000; index += 1) prints.put(`Picture ${index}`);
    // A request that waited has arrived before the clock jumps on for the next.
    clock.settle = async () => {
      const arrived = prints.requests.length;
      const deadline = Date.now() + 1_000;
      while (prints.requests.length === arrived && Date.now() < deadline) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const begun = clock.now();
    const peerId = await addPeer(home, { endpoint: prints.url });
    await eventually(
      'a thousand thumbnails',
      async () => (await home.app.database.prisma.item.count({ where: { thumbState: 2 } })) === 1_000,
      150_000,
    );
    expect(prints.limited).toBe(0);
    expect((await viewPeer(home, peerId)).health).toBe('ONLINE');
    const thumbnails = prints.requests.filter((path) => path.endsWith('/thumbnail'));
    // Each was asked for once.
    expect(new Set(thumbnails).size).toBe(1_000);
    expect(thumbnails.length).toBe(1_000);
    // 30 a minute need 33 minutes; ours take little more.
    const minutes = (clock.now() - begun) / 60_000;
    expect(minutes).toBeGreaterThan(33);
  });

  it('is listed anew while thumbnails have taken all turns: the listing waits for one, and does not fail', async () => {
    const home = await startInstance('Home', {}, { sleep: async () => {} });
    const prints = await startArtifexServer({ form: 'running', limit: Number.POSITIVE_INFINITY });
    opened.push(prints, home);
    for (let index = 0; index < 60; index += 1) prints.put(`Picture ${index}`);
    const peerId = await addPeer(home, { endpoint: prints.url });
    await settled(home, peerId);
    // Nobody waits here, so that the turns of each listing are given out for a time further ahead than the last.
    for (let times = 0; times < 12; times += 1) await relist(home, peerId);
    const seen = await relist(home, peerId);
    expect(seen.operations.pulls.nodes.map(({ state }) => state)).not.toContain('FAILED');
    expect(seen.health).toBe('ONLINE');
  });

  it('that answers 429, for others ask from the same address too, is obeyed, and nothing is lost', async () => {
    const { home, prints, clock } = await setUp({ limit: 12 });
    for (let index = 0; index < 40; index += 1) prints.put(`Picture ${index}`);
    clock.advance(61_000);
    const peerId = await addPeer(home, { endpoint: prints.url });
    await eventually(
      'all thumbnails',
      async () => {
        if ((await home.app.database.prisma.item.count({ where: { thumbState: 2 } })) === 40) return true;
        clock.advance(61_000);
        await home.query('mutation ($id: ID!) { refreshPeer(input: {id: $id}) { userErrors { code } } }', {
          id: peerId,
        });
        return false;
      },
      60_000,
    );
    expect(await home.app.database.prisma.item.count({ where: { thumbState: 3 } })).toBe(0);
  });

  it('is shown as switched off while it answers 403, and loses nothing here', async () => {
    const { home, prints } = await setUp();
    prints.put('Ash');
    const peerId = await addPeer(home, { endpoint: prints.url });
    await settled(home, peerId);
    prints.on = false;
    expect(await refresh(home, peerId)).toMatchObject({
      health: 'DEGRADED',
      operations: { pull: { error: { message: expect.stringMatching(/switched off/) } } },
    });
    expect(await titlesOf(home, peerId)).toEqual(['Ash']);
    prints.on = true;
    expect((await refresh(home, peerId)).health).toBe('ONLINE');
  });

  it('that answers 200 with an error inside has answered an error', async () => {
    const { home, prints } = await setUp();
    prints.put('Ash');
    const peerId = await addPeer(home, { endpoint: prints.url });
    await settled(home, peerId);
    prints.faults.errorInside = true;
    for (const pull of [refresh, relist]) {
      expect(await pull(home, peerId)).toMatchObject({
        health: 'DEGRADED',
        operations: {
          pull: {
            error: { code: 'PEER_INVALID_ANSWER', message: expect.stringMatching(/database is locked/) },
          },
        },
      });
    }
    expect(await titlesOf(home, peerId)).toEqual(['Ash']);
  });

  it('gives tags and the parameters of generation, which can be searched', async () => {
    const { home, prints } = await setUp();
    prints.put('Ash', {
      prompt: 'a lone ash in fog',
      tags: [
        { name: 'fog', category: 'weather' },
        { name: 'tree', category: 'subject' },
      ],
    });
    prints.put('Beech');
    const peerId = await addPeer(home, { endpoint: prints.url });
    await settled(home, peerId);
    const { media } = await home.query<{ media: { nodes: Record<string, unknown>[] } }>(
      '{ media(orderBy: {field: TITLE, direction: ASC}) { nodes { title tags properties width height mimeType filename creator kind digest byteSize } } }',
    );
    expect(media.nodes[0]).toEqual({
      title: 'Ash',
      tags: ['fog', 'tree'],
      kind: 'IMAGE',
      width: 512,
      height: 768,
      mimeType: 'image/png',
      filename: 'Ash.png',
      creator: 'ada',
      digest: null,
      byteSize: null,
      properties: {
        prompt: 'a lone ash in fog',
        model: 'meadow-xl',
        sampler: 'Euler a',
        steps: 30,
        cfgScale: 7.5,
        seed: '1234567890',
        tagCategories: { fog: 'weather', tree: 'subject' },
      },
    });
    for (const [query, titles] of [
      ['fog', ['Ash']],
      ['"lone ash"', ['Ash']],
      ['weather', ['Ash']],
      ['euler', ['Ash', 'Beech']],
      ['1234567890', ['Ash', 'Beech']],
    ] as const) {
      const found = await home.query<{ media: { nodes: { title: string }[] } }>(
        'query ($query: String!) { media(filter: {query: $query}, orderBy: {field: TITLE, direction: ASC}) { nodes { title } } }',
        { query },
      );
      expect([query, found.media.nodes.map(({ title }) => title)]).toEqual([query, titles]);
    }
  });

  it('whose pages shift while they are read is listed whole in the end, and nothing twice', async () => {
    const { home, prints } = await setUp({ pageSize: 3 });
    const titles = Array.from({ length: 10 }, (_, index) => `Tree ${index}`);
    for (const title of titles) prints.put(title);
    prints.onList = (page) => {
      if (page < 2) prints.put(`Late ${page}`);
      if (page === 1) prints.remove(1);
    };
    const peerId = await addPeer(home, { endpoint: prints.url });
    await settled(home, peerId);
    prints.onList = null;
    await relist(home, peerId);
    const shown = await titlesOf(home, peerId);
    const there = [...prints.pictures.values()].map(({ title }) => title).sort();
    expect(shown).toEqual(there);
  });

  it('is listed anew when it counts fewer than are here, and every six hours for what was edited', async () => {
    const { home, prints, clock } = await setUp();
    const ash = prints.put('Ash');
    const beech = prints.put('Beech');
    const peerId = await addPeer(home, { endpoint: prints.url });
    await settled(home, peerId);
    // Each question for changes reaches back a little.
    clock.advance(5 * 60_000);
    await refresh(home, peerId);
    ash.published = false;
    beech.title = 'Birch';
    await refresh(home, peerId);
    expect(await titlesOf(home, peerId)).toEqual(['Ash', 'Beech']);
    clock.advance(16 * 60_000);
    await refresh(home, peerId);
    await refresh(home, peerId);
    expect(await titlesOf(home, peerId)).toEqual(['Birch']);
    clock.advance(5 * 60_000);
    await refresh(home, peerId);
    beech.title = 'Hornbeam';
    await refresh(home, peerId);
    expect(await titlesOf(home, peerId)).toEqual(['Birch']);
    clock.advance(6 * 3600_000);
    await refresh(home, peerId);
    expect(await titlesOf(home, peerId)).toEqual(['Hornbeam']);
  });

  it('is asked at its own address alone, whatever its answers name', async () => {
    const { home, prints } = await setUp();
    const elsewhere = await startForeignServer((_asked, { json }) => {
      json(200, {});
      return true;
    });
    opened.push(elsewhere);
    prints.put('Ash', {
      parts: {
        thumbnail_url: `${elsewhere.url}/t`,
        detail_url: `${elsewhere.url}/d`,
        filepath: '../../etc/passwd',
      },
    });
    const peerId = await addPeer(home, { endpoint: prints.url });
    await settled(home, peerId);
    const [item] = await shownItems(home, peerId);
    expect((await home.get(`/media/${item?.id}/original`)).status).toBe(200);
    expect(elsewhere.requests).toEqual([]);
    expect(prints.requests.filter((path) => path.includes('..') || path.includes('passwd'))).toEqual([]);
  });

  it('is diagnosed like any peer: what it does not have is left out, and what fails is named', async () => {
    const { home, prints } = await setUp();
    prints.put('Ash');
    const peerId = await addPeer(home, { endpoint: prints.url });
    await settled(home, peerId);
    const diagnose = async () => {
      const { diagnosePeer } = await home.query<{ diagnosePeer: { diagnosis: { id: string } } }>(
        'mutation ($id: ID!) { diagnosePeer(input: {id: $id}) { diagnosis { id } } }',
        { id: peerId },
      );
      return eventually('the diagnosis', async () => {
        const { node } = await home.query<{
          node: { state: string; results: { step: string; ok: boolean | null; message: string | null }[] };
        }>('query ($id: ID!) { node(id: $id) { ... on Diagnosis { state results { step ok message } } } }', {
          id: diagnosePeer.diagnosis.id,
        });
        return node.state !== 'RUNNING' && node;
      });
    };
    const well = await diagnose();
    const of = (step: string) => well.results.find((result) => result.step === step)?.ok;
    expect(well.state).toBe('SUCCEEDED');
    for (const step of ['RESOLVE', 'CONNECT', 'SIGNATURE', 'FEED', 'THUMBNAIL'])
      expect([step, of(step)]).toEqual([step, true]);
    for (const step of ['DISCOVERY', 'IDENTITY', 'CLOCK']) expect([step, of(step)]).toEqual([step, null]);
    prints.on = false;
    const off = await diagnose();
    expect(off.state).toBe('FAILED');
    expect(off.results.find(({ ok }) => ok === false)).toMatchObject({
      message: expect.stringMatching(/switched off/),
    });
  });

  it('gives its bytes to clients by our id of it and its own of the item', async () => {
    const { home, prints } = await setUp({ bytes: 'media' });
    const ash = prints.put('Ash');
    const peerId = await addPeer(home, { endpoint: prints.url });
    await settled(home, peerId);
    for (const [variant, bytes] of [
      ['original', ash.content],
      ['preview', Buffer.from('RIFF....WEBP preview Ash')],
      ['thumbnail', Buffer.from(`RIFF....WEBP ${ash.id} Ash`)],
    ] as const) {
      const answer = await home.get(`/federation/proxy/${peerId}/${ash.id}/${variant}`);
      expect([variant, answer.status]).toEqual([variant, 200]);
      expect(answer.body.equals(bytes)).toBe(true);
    }
    const nobody = await home.get(`/federation/proxy/${peerId}/${ash.id}/original`, {
      authorization: 'Bearer x',
    });
    expect(nobody.status).toBe(401);
    expect((await home.get(`/federation/proxy/${peerId}/${ash.id + 1}/original`)).status).toBe(404);
  });
});

describe('an Artifex server in the described form', () => {
  it('whose list may have been cut off loses nothing by it at once, and is said to be of unknown length', async () => {
    const { home, prints } = await setUp({ form: 'described' });
    for (let index = 0; index < 500; index += 1) prints.put(`Tree ${String(index).padStart(3, '0')}`);
    const peerId = await addPeer(home, { endpoint: prints.url });
    await settled(home, peerId);
    const { node } = await home.query<{ node: { operations: { pull: { completeness: number | null } } } }>(
      'query ($id: ID!) { node(id: $id) { ... on Peer { operations { pull { completeness } } } } }',
      { id: peerId },
    );
    expect(node.operations.pull.completeness).toBeNull();
    expect((await viewPeer(home, peerId)).mediaCount).toBe(500);
  });

  it('keeps the time at which an item was first seen, for it names none', async () => {
    const { home, prints, clock } = await setUp({ form: 'described' });
    const ash = prints.put('Ash');
    const peerId = await addPeer(home, { endpoint: prints.url });
    await settled(home, peerId);
    const addedAt = async () =>
      (
        await home.query<{ media: { nodes: { addedAt: string; updatedAt: string }[] } }>(
          '{ media { nodes { addedAt updatedAt } } }',
        )
      ).media.nodes[0];
    const before = await addedAt();
    clock.advance(3600_000);
    ash.title = 'Old Ash';
    await refresh(home, peerId);
    const after = await addedAt();
    expect(after?.addedAt).toBe(before?.addedAt);
    expect(after?.updatedAt).not.toBe(before?.updatedAt);
  });
});
