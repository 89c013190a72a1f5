/** A whole instance is moved: from SQLite and files to PostgreSQL, and to a bucket, while peers hold on to it. */

import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Settings } from '../src/config/env.ts';
import { openDatabase } from '../src/database/database.ts';
import { sql } from '../src/database/sql.ts';
import { runCommand } from './support/command.ts';
import { DIALECTS, newPostgresUrl } from './support/databases.ts';
import { eventually, type Instance, pair, SAMPLES, settled, startInstance } from './support/instance.ts';
import { runProgram } from './support/process.ts';
import { KEYS, type S3Server, startS3Server } from './support/s3-server.ts';

const folderOf = ({ folder }: Instance): string => join(folder, 'data');

interface Page {
  media: { edges: { cursor: string }[]; pageInfo: { endCursor: string | null; hasNextPage: boolean } };
}

/** Every page of the catalog in an order, with the cursors: what a client has in its hand when the server is moved. */
async function pages(instance: Instance, orderBy: string): Promise<unknown[]> {
  const found: unknown[] = [];
  for (let after: string | null = null; ; ) {
    const { media }: Page = await instance.query<Page>(
      `query ($after: String) { media(first: 4, after: $after, orderBy: ${orderBy}) {
         totalCount facets { tags { tag count } kinds { kind count } years { year count } }
         edges { cursor node { id title kind mimeType byteSize digest takenAt addedAt updatedAt tags properties peer { id } albums { id title } ... on LocalMedia { visibility } } }
         pageInfo { endCursor hasNextPage } } }`,
      { after },
    );
    found.push(media);
    if (!media.pageInfo.hasNextPage) return found;
    after = media.pageInfo.endCursor;
  }
}

const ORDERS = ['{ field: TAKEN_AT, direction: DESC }', '{ field: TITLE, direction: ASC }'];

describe.skipIf(!DIALECTS.includes('postgresql'))('an instance that is moved', () => {
  let server: S3Server;
  let garden: Instance;
  let coast: Instance;
  /** Read at each start. */
  const settings: Settings = {};
  let url: string;
  let bucket: string;
  let ofGarden: string;
  let ofCoast: string;

  beforeAll(async () => {
    server = await startS3Server();
    garden = await startInstance('Garden', settings);
    coast = await startInstance('Coast');
    await garden.app.library.importFiles({
      paths: [join(SAMPLES, 'garden')],
      visibility: 'PEERS',
      tags: ['zoë'],
    });
    await coast.app.library.importFiles({ paths: [join(SAMPLES, 'coast')], visibility: 'PEERS' });
    ofGarden = await pair(garden, coast);
    ofCoast = await pair(coast, garden);
    await settled(coast, ofGarden);
    await settled(garden, ofCoast);
    url = await newPostgresUrl('template1');
    const opened = await server.bucket();
    bucket = opened.bucket;
    settings.AWS_ACCESS_KEY_ID = KEYS.accessKeyId;
    settings.AWS_SECRET_ACCESS_KEY = KEYS.secretAccessKey;
  });
  afterAll(async () => {
    await coast?.[Symbol.asyncDispose]();
    await garden?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  const environment = (): NodeJS.ProcessEnv => ({
    HEDGEROW_DATA_DIR: folderOf(garden),
    AWS_ACCESS_KEY_ID: KEYS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: KEYS.secretAccessKey,
  });
  const storage = (): string => `s3://${bucket}/garden/blobs?region=us-east-1&endpoint=${server.endpoint}`;
  const stateOf = async (instance: Instance, peer: string) =>
    (await instance.app.database.prisma.peer.findUniqueOrThrow({ where: { id: peer } })) as unknown as Record<
      'generation' | 'cursor' | 'itemCount' | 'listing' | 'epoch',
      unknown
    >;

  it('is not moved while it runs, nor to anything but PostgreSQL', async () => {
    const running = await runCommand(['migrate-to', url], environment());
    expect(running).toMatchObject({ code: 1, out: '' });
    expect(running.err).toMatch(/^hedgerow: Another Hedgerow process uses the data folder .*\.\n$/);
    expect(await runCommand(['migrate-to'], environment())).toMatchObject({ code: 2 });
    expect(await runCommand(['migrate-to', 'file:other.db'], environment())).toMatchObject({
      code: 1,
      err: expect.stringContaining('An instance is moved to postgresql://'),
    });
    expect(
      await runCommand(['migrate-to', url], { HEDGEROW_DATA_DIR: join(tmpdir(), 'hedgerow-none') }),
    ).toMatchObject({
      code: 1,
      err: expect.stringContaining('There is no database'),
    });
    expect(
      await runCommand(['migrate-to', url], { ...environment(), HEDGEROW_DATABASE_URL: url }),
    ).toMatchObject({
      code: 1,
      err: expect.stringContaining('names PostgreSQL already'),
    });
    expect((await runCommand(['migrate-to', '--take-back', url], environment())).code).toBe(2);
  });

  it('answers as before, and peers go on where they were', async () => {
    const media = await garden.query<{ media: { nodes: { id: string; originalUrl: string }[] } }>(
      '{ media(first: 100) { nodes { id originalUrl } } }',
    );
    const bytesOf = async () =>
      Promise.all(media.media.nodes.map(async ({ originalUrl }) => (await garden.get(originalUrl)).body));
    const bytes = await bytesOf();
    const before = await Promise.all(ORDERS.map((order) => pages(garden, order)));
    const search = '{ media(first: 50, filter: { query: "zoë" }) { edges { cursor node { id } } } }';
    const found = await garden.query(search);
    const state = await garden.app.catalog.state();
    const [held, pulled] = [await stateOf(coast, ofGarden), await stateOf(garden, ofCoast)];
    await garden.stop();

    const moved = await runCommand(['migrate-to', url, '--storage', storage()], environment());
    expect(moved).toMatchObject({ code: 0, err: '' });
    expect(moved.out).toMatch(
      /rows of \d+ tables are in postgresql:\/\/127\.0\.0\.1:\d+\/hedgerow_\w+; read back, counts and sums agree/,
    );
    expect(moved.out).toMatch(/What is shared: \d+ items, checksum [0-9a-f]{16}, as kept\./);
    expect(moved.out).toMatch(/The catalog of Coast: \d+ items, checksum [0-9a-f]{16}, as kept\./);
    expect(moved.out).toMatch(/\d+ blobs copied/);
    expect(moved.out).not.toContain('postgres:postgres');

    settings.HEDGEROW_DATABASE_URL = url;
    settings.HEDGEROW_STORAGE_URL = storage();
    // What is not in the bucket is nowhere.
    await rm(join(folderOf(garden), 'media'), { recursive: true });
    await garden.start();
    expect(garden.app.database.dialect).toBe('postgresql');
    expect(await Promise.all(ORDERS.map((order) => pages(garden, order)))).toEqual(before);
    expect(await garden.query(search)).toEqual(found);
    const { peersRevision: _, ...counters } = state;
    expect(await garden.app.catalog.state()).toMatchObject(counters);
    expect(await bytesOf()).toEqual(bytes);

    // A peer that pulled from it, and one that it pulled from: no listing anew on either side.
    await coast.app.federation.refresh(ofGarden);
    await settled(coast, ofGarden);
    expect(await stateOf(coast, ofGarden)).toMatchObject({
      cursor: held.cursor,
      generation: held.generation,
      listing: false,
      epoch: held.epoch,
    });
    await garden.app.federation.refresh(ofCoast);
    await settled(garden, ofCoast);
    expect(await stateOf(garden, ofCoast)).toMatchObject({
      cursor: pulled.cursor,
      generation: pulled.generation,
      listing: false,
    });

    // And what changes afterwards arrives, by that cursor alone.
    const [first] = media.media.nodes;
    const own = await garden.query<{ media: { nodes: { id: string }[] } }>(
      '{ media(first: 1, origin: LOCAL) { nodes { id } } }',
    );
    expect(first).toBeDefined();
    await garden.query(
      'mutation ($id: ID!) { updateMedia(input: { id: $id, title: "Moved" }) { userErrors { message } } }',
      { id: own.media.nodes[0]?.id ?? '' },
    );
    await coast.app.federation.refresh(ofGarden);
    await eventually('the new title', async () => {
      const { media } = await coast.query<{ media: { nodes: { title: string }[] } }>(
        '{ media(first: 100) { nodes { title } } }',
      );
      return media.nodes.some(({ title }) => title === 'Moved');
    });
    expect(await stateOf(coast, ofGarden)).toMatchObject({ generation: held.generation });
    const again = await runCommand(['migrate-to', url, '--storage', storage()], {
      ...environment(),
      HEDGEROW_DATA_DIR: folderOf(garden),
    });
    expect(again).toMatchObject({ code: 1 });
  });

  it('refuses to start from the old file, and where it is taken back peers list it anew', async () => {
    await garden.stop();
    delete settings.HEDGEROW_DATABASE_URL;
    await expect(garden.start()).rejects.toThrow(
      /^This database was moved to postgresql:.*HEDGEROW_DATABASE_URL.*--take-back/,
    );
    expect(await runCommand(['user', 'list'], environment())).toMatchObject({
      code: 1,
      err: expect.stringContaining('was moved to'),
    });
    // The move itself knows that all is done.
    const again = await runCommand(['migrate-to', url, '--storage', storage()], environment());
    expect(again).toMatchObject({ code: 0, out: expect.stringContaining('nothing is left to be done') });

    const held = await stateOf(coast, ofGarden);
    expect((await runCommand(['migrate-to', '--take-back'], environment())).code).toBe(0);
    await garden.start();
    await coast.app.federation.refresh(ofGarden);
    await settled(coast, ofGarden);
    // What it was told by the other is not mixed with what it is told now.
    await eventually('a new listing', async () => {
      const { generation, listing } = await stateOf(coast, ofGarden);
      return Number(generation) > Number(held.generation) && listing === false;
    });
    const { media } = await coast.query<{ media: { nodes: { title: string }[] } }>(
      '{ media(first: 100) { nodes { title } } }',
    );
    expect(media.nodes.map(({ title }) => title)).not.toContain('Moved');
  });
});

describe.skipIf(!DIALECTS.includes('postgresql'))('hedgerow migrate-to, killed', () => {
  let folder: string;
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('goes on after kill -9, and damaged originals stop it unless they are to be left behind', async () => {
    await using garden = await startInstance('Garden');
    await garden.app.library.importFiles({ paths: [join(SAMPLES, 'garden')], visibility: 'PEERS' });
    await garden.stop();
    folder = await mkdtemp(join(tmpdir(), 'hedgerow-killed-'));
    await cp(folderOf(garden), folder, { recursive: true });
    const rows = 10_000;
    {
      await using database = await openDatabase({ dialect: 'sqlite', path: join(folder, 'hedgerow.db') });
      await database.write((tx) =>
        tx.run(
          sql`WITH RECURSIVE n (at) AS (SELECT 1 UNION ALL SELECT at + 1 FROM n WHERE at < ${rows}) INSERT INTO audit_events (id, at, actor_kind, action, outcome) SELECT 'event_' || at, at, 'SYSTEM', 'cache.damaged', 'failed' FROM n`,
        ),
      );
    }
    const url = await newPostgresUrl();
    const environment = { HEDGEROW_DATA_DIR: folder };
    await using client = await connected(url);
    // At one of its rows the server waits for a lock that this test holds: there, and nowhere else, the program is killed.
    await client.query(`
      CREATE FUNCTION wait_at(id text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN
        IF id = 'event_5000' THEN PERFORM pg_advisory_xact_lock(1); END IF;
        RETURN true;
      END $$;
      ALTER TABLE audit_events ADD CONSTRAINT wait CHECK (wait_at(id));
      SELECT pg_advisory_lock(1)`);
    const arrived = async (): Promise<number> => {
      const { rows } = await client.query<{ total: string }>(
        `SELECT total FROM hedgerow_move_tables WHERE name = 'audit_events'`,
      );
      return Number(rows[0]?.total ?? 0);
    };
    {
      await using killed = runProgram(['migrate-to', url], environment);
      const waits = async (): Promise<boolean> =>
        (await client.query(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`)).rows
          .length > 0;
      await Promise.race([
        eventually('the row at which it waits', waits, 60_000),
        killed.ended.then(({ err }) => {
          throw new Error(`It ended: ${err}`);
        }),
      ]);
      expect((await killed.kill('SIGKILL')).signal).toBe('SIGKILL');
    }
    await client.query(`SELECT pg_advisory_unlock(1); ALTER TABLE audit_events DROP CONSTRAINT wait`);
    {
      const half = await arrived();
      expect(half).toBeGreaterThan(0);
      expect(half).toBeLessThan(rows);

      const store = join(folder, 'elsewhere');
      const [bucket = ''] = await readdir(join(folder, 'media', 'originals'));
      const [name = ''] = await readdir(join(folder, 'media', 'originals', bucket));
      const path = join(folder, 'media', 'originals', bucket, name);
      const bytes = await readFile(path);
      await writeFile(path, Buffer.concat([Buffer.from('x'), bytes.subarray(1)]));
      const damaged = await runCommand(['migrate-to', url, '--storage', `file:${store}`], environment);
      expect(damaged).toMatchObject({ code: 1, out: '' });
      expect(damaged.err).toContain(`1 of the blobs are damaged (originals/${name})`);
      expect(await arrived()).toBe(half);

      const ended = await runCommand(
        ['migrate-to', url, '--storage', `file:${store}`, '--leave-damaged', '--json'],
        environment,
      );
      expect(ended.code).toBe(0);
      const report = JSON.parse(ended.out);
      expect(report).toMatchObject({
        outcome: 'moved',
        begun: 'resumed',
        blobs: { copied: 0, damagedCount: 1 },
      });
      expect(report.tables).toContainEqual(
        expect.objectContaining({ table: 'audit_events', rows: expect.any(Number) }),
      );
      const { rows: counted } = await client.query('SELECT COUNT(*) AS count FROM audit_events');
      expect(Number(counted[0].count)).toBeGreaterThanOrEqual(rows);
    }
  });
});

async function connected(url: string): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}
