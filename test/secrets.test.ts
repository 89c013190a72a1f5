/**
 * Two instances live through everything that has a secret, at the most talkative log level. Then every log line,
 * database file, snapshot, audit and answer is searched for every secret that was made, in every form.
 */

import { randomBytes } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { Writable } from 'node:stream';
import { getNamedType, isObjectType } from 'graphql';
import { Secret } from 'otpauth';
import pg from 'pg';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommandLine } from '../src/cli/program.ts';
import type { Terminal } from '../src/cli/terminal.ts';
import type { Settings } from '../src/config/env.ts';
import { openDatabase } from '../src/database/database.ts';
import { MIGRATIONS } from '../src/database/migrations.ts';
import { raw } from '../src/database/sql.ts';
import { hashPeerToken, openPeerToken } from '../src/federation/credentials.ts';
import { privateSeed } from '../src/federation/identity/keys.ts';
import { parseInvitationCode } from '../src/federation/pairing/invitation-code.ts';
import { schema } from '../src/graphql/schema.ts';
import { host } from '../src/host.ts';
import { deriveKey } from '../src/lib/seal.ts';
import { createLog } from '../src/log.ts';
import { newPostgresUrl } from './support/databases.ts';
import { ADMIN_TOKEN, type Instance, pair, SAMPLES, settled, startInstance } from './support/instance.ts';
import { codeAt, wrongCodeAt } from './support/one-time-codes.ts';
import { createWireClient, serverAt } from './support/wire-client.ts';

/** What must be nowhere, by what it is. */
class Secrets {
  readonly #forms = new Map<string, Buffer[]>();

  /** A text: itself, what it decodes to, and its usual encodings. */
  text(name: string, value: string): void {
    if (value.length < 8) throw new Error(`${name} is too short to be searched for.`);
    const bytes = Buffer.from(value);
    const forms = [value, bytes.toString('hex'), bytes.toString('base64'), bytes.toString('base64url')];
    forms.push(JSON.stringify(value).slice(1, -1), encodeURIComponent(value));
    this.#add(
      name,
      forms.map((form) => Buffer.from(form)),
    );
    const random = /_([A-Za-z0-9_-]{43})$/.exec(value)?.[1];
    if (random !== undefined) {
      this.#add(name, [Buffer.from(random)]);
      this.bytes(name, Buffer.from(random, 'base64url'));
    }
  }

  /** Bytes: raw, and in each encoding. */
  bytes(name: string, value: Uint8Array): void {
    const bytes = Buffer.from(value);
    const forms = (['hex', 'base64', 'base64url'] as const).map((form) => Buffer.from(bytes.toString(form)));
    forms.push(
      Buffer.from(bytes.toString('hex').toUpperCase()),
      Buffer.from(bytes.toString('base64').replace(/=+$/, '')),
    );
    this.#add(name, [bytes, ...forms]);
  }

  #add(name: string, forms: Buffer[]): void {
    this.#forms.set(name, [...(this.#forms.get(name) ?? []), ...forms]);
  }

  get size(): number {
    return this.#forms.size;
  }

  /** Names of those that are in there. */
  in(content: Buffer | string, except: readonly string[] = []): string[] {
    const bytes = Buffer.isBuffer(content) ? content : Buffer.from(content);
    return [...this.#forms]
      .filter(([name, forms]) => !except.includes(name) && forms.some((form) => bytes.includes(form)))
      .map(([name]) => name);
  }
}

interface SeenAnswer {
  what: string;
  text: string;
  /** Secrets that it was meant to show. */
  meant: string[];
}

interface GraphqlAnswer {
  // biome-ignore lint/suspicious/noExplicitAny: answers are read field by field
  data: any;
  errors?: { extensions: { code: string } }[];
}

const secrets = new Secrets();
const answers: SeenAnswer[] = [];
let folder: string;
let garden: Instance;
let meadow: Instance;
let meadowUrl: string;
let log = '';
const into = new Writable({
  write: (chunk, _encoding, done) => {
    log += chunk;
    done();
  },
});

/** An answer over HTTP, kept to be searched; with the admin's token unless another header is given. */
async function ask(
  instance: Instance,
  what: string,
  options: {
    path?: string;
    method?: string;
    body?: unknown;
    headers?: Record<string, string>;
    meant?: string[];
  } = {},
) {
  const { path = '/graphql', method = 'POST', body, headers = {}, meant = [] } = options;
  const answer = await request(`${instance.url}${path}`, {
    method: method as 'GET',
    headers: { 'content-type': 'application/json', ...headers },
    body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await answer.body.text();
  // A cookie is meant for the browser that gets it.
  const { 'set-cookie': cookies, ...others } = answer.headers;
  answers.push({ what, text: `${JSON.stringify(others)}\n${text}`, meant });
  return { status: answer.statusCode, text, cookies: [cookies ?? []].flat() };
}

const AS_ADMIN = { authorization: `Bearer ${ADMIN_TOKEN}` };

async function graphql(
  instance: Instance,
  query: string,
  variables: object = {},
  meant: string[] = [],
): Promise<GraphqlAnswer> {
  const { text } = await ask(instance, query, {
    body: { query, variables },
    headers: AS_ADMIN,
    meant,
  });
  return JSON.parse(text) as GraphqlAnswer;
}

/** A command of the terminal on the running server; what it printed is kept to be searched. */
async function command(
  instance: Instance,
  words: string[],
  options: { input?: string; meant?: string[] } = {},
) {
  let text = '';
  const say = (line: string) => {
    text += `${line}\n`;
  };
  const terminal: Terminal = {
    interactive: false,
    out: say,
    err: say,
    status: () => {},
    input: async () => options.input ?? '',
    secret: async () => null,
    onInterrupt: () => ({ [Symbol.dispose]: () => {} }),
  };
  const environment = { HEDGEROW_DATA_DIR: join(instance.folder, 'data'), HEDGEROW_LOG_LEVEL: 'trace' };
  const code = await runCommandLine(words, { host, terminal, environment });
  answers.push({ what: `hedgerow ${words.slice(0, 2).join(' ')}`, text, meant: options.meant ?? [] });
  return { code, text };
}

function noteCode(name: string, code: string): void {
  secrets.text(name, code);
  secrets.bytes(`${name}: seed`, privateSeed(parseInvitationCode(code).key));
}

function start(name: string, settings: Settings = {}): Promise<Instance> {
  return startInstance(name, settings, {}, createLog('trace', into));
}

/** What the instance keeps by itself: its keys, and the tokens that it holds. */
async function noteOwn(name: string, instance: Instance): Promise<void> {
  const data = join(instance.folder, 'data');
  const masterKey = Buffer.from((await readFile(join(data, 'master.key'), 'utf8')).trim(), 'base64');
  secrets.bytes(`${name}: master key`, masterKey);
  secrets.bytes(`${name}: key of cookies`, deriveKey(masterKey, 'hedgerow/session-cookies/1'));
  const { token } = JSON.parse(await readFile(join(data, 'server.json'), 'utf8')) as { token: string };
  secrets.text(`${name}: service token`, token);
  const { prisma } = instance.app.database;
  const peers = await prisma.peer.findMany();
  for (const peer of peers.flatMap(({ id, sealedToken, sealedNextToken }) => [
    { id, sealed: sealedToken },
    { id, sealed: sealedNextToken },
  ])) {
    if (peer.sealed === null) continue;
    const held = openPeerToken(masterKey, peer.id, peer.sealed);
    if (held === undefined) throw new Error('A sealed token does not open.');
    secrets.text(`${name}: token held for ${peer.id}`, held);
    const hash = hashPeerToken(held);
    const issuer = instance === garden ? meadow : garden;
    // What is searched for is the real one: the other side knows it by its hash.
    expect(await issuer.app.database.prisma.peerCredential.count({ where: { hash } })).toBe(1);
  }
  const { open } = await import('../src/lib/seal.ts');
  const id = await prisma.setting.findUniqueOrThrow({ where: { key: 'instance-id' } });
  for (const key of await prisma.instanceKey.findMany({ where: { NOT: { sealedSeed: null } } })) {
    const seed = open(deriveKey(masterKey, 'hedgerow/instance-key/1'), id.value, key.sealedSeed ?? '');
    if (seed === undefined) throw new Error('The key of the instance does not open.');
    secrets.bytes(`${name}: seed ${key.number}`, seed);
  }
}

/** Mutations that answer a secret, each as it is asked for one; the invitations are made where they are used. */
const MAKERS: Record<string, { input: string; field: string } | 'elsewhere'> = {
  createInvitation: 'elsewhere',
  createUser: { input: '{ name: "Sandy", role: VIEWER }', field: 'setupUrl' },
  createApiToken: { input: '{ name: "made", scopes: [CATALOG_READ] }', field: 'token' },
  createPeerCredential: { input: '{ name: "made", dialect: ARTIFEX }', field: 'token' },
  updateUser: 'elsewhere',
  // It names a token, and answers none.
  revokeApiToken: 'elsewhere',
  // In a session alone.
  beginSecondFactor: 'elsewhere',
  confirmSecondFactor: 'elsewhere',
  renewRecoveryCodes: 'elsewhere',
};

function mutations(): { name: string; fields: string[] }[] {
  return Object.values(schema.getMutationType()?.getFields() ?? {}).map(({ name, type }) => {
    const payload = getNamedType(type);
    return { name, fields: isObjectType(payload) ? Object.keys(payload.getFields()) : [] };
  });
}

const has = (name: string) => mutations().some((mutation) => mutation.name === name);

/** Secrets that are made by mutations, and those that are made anew by rotation, where this version has these. */
async function makeAndRotate(gardenId: string): Promise<void> {
  for (const [name, maker] of Object.entries(MAKERS)) {
    if (maker === 'elsewhere' || !has(name)) continue;
    const { data } = await graphql(
      garden,
      `mutation { ${name}(input: ${maker.input}) { ${maker.field} } }`,
      {},
      [name],
    );
    secrets.text(name, String(data[name][maker.field]).replace(/^.*#token=/, ''));
  }
  const people = await graphql(garden, '{ users { nodes { id name } } }');
  const { id } = people.data.users.nodes.find(({ name }: { name: string }) => name === 'Sandy');
  const reset = 'mutation ($id: ID!) { updateUser(input: { id: $id, resetPassword: true }) { setupUrl } }';
  const { data } = await graphql(garden, reset, { id }, ['updateUser']);
  secrets.text('updateUser', String(data.updateUser.setupUrl).replace(/^.*#token=/, ''));
  if (has('rotatePeerCredential')) {
    const rotate = 'mutation ($id: ID!) { rotatePeerCredential(input: { id: $id }) { userErrors { code } } }';
    expect((await graphql(meadow, rotate, { id: gardenId })).data.rotatePeerCredential.userErrors).toEqual(
      [],
    );
    await noteOwn('Meadow', meadow);
    await graphql(meadow, 'mutation ($id: ID!) { refreshPeer(input: { id: $id }) { userErrors { code } } }', {
      id: gardenId,
    });
    await settled(meadow, gardenId);
  }
  if (has('rotateInstanceKey')) {
    await graphql(garden, 'mutation { rotateInstanceKey(input: { confirm: true }) { userErrors { code } } }');
    await noteOwn('Garden', garden);
    await settled(meadow, gardenId);
  }
}

/** Accounts, sessions and tokens of one instance, and every way in which they are refused. */
async function liveAsPeople(instance: Instance, name: string): Promise<void> {
  const password = `${name}-password-${randomBytes(9).toString('hex')}`;
  const second = `${name}-second-${randomBytes(9).toString('hex')}`;
  const wrong = `${name}-wrong-${randomBytes(9).toString('hex')}`;
  for (const each of [password, second, wrong]) secrets.text(`${name}: ${each.split('-')[1]} password`, each);

  const setup = await instance.app.access.setup.link();
  const setupToken = setup.split('token=')[1] ?? '';
  secrets.text(`${name}: set-up token`, setupToken);
  const post = (what: string, path: string, body: unknown, headers: Record<string, string> = {}) =>
    ask(instance, what, { path, body, headers });
  await post('set-up with a weak password', '/setup', { token: setupToken, name: 'Ada', password: 'short' });
  const first = await post('set-up', '/setup', { token: setupToken, name: 'Ada', password });
  expect(first.status).toBe(200);
  await post('set-up again', '/setup', { token: setupToken, name: 'Ada', password });
  const signedIn = await post('sign in', '/session', { name: 'Ada', password });
  expect(signedIn.status).toBe(200);
  const cookie = signedIn.cookies[0]?.split(';')[0] ?? '';
  const value = decodeURIComponent(cookie.slice(cookie.indexOf('=') + 1));
  expect(value).toMatch(/^\S{20,}\.\S{20,}$/);
  secrets.text(`${name}: cookie`, value);
  secrets.text(`${name}: session token`, value.slice(0, value.lastIndexOf('.')));
  const who = await ask(instance, 'who', { path: '/session', method: 'GET', headers: { cookie } });
  expect(who.status).toBe(200);
  await post('sign in, wrongly', '/session', { name: 'Ada', password: wrong });
  await post('sign in, the password as the name', '/session', { name: password, password: 'Ada' });
  await post('sign in, not JSON', '/session', `{"name": "Ada", "password": "${password}"`);
  await post('sign in, no text', '/session', { name: 'Ada', password: { $ne: password } });
  await ask(instance, 'a forged cookie', {
    path: '/session',
    method: 'GET',
    headers: { cookie: `${cookie}x` },
  });
  await ask(instance, 'another site', {
    body: { query: '{ viewer { role } }' },
    headers: { cookie, origin: 'https://evil.example' },
  });

  const added = await command(instance, ['user', 'add', 'robin', '--password-stdin'], {
    input: `${second}\n`,
  });
  expect(added.code).toBe(0);
  const reset = await command(instance, ['user', 'reset-password', 'robin', '--json'], {
    meant: [`${name}: link token`],
  });
  const link = /#token=([A-Za-z0-9_-]+)/.exec(reset.text)?.[1] ?? '';
  secrets.text(`${name}: link token`, link);
  await post('a link, with a weak password', '/password', { token: link, password: 'short' });
  expect((await post('a link', '/password', { token: link, password: second })).status).toBe(200);
  await post('a link again', '/password', { token: link, password: second });

  const made = await command(instance, ['token', 'create', 'reader', '--json'], {
    meant: [`${name}: api token`],
  });
  const { token, id } = JSON.parse(made.text) as { token: string; id: string };
  secrets.text(`${name}: api token`, token);
  const bearer = { authorization: `Bearer ${token}` };
  expect(
    (await ask(instance, 'by token', { body: { query: '{ viewer { role } }' }, headers: bearer })).status,
  ).toBe(200);
  await ask(instance, 'by token, too much', {
    body: { query: '{ auditEvents { nodes { id } } }' },
    headers: bearer,
  });
  const asAda = { headers: { cookie } };
  const begun = await ask(instance, 'a second factor begun', {
    ...asAda,
    body: {
      query: 'mutation ($p: String!) { beginSecondFactor(input: { currentPassword: $p }) { secret url } }',
      variables: { p: password },
    },
    meant: [`${name}: secret of the app`],
  });
  const { secret } = JSON.parse(begun.text).data.beginSecondFactor as { secret: string };
  secrets.text(`${name}: secret of the app`, secret.replaceAll(' ', ''));
  secrets.text(`${name}: secret of the app`, secret);
  secrets.bytes(`${name}: secret of the app`, Secret.fromBase32(secret.replaceAll(' ', '')).bytes);
  const confirm = (code: string, meant: string[] = []) =>
    ask(instance, 'a second factor confirmed', {
      ...asAda,
      body: {
        query:
          'mutation ($c: String!) { confirmSecondFactor(input: { code: $c }) { recoveryCodes userErrors { code } } }',
        variables: { c: code },
      },
      meant,
    });
  await confirm(wrongCodeAt(secret));
  const confirmed = await confirm(
    codeAt(secret),
    [0, 1].map((at) => `${name}: recovery code ${at}`),
  );
  const codes = JSON.parse(confirmed.text).data.confirmSecondFactor.recoveryCodes as string[];
  for (const [at, code] of codes.slice(0, 2).entries()) {
    secrets.text(`${name}: recovery code ${at}`, code);
    secrets.text(`${name}: recovery code ${at}`, code.replaceAll('-', ''));
  }
  await post('sign in without a code', '/session', { name: 'Ada', password });
  await post('sign in with a wrong code', '/session', { name: 'Ada', password, code: codes[0]?.slice(1) });
  const [, recovery] = codes;
  expect(
    (await post('sign in with a code', '/session', { name: 'Ada', password, code: recovery })).status,
  ).toBe(200);
  await post('sign in with a code again', '/session', { name: 'Ada', password, code: recovery });
  await command(instance, ['user', 'list', '--json']);

  await command(instance, ['token', 'list', '--json']);
  await command(instance, ['token', 'revoke', id]);
  const revoked = await ask(instance, 'by a revoked token', {
    body: { query: '{ viewer { role } }' },
    headers: bearer,
  });
  expect(revoked.status).toBe(401);
  await ask(instance, 'a token in the query', { path: `/session?access_token=${token}`, method: 'GET' });
  await ask(instance, 'sign out', { path: '/session', method: 'DELETE', headers: { cookie } });
}

async function rename(instance: Instance, table: string, name: string): Promise<void> {
  await instance.app.database.write((tx) => tx.run(raw(`ALTER TABLE ${table} RENAME TO ${name}`)));
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hedgerow-secrets-'));
  const url = new URL(await newPostgresUrl());
  meadowUrl = url.href;
  garden = await start('Garden');
  meadow = await start('Meadow', { HEDGEROW_DATABASE_URL: url.href });
  secrets.text('admin token', ADMIN_TOKEN);
  await garden.app.library.importFiles({
    paths: [join(SAMPLES, 'garden')],
    visibility: 'PEERS',
    onProgress: () => {},
    onFile: () => {},
  });

  // Pairing both ways, and with a client of our own.
  const invite = 'mutation { createInvitation(input: {}) { code } }';
  const gardenId = await pair(garden, meadow);
  const meadowId = await pair(meadow, garden);
  await settled(meadow, gardenId);
  await settled(garden, meadowId);
  await noteOwn('Garden', garden);
  await noteOwn('Meadow', meadow);

  const used = (await graphql(garden, invite, {}, ['used code', 'used code: seed'])).data.createInvitation
    .code;
  noteCode('used code', used);
  const served = await serverAt(garden.url);
  const client = createWireClient();
  const redeemed = await client.redeem(served, used);
  const { token } = redeemed.body.credential;
  secrets.text('token of a client', token);
  expect((await client.ask(served, token, '/federation/v1/media')).status).toBe(200);
  // The second answer carries another token; the refusals carry none.
  const stranger = createWireClient();
  for (const answer of [
    await stranger.redeem(served, used),
    await client.redeem(served, used),
    await stranger.ask(served, token, '/federation/v1/media'),
    await client.ask(served, token, '/federation/v1/media', { now: new Date(0) }),
    await client.ask(served, token, `/federation/v1/media?after=${token}`),
    await client.ask(served, `${token.slice(0, -1)}A`, '/federation/v1/media'),
  ]) {
    answers.push({ what: 'a refused request of a peer', text: JSON.stringify(answer.body), meant: [] });
  }

  // Codes that are never used, cancelled, mistyped, sent to the wrong server or put where they do not belong.
  const open = (await graphql(garden, invite, {}, ['open code', 'open code: seed'])).data.createInvitation
    .code;
  noteCode('open code', open);
  const printed = await command(garden, ['invite'], { meant: ['printed code', 'printed code: seed'] });
  const code = /hedgerow_pair_\S+/.exec(printed.text)?.[0] ?? '';
  noteCode('printed code', code);
  const cancel = 'mutation ($id: ID!) { cancelInvitation(input: { id: $id }) { userErrors { message } } }';
  await graphql(garden, cancel, { id: parseInvitationCode(code).id });
  const take =
    'mutation ($code: String!) { pairWithPeer(input: { invitation: $code }) { userErrors { code message } } }';
  for (const wrong of [code, used, `${open}x`, open.slice(0, -1)])
    await graphql(meadow, take, { code: wrong });
  await graphql(garden, take, { code: open });
  await graphql(meadow, cancel, { id: open });
  await graphql(meadow, 'mutation ($id: ID!) { revokePeer(input: { id: $id }) { userErrors { message } } }', {
    id: open,
  });
  await command(meadow, ['pair', code]);
  await command(meadow, ['pair', `${open}x`]);
  // Nobody answers there.
  await graphql(
    meadow,
    'mutation ($code: String!) { pairWithPeer(input: { invitation: $code, endpoint: "http://127.0.0.1:9" }) { userErrors { code message } } }',
    { code: open },
  );

  await liveAsPeople(garden, 'Garden');
  await liveAsPeople(meadow, 'Meadow');

  // Faults of our own, in the middle of what has a secret.
  const password = `nobody-${randomBytes(9).toString('hex')}`;
  secrets.text('password while something fails', password);
  const faults: [table: string, work: () => Promise<unknown>][] = [
    ['invitations', () => graphql(garden, invite)],
    ['invitations', () => client.redeem(served, open)],
    ['peer_credentials', () => createWireClient().redeem(served, open)],
    ['peer_credentials', () => client.ask(served, token, '/federation/v1/media')],
    ['pairing_attempts', () => graphql(garden, take, { code: foreign })],
    ['sessions', () => ask(garden, 'sign in', { path: '/session', body: { name: 'robin', password } })],
    ['accounts', () => ask(garden, 'sign in', { path: '/session', body: { name: 'robin', password } })],
    ['accounts', () => command(garden, ['user', 'add', 'alex', '--password-stdin'], { input: password })],
    ['api_tokens', () => command(garden, ['token', 'create', 'broken'])],
    ['verifications', () => command(garden, ['user', 'reset-password', 'robin'])],
  ];
  const foreign = (await graphql(meadow, invite, {}, ['foreign code', 'foreign code: seed'])).data
    .createInvitation.code;
  noteCode('foreign code', foreign);
  const before = log.length;
  for (const [table, work] of faults) {
    await rename(garden, table, `hidden_${table}`);
    try {
      await work();
    } finally {
      await rename(garden, `hidden_${table}`, table);
    }
  }
  await makeAndRotate(gardenId);
  expect(log.slice(before).match(/"level":50/g)?.length).toBeGreaterThanOrEqual(4);

  await graphql(meadow, 'mutation ($id: ID!) { revokePeer(input: { id: $id }) { userErrors { code } } }', {
    id: gardenId,
  });
  await graphql(garden, 'mutation ($id: ID!) { refreshPeer(input: { id: $id }) { userErrors { code } } }', {
    id: meadowId,
  });
  await settled(garden, meadowId, 'AUTH_FAILED').catch(() => {});
  for (const instance of [garden, meadow]) {
    for (const format of ['ndjson', 'csv']) {
      await ask(instance, 'the audit', {
        path: `/audit.${format}`,
        method: 'GET',
        headers: AS_ADMIN,
      });
    }
    await graphql(instance, '{ auditEvents(first: 500) { nodes { actor action target detail } } }');
    await graphql(
      instance,
      '{ invitations { nodes { id note } } peers(status: [ACTIVE, PAUSED, REVOKED]) { nodes { id operations { endpoint thumbprint } } } }',
    );
  }
});

afterAll(async () => {
  await meadow?.[Symbol.asyncDispose]();
  await garden?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function filesBelow(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** Every row of every table, as text; bytes in hex. */
async function dump(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const tables = await client.query<{ name: string }>(
      "SELECT quote_ident(tablename) AS name FROM pg_tables WHERE schemaname = 'public'",
    );
    let text = '';
    for (const { name } of tables.rows) {
      const { rows } = await client.query<{ row: string }>(
        `SELECT row_to_json(t)::text AS row FROM ${name} t`,
      );
      text += `${name}\n${rows.map(({ row }) => row).join('\n')}\n`;
    }
    return text;
  } finally {
    await client.end();
  }
}

describe('after all of that, no secret', () => {
  it('is missing from the search: as many are looked for as were made, and what is there is found', async () => {
    expect(secrets.size).toBeGreaterThan(30);
    // The search does find: each of these was meant to show what it shows.
    const shown = answers.filter(({ meant }) => meant.length > 0);
    expect(shown.length).toBeGreaterThanOrEqual(7);
    for (const { what, text, meant } of shown) {
      expect(secrets.in(text), what).toEqual(expect.arrayContaining(meant.slice(0, 1)));
    }
    const key = await readFile(join(garden.folder, 'data/master.key'));
    expect(secrets.in(key)).toEqual(['Garden: master key']);
    // And it looked where something is: log, tables and files tell of what happened.
    expect(log).toContain('refused a peer');
    expect(log.split('\n').length).toBeGreaterThan(10);
    expect(await dump(meadowUrl)).toContain('session.begin');
  });

  it('is made by a mutation that nobody has thought of here', () => {
    const answering = mutations().filter(({ fields }) =>
      fields.some((field) => /token|code|secret|password|passphrase|seed|setupUrl|link/i.test(field)),
    );
    expect(answering.map(({ name }) => name).filter((name) => !Object.hasOwn(MAKERS, name))).toEqual([]);
  });

  it('is in any line of the log', () => {
    expect(log.split('\n').filter((line) => secrets.in(line).length > 0)).toEqual([]);
  });

  it('is in any answer, error, or output of a command that was not meant to show it', () => {
    const found = answers
      .map(({ what, text, meant }) => ({ what, leaked: secrets.in(text, meant) }))
      .filter(({ leaked }) => leaked.length > 0);
    expect(found).toEqual([]);
  });

  it('is in any row of PostgreSQL', async () => {
    expect(secrets.in(await dump(meadowUrl))).toEqual([]);
  });

  it('is in any file of a data folder while the server runs, WAL and shared memory included', async () => {
    await searchFiles();
  });

  it('is in a backup, or in the copy that is made before a migration', async () => {
    const copy = join(folder, 'copy');
    await mkdir(copy);
    await garden.app.database.write(async () => {
      for (const name of ['hedgerow.db', 'hedgerow.db-wal']) {
        await cp(join(garden.folder, 'data', name), join(copy, name));
      }
    });
    const migrations = join(folder, 'migrations');
    await cp(MIGRATIONS, migrations, { recursive: true });
    const next = join(migrations, 'sqlite/29990101000000_next');
    await mkdir(next);
    await writeFile(join(next, 'migration.sql'), 'CREATE TABLE next (id INTEGER PRIMARY KEY);');
    const snapshots: string[] = [];
    const path = join(copy, 'hedgerow.db');
    const database = await openDatabase(
      { dialect: 'sqlite', path },
      { migrations, onSnapshot: (made) => snapshots.push(made) },
    );
    expect(await database.prisma.auditEvent.count()).toBeGreaterThan(20);
    await database[Symbol.asyncDispose]();
    expect(snapshots).toHaveLength(1);
    for (const file of await filesBelow(copy)) {
      expect(secrets.in(await readFile(file)), relative(copy, file)).toEqual([]);
    }
  });

  it('is in any file of a data folder after the server has ended', async () => {
    await garden.stop();
    await meadow.stop();
    await searchFiles();
    expect(log.split('\n').filter((line) => secrets.in(line).length > 0)).toEqual([]);
  });
});

/** But for the two files whose whole purpose it is, and those have no other secret than their own. */
async function searchFiles(): Promise<void> {
  const found: Record<string, string[]> = {};
  for (const [name, instance] of [
    ['Garden', garden],
    ['Meadow', meadow],
  ] as const) {
    const data = join(instance.folder, 'data');
    const files = await filesBelow(data);
    expect(files.length).toBeGreaterThan(name === 'Garden' ? 8 : 1);
    for (const file of files) {
      const own: Record<string, string[]> = {
        'master.key': [`${name}: master key`],
        'server.json': [`${name}: service token`],
      };
      const leaked = secrets.in(await readFile(file), own[relative(data, file)]);
      if (leaked.length > 0) found[`${name}/${relative(data, file)}`] = leaked;
    }
  }
  expect(found).toEqual({});
}
