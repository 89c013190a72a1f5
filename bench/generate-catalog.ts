/**
 * Fills a new database with a catalog that is the same for the same arguments: items of this instance and of peers, with
 * tags, dates, words, duplicates and hidden ones, stored through the doors that an import and a pull use.
 *
 *   npm run bench:generate -- <file or postgresql://…> [--items 100000] [--peers 3] [--seed 1]
 */
import { parseArgs } from 'node:util';
import { type Catalog, createCatalog } from '../src/catalog/catalog.ts';
import type { NewLocalItem } from '../src/catalog/local-changes.ts';
import { applyRemotePage, type RemoteItem } from '../src/catalog/remote-changes.ts';
import { type Database, openDatabase } from '../src/database/database.ts';
import { sql } from '../src/database/sql.ts';
import { EMPTY_CHECKSUM } from '../src/lib/checksum.ts';
import { MEDIA_KINDS, type MediaKind } from '../src/lib/media.ts';

export interface GenerateOptions {
  items: number;
  /** Of whom the items are that are not this instance's: nine in ten, or none where there is no peer. */
  peers: number;
  seed?: number;
  onProgress?: (done: number) => void;
}

export interface GeneratedCatalog {
  catalog: Catalog;
  items: number;
  peers: { key: number; id: string }[];
  /** In the title of one item in a hundred, and nowhere else. */
  rareWord: string;
}

/** Items stored at once: what a pull commits, and an import. */
const REMOTE_AT_ONCE = 500;
const LOCAL_AT_ONCE = 100;
export const RARE_WORD = 'solstice';
const OWNERS = ['user_ada', 'user_edda', null];
/** Every date is before it, so that nothing depends on the day of the run. */
const END = Date.UTC(2026, 0, 1);
const YEARS = 20 * 365.25 * 86_400_000;

export async function generateCatalog(
  database: Database,
  { items, peers: count, seed = 1, onProgress = () => {} }: GenerateOptions,
): Promise<GeneratedCatalog> {
  const catalog = await createCatalog(database);
  const random = generator(seed);
  const peers: GeneratedCatalog['peers'] = [];
  for (let number = 1; number <= count; number++) {
    const data = {
      id: `peer_generated${number}`,
      name: `Peer ${number}`,
      endpoint: 'http://127.0.0.1:1',
      pulls: true,
      health: 'ONLINE',
      audience: 'USERS',
      lastSuccessAt: new Date(),
    };
    peers.push(await database.prisma.peer.create({ data, select: { key: true, id: true } }));
  }
  const remote = count === 0 ? 0 : Math.floor(items * 0.9);
  let done = 0;
  while (done < items - remote) {
    const batch = Array.from({ length: Math.min(LOCAL_AT_ONCE, items - remote - done) }, () =>
      localItem(random),
    );
    await catalog.local.add(batch);
    done += batch.length;
    onProgress(done);
  }
  const perPeer = new Map(peers.map(({ key }) => [key, 0]));
  for (let number = 0; done < items; number++) {
    const peer = peers[number % peers.length];
    if (peer === undefined) throw new Error('There is no peer for what is left.');
    const from = perPeer.get(peer.key) ?? 0;
    const length = Math.min(REMOTE_AT_ONCE, items - done);
    const page = {
      items: Array.from({ length }, (_, index) => remoteItem(random, from + index)),
      skipped: [],
      removed: [],
      generation: 1,
    };
    await database.write((tx) => applyRemotePage(tx, peer.key, page, EMPTY_CHECKSUM, END));
    perPeer.set(peer.key, from + length);
    done += length;
    onProgress(done);
  }
  for (const [key, itemCount] of perPeer) {
    await database.prisma.peer.update({
      where: { key },
      data: { itemCount, remoteTotal: itemCount, inSync: true },
    });
  }
  // One in five hundred is hidden, as an admin would.
  const hidden = await database.read.all<{ id: string }>(
    sql`SELECT id FROM items WHERE source <> 0 AND key % 500 = 0 ORDER BY key LIMIT 2000`,
  );
  await catalog.setHidden(
    hidden.map(({ id }) => id),
    true,
  );
  // What the planner knows of the tables is what it would know after a while.
  await database.write((tx) => tx.run(sql`ANALYZE`));
  return { catalog, items, peers, rareWord: RARE_WORD };
}

type Random = () => number;

/** Mulberry32: small, and the same everywhere. */
function generator(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function common(random: Random) {
  const takenAt = random() < 0.9 ? Math.floor(END - random() * YEARS) : null;
  const byteSize = 200_000 + Math.floor(random() * 8_000_000);
  const digest = `sha-256:${hex(random, 64)}`;
  // One in twenty is one of a thousand pictures that many have.
  const shared = `sha-256:${Math.floor(random() * 1000)
    .toString(16)
    .padStart(64, '0')}`;
  const bytes = random() < 0.05 ? shared : digest;
  const title = text(random, 3);
  return {
    kind: kindOf(random()),
    title: random() < 0.01 ? `${title} ${RARE_WORD}` : title,
    description: random() < 0.5 ? text(random, 8) : null,
    filename: `IMG_${Math.floor(random() * 100_000)}.jpg`,
    mimeType: 'image/jpeg',
    byteSize,
    digest: bytes,
    width: 4000,
    height: 3000,
    durationMs: null,
    pageCount: null,
    thumbhash: '3OcRJYB4d3h/iIeHeEh3eIhw+j2w',
    takenAt,
    takenAtOffset: takenAt === null ? null : 120,
    tags: tagsOf(random),
    creator: random() < 0.3 ? text(random, 2) : null,
    license: null,
    properties: { camera: `Camera ${Math.floor(random() * 40)}`, iso: 100 * Math.ceil(random() * 32) },
    variants: [
      {
        name: 'original' as const,
        mimeType: 'image/jpeg',
        size: byteSize,
        digest: bytes,
        width: 4000,
        height: 3000,
      },
      { name: 'thumbnail' as const, mimeType: 'image/webp', size: 9_000, digest, width: 320, height: 240 },
    ],
  };
}

function localItem(random: Random): NewLocalItem {
  const visibility = random();
  return {
    ...common(random),
    ownerId: OWNERS[Math.floor(random() * OWNERS.length)] ?? null,
    visibility:
      visibility < 0.1 ? 'PRIVATE' : visibility < 0.4 ? 'INSTANCE' : visibility < 0.8 ? 'PEERS' : 'PUBLIC',
    storage: 'MANAGED',
    location: 'originals/none',
    locationMtime: null,
  };
}

function remoteItem(random: Random, number: number): RemoteItem {
  const createdAt = Math.floor(END - random() * YEARS);
  return {
    ...common(random),
    remoteId: `r${number}`,
    version: '1',
    createdAt,
    updatedAt: createdAt,
    albums: [],
  };
}

function kindOf(chance: number): MediaKind {
  return MEDIA_KINDS[chance < 0.85 ? 0 : chance < 0.95 ? 1 : 2] ?? 'IMAGE';
}

/** Of 5,000 words, the first ones far more often, as in texts. */
function word(random: Random): string {
  return `w${Math.floor(5_000 ** random())}`;
}

function text(random: Random, length: number): string {
  return Array.from({ length }, () => word(random)).join(' ');
}

function tagsOf(random: Random): string[] {
  const count = Math.floor(random() * 5);
  return [...new Set(Array.from({ length: count }, () => `tag ${Math.floor(300 ** random())}`))];
}

function hex(random: Random, length: number): string {
  let digits = '';
  while (digits.length < length)
    digits += Math.floor(random() * 0x10000000)
      .toString(16)
      .padStart(7, '0');
  return digits.slice(0, length);
}

if (import.meta.main) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      items: { type: 'string', default: '100000' },
      peers: { type: 'string', default: '3' },
      seed: { type: 'string', default: '1' },
    },
  });
  const [target] = positionals;
  if (target === undefined) throw new Error('Say which file or PostgreSQL database is to be filled.');
  await using database = await openDatabase(
    target.startsWith('postgresql://')
      ? { dialect: 'postgresql', url: target }
      : { dialect: 'sqlite', path: target },
  );
  const begun = performance.now();
  const { items } = await generateCatalog(database, {
    items: Number(values.items),
    peers: Number(values.peers),
    seed: Number(values.seed),
    onProgress: (done) => {
      if (done % 50_000 === 0) console.log(`${done} items`);
    },
  });
  console.log(`${items} items in ${((performance.now() - begun) / 1000).toFixed(1)} s`);
}
