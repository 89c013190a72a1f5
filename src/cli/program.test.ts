import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { APPKASK_KEY, startAppkaskServer } from '../../test/support/appkask-server.ts';
import { openApp } from '../app.ts';
import { decideConfig } from '../config/config.ts';
import { host } from '../host.ts';
import type { Host, Served } from './backend.ts';
import { runCommandLine } from './program.ts';
import { bytes, duration, printable, type Terminal, table } from './terminal.ts';

const ROOT = join(import.meta.dirname, '../..');
const GARDEN = join(ROOT, 'samples/garden');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hedgerow-cli-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

interface Ran {
  code: number;
  out: string;
  err: string;
}

/** Runs a command as the program does, over the terminal of a test. */
async function run(
  words: string[],
  options: { data?: string; input?: string; secrets?: string[]; host?: Host; interruptAt?: string } = {},
): Promise<Ran> {
  let out = '';
  let err = '';
  let interrupt = (): void => {};
  const terminal: Terminal = {
    interactive: false,
    out: (line) => {
      out += `${line}\n`;
      if (options.interruptAt !== undefined && line.includes(options.interruptAt)) interrupt();
    },
    err: (line) => {
      err += `${line}\n`;
    },
    status: () => {},
    input: async () => options.input ?? '',
    secret: async () => options.secrets?.shift() ?? null,
    onInterrupt: (callback) => {
      interrupt = callback;
      return { [Symbol.dispose]: () => {} };
    },
  };
  const code = await runCommandLine(words, {
    host: options.host ?? host,
    terminal,
    environment: environment(options.data),
  });
  return { code, out, err };
}

function environment(data = 'data'): NodeJS.ProcessEnv {
  return { HEDGEROW_DATA_DIR: join(folder, data), HEDGEROW_PORT: '0', HEDGEROW_NAME: data };
}

async function serve(data: string): Promise<Served> {
  const [{ decideConfig }, { readEnvironment }] = await Promise.all([
    import('../config/config.ts'),
    import('../config/env.ts'),
  ]);
  const { config, secrets } = decideConfig(readEnvironment(environment(data)));
  return host.serve({ ...config, logLevel: 'silent' }, secrets);
}

describe('the command line', () => {
  test('ends with 2 and a sentence for wrong usage, with 0 for help and the version', async () => {
    for (const [words, said] of [
      [['frobnicate'], /unknown command 'frobnicate'/],
      [['import'], /missing required argument 'path'/],
      [['import', 'x', '--visibility', 'everyone'], /Allowed choices are private, instance, peers, public/],
      [['invite', '--expires', '2h'], /1m to 60m/],
      [['token', 'create', 'x', '--scope', 'all'], /catalog_read/],
      [['peers', '--frob'], /unknown option '--frob'/],
    ] as const) {
      const { code, err, out } = await run([...words]);
      expect({ words, code, out }).toEqual({ words, code: 2, out: '' });
      expect(err).toMatch(said);
      expect(err).toMatch(/^hedgerow: /);
    }
    expect((await run(['--help'])).out).toContain('import [options] <path...>');
    expect(await run(['--version'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });

  test('ends with 1 and one sentence, without a stack, where something fails', async () => {
    expect(await run(['import', join(folder, 'none')])).toEqual({
      code: 1,
      out: '',
      err: `hedgerow: There is no file or folder ${join(folder, 'none')}.\n`,
    });
    expect(await run(['pair', 'nonsense'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^hedgerow: This is not an invitation code: .*\n$/),
    });
    expect(await run(['sync', 'nobody'])).toMatchObject({
      code: 1,
      err: 'hedgerow: There is no peer nobody.\n',
    });
    const broken: Host = { ...host, openFolder: () => Promise.reject(new Error('the sky fell\n at x.ts')) };
    expect(await run(['peers'], { host: broken })).toMatchObject({
      code: 1,
      err: 'hedgerow: Something went wrong: the sky fell\n',
    });
  });
});

describe('without a server', () => {
  test('an import opens the folder itself, reports each class, and a second run has nothing to do', async () => {
    await writeFile(join(folder, 'broken.jpg'), Buffer.from('ffd8ffe000104a464946', 'hex'));
    const first = await run(['import', GARDEN, join(folder, 'broken.jpg'), '--tag', 'one', '--tag', 'two']);
    expect(first.code).toBe(1); // the broken file was named itself
    expect(first.out).toMatch(/^Went through 10 files in /);
    expect(first.out).toMatch(/ 9 {2}added/);
    expect(first.out).toMatch(/ 1 {2}broken/);
    expect(first.out).toContain(`Not taken:\n  ${join(folder, 'broken.jpg')}\n`);
    const second = await run(['import', GARDEN, '--json']);
    expect(second.code).toBe(0);
    expect(JSON.parse(second.out)).toMatchObject({
      type: 'summary',
      ended: 'DONE',
      outcomes: { unchanged: 9 },
    });
  });

  test('imported items belong to whom the command names, or to the only person there is', async () => {
    const refused = await run(['import', join(GARDEN, 'sunflower.webp'), '--visibility', 'private']);
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toContain('Private items need an owner');
    await run(['user', 'add', 'Ada', '--role', 'admin']);
    const own = await run(['import', join(GARDEN, 'sunflower.webp'), '--visibility', 'private']);
    expect(own.out).toMatch(/ 1 {2}added/);
    await run(['user', 'add', 'Bob', '--role', 'editor']);
    expect((await run(['import', join(GARDEN, 'october-trees.jpg'), '--owner', 'carl'])).err).toContain(
      'There is no account named carl.',
    );
    const named = await run([
      'import',
      join(GARDEN, 'october-trees.jpg'),
      '--owner',
      'BOB',
      '--visibility',
      'private',
    ]);
    expect(named.out).toMatch(/ 1 {2}added/);
    const { config, secrets } = decideConfig({
      HEDGEROW_DATA_DIR: join(folder, 'data'),
      HEDGEROW_LOG_LEVEL: 'silent',
    });
    await using app = await openApp({ config, secrets });
    const rows = await app.database.prisma.item.findMany({ orderBy: { key: 'asc' } });
    const users = await app.access.users.list();
    expect(rows.map((row) => users.find((user) => user.id === row.ownerId)?.name)).toEqual(['Ada', 'Bob']);
  });

  test('accounts and tokens are made, listed and ended', async () => {
    expect((await run(['user', 'add', 'Ada', '--role', 'admin'])).out).toMatch(
      /^http\S+\/password#token=\S+\n$/,
    );
    expect(
      (await run(['user', 'add', 'Bob', '--password-stdin'], { input: 'correct horse battery\n' })).out,
    ).toBe('Bob can sign in as viewer.\n');
    const users = JSON.parse((await run(['user', 'list', '--json'])).out);
    expect(users).toMatchObject([
      { name: 'Ada', role: 'ADMIN' },
      { name: 'Bob', disabledAt: null, secondFactor: false },
    ]);
    const none = await run(['user', 'reset-second-factor', 'bob']);
    expect([none.code, none.err]).toEqual([1, expect.stringContaining('No second factor is in force.')]);
    expect((await run(['user', 'disable', 'bob'])).out).toBe('Bob: disabled\n');
    expect((await run(['user', 'disable', 'Ada'])).code).toBe(1);
    const made = await run([
      'token',
      'create',
      'cron',
      '--scope',
      'catalog_read,library-write',
      '--expires',
      '30d',
    ]);
    expect(made.out).toMatch(/^hedgerow_api_\S+\n$/);
    const list = await run(['token', 'list']);
    expect(list.out).toContain('catalog_read,library_write');
    expect(list.out).not.toContain(made.out.trim());
    expect((await run(['token', 'revoke', 'cron'])).code).toBe(0);
    expect(JSON.parse((await run(['token', 'list', '--json'])).out)).toEqual([]);
  });

  test('commands are in the audit, which shows the newest first and narrows', async () => {
    const { out } = await run(['token', 'create', 'backup', '--json']);
    const made = JSON.parse(out) as { id: string; token: string };
    await run(['token', 'revoke', 'nothing']);
    await run(['user', 'add', 'robin']);
    const shown = async (...words: string[]) =>
      JSON.parse((await run(['audit', '--json', ...words])).out) as Record<string, unknown>[];
    expect((await shown()).map(({ action, outcome, code, actor }) => [action, outcome, code, actor])).toEqual(
      [
        ['terminal.addUser', 'done', null, 'service'],
        ['terminal.revokeToken', 'refused', 'NOT_FOUND', 'service'],
        ['terminal.createToken', 'done', null, 'service'],
      ],
    );
    expect(await shown('--action', 'terminal.createToken')).toMatchObject([{ target: made.id }]);
    expect(await shown('--limit', '2')).toHaveLength(2);
    expect(await shown('--by', 'peer')).toEqual([]);
    expect(await shown('--since', '1h')).toHaveLength(3);
    expect(await shown('--since', '2999-01-01')).toEqual([]);
    const table = (await run(['audit'])).out;
    expect(table).toMatch(/^AT +BY +WHO +ACTION +OUTCOME +TIMES +BYTES +FROM +TARGET\n/);
    expect(table).toMatch(/ token +service +terminal\.revokeToken +refused: NOT_FOUND /);
    expect(table).not.toContain(made.token);
    expect(await run(['audit', '--peer', 'nobody'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/no peer nobody/),
    });
    for (const wrong of [
      ['--since', 'soon'],
      ['--limit', '0'],
      ['--by', 'ghost'],
    ]) {
      expect((await run(['audit', ...wrong])).code).toBe(2);
    }
  });

  test('a folder that another process holds is said to be so', async () => {
    await using held = await serve('data');
    const file = join(folder, 'data/server.json');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    await rm(file);
    const { code, err } = await run(['peers']);
    expect(code).toBe(1);
    expect(err).toMatch(/^hedgerow: Another Hedgerow process uses the data folder \S+ and does not answer;/);
    expect(held.url).toMatch(/^http:/);
  });

  test('what a server left that was killed is passed over', async () => {
    await run(['peers']);
    const left = { url: 'http://127.0.0.1:9', token: 'x', pid: 2 ** 22 };
    await writeFile(join(folder, 'data/server.json'), JSON.stringify(left));
    expect((await run(['peers'])).code).toBe(0);
    await writeFile(join(folder, 'data/server.json'), '{"url":');
    expect((await run(['peers'])).code).toBe(0);
  });
});

describe('through running servers', () => {
  test('two instances are filled, paired, synced and parted', async () => {
    await using garden = await serve('garden');
    await using coast = await serve('coast');
    expect(garden.setupUrl).toContain('/setup#token=');
    const filled = await run(['import', GARDEN, '--visibility', 'peers', '--json'], { data: 'garden' });
    expect(filled.code).toBe(0);
    const lines = filled.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toHaveLength(10);
    expect(lines.at(-1)).toMatchObject({ type: 'summary', outcomes: { added: 9 } });

    const invite = await run(['invite', '--expires', '1h', '--note', 'the coast'], { data: 'garden' });
    expect(invite.out).toMatch(/^hedgerow_pair_\S+\n$/);
    expect(invite.err).toMatch(/^It opens 9 items, works once, and for (1 h|59 min \d+ s|60 min):\n/);
    const pair = await run(['pair', '-', '--name', 'The garden'], { data: 'coast', input: invite.out });
    expect(pair).toMatchObject({ code: 0, out: 'Paired with The garden: 9 items.\n' });
    expect((await run(['pair', '-'], { data: 'coast', input: invite.out })).code).toBe(1);

    const peers = await run(['peers'], { data: 'coast' });
    expect(peers.out).toMatch(/^NAME +STATUS +HEALTH +ITEMS .*\nThe garden +active +online +9 +100 % /);
    expect((await run(['sync', 'the garden'], { data: 'coast' })).out).toMatch(/0 new, 0 changed, 0 gone/);
    expect((await run(['peers', 'pause', 'The garden'], { data: 'coast' })).out).toBe('The garden: paused\n');
    expect((await run(['peers', 'resume', 'The garden'], { data: 'coast' })).out).toBe(
      'The garden: active\n',
    );
    const { name: taker } = JSON.parse((await run(['peers', '--json'], { data: 'garden' })).out)[0];
    const limit = (...words: string[]) => run(['peers', 'limit', taker, ...words], { data: 'garden' });
    expect((await limit()).out).toBe(`${taker}: 30000 requests a minute, any speed, 64 files at once\n`);
    expect((await limit('--requests', '100', '--bytes', '5000000', '--streams', '3')).out).toBe(
      `${taker}: 100 requests a minute, 5000000 bytes a second, 3 files at once\n`,
    );
    expect(JSON.parse((await limit('--bytes', 'none', '--streams', 'default', '--json')).out)).toEqual({
      requestsPerMinute: 100,
      bytesPerSecond: null,
      concurrentStreams: 64,
    });
    expect(await limit('--requests', '0')).toMatchObject({
      code: 1,
      err: 'hedgerow: requestsPerMinute is a number from 1 to 1000000.\n',
    });
    expect((await limit('--bytes', 'fast')).code).toBe(2);
    expect((await run(['peers', 'limit', 'The garden'], { data: 'coast' })).err).toBe(
      'hedgerow: This peer takes nothing from here.\n',
    );
    expect((await run(['peers', 'rotate', 'The garden'], { data: 'coast' })).out).toBe(
      'The garden: a new credential is here\n',
    );
    const unconfirmed = await run(['key', 'rotate'], { data: 'garden' });
    expect(unconfirmed).toMatchObject({ code: 2, out: '' });
    expect(unconfirmed.err).toContain('--confirm');
    const rotated = await run(['key', 'rotate', '--confirm', '--json'], { data: 'garden' });
    const { thumbprint, former } = JSON.parse(rotated.out);
    expect(thumbprint).not.toBe(former);
    expect((await run(['sync', 'the garden'], { data: 'coast' })).code).toBe(0);
    expect((await run(['doctor'], { data: 'garden' })).out).toContain(thumbprint);
    expect((await run(['doctor'], { data: 'coast' })).out).toContain(coast.url);
    await run(['user', 'add', 'Ada', '--role', 'editor'], { data: 'coast' });
    expect((await run(['user', 'list'], { data: 'coast' })).out).toMatch(/\nAda +editor +active /);
    expect((await run(['user', 'disable', 'Bob'], { data: 'coast' })).err).toBe(
      'hedgerow: There is no account Bob.\n',
    );
    expect((await run(['peers', 'revoke', 'The garden', '--keep-cached'], { data: 'coast' })).out).toBe(
      'The garden: revoked\n',
    );
    // Once more, for what was kept.
    const [{ id }] = JSON.parse((await run(['peers', '--all', '--json'], { data: 'coast' })).out);
    expect((await run(['peers', 'revoke', id], { data: 'coast' })).out).toBe('The garden: revoked\n');
    expect((await run(['peers', 'revoke', 'Nobody'], { data: 'coast' })).code).toBe(1);
    expect((await run(['peers', '--json'], { data: 'coast' })).out).toBe('[]\n');
    expect(JSON.parse((await run(['peers', '--all', '--json'], { data: 'coast' })).out)).toHaveLength(1);
  });

  test('servers of another make are added, given a token, and their held removals decided', async () => {
    await using served = await serve('data');
    expect(served.url).toMatch(/^http:/);
    await using cask = await startAppkaskServer();
    for (let index = 0; index < 60; index += 1) cask.put(`item-${index}`);
    const tokenFile = join(folder, 'token');
    await writeFile(tokenFile, `${APPKASK_KEY}\n`);
    expect(await run(['peers', 'add', cask.url])).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/API key/),
    });
    expect((await run(['peers', 'add', cask.url, '--dialect', 'frob'])).code).toBe(2);
    const added = await run(['peers', 'add', cask.url, '--token-file', tokenFile, '--name', 'Cask']);
    expect(added).toEqual({ code: 0, out: expect.stringMatching(/^Cask: appkask, peer_/), err: '' });
    const again = await run(['peers', 'add', cask.url, '--token-file', '-'], { input: APPKASK_KEY });
    expect(again).toMatchObject({ code: 1, err: expect.stringMatching(/already/) });
    expect((await run(['sync', 'Cask'])).code).toBe(0);

    expect((await run(['peers', 'held', 'Cask'])).out).toBe('Cask: 0 items held\n');
    expect((await run(['peers', 'held', 'Cask', '--remove', '--keep'])).code).toBe(2);
    expect((await run(['peers', 'held', 'Cask', '--remove'])).code).toBe(1);
    for (let index = 1; index < 60; index += 1) cask.remove(`item-${index}`);
    expect((await run(['sync', 'Cask'])).code).toBe(0);
    const listed = await run(['peers']);
    expect(listed.out).toMatch(/\nCask +active +online +1 /);
    expect(listed.err).toMatch(/59 items would be removed at once; `hedgerow peers held` decides/);
    expect((await run(['peers', 'held', 'Cask', '--remove'])).out).toBe('Cask: 59 items removed\n');
    expect((await run(['peers', 'held', 'Cask'])).out).toBe('Cask: 0 items held\n');

    const made = await run(['peers', 'credential', 'Prints', '--dialect', 'artifex']);
    expect(made).toEqual({
      code: 0,
      out: expect.stringMatching(/^hedgerow_artifex_[A-Za-z0-9_-]{43}\n$/),
      err: expect.stringMatching(/shown this once/),
    });
    expect((await run(['peers', 'credential', 'Cask', '--dialect', 'appkask'])).err).toMatch(/only pulled/);
    expect((await run(['peers', 'credential', 'Prints'])).code).toBe(2);
  });

  test('one mutual invitation shares in both directions', async () => {
    await using _garden = await serve('garden');
    await using _coast = await serve('coast');
    for (const data of ['garden', 'coast']) {
      await run(['import', join(ROOT, 'samples', data), '--visibility', 'peers'], { data });
    }
    const wrong = await run(['invite', '--allow-private'], { data: 'garden' });
    expect(wrong).toMatchObject({ code: 2, out: '' });
    const plain = await run(['invite'], { data: 'garden' });
    const refused = await run(['pair', '-', '--share-back'], { data: 'coast', input: plain.out });
    expect(refused).toMatchObject({ code: 1, out: '' });
    expect(refused.err).toMatch(/does not ask for anything back/);

    const invite = await run(['invite', '--mutual'], { data: 'garden' });
    const pair = await run(['pair', '-', '--share-back', '--json'], { data: 'coast', input: invite.out });
    expect(pair.code).toBe(0);
    expect(JSON.parse(pair.out)).toMatchObject({ peer: { name: 'garden', mediaCount: 9 }, notice: null });
    await expect
      .poll(async () => (await run(['peers'], { data: 'garden' })).out, { timeout: 20_000 })
      .toMatch(/coast +active +online +[1-9]/);
  });

  test('Ctrl-C stops an import on the server, whose summary still comes', async () => {
    await using _server = await serve('data');
    const samples = join(ROOT, 'samples');
    const first = await run(['import', samples, '--json'], { interruptAt: '"outcome":"added"' });
    expect(first.code).toBe(1);
    const summary = JSON.parse(first.out.trim().split('\n').at(-1) ?? '');
    expect(summary).toMatchObject({ type: 'summary', ended: 'STOPPED' });
    expect(summary.files).toBeLessThan(21);
    expect((await run(['import', samples])).out).toMatch(/^Went through 21 files/);
  });

  test('nobody but the token of server.json opens the internal routes', async () => {
    await using server = await serve('data');
    const { token } = JSON.parse(await readFile(join(folder, 'data/server.json'), 'utf8'));
    const ask = async (headers: Record<string, string>, paths: unknown) => {
      const response = await fetch(`${server.url}/internal/import`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ paths }),
      });
      return { status: response.status, body: await response.text() };
    };
    expect((await ask({}, [GARDEN])).status).toBe(401);
    expect((await ask({ authorization: 'Bearer hedgerow_service_x' }, [GARDEN])).status).toBe(401);
    expect((await ask({ authorization: `Bearer ${token}` }, ['samples'])).status).toBe(400);
    const none = await ask({ authorization: `Bearer ${token}` }, [join(folder, 'none')]);
    expect(none.body).toContain('"type":"error","code":"NOT_FOUND"');
  });
});

describe('the binary', () => {
  test('serves until SIGTERM, and says where as its last line', async () => {
    const child = spawn(process.execPath, [join(ROOT, 'bin/hedgerow.js'), 'serve'], {
      env: { PATH: process.env['PATH'], ...environment(), HEDGEROW_LOG_LEVEL: 'silent' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
    let said = '';
    for await (const chunk of child.stdout.setEncoding('utf8')) {
      said += chunk;
      if (said.includes('ready on')) break;
    }
    expect(said.trimEnd().split('\n').at(-1)).toMatch(/^Hedgerow \S+ ready on http:\/\/127\.0\.0\.1:\d+$/);
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
  });

  test('ends with 1 and one sentence for a wrong setting', async () => {
    const child = spawn(process.execPath, [join(ROOT, 'bin/hedgerow.js'), 'serve'], {
      env: { PATH: process.env['PATH'], HEDGEROW_PORT: 'eighty' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = new Promise((resolve) => child.once('exit', resolve));
    expect(await text(child.stderr)).toBe('hedgerow: HEDGEROW_PORT takes a whole number from 0 to 65535.\n');
    expect(await ended).toBe(1);
  });
});

describe('what is printed', () => {
  test('stands in columns, numbers to the right, without control characters', () => {
    expect(
      table(
        ['NAME', 'ITEMS'],
        [
          ['Ü\u001b[31m', 5],
          ['Garden', 1200],
        ],
      ),
    ).toBe('NAME    ITEMS\nÜ\ufffd[31m      5\nGarden   1200');
    expect(printable('a\u202eb')).toBe('a\ufffdb');
    expect([bytes(999), bytes(1500), bytes(25_000_000)]).toEqual(['999 bytes', '1.5 kB', '25 MB']);
    expect([duration(59), duration(60), duration(3600), duration(5400), duration(200_000)]).toEqual([
      '59 s',
      '1 min',
      '1 h',
      '1 h 30 min',
      '2 days',
    ]);
  });
});
