/** What every dialect does for those above it: one suite, run against a faithful server of each. */

import { afterEach, describe, expect, it } from 'vitest';
import { eventually, type Instance, settled } from './instance.ts';

export interface ContractServer extends AsyncDisposable {
  readonly requests: readonly string[];
  /** Adds an item, and answers its id as it is known here. */
  put(title: string, content?: Buffer): string;
  /** Gives an item another title. */
  rename(id: string, title: string): void;
  remove(id: string): void;
  /** Withdraws an item without naming it, where the dialect has that; else removes it. */
  withdraw(id: string): void;
  /** Lists an item no longer and never names it, as after a mishap. */
  lose(id: string): void;
  /** Adds one that breaks a limit. */
  putTooLong(): void;
  /** Every list answers this until it is told otherwise; null: as it should be. */
  fail(how: 'status-500' | 'no-json' | 'too-large' | 'rate-limited' | 'redirect' | null): void;
  goDown(): Promise<void>;
  comeUp(): Promise<void>;
}

export interface ContractDialect {
  name: string;
  /** `Peer.dialect` */
  dialect: string;
  /** Whether keys prove who answers. */
  verified: boolean;
  /** Whether digests are in the listing. */
  digests: boolean;
  /** Starts an instance that pulls, and a server with nothing in it. */
  start(): Promise<{ home: Instance; server: ContractServer; join(): Promise<string> }>;
}

interface View {
  dialect: string;
  verified: boolean;
  health: string;
  mediaCount: number;
  operations: {
    pull: {
      error: { code: string; message: string } | null;
      inSync: boolean | null;
      skippedItems: number;
      heldRemovals: number;
      nextAttemptAt: string | null;
    };
    pulls: { nodes: { id: string; state: string }[] };
  };
}

export async function viewPeer(home: Instance, peerId: string): Promise<View> {
  const { node } = await home.query<{ node: View }>(
    `query ($id: ID!) { node(id: $id) { ... on Peer { dialect verified health mediaCount operations {
      pull { error { code message } inSync skippedItems heldRemovals nextAttemptAt }
      pulls(first: 50) { nodes { id state } } } } } }`,
    { id: peerId },
  );
  return node;
}

/** Lists the whole again now, whatever the dialect's own time for that is. */
export async function relist(home: Instance, peerId: string): Promise<View> {
  await home.app.database.prisma.peer.update({ where: { id: peerId }, data: { cursor: null } });
  return refresh(home, peerId);
}

/** Pulls now, waits for the end, and answers what the admin then sees. */
export async function refresh(home: Instance, peerId: string): Promise<View> {
  const { refreshPeer } = await home.query<{ refreshPeer: { pulls: { id: string }[] } }>(
    'mutation ($id: ID!) { refreshPeer(input: {id: $id}) { pulls { id } } }',
    { id: peerId },
  );
  const id = refreshPeer.pulls[0]?.id;
  return eventually(`the end of ${id}`, async () => {
    const seen = await viewPeer(home, peerId);
    const { nodes } = seen.operations.pulls;
    return (
      nodes.every(({ state }) => /SUCCEEDED|FAILED/.test(state)) &&
      nodes.some((pull) => pull.id === id) &&
      seen
    );
  });
}

export interface ShownItem {
  id: string;
  title: string;
  remoteId: string;
  availability: string;
  digest: string | null;
  byteSize: string | null;
}

export async function shownItems(home: Instance, peerId: string): Promise<ShownItem[]> {
  const { media } = await home.query<{ media: { nodes: ShownItem[] } }>(
    `query ($id: ID!) { media(origin: REMOTE, filter: {peerIds: [$id]}, first: 500, orderBy: {field: TITLE, direction: ASC}) {
      nodes { id title availability digest byteSize ... on RemoteMedia { remoteId } } } }`,
    { id: peerId },
  );
  return media.nodes;
}

export async function titlesOf(home: Instance, peerId: string): Promise<string[]> {
  return (await shownItems(home, peerId)).map(({ title }) => title);
}

export function describeDialect(dialect: ContractDialect): void {
  describe(`the dialect ${dialect.name}`, () => {
    const opened: AsyncDisposable[] = [];
    afterEach(async () => {
      for (const each of opened.splice(0).reverse()) await each[Symbol.asyncDispose]();
    });

    /** Three items, pulled once. */
    async function three() {
      const started = await dialect.start();
      const { home, server } = started;
      opened.push(server, home);
      const ids = ['Ash', 'Beech', 'Cedar'].map((title) => server.put(title));
      const peerId = await started.join();
      await settled(home, peerId);
      return { home, server, ids, peerId };
    }

    it('lists every item once, and says how far it can be relied on', async () => {
      const { home, server, ids, peerId } = await three();
      const items = await shownItems(home, peerId);
      expect(items.map(({ title }) => title)).toEqual(['Ash', 'Beech', 'Cedar']);
      expect(items.map(({ remoteId }) => remoteId)).toEqual(ids);
      const seen = await viewPeer(home, peerId);
      expect(seen).toMatchObject({
        dialect: dialect.dialect,
        verified: dialect.verified,
        health: 'ONLINE',
        mediaCount: 3,
        operations: { pull: { error: null, inSync: dialect.verified ? true : null, heldRemovals: 0 } },
      });
      const { media } = await home.query<{ media: { sources: Record<string, unknown>[] } }>(
        `query ($id: ID!) { media(filter: {peerIds: [$id]}) { sources { peer { id } health stale reason inSync completeness } } }`,
        { id: peerId },
      );
      expect(media.sources).toContainEqual({
        peer: { id: peerId },
        health: 'ONLINE',
        stale: false,
        reason: null,
        inSync: dialect.verified ? true : null,
        completeness: 1,
      });
      expect(server.requests.length).toBeLessThan(30);
    });

    it('brings what was added, changed, withdrawn and removed, and keeps the ids of what stayed', async () => {
      const { home, server, ids, peerId } = await three();
      const before = await shownItems(home, peerId);
      server.put('Dogwood');
      server.rename(ids[1] ?? '', 'Birch');
      server.withdraw(ids[2] ?? '');
      server.remove(ids[0] ?? '');
      expect((await relist(home, peerId)).health).toBe('ONLINE');
      const after = await shownItems(home, peerId);
      expect(after.map(({ title }) => title)).toEqual(['Birch', 'Dogwood']);
      expect(after[0]?.id).toBe(before[1]?.id);
    });

    it('brings additions with the next pull', async () => {
      const { home, server, peerId } = await three();
      server.put('Dogwood');
      await refresh(home, peerId);
      expect(await titlesOf(home, peerId)).toEqual(['Ash', 'Beech', 'Cedar', 'Dogwood']);
    });

    it('has thumbnails here ahead of being asked for them, and serves them with the peer switched off', async () => {
      const { home, server, peerId } = await three();
      await eventually('all thumbnails', async () => {
        const rows = await home.app.database.prisma.item.findMany({ where: { source: { gt: 0 } } });
        return rows.length === 3 && rows.every((row) => row.thumbState === 2);
      });
      await server.goDown();
      for (const { id } of await shownItems(home, peerId)) {
        const answer = await home.get(`/media/${id}/thumbnail`);
        expect(answer.status).toBe(200);
        expect(answer.headers['content-type']).toBe('image/webp');
        expect(answer.body.toString()).toMatch(/^RIFF/);
      }
    });

    it('gives whole files and ranges of long ones, and keeps what it gave', async () => {
      const { home, server, peerId } = await three();
      const content = Buffer.alloc(900_000, 0);
      for (let at = 0; at < content.length; at += 4) content.writeUInt32BE(at, at);
      server.put('Elm', content);
      await refresh(home, peerId);
      const elm = (await shownItems(home, peerId)).find(({ title }) => title === 'Elm');
      const part = await home.get(`/media/${elm?.id}/original`, { range: 'bytes=600000-600099' });
      expect(part.status).toBe(206);
      expect(part.headers['content-range']).toBe('bytes 600000-600099/900000');
      expect(part.body.equals(content.subarray(600_000, 600_100))).toBe(true);
      const suffix = await home.get(`/media/${elm?.id}/original`, { range: 'bytes=-5' });
      expect(suffix.body.equals(content.subarray(-5))).toBe(true);
      const whole = await home.get(`/media/${elm?.id}/original`);
      expect(whole.status).toBe(200);
      expect(whole.body.equals(content)).toBe(true);
      // What the dialect does not say of a file is learnt from its bytes.
      await eventually('size and digest', async () => {
        const item = (await shownItems(home, peerId)).find(({ title }) => title === 'Elm');
        return item?.byteSize === '900000' && /^sha-256:[0-9a-f]{64}$/.test(item.digest ?? '');
      });
      await server.goDown();
      const again = await home.get(`/media/${elm?.id}/original`, { range: 'bytes=1000-1999' });
      expect(again.status).toBe(206);
      expect(again.body.equals(content.subarray(1000, 2000))).toBe(true);
      const { cacheStatus } = { cacheStatus: String(again.headers['cache-status']) };
      expect(cacheStatus).toContain('hit');
    });

    it('says what is wrong, leaves what is here alone, and recovers', async () => {
      const { home, server, peerId } = await three();
      const faults = [
        ['status-500', 'DEGRADED', /PEER_UNREACHABLE/],
        ['no-json', 'DEGRADED', /PEER_INVALID_ANSWER|PEER_IDENTITY/],
        ['too-large', 'DEGRADED', /PEER_INVALID_ANSWER/],
        ['rate-limited', 'DEGRADED', /PEER_RATE_LIMITED/],
        ['redirect', 'DEGRADED', /PEER_INVALID_ANSWER|PEER_IDENTITY/],
      ] as const;
      for (const [fault, health, code] of faults) {
        server.fail(fault);
        const seen = await refresh(home, peerId);
        expect([fault, seen.health]).toEqual([fault, health]);
        expect(seen.operations.pull.error?.code).toMatch(code);
        expect(seen.operations.pull.error?.message).toMatch(/\.$/);
        expect(await titlesOf(home, peerId)).toEqual(['Ash', 'Beech', 'Cedar']);
        server.fail(null);
      }
      await server.goDown();
      expect((await refresh(home, peerId)).health).toBe('OFFLINE');
      expect(await titlesOf(home, peerId)).toEqual(['Ash', 'Beech', 'Cedar']);
      await server.comeUp();
      expect(await refresh(home, peerId)).toMatchObject({
        health: 'ONLINE',
        operations: { pull: { error: null } },
      });
    });

    it('skips and counts an item that breaks a limit, and goes on behind it', async () => {
      const { home, server, peerId } = await three();
      server.putTooLong();
      server.put('Dogwood');
      const seen = await relist(home, peerId);
      expect(seen).toMatchObject({ health: 'ONLINE', operations: { pull: { skippedItems: 1 } } });
      expect(await titlesOf(home, peerId)).toEqual(['Ash', 'Beech', 'Cedar', 'Dogwood']);
    });

    it('holds a mass removal that nobody named, until an admin decides', async () => {
      const { home, server, ids, peerId } = await three();
      const many = Array.from({ length: 60 }, (_, index) =>
        server.put(`Tree ${String(index).padStart(2, '0')}`),
      );
      await relist(home, peerId);
      for (const id of [...many, ids[0] ?? '']) server.lose(id);
      expect(await relist(home, peerId)).toMatchObject({
        health: 'ONLINE',
        mediaCount: 2,
        operations: { pull: { heldRemovals: 61, inSync: dialect.verified ? true : null } },
      });
      const items = await shownItems(home, peerId);
      expect(items.length).toBe(63);
      const held = items.filter(({ availability }) => availability === 'UNAVAILABLE');
      expect(held.length).toBe(61);
      const answer = await home.get(`/media/${held[0]?.id}/thumbnail`);
      expect(answer.status).toBe(503);
      expect(JSON.parse(answer.body.toString()).code).toBe('removals-held');
      const { media } = await home.query<{ media: { sources: { stale: boolean; reason: string | null }[] } }>(
        'query ($id: ID!) { media(filter: {peerIds: [$id]}) { sources { stale reason } } }',
        { id: peerId },
      );
      expect(media.sources).toContainEqual({
        stale: false,
        reason: expect.stringMatching(/^61 items .* admin/),
      });
      const resolve = async (decision: string) =>
        (
          await home.query<{ resolveHeldRemovals: { userErrors: { code: string }[] } }>(
            `mutation ($id: ID!, $decision: HeldRemovalsDecision!) {
              resolveHeldRemovals(input: {id: $id, decision: $decision}) { peer { id } userErrors { code } } }`,
            { id: peerId, decision },
          )
        ).resolveHeldRemovals.userErrors;
      expect(await resolve('KEEP')).toEqual([]);
      expect(await resolve('REMOVE')).toMatchObject([{ code: 'CONFLICT' }]);
      await relist(home, peerId);
      const kept = await shownItems(home, peerId);
      expect(kept.length).toBe(63);
      expect(kept.filter(({ availability }) => availability === 'UNAVAILABLE')).toEqual([]);
    });

    it('ends with the revocation: the items are gone, and nothing more is asked', async () => {
      const { home, server, peerId } = await three();
      const [first] = await shownItems(home, peerId);
      await home.query('mutation ($id: ID!) { revokePeer(input: {id: $id}) { userErrors { code } } }', {
        id: peerId,
      });
      expect(await titlesOf(home, peerId)).toEqual([]);
      const asked = server.requests.length;
      expect((await home.get(`/media/${first?.id}/thumbnail`)).status).toBe(404);
      await eventually('the rows to go', async () => {
        const left = await home.app.database.prisma.item.count({ where: { source: { gt: 0 } } });
        return left === 0;
      });
      // The native dialect may tell the other side.
      expect(server.requests.slice(asked).filter((path) => !path.endsWith('/pairing'))).toEqual([]);
    });
  });
}
