/** A server and a puller, each with a database of its own, and the model that says what either may know. */
import { isDeepStrictEqual } from 'node:util';
import { type Catalog, createCatalog } from '../../../src/catalog/catalog.ts';
import { forgetOldRemovals } from '../../../src/catalog/feed.ts';
import type { Database } from '../../../src/database/database.ts';
import { type Sql, type SqlDialect, sql } from '../../../src/database/sql.ts';
import type { FederationContext } from '../../../src/federation/context.ts';
import { generatePeerToken, hashPeerToken } from '../../../src/federation/credentials.ts';
import { WHOLE_GRANT } from '../../../src/federation/grants.ts';
import { generateKey } from '../../../src/federation/identity/keys.ts';
import { grantText, putGrant } from '../../../src/federation/peers/grant-changes.ts';
import {
  HERE,
  type Place,
  type PullOutcome,
  pullPeer,
  resolveHeldItems,
} from '../../../src/federation/pull/pull-peer.ts';
import type { Grant } from '../../../src/federation/wire/messages.ts';
import { addChecksum, checksumTerm, EMPTY_CHECKSUM, formatChecksum } from '../../../src/lib/checksum.ts';
import { HedgerowError } from '../../../src/lib/errors.ts';
import { ALONE } from '../alone.ts';
import { newItem, seedPeer } from '../items.ts';
import {
  after,
  byId,
  DERIVED,
  faultOf,
  KINDS,
  type ModelAlbum,
  type ModelItem,
  type Moment,
  ORIGINAL,
  type SeenItem,
  TAGS,
  VISIBILITIES,
  viewOf,
  type WirePage,
} from './model.ts';
import type { ServerAct, Side, Step } from './steps.ts';
import { Crash, createStore, type Store } from './store.ts';
import { type Fault, startWire, type Wire } from './wire.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const PEER = 1;
const HIDDEN = -1;
/** More removals at once than these are held (docs/federation.md). */
const HELD_FROM = 50;

/** As in a thread beside the rest, with steps so small that a page is stored in several transactions, or several in one. */
const APART: Place = { page: 500, step: 1, transaction: 3, ahead: true, pages: 200_000 };

/** What the rows of the server say, as a moment has it. */
interface Observed {
  items: Map<string, ModelItem>;
  albums: Map<string, ModelAlbum>;
  grant: Grant;
}

/** Something at the server, and the moment after it: found out from what is seen, since ids are made there. */
interface Plan {
  run: () => Promise<unknown>;
  after: (seen: Observed) => Partial<Omit<Moment, 'within'>>;
}

interface Backups {
  server: Moment | null;
  puller: ReadonlyMap<string, string> | null;
}

export interface World extends AsyncDisposable {
  /** What the runs came by, and how often: so many runs that met nothing would prove nothing. */
  readonly met: ReadonlyMap<string, number>;
  /** From an empty catalog through all steps to agreement. @throws where something is not as the model has it */
  run(steps: readonly Step[]): Promise<void>;
}

export async function createWorld(dialect: SqlDialect): Promise<World> {
  const token = generatePeerToken();
  const serverKey = generateKey();
  const pullerKey = generateKey();
  const server = await createStore(dialect, (database) =>
    seedServer(database, { token, pullerKey: pullerKey.jwk, thumbprint: pullerKey.thumbprint }),
  );
  const puller = await createStore(dialect, async (database) => {
    await createCatalog(database);
    await seedPeer(database, { id: 'peer_of-the-model' });
  });
  let clock = 0;
  const now = () => clock;
  const faults: unknown[] = [];
  const met = new Map<string, number>();
  const note = (what: string): void => {
    met.set(what, (met.get(what) ?? 0) + 1);
  };
  const context = serverContext(server, serverKey, now, faults);
  const wire = await startWire({ context, isDown: () => server.crashed, token, pullerKey });
  return {
    met,
    run: async (steps) => {
      clock = Date.UTC(2026, 10, 20);
      faults.length = 0;
      await server.restore('seeded');
      await puller.restore('seeded');
      const pass = (ms: number): void => {
        clock += ms;
      };
      const run = await beginRun({ server, puller, wire, now, pass, note });
      for (const step of steps) {
        clock += MINUTE;
        await run.take(step);
        if (faults.length > 0) throw faults[0];
      }
      await run.take({ do: 'quiet' });
      if (faults.length > 0) throw faults[0];
    },
    [Symbol.asyncDispose]: async () => {
      await wire[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await puller[Symbol.asyncDispose]();
    },
  };
}

async function seedServer(
  database: Database,
  { token, pullerKey, thumbprint }: { token: string; pullerKey: unknown; thumbprint: string },
): Promise<void> {
  await createCatalog(database);
  const { key } = await seedPeer(database, { id: 'peer_of-the-model' });
  const publicKey = JSON.stringify(pullerKey);
  await database.prisma.peer.update({ where: { key }, data: { serves: true, publicKey, thumbprint } });
  await database.prisma.peerCredential.create({
    data: { id: 'cred_model', peerKey: key, hash: hashPeerToken(token), firstUsedAt: new Date(0) },
  });
  await database.prisma.$transaction((tx) => putGrant(tx, key, null, WHOLE_GRANT));
}

function serverContext(
  server: Store,
  key: ReturnType<typeof generateKey>,
  now: () => number,
  faults: unknown[],
): FederationContext {
  const nothing = () => {};
  return {
    database: server.database,
    processes: ALONE,
    shared: null,
    identity: { key, number: 1, thumbprints: [key.thumbprint], refresh: async () => {} },
    masterKey: Buffer.alloc(32, 7),
    now,
    log: {
      refused: nothing,
      // A server that was cut off fails at whatever it was doing, and says nothing of it any more.
      failed: ({ error }: { error: unknown }) => {
        if (!server.crashed) faults.push(error);
      },
    },
    audit: { record: async () => {}, served: nothing },
  } as unknown as FederationContext;
}

interface RunParts {
  server: Store;
  puller: Store;
  wire: Wire;
  now: () => number;
  pass: (ms: number) => void;
  note: (what: string) => void;
}

async function beginRun({ server, puller, wire, now, pass, note }: RunParts) {
  let catalog = await createCatalog(server.database, now);
  let serial = 0;
  let moment: Moment = { items: new Map(), albums: new Map(), grant: WHOLE_GRANT, within: new Set() };
  /** When the page under way was read: one statement. */
  let read = moment;
  server.onRead = (text) => {
    if (text.includes('AS "feedSequence"')) read = moment;
  };
  /** What the server was doing when it ended. */
  let interrupted: Plan | null = null;
  /** Our ids of the puller's items that were hidden there, by their ids at the server. */
  let hidden = new Map<string, string>();
  const backups: Backups = { server: null, puller: null };
  let most = 0;
  let kept = false;
  let violation: unknown = null;

  function become(next: Moment): void {
    moment = next;
    most = Math.max(most, next.items.size);
  }

  /** Does it, unless the server ends at it; then `settle` finds out how far it came. */
  async function act(what: ServerAct): Promise<void> {
    if (server.crashed) return;
    const plan = planOf(what, moment, { server, catalog, now, serial: () => ++serial });
    if (plan === null) return;
    try {
      await plan.run();
    } catch (error) {
      if (!server.crashed) throw error;
      interrupted = plan;
      return;
    }
    if (server.crashed) interrupted = plan;
    else confirm(plan, await observe(server.plain), false);
  }

  function confirm(plan: Plan | null, seen: Observed, wasCut: boolean): void {
    if (plan !== null) {
      const next = after(moment, plan.after(seen));
      if (isAs(next, seen)) {
        become(next);
        return;
      }
    }
    if (!wasCut || !isAs(moment, seen)) {
      throw new Error(`The server is neither before nor after: ${JSON.stringify([...seen.items])}`);
    }
  }

  /** Starts whichever side has ended. What the server was doing is done, or it is not; never a half of it. */
  async function settle(): Promise<void> {
    server.crashAfter(null);
    puller.crashAfter(null);
    server.meanwhile(0, null);
    if (puller.crashed) {
      note('the puller ended');
      await puller.restart();
    }
    if (!server.crashed) return;
    note('the server ended');
    await server.restart();
    catalog = await createCatalog(server.database, now);
    const plan = interrupted;
    interrupted = null;
    confirm(plan, await observe(server.plain), true);
  }

  wire.onAnswer = (_status, content) => {
    const page = content as Partial<WirePage> & { code?: string; reason?: string };
    if (!Array.isArray(page.items)) {
      if (page.code !== undefined) note(page.reason ?? page.code);
      if (JSON.stringify(content).includes('media_')) violation ??= new Error('An item is in a problem.');
      return;
    }
    note(read === moment ? 'a page' : 'a page before a change');
    for (const { reason } of page.removed ?? []) note(`removed: ${reason}`);
    const wrong = faultOf(page as WirePage, read, now());
    if (wrong !== null) violation ??= new Error(`Sent: ${wrong}`);
  };

  async function pull(
    how: Omit<Extract<Step, { do: 'pull' }>, 'do'>,
  ): Promise<PullOutcome | HedgerowError | Crash> {
    let asked = -1;
    wire.pageSize = how.size;
    wire.onRequest = async (): Promise<Fault | null> => {
      asked += 1;
      try {
        for (const [request, read, what] of how.acts) {
          if (request === asked && read === null) await act(what);
        }
        for (const [request, read, what] of how.acts) {
          if (request !== asked || read === null) continue;
          server.meanwhile(read, async () => {
            try {
              await act(what);
            } catch (error) {
              violation ??= error;
            }
          });
        }
      } catch (error) {
        violation ??= error;
      }
      const fault = how.faults.find(([request]) => request === asked)?.[1] ?? null;
      if (fault !== null) note(`fault: ${fault}`);
      return fault;
    };
    if (how.crash !== null) (how.crash.side === 'server' ? server : puller).crashAfter(how.crash.after);
    const ended = await pulled(how.apart);
    await wire.idle();
    if (violation !== null) throw violation;
    await settle();
    return ended;
  }

  async function pulled(apart: boolean): Promise<PullOutcome | HedgerowError | Crash> {
    try {
      const { read, write } = puller.database;
      const options = {
        signal: new AbortController().signal,
        now,
        onPage: () => {},
        onStale: async () => {},
      };
      let looks = 0;
      const outcome = apart
        ? await pullPeer(
            { read, write, isWanted: () => ++looks % 3 === 0, room: () => looks % 8 },
            PEER,
            wire.client,
            options,
            APART,
          )
        : await pullPeer({ read, write }, PEER, wire.client, options, HERE);
      // Every page is a whole of one moment, so whoever reads to the end agrees; nothing here is for repair.
      if (outcome.inSync !== true) violation ??= new Error('A pull that came to its end did not agree.');
      return outcome;
    } catch (error) {
      if (error instanceof HedgerowError || error instanceof Crash) return error;
      throw error;
    }
  }

  async function quiet(): Promise<void> {
    if (moment.grant.until !== null) {
      await act({ ...actOf(moment.grant, [...moment.albums.keys()]), until: 'never' });
    }
    let ended: PullOutcome | HedgerowError | Crash | null = null;
    // The first pull may find that it has to list anew, and that it was told so too often in an hour.
    for (let tries = 0; tries < 3 && !(ended !== null && 'inSync' in ended); tries++) {
      pass(HOUR + MINUTE);
      ended = await pull({ size: 100, apart: false, faults: [], acts: [], crash: null });
    }
    if (ended === null || !('inSync' in ended)) throw new Error(`No pull came to its end: ${ended}`);
    await agree();
  }

  async function agree(): Promise<void> {
    const view = viewOf(moment);
    const rows = await readCopy(puller.plain);
    const counted = rows.filter((row) => row.generation >= 0 && !row.held);
    const copy = new Map(counted.map((row) => [row.remoteId, row.seen]));
    check(copy, view, 'what the puller has');
    for (const { remoteId, held, generation } of rows) {
      if (view.has(remoteId)) continue;
      if (held && most <= HELD_FROM) throw new Error(`${remoteId} is held, and was never one of many`);
      if (generation < 0 && !kept) throw new Error(`${remoteId} is kept, and nobody said so`);
    }
    for (const row of rows) {
      if (row.held) note('held');
      if (row.generation < 0) note('kept');
      const isHidden = hidden.get(row.remoteId) === row.id;
      if (row.hidden !== isHidden) throw new Error(`${row.remoteId} is hidden: ${row.hidden}`);
    }
    let sum = EMPTY_CHECKSUM;
    for (const { remoteId, version } of counted) sum = addChecksum(sum, checksumTerm(remoteId, version));
    const peer = await puller.database.prisma.peer.findUniqueOrThrow({ where: { key: PEER } });
    const status = await wire.client.status?.(new AbortController().signal);
    check(
      {
        itemCount: peer.itemCount,
        heldCount: peer.heldCount,
        remoteTotal: peer.remoteTotal,
        listing: peer.listing,
        divergedInARow: peer.divergedInARow,
        checksum: formatChecksum({ first: Number(peer.checksumFirst), second: Number(peer.checksumSecond) }),
        total: status?.total,
        theirs: status?.checksum,
      },
      {
        itemCount: view.size,
        heldCount: rows.filter(({ held }) => held).length,
        remoteTotal: view.size,
        listing: false,
        divergedInARow: 0,
        checksum: formatChecksum(sum),
        total: view.size,
        theirs: formatChecksum(sum),
      },
      'the counts of both sides',
    );
  }

  return {
    take: async (step: Step): Promise<void> => {
      switch (step.do) {
        case 'act':
          server.crashAfter(step.crash);
          await act(step.act);
          return settle();
        case 'pull':
          await pull(step);
          return;
        case 'quiet':
          return quiet();
        case 'backup':
          await (step.side === 'server' ? server : puller).keep('backup');
          if (step.side === 'server') backups.server = moment;
          else backups.puller = new Map(hidden);
          return;
        case 'restore': {
          if (step.side === 'server' && backups.server !== null) {
            await server.restore('backup');
            catalog = await createCatalog(server.database, now);
            become(backups.server);
          } else if (step.side === 'puller' && backups.puller !== null) {
            await puller.restore('backup');
            hidden = new Map(backups.puller);
          }
          return;
        }
        case 'hide': {
          const rows = await readCopy(puller.plain);
          const row = rows[step.at % Math.max(1, rows.length)];
          if (row === undefined) return;
          const copy = await createCatalog(puller.database, now);
          await copy.setHidden([row.id], step.hidden);
          if (step.hidden) hidden.set(row.remoteId, row.id);
          else hidden.delete(row.remoteId);
          return;
        }
        case 'resolve': {
          puller.crashAfter(step.crash);
          if (step.decision === 'KEEP') kept = true;
          await resolveHeldItems(puller.database, PEER, step.decision, {
            now,
            onStale: async () => {},
          }).catch((error: unknown) => {
            if (!(error instanceof Crash)) throw error;
          });
          return settle();
        }
        case 'forget':
          pass(91 * 24 * HOUR);
          await server.database.write((tx) => forgetOldRemovals(tx, now()));
          return;
      }
    },
  };
}

function check(real: unknown, expected: unknown, what: string): void {
  if (isDeepStrictEqual(real, expected)) return;
  const text = (value: unknown) => JSON.stringify(value instanceof Map ? [...value] : value);
  throw new Error(`${what}: ${text(real)}, and not ${text(expected)}`);
}

interface CopyRow {
  id: string;
  remoteId: string;
  version: string;
  generation: number;
  held: boolean;
  hidden: boolean;
  seen: SeenItem;
}

async function readCopy(read: Sql): Promise<CopyRow[]> {
  const rows = await read.all<{
    key: number;
    id: string;
    remoteId: string;
    version: string;
    generation: number;
    held: number | boolean;
    visibility: number;
    kind: number;
    title: string;
    tags: string;
    digest: string | null;
    thumbhash: string | null;
    variants: string;
  }>(
    sql`SELECT key, id, remote_id AS "remoteId", version, generation, held, visibility, kind, title, tags, digest, thumbhash, variants FROM items WHERE source = ${PEER} ORDER BY remote_id`,
  );
  const members = await read.all<{ key: number; id: string; title: string }>(
    sql`SELECT m.item_key AS key, a.remote_id AS id, a.title FROM album_items m JOIN albums a ON a.key = m.album_key WHERE a.source = ${PEER}`,
  );
  return rows.map((row) => ({
    id: row.id,
    remoteId: row.remoteId,
    version: row.version,
    generation: row.generation,
    held: Boolean(row.held),
    hidden: row.visibility === HIDDEN,
    seen: {
      kind: (KINDS[row.kind] ?? '').toLowerCase(),
      title: row.title,
      tags: JSON.parse(row.tags),
      albums: byId(members.filter(({ key }) => key === row.key).map(({ id, title }) => ({ id, title }))),
      digest: row.digest,
      thumbhash: row.thumbhash,
      variants: (JSON.parse(row.variants) as { name: string }[])
        .map(({ name }) => name)
        .filter((name) => name !== 'original')
        .sort(),
    },
  }));
}

async function observe(read: Sql): Promise<Observed> {
  const items = await read.all<{
    id: string;
    kind: number;
    title: string;
    tags: string;
    visibility: number;
    albums: string;
  }>(sql`SELECT id, kind, title, tags, visibility, albums FROM items WHERE source = 0 ORDER BY key`);
  const albums = await read.all<{ id: string; title: string; visibility: number }>(
    sql`SELECT id, title, visibility FROM albums WHERE source = 0 ORDER BY key`,
  );
  const peer = await read.get<{ grant: string }>(
    sql`SELECT serve_grant AS "grant" FROM federation_peers WHERE key = ${PEER}`,
  );
  return {
    items: new Map(
      items.map(({ id, kind, title, tags, visibility, albums: refs }) => [
        id,
        {
          kind: KINDS[kind] ?? 'IMAGE',
          title,
          tags: JSON.parse(tags),
          visibility: VISIBILITIES[visibility] ?? 'PRIVATE',
          albums: (JSON.parse(refs) as { id: string }[]).map((ref) => ref.id),
        },
      ]),
    ),
    albums: new Map(
      albums.map(({ id, title, visibility }) => [
        id,
        { title, visibility: VISIBILITIES[visibility] ?? 'PRIVATE' },
      ]),
    ),
    grant: JSON.parse(peer?.grant ?? 'null'),
  };
}

function isAs(moment: Moment, seen: Observed): boolean {
  const { items, albums } = moment;
  const grant = JSON.parse(grantText(moment.grant));
  return isDeepStrictEqual({ items, albums, grant }, seen);
}

interface Hands {
  server: Store;
  catalog: Catalog;
  now: () => number;
  serial: () => number;
}

/** Null where there is nothing that it could be done to. */
function planOf(what: ServerAct, moment: Moment, { server, catalog, now, serial }: Hands): Plan | null {
  const { items, albums } = moment;
  const ids = [...items.keys()];
  const some = (at: number, count: number) =>
    [
      ...new Set(Array.from({ length: count }, (_, index) => ids[(at + index) % Math.max(1, ids.length)])),
    ].filter((id) => id !== undefined);
  const edited = (chosen: readonly string[], edit: (item: ModelItem) => ModelItem) =>
    new Map([...items].map(([id, item]) => [id, chosen.includes(id) ? edit(item) : item]));
  const tagsOf = (bits: number) => TAGS.filter((_, index) => (bits & (1 << index)) !== 0);
  switch (what.do) {
    case 'add': {
      const made: ModelItem = {
        kind: KINDS[what.kind] ?? 'IMAGE',
        title: `item ${serial()}`,
        tags: tagsOf(what.tags),
        visibility: VISIBILITIES[what.to] ?? 'PEERS',
        albums: [],
      };
      const all = Array.from({ length: what.count }, () => storedItem(made));
      return {
        run: () => catalog.local.add(all),
        after: (seen) => {
          const added = [...seen.items].filter(([, { title }]) => title === made.title).map(([id]) => id);
          // Too few of them is no state that it could be left in.
          if (added.length !== what.count) return {};
          return { items: new Map([...items, ...added.map((id): [string, ModelItem] => [id, made])]) };
        },
      };
    }
    case 'edit': {
      const [id] = some(what.at, 1);
      if (id === undefined) return null;
      const title = `edited ${serial()}`;
      return {
        run: () => catalog.local.update(id, { title }),
        after: () => ({ items: edited([id], (item) => ({ ...item, title })) }),
      };
    }
    case 'tags': {
      const [id] = some(what.at, 1);
      if (id === undefined) return null;
      const tags = tagsOf(what.tags);
      return {
        run: () => catalog.local.update(id, { tags }),
        after: () => ({ items: edited([id], (item) => ({ ...item, tags })) }),
      };
    }
    case 'show': {
      const chosen = some(what.at, what.count);
      const visibility = VISIBILITIES[what.to] ?? 'PEERS';
      if (chosen.length === 0) return null;
      return {
        run: () => catalog.local.setVisibility(chosen, visibility),
        after: () => ({ items: edited(chosen, (item) => ({ ...item, visibility })) }),
      };
    }
    case 'delete': {
      const chosen = some(what.at, what.count);
      if (chosen.length === 0) return null;
      return {
        run: () => catalog.local.remove(chosen),
        after: () => ({ items: new Map([...items].filter(([id]) => !chosen.includes(id))) }),
      };
    }
    case 'new-album': {
      const made: ModelAlbum = {
        title: `album ${serial()}`,
        visibility: VISIBILITIES[what.to] ?? 'PEERS',
      };
      return {
        run: () => catalog.albums.create({ ...made, description: null, ownerId: null, items: [] }),
        after: (seen) => {
          const added = [...seen.albums].filter(([, { title }]) => title === made.title).map(([id]) => id);
          return { albums: new Map([...albums, ...added.map((id): [string, ModelAlbum] => [id, made])]) };
        },
      };
    }
    case 'album':
      return planOfAlbum(what, moment, { catalog, serial }, some(what.at, what.count), edited);
    case 'grant': {
      const names = [...albums.keys()];
      const scope = {
        kinds: what.kinds,
        tags: what.tags,
        albums: what.albums === null ? null : what.albums.flatMap((at) => names[at] ?? []),
        access: what.access,
      };
      const untils = { never: null, soon: now() + 10 * MINUTE, past: now() };
      const until = untils[what.until];
      const grant: Grant = JSON.parse(
        grantText({ ...scope, until: until === null ? null : new Date(until).toISOString() }),
      );
      return {
        run: () =>
          server.database.prisma.$transaction((tx) => putGrant(tx, PEER, grantText(moment.grant), grant)),
        after: () => ({ grant }),
      };
    }
  }
}

function planOfAlbum(
  what: Extract<ServerAct, { do: 'album' }>,
  { items, albums }: Moment,
  { catalog, serial }: Pick<Hands, 'catalog' | 'serial'>,
  chosen: readonly string[],
  edited: (chosen: readonly string[], edit: (item: ModelItem) => ModelItem) => Map<string, ModelItem>,
): Plan | null {
  const names = [...albums.keys()];
  const id = names[what.album % Math.max(1, names.length)];
  if (id === undefined) return null;
  const with_ = (album: Partial<ModelAlbum>) =>
    new Map([...albums].map(([name, old]) => [name, name === id ? { ...old, ...album } : old]));
  switch (what.how) {
    case 'add':
      return {
        run: () => catalog.albums.update(id, { add: chosen }),
        after: () => ({
          items: edited(chosen, (item) => ({
            ...item,
            albums: names.filter((name) => name === id || item.albums.includes(name)),
          })),
        }),
      };
    case 'remove':
      return {
        run: () => catalog.albums.update(id, { remove: chosen }),
        after: () => ({
          items: edited(chosen, (item) => ({ ...item, albums: item.albums.filter((name) => name !== id) })),
        }),
      };
    case 'title': {
      const title = `renamed ${serial()}`;
      return { run: () => catalog.albums.update(id, { title }), after: () => ({ albums: with_({ title }) }) };
    }
    case 'show': {
      const visibility = VISIBILITIES[what.to] ?? 'PEERS';
      return {
        run: () => catalog.albums.update(id, { visibility }),
        after: () => ({ albums: with_({ visibility }) }),
      };
    }
    case 'delete':
      return {
        run: () => catalog.albums.remove(id),
        after: () => ({
          albums: new Map([...albums].filter(([name]) => name !== id)),
          items: edited([...items.keys()], (item) => ({
            ...item,
            albums: item.albums.filter((name) => name !== id),
          })),
        }),
      };
  }
}

function storedItem({ kind, title, tags, visibility }: ModelItem) {
  return newItem({
    kind,
    title,
    tags,
    visibility,
    digest: ORIGINAL,
    thumbhash: 'AAAA',
    // A place, which must not leave.
    properties: { place: { latitude: 1, longitude: 2 }, camera: 'x' },
    ownerId: null,
    variants: [
      { name: 'original', mimeType: 'image/jpeg', size: 1000, digest: ORIGINAL },
      { name: 'thumbnail', mimeType: 'image/webp', size: 10, digest: DERIVED },
      { name: 'preview', mimeType: 'image/webp', size: 20, digest: DERIVED },
      { name: 'playable', mimeType: 'video/mp4', size: 20, digest: DERIVED },
    ],
  });
}

function actOf(grant: Grant, albums: readonly string[]): Extract<ServerAct, { do: 'grant' }> {
  return {
    do: 'grant',
    kinds: grant.kinds as Extract<ServerAct, { do: 'grant' }>['kinds'],
    tags: grant.tags,
    albums: grant.albums === null ? null : grant.albums.map((id) => albums.indexOf(id)),
    access: grant.access,
    until: 'never',
  };
}

export type { Side };
