/** Long pulls in a thread of their own. */
import { expect, it } from 'vitest';
import { describeOnBothDatabases } from '../../../test/support/databases.ts';
import { remoteItem, seedPeer } from '../../../test/support/items.ts';
import { createCatalog } from '../../catalog/catalog.ts';
import { sql } from '../../database/sql.ts';
import { addChecksum, checksumTerm, EMPTY_CHECKSUM, formatChecksum } from '../../lib/checksum.ts';
import { HedgerowError } from '../../lib/errors.ts';
import { CursorExpired, type PeerClient } from '../dialects/dialect.ts';
import { signAnswer } from '../identity/answer-signatures.ts';
import { generateKey } from '../identity/keys.ts';
import { createIngest, type IngestOptions } from './ingest.ts';
import type { PullCounts } from './pull-peer.ts';

/** Items of a page of the peer, whatever more is asked for. */
const PAGE = 150;

describeOnBothDatabases('a long pull', (open, dialect) => {
  async function setUp({
    program,
    clientOf = signingPeer,
  }: {
    program?: URL;
    clientOf?: typeof signingPeer;
  } = {}) {
    const database = await open();
    await createCatalog(database);
    const { key } = await seedPeer(database);
    const peer = clientOf();
    const ingest = createIngest({ database, ...(program && { program }) } satisfies IngestOptions);
    const aborting = new AbortController();
    const seen: { counts: PullCounts; total: number | null }[] = [];
    const stale: string[] = [];
    return {
      database,
      peer,
      aborting,
      seen,
      stale,
      pull: () =>
        ingest.pull(key, peer.client, {
          signal: aborting.signal,
          now: () => Date.UTC(2026, 10, 20),
          onPage: (counts, total) => void seen.push({ counts: { ...counts }, total }),
          onStale: async (items) => void stale.push(...items.map(({ id }) => id)),
        }),
      row: () => database.prisma.peer.findUniqueOrThrow({ where: { key } }),
      count: () => database.prisma.item.count({ where: { source: key } }),
      [Symbol.asyncDispose]: () => ingest[Symbol.asyncDispose](),
    };
  }

  it('has all of the peer in the end, and agrees with it', async () => {
    await using pulling = await setUp();
    const { peer, pull, row, count, seen } = pulling;
    peer.put(...names(1000));
    expect(await pull()).toMatchObject({ added: 1000, changed: 0, removed: 0, inSync: true, total: 1000 });
    expect(await count()).toBe(1000);
    expect(await row()).toMatchObject({ itemCount: 1000, inSync: true, listing: false });
    // The first page was taken in before the thread; it counts all the same.
    const added = seen.map(({ counts }) => counts.added);
    expect(added[0]).toBe(100);
    expect(added).toEqual(added.toSorted((a, b) => a - b));
    expect(added.at(-1)).toBe(1000);
    expect(seen.at(-1)?.total).toBe(1000);

    peer.put(...names(300));
    peer.remove(...names(1000).slice(600));
    expect(await pull()).toMatchObject({ added: 0, changed: 300, removed: 400, inSync: true });
    expect(await count()).toBe(600);
    expect(pulling.stale.length).toBe(400);
  });

  it('ends with the code of what went wrong, and goes on from there the next time', async () => {
    await using pulling = await setUp();
    const { peer, pull, count } = pulling;
    peer.put(...names(1000));
    const limited = new HedgerowError('PEER_RATE_LIMITED', 'Slowly, please.', {
      retryAfter: 77,
      extra: { a: 1 },
    });
    peer.before = (asked) => {
      if (asked === 4) throw limited;
    };
    const { code, message, retryAfter, extra } = limited;
    await expect(pull()).rejects.toMatchObject({ name: 'HedgerowError', code, message, retryAfter, extra });
    expect(await count()).toBe(400);
    peer.before = () => {};
    const before = peer.asked;
    expect(await pull()).toMatchObject({ added: 600, inSync: true });
    expect(peer.asked - before).toBe(5);
  });

  it.each([
    ['a page that another key signed', 'PEER_IDENTITY'],
    ['a page that is no JSON', 'PEER_INVALID_ANSWER'],
  ])('stores nothing of %s', async (what, code) => {
    await using pulling = await setUp();
    const { peer, pull, count } = pulling;
    peer.put(...names(1000));
    peer.before = (asked) => {
      if (asked === 3) peer.spoil = code === 'PEER_IDENTITY' ? 'key' : 'json';
    };
    await expect(pull(), what).rejects.toMatchObject({ code });
    expect(await count()).toBe(250);
    peer.spoil = null;
    peer.before = () => {};
    expect(await pull()).toMatchObject({ inSync: true });
  });

  it('leaves a page to the thread that is too long to be read among everything else', async () => {
    await using pulling = await setUp();
    const { peer, pull, count } = pulling;
    peer.description = 'long '.repeat(1_500);
    peer.put(...names(90));
    expect(await pull()).toMatchObject({ added: 90, inSync: true });
    expect(await count()).toBe(90);
    // Once to find that out, and once for the thread.
    expect(peer.asked).toBe(2);
  });

  it('asks once for a page that makes no sense', async () => {
    await using pulling = await setUp();
    const { peer, pull, count } = pulling;
    peer.put(...names(90));
    peer.spoil = 'json';
    await expect(pull()).rejects.toMatchObject({ code: 'PEER_INVALID_ANSWER' });
    expect(peer.asked).toBe(1);
    expect(await count()).toBe(0);
  });

  it('lists anew where the cursor expires on the way', async () => {
    await using pulling = await setUp();
    const { peer, pull, row } = pulling;
    peer.put(...names(700));
    peer.before = (asked) => {
      if (asked === 4) throw new CursorExpired('restored');
    };
    expect(await pull()).toMatchObject({ added: 700, inSync: true });
    expect(await row()).toMatchObject({ itemCount: 700, generation: 2 });
  });

  it('ends when it is told to, with what it has', async () => {
    await using pulling = await setUp();
    const { peer, pull, count, aborting } = pulling;
    peer.put(...names(1000));
    peer.before = (asked) => {
      if (asked === 4) aborting.abort();
    };
    await expect(pull()).rejects.toThrow();
    expect(await count()).toBeLessThan(1000);
    expect(await count()).toBeGreaterThanOrEqual(250);
  });

  it('takes in what a dialect without signatures lists', async () => {
    await using pulling = await setUp({ clientOf: plainPeer });
    const { peer, pull, count } = pulling;
    peer.put(...names(500));
    expect(await pull()).toMatchObject({ added: 500, inSync: true });
    expect(await count()).toBe(500);
  });

  it('is a failed pull where the thread dies, and leaves the lock to others', async () => {
    // It has its turn to write, and ends.
    const program = thread(`
      parentPort.on('message', ({ type }) => {
        if (type === 'run') parentPort.postMessage({ type: 'turn', turn: 1 });
        if (type === 'turn') throw new Error('out of luck');
      });`);
    await using pulling = await setUp({ program });
    const { peer, pull, database } = pulling;
    peer.put(...names(300));
    await expect(pull()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await database.write(async () => 'written')).toBe('written');
    // A new thread for a new pull.
    await expect(pull()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it.runIf(dialect === 'sqlite')('lets others write in the middle of a page', async () => {
    await using pulling = await setUp();
    const { peer, pull, database } = pulling;
    peer.size = 500;
    peer.put(...names(1100));
    const counts = new Set<number>();
    let pulled = false;
    const others = (async () => {
      while (!pulled) {
        await database.write(async (tx) => {
          const row = await tx.get<{ count: number }>(sql`SELECT COUNT(*) AS count FROM items`);
          counts.add(row?.count ?? 0);
        });
        await new Promise(setImmediate);
      }
    })();
    await pull().finally(() => {
      pulled = true;
    });
    await others;
    // The pages of 500 after the first of 100 were not one turn each.
    expect([...counts].filter((count) => count > 100 && count % 500 !== 100)).not.toEqual([]);
  });
});

function thread(body: string): URL {
  const text = `import { parentPort } from 'node:worker_threads';${body}`;
  return new URL(`data:text/javascript,${encodeURIComponent(text)}`);
}

function names(count: number): string[] {
  return Array.from({ length: count }, (_, n) => `item-${String(n).padStart(6, '0')}`);
}

interface TestPeer {
  client: PeerClient;
  /** Lists that were asked for. */
  asked: number;
  size: number;
  /** Of every item. */
  description: string;
  /** Before each list is answered. */
  before: (asked: number) => void;
  spoil: 'key' | 'json' | null;
  put(...ids: string[]): void;
  remove(...ids: string[]): void;
}

/** A peer with signed pages, without a socket. */
function signingPeer(): TestPeer {
  const key = generateKey();
  const other = generateKey();
  const peer = listingPeer();
  return Object.assign(peer, {
    client: {
      ...peer.client,
      listBy: async (cursor, limit, _signal, read) => {
        const text = JSON.stringify(peer.page(cursor, limit));
        const body = Buffer.from(peer.spoil === 'json' ? text.slice(1) : text);
        const sent = { signature: 'sig=:abc:', authorization: 'Bearer x' };
        const fields = Object.entries(
          signAnswer(
            { status: 200, body, binding: { signature: sent.signature } },
            peer.spoil === 'key' ? other : key,
            new Date(Date.UTC(2026, 10, 20)),
          ),
        );
        const at = Date.UTC(2026, 10, 20);
        const { verdict, page } = await read(
          { status: 200, fields, body, sent, at, limit, roundTripMs: 1 },
          key,
        );
        if (verdict.kind !== 'signed') throw new HedgerowError('PEER_IDENTITY');
        return page();
      },
    } satisfies PeerClient,
  });
}

/** A peer whose pages are objects. */
function plainPeer(): TestPeer {
  const peer = listingPeer();
  return Object.assign(peer, {
    client: {
      ...peer.client,
      list: async (cursor, limit) => {
        const { items, removed, complete, total, checksum, ...rest } = peer.page(cursor, limit);
        return {
          ...rest,
          items: items.map(({ id, version }) => remoteItem({ remoteId: id, version })),
          skipped: [],
          removed: removed.map(({ id }) => id),
          complete: complete ? { total: total ?? 0, checksum: checksum ?? null } : null,
          roundTripMs: 1,
        };
      },
    } satisfies PeerClient,
  });
}

function listingPeer() {
  const changes = new Map<string, { sequence: number; gone: boolean }>();
  let sequence = 0;
  const put = (gone: boolean, ids: string[]): void => {
    for (const id of ids) {
      sequence += 1;
      changes.delete(id);
      changes.set(id, { sequence, gone });
    }
  };
  const unexpected = (): never => {
    throw new Error('Not asked for here.');
  };
  const peer = {
    client: { list: unexpected, bytes: unexpected, segmentList: unexpected } as PeerClient,
    asked: 0,
    size: PAGE,
    description: '',
    before: (_asked: number): void => {},
    spoil: null as TestPeer['spoil'],
    put: (...ids: string[]) => put(false, ids),
    remove: (...ids: string[]) => put(true, ids),
    page: (cursor: string | null, limit: number) => {
      peer.asked += 1;
      peer.before(peer.asked);
      const after = cursor === null ? 0 : Number(cursor.slice(1));
      const entries = [...changes].filter(([, change]) => change.sequence > after);
      const shown = entries.slice(0, Math.min(limit, peer.size));
      const complete = shown.length === entries.length;
      const live = [...changes].filter(([, { gone }]) => !gone);
      const sum = live.reduce(
        (all, [id, change]) => addChecksum(all, checksumTerm(id, `v${change.sequence}`)),
        EMPTY_CHECKSUM,
      );
      return {
        epoch: 'e1',
        items: shown
          .filter(([, { gone }]) => !gone)
          .map(([id, change]) => wireItem(id, `v${change.sequence}`, peer.description)),
        removed: shown
          .filter(([, { gone }]) => gone)
          .map(([id]) => ({ id, reason: 'deleted', at: '2026-11-20T12:00:00Z' })),
        cursor: `c${complete ? sequence : shown.at(-1)?.[1].sequence}`,
        complete,
        ...(complete && { total: live.length, checksum: formatChecksum(sum) }),
      };
    },
  };
  return peer;
}

function wireItem(id: string, version: string, description: string) {
  return {
    id,
    version,
    kind: 'image',
    title: `Title of ${id}`,
    description,
    mimeType: 'image/jpeg',
    size: 1000,
    createdAt: '2026-07-02T08:00:00Z',
    updatedAt: '2026-07-02T08:00:00Z',
    tags: ['fake'],
    albums: [],
    properties: {},
    variants: [],
  };
}
