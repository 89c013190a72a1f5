/** The master key apart from the data: what a copy without it opens (nothing), and how an instance moves with it. */

import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { request } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type RunningApp, startApp } from '../src/app.ts';
import { decideConfig } from '../src/config/config.ts';
import type { Settings } from '../src/config/env.ts';
import { runCommand } from './support/command.ts';
import { newPostgresUrl } from './support/databases.ts';
import { eventually, type Instance, pair, SAMPLES, settled, startInstance } from './support/instance.ts';

const PASSPHRASE = 'correct horse battery staple';
const TOKEN = 'moved-admin-token-of-thirty-two-characters';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hedgerow-move-'));
  await writeFile(join(folder, 'passphrase'), `${PASSPHRASE}\n`);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const withFile = () => ['--passphrase-file', join(folder, 'passphrase')];

function start(dataDir: string, settings: Settings = {}): Promise<RunningApp> {
  const { config, secrets } = decideConfig({
    HEDGEROW_DATA_DIR: dataDir,
    HEDGEROW_PORT: '0',
    HEDGEROW_ADMIN_TOKEN: TOKEN,
    HEDGEROW_PULL_INTERVAL: '604800',
    ...settings,
  });
  return startApp({ config, secrets, log: pino({ level: 'silent' }) });
}

async function ask(app: RunningApp, query: string, variables: object = {}) {
  const answer = await request(`${app.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify({ query, variables }),
  });
  // biome-ignore lint/suspicious/noExplicitAny: answers are asserted upon field by field
  return (await answer.body.json()) as any;
}

async function pullWorks(app: RunningApp, peerId: string): Promise<void> {
  const { data } = await ask(
    app,
    'mutation ($id: ID!) { refreshPeer(input: { id: $id }) { pulls { id } userErrors { code } } }',
    {
      id: peerId,
    },
  );
  const [pull] = data.refreshPeer.pulls;
  const ended = await eventually('the pull', async () => {
    const { data: now } = await ask(
      app,
      `{ node(id: "${pull.id}") { ... on Pull { state error { code } } } }`,
    );
    return /SUCCEEDED|FAILED/.test(now.node.state) && now.node;
  });
  expect(ended).toEqual({ state: 'SUCCEEDED', error: null });
}

async function importGarden(instance: Instance): Promise<void> {
  await instance.app.library.importFiles({
    paths: [join(SAMPLES, 'garden')],
    visibility: 'PEERS',
    onProgress: () => {},
    onFile: () => {},
  });
}

describe('an instance that moves to another machine', () => {
  it('starts there with no copy that lacks the key, and with the exported key goes on with every pairing', async () => {
    await using garden = await startInstance('Garden');
    await using meadow = await startInstance('Meadow');
    await importGarden(garden);
    // Both ways: Meadow holds a credential of Garden, and has issued one to it.
    const gardenId = await pair(garden, meadow);
    const meadowId = await pair(meadow, garden);
    await settled(meadow, gardenId);
    await settled(garden, meadowId);

    // While the server runs.
    const wrapped = join(folder, 'meadow.key');
    const here = { HEDGEROW_DATA_DIR: join(meadow.folder, 'data') };
    const exported = await runCommand(['key', 'export', wrapped, ...withFile()], here);
    expect(exported).toMatchObject({ code: 0, out: '' });
    expect((await stat(wrapped)).mode & 0o777).toBe(0o600);
    const port = new URL(meadow.url).port;
    await meadow.stop();

    const there = join(folder, 'there');
    await cp(join(meadow.folder, 'data'), there, {
      recursive: true,
      filter: (source) => !source.endsWith('master.key'),
    });
    await expect(start(there)).rejects.toThrow(/^The master key .*master\.key is missing, .*\.$/);
    // A refused start makes no key of its own.
    expect(await readdir(there)).not.toContain('master.key');

    const environment = { HEDGEROW_DATA_DIR: there };
    await writeFile(join(folder, 'wrong'), 'another passphrase altogether');
    expect(
      await runCommand(['key', 'import', wrapped, '--passphrase-file', join(folder, 'wrong')], environment),
    ).toEqual({
      code: 1,
      out: '',
      err: 'hedgerow: The passphrase is wrong, or the file is damaged.\n',
    });
    expect(await readdir(there)).not.toContain('master.key');
    const imported = await runCommand(['key', 'import', wrapped, ...withFile()], environment);
    expect(imported).toEqual({ code: 0, out: `${join(there, 'master.key')}: imported\n`, err: '' });
    expect((await stat(join(there, 'master.key'))).mode & 0o777).toBe(0o600);
    expect(await readFile(join(there, 'master.key'))).toEqual(
      await readFile(join(meadow.folder, 'data/master.key')),
    );

    await using moved = await start(there, { HEDGEROW_PORT: port });
    await pullWorks(moved, gardenId);
    const { refreshPeer } = await garden.query<{ refreshPeer: { pulls: { id: string }[] } }>(
      'mutation ($id: ID!) { refreshPeer(input: { id: $id }) { pulls { id } } }',
      { id: meadowId },
    );
    expect(refreshPeer.pulls).toHaveLength(1);
    await settled(garden, meadowId);
  });

  it('moves on PostgreSQL too, where the copy is of the database', async () => {
    const HEDGEROW_DATABASE_URL = await newPostgresUrl();
    await using garden = await startInstance('Garden');
    await using meadow = await startInstance('Meadow', { HEDGEROW_DATABASE_URL });
    await importGarden(garden);
    const gardenId = await pair(garden, meadow);
    await settled(meadow, gardenId);
    const { out } = await runCommand(['key', 'export', ...withFile()], {
      HEDGEROW_DATA_DIR: join(meadow.folder, 'data'),
      HEDGEROW_DATABASE_URL,
    });
    await meadow.stop();
    await writeFile(join(folder, 'meadow.key'), out);
    const there = join(folder, 'there');
    await expect(start(there, { HEDGEROW_DATABASE_URL })).rejects.toThrow(/is missing/);
    const environment = { HEDGEROW_DATA_DIR: there, HEDGEROW_DATABASE_URL };
    // The key of another instance does not open it, and is not put there.
    const gardens = await runCommand(['key', 'export', join(folder, 'garden.key'), ...withFile()], {
      HEDGEROW_DATA_DIR: join(garden.folder, 'data'),
    });
    expect(gardens.code).toBe(0);
    const wrong = await runCommand(['key', 'import', join(folder, 'garden.key'), ...withFile()], environment);
    expect(wrong).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^hedgerow: This is not the master key .*\.\n$/),
    });
    expect(
      (await runCommand(['key', 'import', join(folder, 'meadow.key'), ...withFile()], environment)).code,
    ).toBe(0);
    await using moved = await start(there, { HEDGEROW_DATABASE_URL });
    await pullWorks(moved, gardenId);
  });
});

describe('key import', () => {
  const exportedOf = async (name: string) => {
    const data = join(folder, name);
    await (await start(data))[Symbol.asyncDispose]();
    const file = join(folder, `${name}.key`);
    expect((await runCommand(['key', 'export', file, ...withFile()], { HEDGEROW_DATA_DIR: data })).code).toBe(
      0,
    );
    return { data, file };
  };

  it('never puts a key in the place of the one that opens the database', async () => {
    const one = await exportedOf('one');
    const two = await exportedOf('two');
    const before = await readFile(join(one.data, 'master.key'));
    const refused = await runCommand(['key', 'import', two.file, ...withFile()], {
      HEDGEROW_DATA_DIR: one.data,
    });
    expect(refused).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/nothing was changed\.\n$/),
    });
    expect(await readFile(join(one.data, 'master.key'))).toEqual(before);
    expect((await readdir(one.data)).filter((name) => name.startsWith('master.key'))).toEqual(['master.key']);
    const same = await runCommand(['key', 'import', one.file, ...withFile()], {
      HEDGEROW_DATA_DIR: one.data,
    });
    expect(same).toMatchObject({ code: 0, out: expect.stringMatching(/holds this key already/) });
  });

  it('puts the right key in the place of a wrong or damaged one, and sets that one aside', async () => {
    const { data, file } = await exportedOf('one');
    const right = await readFile(join(data, 'master.key'));
    for (const wrong of [Buffer.alloc(32, 7).toString('base64'), 'damaged']) {
      await writeFile(join(data, 'master.key'), wrong);
      const { code, err } = await runCommand(['key', 'import', file, ...withFile()], {
        HEDGEROW_DATA_DIR: data,
      });
      expect(code).toBe(0);
      const [, aside = ''] = /it is in (\S+) now/.exec(err) ?? [];
      expect(await readFile(aside, 'utf8')).toBe(wrong);
      expect(await readFile(join(data, 'master.key'))).toEqual(right);
    }
    await (await start(data))[Symbol.asyncDispose]();
  });

  it('comes before the database too, on a machine that has nothing yet, and makes none', async () => {
    const { file } = await exportedOf('one');
    const fresh = join(folder, 'fresh');
    expect(
      (await runCommand(['key', 'import', file, ...withFile()], { HEDGEROW_DATA_DIR: fresh })).code,
    ).toBe(0);
    expect((await readdir(fresh)).filter((name) => name.startsWith('hedgerow.db'))).toEqual([]);
    expect((await stat(fresh)).mode & 0o777).toBe(0o700);
  });

  it('leaves a folder alone on which a server runs', async () => {
    const { data, file } = await exportedOf('one');
    await using _running = await start(data);
    await rm(join(data, 'master.key'));
    const refused = await runCommand(['key', 'import', file, ...withFile()], { HEDGEROW_DATA_DIR: data });
    expect(refused).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^hedgerow: Another Hedgerow process/),
    });
    expect(await readdir(data)).not.toContain('master.key');
  });

  it('says so where the setting would be looked at in its place', async () => {
    const { data, file } = await exportedOf('one');
    const HEDGEROW_MASTER_KEY = Buffer.alloc(32, 7).toString('base64');
    const refused = await runCommand(['key', 'import', file, ...withFile()], {
      HEDGEROW_DATA_DIR: data,
      HEDGEROW_MASTER_KEY,
    });
    expect(refused).toMatchObject({ code: 1, err: expect.stringMatching(/HEDGEROW_MASTER_KEY is set/) });
  });
});

describe('key export', () => {
  it('makes no key where there is none, and overwrites no file', async () => {
    const data = join(folder, 'none');
    const none = await runCommand(['key', 'export', ...withFile()], { HEDGEROW_DATA_DIR: data });
    expect(none).toMatchObject({ code: 1, out: '', err: expect.stringMatching(/master\.key is missing/) });
    await (await start(data))[Symbol.asyncDispose]();
    const file = join(folder, 'passphrase');
    const there = await runCommand(['key', 'export', file, ...withFile()], { HEDGEROW_DATA_DIR: data });
    expect(there).toMatchObject({ code: 1, err: expect.stringMatching(/is there already/) });
    expect(await readFile(file, 'utf8')).toBe(`${PASSPHRASE}\n`);
  });

  it('takes the passphrase from a file, a setting, or a person who types it twice', async () => {
    const data = join(folder, 'one');
    await (await start(data))[Symbol.asyncDispose]();
    const environment = { HEDGEROW_DATA_DIR: data };
    const ways = [
      await runCommand(['key', 'export', ...withFile()], environment),
      await runCommand(['key', 'export'], { ...environment, HEDGEROW_KEY_PASSPHRASE: PASSPHRASE }),
      await runCommand(['key', 'export'], {
        ...environment,
        HEDGEROW_KEY_PASSPHRASE_FILE: join(folder, 'passphrase'),
      }),
      await runCommand(['key', 'export'], environment, [PASSPHRASE, PASSPHRASE]),
    ];
    for (const [index, { code, out }] of ways.entries()) {
      expect(code, String(index)).toBe(0);
      const file = join(folder, `${index}.key`);
      await writeFile(file, out);
      const back = await runCommand(['key', 'import', file], environment, [PASSPHRASE]);
      expect(back).toMatchObject({ code: 0, out: expect.stringMatching(/holds this key already/) });
    }
    expect(
      await runCommand(['key', 'export'], environment, [PASSPHRASE, 'something else here']),
    ).toMatchObject({
      code: 1,
      err: 'hedgerow: The two passphrases are not the same.\n',
    });
    expect((await runCommand(['key', 'export'], environment)).err).toMatch(
      /^hedgerow: There is no passphrase: /,
    );
    expect((await runCommand(['key', 'export'], environment, ['hunter2', 'hunter2'])).err).toMatch(
      /12 to 1000 characters/,
    );
  });
});
