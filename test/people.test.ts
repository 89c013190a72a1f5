/** Accounts, sessions and tokens as people and programs reach them: over GraphQL, on a running instance. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Instance, startInstance } from './support/instance.ts';
import { codeAt, wrongCodeAt } from './support/one-time-codes.ts';
import { cookieOf, nobody, PASSWORD, type Person, signedIn, signInAs, withToken } from './support/people.ts';

const CREATE_TOKEN = `mutation ($input: CreateApiTokenInput!) { createApiToken(input: $input) {
  token apiToken { id name prefix scopes expiresAt lastUsedAt } userErrors { code field message } } }`;
const REVOKE_TOKEN = `mutation ($id: ID!) { revokeApiToken(input: { id: $id }) { apiToken { id revokedAt } userErrors { code } } }`;
const END_SESSION = `mutation ($id: ID!) { endSession(input: { id: $id }) { endedSessionId userErrors { code } } }`;
const CREATE_USER = `mutation ($input: CreateUserInput!) { createUser(input: $input) {
  user { id name role disabledAt } setupUrl userErrors { code field } } }`;
const UPDATE_USER = `mutation ($input: UpdateUserInput!) { updateUser(input: $input) {
  user { id name role disabledAt } setupUrl userErrors { code field message } } }`;
const BEGIN = `mutation ($currentPassword: String!) { beginSecondFactor(input: { currentPassword: $currentPassword }) {
  secret url userErrors { code field } } }`;
const CONFIRM = `mutation ($code: String!) { confirmSecondFactor(input: { code: $code }) {
  recoveryCodes userErrors { code field } } }`;
const RENEW = `mutation ($currentPassword: String!, $code: String!) {
  renewRecoveryCodes(input: { currentPassword: $currentPassword, code: $code }) { recoveryCodes userErrors { code field } } }`;
const END = `mutation ($currentPassword: String!, $code: String!) {
  endSecondFactor(input: { currentPassword: $currentPassword, code: $code }) { userErrors { code field } } }`;
const RESET = `mutation ($id: ID!) { resetSecondFactor(input: { id: $id }) { user { id secondFactor } userErrors { code field } } }`;
const SECOND_FACTOR = '{ viewer { secondFactor { since recoveryCodesLeft } } }';
const VIEWER = `{ viewer { user { id } role scopes apiTokens { id name prefix lastUsedAt } sessions { id userAgent current createdAt lastSeenAt } } }`;

let instance: Instance;
let admin: Person;
let editor: Person;

beforeAll(async () => {
  instance = await startInstance('Garden');
  admin = await signedIn(instance, 'Ada', 'ADMIN');
  editor = await signedIn(instance, 'Edda', 'EDITOR');
});

afterAll(() => instance[Symbol.asyncDispose]());

const codeOf = ({ errors }: { errors: { extensions?: { code?: string } }[] | undefined }) =>
  errors?.[0]?.extensions?.code;

test('a person makes a token, sees it once, uses it, finds it in the list, and revokes it', async () => {
  const { data } = await editor.ask(CREATE_TOKEN, {
    input: {
      name: 'backup',
      scopes: ['CATALOG_READ'],
      expiresAt: new Date(Date.now() + 60_000).toISOString(),
    },
  });
  const { token, apiToken, userErrors } = data.createApiToken;
  expect(userErrors).toEqual([]);
  expect(token).toMatch(/^hedgerow_api_[A-Za-z0-9_-]{43}$/);
  expect(apiToken).toMatchObject({ name: 'backup', scopes: ['CATALOG_READ'], lastUsedAt: null });
  expect(token.startsWith(apiToken.prefix)).toBe(true);

  const program = { ...nobody(instance) };
  const bearer = { authorization: `Bearer ${token}` };
  expect((await program.ask(VIEWER, {}, bearer)).data.viewer).toMatchObject({
    user: { id: editor.id },
    role: 'VIEWER',
    scopes: ['CATALOG_READ'],
  });
  const listed = (await editor.ask(VIEWER)).data.viewer.apiTokens;
  expect(listed).toEqual([
    { id: apiToken.id, name: 'backup', prefix: apiToken.prefix, lastUsedAt: expect.any(String) },
  ]);
  expect(JSON.stringify(listed)).not.toContain(token);

  const revoked = await editor.ask(REVOKE_TOKEN, { id: apiToken.id });
  expect(revoked.data.revokeApiToken.apiToken.revokedAt).not.toBeNull();
  expect((await editor.ask(VIEWER)).data.viewer.apiTokens).toEqual([]);
  const after = await program.ask(VIEWER, {}, bearer);
  expect([after.status, codeOf(after)]).toEqual([401, 'UNAUTHENTICATED']);
});

test('a token never goes beyond whoever makes it', async () => {
  const beyond = await editor.ask(CREATE_TOKEN, { input: { name: 't', scopes: ['FEDERATION_ADMIN'] } });
  expect(codeOf(beyond)).toBe('FORBIDDEN');
  for (const input of [
    { name: '', scopes: ['CATALOG_READ'] },
    { name: 't', scopes: [] },
    { name: 't', scopes: ['CATALOG_READ'], expiresAt: '2020-01-01T00:00:00Z' },
  ]) {
    const { data } = await editor.ask(CREATE_TOKEN, { input });
    expect(data.createApiToken).toMatchObject({
      token: null,
      apiToken: null,
      userErrors: [{ code: 'INVALID' }],
    });
  }
});

test('a token that leaked makes no other, sees no sessions, ends none; but it can revoke itself', async () => {
  const leaked = await withToken(instance, ['CATALOG_READ', 'LIBRARY_WRITE'], admin.id);
  const own = (await admin.ask(VIEWER)).data.viewer.sessions[0].id;
  expect(codeOf(await leaked.ask(CREATE_TOKEN, { input: { name: 't', scopes: ['CATALOG_READ'] } }))).toBe(
    'FORBIDDEN',
  );
  expect(codeOf(await leaked.ask(END_SESSION, { id: own }))).toBe('FORBIDDEN');
  expect(codeOf(await leaked.ask(UPDATE_USER, { input: { id: admin.id, name: 'Eve' } }))).toBe('FORBIDDEN');
  expect((await leaked.ask(VIEWER)).data.viewer).toMatchObject({ apiTokens: [], sessions: [] });
  expect((await leaked.ask(`{ node(id: "${own}") { id } }`)).data.node).toBeNull();
  expect((await leaked.ask(REVOKE_TOKEN, { id: leaked.id })).data.revokeApiToken.userErrors).toEqual([]);
  expect((await leaked.ask(VIEWER)).status).toBe(401);
});

test('a stranger revokes no token and ends no session; an admin does both', async () => {
  const token = await withToken(instance, ['CATALOG_READ'], editor.id);
  const other = await signedIn(instance, 'Olga', 'VIEWER');
  const session = (await editor.ask(VIEWER)).data.viewer.sessions[0];
  for (const [query, id] of [
    [REVOKE_TOKEN, token.id],
    [END_SESSION, session.id],
  ] as const) {
    expect(JSON.stringify((await other.ask(query, { id })).data)).toContain('NOT_FOUND');
    expect((await other.ask(`{ node(id: "${id}") { id } }`)).data.node).toBeNull();
    expect((await editor.ask(`{ node(id: "${id}") { id __typename } }`)).data.node.id).toBe(id);
  }
  expect((await token.ask('{ viewer { role } }')).status).toBe(200);
  // Whose they are shows to an admin and to their owner.
  const of = `{ node(id: "${editor.id}") { ... on User { sessions { id } apiTokens { id } } } }`;
  const seen = { sessions: [{ id: session.id }], apiTokens: [{ id: token.id }] };
  expect((await admin.ask(of)).data.node).toMatchObject(seen);
  expect((await editor.ask(of)).data.node).toMatchObject(seen);
  for (const asker of [other, token]) {
    expect((await asker.ask(of)).data.node ?? { sessions: null, apiTokens: null }).toEqual({
      sessions: null,
      apiTokens: null,
    });
  }
  const second = await signInAs(instance, 'Edda');
  const [latest] = (await second.ask(VIEWER)).data.viewer.sessions.filter(
    (each: { current: boolean }) => each.current,
  );
  expect((await admin.ask(END_SESSION, { id: latest.id })).data.endSession.endedSessionId).toBe(latest.id);
  expect((await second.ask(VIEWER)).status).toBe(401);
  expect((await admin.ask(REVOKE_TOKEN, { id: token.id })).data.revokeApiToken.userErrors).toEqual([]);
  expect((await token.ask(VIEWER)).status).toBe(401);
});

test('a person lists the browsers that are signed in, and ends one from another', async () => {
  const phone = await signInAs(instance, 'Edda');
  const { sessions } = (await editor.ask(VIEWER)).data.viewer;
  expect(sessions).toHaveLength(2);
  expect(sessions.filter((session: { current: boolean }) => session.current)).toHaveLength(1);
  expect(sessions[0]).toMatchObject({ userAgent: 'Browser of Edda' });
  const lost = sessions.find((session: { current: boolean }) => !session.current);
  expect((await editor.ask(END_SESSION, { id: lost.id })).data.endSession.endedSessionId).toBe(lost.id);
  expect((await phone.ask(VIEWER)).status).toBe(401);
  expect((await editor.ask(VIEWER)).data.viewer.sessions).toHaveLength(1);
});

test('an admin makes accounts, with a password or a link, and lists them page by page', async () => {
  const linked = await admin.ask(CREATE_USER, { input: { name: 'Lin', role: 'VIEWER' } });
  expect(linked.data.createUser).toMatchObject({ user: { name: 'Lin', role: 'VIEWER' }, userErrors: [] });
  const url = new URL(linked.data.createUser.setupUrl);
  expect(url.origin).toBe(new URL(instance.url).origin);
  const set = await nobody(instance).send(
    'POST',
    '/password',
    { 'content-type': 'application/json' },
    JSON.stringify({ token: url.hash.replace('#token=', ''), password: PASSWORD }),
  );
  expect(set.status).toBe(200);

  const given = await admin.ask(CREATE_USER, { input: { name: 'Gil', role: 'EDITOR', password: PASSWORD } });
  expect(given.data.createUser.setupUrl).toBeNull();
  const taken = await admin.ask(CREATE_USER, { input: { name: 'GIL', role: 'VIEWER' } });
  expect(taken.data.createUser).toMatchObject({
    user: null,
    userErrors: [{ code: 'CONFLICT', field: ['name'] }],
  });

  const seen: string[] = [];
  let after: string | null = null;
  do {
    const { data } = await admin.ask(
      'query ($after: String) { users(first: 2, after: $after) { totalCount nodes { name } pageInfo { endCursor hasNextPage } } }',
      { after },
    );
    seen.push(...data.users.nodes.map(({ name }: { name: string }) => name));
    expect(data.users.totalCount).toBeGreaterThanOrEqual(5);
    after = data.users.pageInfo.hasNextPage ? data.users.pageInfo.endCursor : null;
  } while (after !== null);
  expect(seen).toEqual(['Ada', 'Edda', 'Olga', 'Lin', 'Gil']);
  for (const who of [editor, await withToken(instance, ['FEDERATION_ADMIN'])]) {
    expect(codeOf(await who.ask('{ users { totalCount } }'))).toBe('FORBIDDEN');
    expect(codeOf(await who.ask(CREATE_USER, { input: { name: 'X', role: 'ADMIN' } }))).toBe('FORBIDDEN');
  }
});

test('disabling shuts out session and token at once, and enabling brings back the token alone', async () => {
  const person = await signedIn(instance, 'Dora', 'EDITOR');
  const token = await withToken(instance, ['CATALOG_READ'], person.id);
  const off = await admin.ask(UPDATE_USER, { input: { id: person.id, disabled: true } });
  expect(off.data.updateUser.user.disabledAt).not.toBeNull();
  expect((await person.ask(VIEWER)).status).toBe(401);
  expect((await token.ask(VIEWER)).status).toBe(401);
  await expect(signInAs(instance, 'Dora')).rejects.toThrow('could not sign in');
  await admin.ask(UPDATE_USER, { input: { id: person.id, disabled: false } });
  expect((await person.ask(VIEWER)).status).toBe(401);
  expect((await token.ask(VIEWER)).status).toBe(200);
});

test('a person changes the own password with the current one, and keeps only the browser it was done in', async () => {
  const person = await signedIn(instance, 'Pia', 'VIEWER');
  const elsewhere = await signInAs(instance, 'Pia');
  const password = 'another long one';
  for (const currentPassword of [undefined, 'a wrong guess', 'x'.repeat(300)]) {
    const { data } = await person.ask(UPDATE_USER, { input: { id: person.id, password, currentPassword } });
    expect(data.updateUser.userErrors).toMatchObject([{ code: 'INVALID', field: ['currentPassword'] }]);
  }
  expect((await elsewhere.ask(VIEWER)).status).toBe(200);
  const done = await person.ask(UPDATE_USER, {
    input: { id: person.id, password, currentPassword: PASSWORD },
  });
  expect(done.data.updateUser.userErrors).toEqual([]);
  expect((await person.ask(VIEWER)).status).toBe(200);
  expect((await elsewhere.ask(VIEWER)).status).toBe(401);
  await expect(signInAs(instance, 'Pia')).rejects.toThrow();
  await signInAs(instance, 'Pia', password);
});

test('guesses at the current password in a stolen session run into a limit', async () => {
  const person = await signedIn(instance, 'Gus', 'VIEWER');
  const answers = [];
  for (let guess = 0; guess < 6; guess++) {
    answers.push(
      await person.ask(UPDATE_USER, {
        input: { id: person.id, password: 'my own password', currentPassword: `guess ${guess}` },
      }),
    );
  }
  expect(codeOf(answers[5] ?? { errors: undefined })).toBe('RATE_LIMITED');
  expect(answers[5]?.errors?.[0]?.extensions?.retryAfter).toBeGreaterThan(0);
  await signInAs(instance, 'Gus');
});

test('nobody but an admin gives roles, disables, or makes links; and the last admin stays one', async () => {
  for (const change of [{ role: 'ADMIN' }, { disabled: true }, { resetPassword: true }]) {
    expect(codeOf(await editor.ask(UPDATE_USER, { input: { id: editor.id, ...change } }))).toBe('FORBIDDEN');
  }
  expect(codeOf(await editor.ask(UPDATE_USER, { input: { id: admin.id, name: 'Mallory' } }))).toBe(
    'FORBIDDEN',
  );
  expect(codeOf(await nobody(instance).ask(UPDATE_USER, { input: { id: editor.id, name: 'X' } }))).toBe(
    'UNAUTHENTICATED',
  );
  const last = await admin.ask(UPDATE_USER, { input: { id: admin.id, role: 'VIEWER' } });
  expect(last.data.updateUser.userErrors).toMatchObject([{ code: 'CONFLICT' }]);
  const renamed = await editor.ask(UPDATE_USER, { input: { id: editor.id, name: 'Edda Lind' } });
  expect(renamed.data.updateUser.user.name).toBe('Edda Lind');
  expect(
    (await editor.ask(UPDATE_USER, { input: { id: editor.id } })).data.updateUser.userErrors,
  ).toMatchObject([{ code: 'INVALID' }]);
});

test('an admin voids a password with a link in its place', async () => {
  const person = await signedIn(instance, 'Rae', 'VIEWER');
  const { data } = await admin.ask(UPDATE_USER, { input: { id: person.id, resetPassword: true } });
  expect(data.updateUser.setupUrl).toMatch(/\/password#token=[A-Za-z0-9_-]{43}$/);
  expect((await person.ask(VIEWER)).status).toBe(401);
  await expect(signInAs(instance, 'Rae')).rejects.toThrow();
  const both = await admin.ask(UPDATE_USER, {
    input: { id: person.id, resetPassword: true, password: PASSWORD },
  });
  expect(both.data.updateUser.userErrors).toMatchObject([{ code: 'INVALID', field: ['resetPassword'] }]);
});

/** As a browser or program sends it. */
async function postJson(path: string, body: object) {
  const answer = await nobody(instance).send(
    'POST',
    path,
    { 'content-type': 'application/json' },
    JSON.stringify(body),
  );
  return {
    ...answer,
    json: JSON.parse(answer.body.toString()),
    cookie: cookieOf(answer.headers['set-cookie']),
  };
}

/** `secret` and `codes` of somebody whose second factor is in force; `at`: whose code was used up with it. */
async function secured(person: Person) {
  const at = Date.now();
  const { secret } = (await person.ask(BEGIN, { currentPassword: PASSWORD })).data.beginSecondFactor;
  const { recoveryCodes } = (await person.ask(CONFIRM, { code: codeAt(secret, at) })).data
    .confirmSecondFactor;
  return { secret: secret as string, codes: recoveryCodes as string[], at };
}

test('with a second factor the password alone opens nothing, and a code opens it once', async () => {
  const person = await signedIn(instance, 'Tilda', 'EDITOR');
  const elsewhere = await signInAs(instance, 'Tilda');
  const token = await withToken(instance, ['CATALOG_READ'], person.id);
  expect((await person.ask(SECOND_FACTOR)).data.viewer.secondFactor).toBeNull();
  const { data: refused } = await person.ask(BEGIN, { currentPassword: 'not the password' });
  expect(refused.beginSecondFactor).toMatchObject({
    secret: null,
    url: null,
    userErrors: [{ code: 'INVALID', field: ['currentPassword'] }],
  });
  const { data: begun } = await person.ask(BEGIN, { currentPassword: PASSWORD });
  const { secret, url } = begun.beginSecondFactor;
  expect(url).toContain('otpauth://totp/Garden:Tilda?issuer=Garden&secret=');
  const { data: wrong } = await person.ask(CONFIRM, { code: wrongCodeAt(secret) });
  expect(wrong.confirmSecondFactor).toMatchObject({
    recoveryCodes: null,
    userErrors: [{ code: 'INVALID', field: ['code'] }],
  });

  const at = Date.now();
  const { data: confirmed } = await person.ask(CONFIRM, { code: codeAt(secret, at) });
  const { recoveryCodes } = confirmed.confirmSecondFactor;
  expect(recoveryCodes).toHaveLength(10);
  expect((await elsewhere.ask(VIEWER)).status).toBe(401);
  expect((await person.ask(SECOND_FACTOR)).data.viewer.secondFactor).toEqual({
    since: expect.any(String),
    recoveryCodesLeft: 10,
  });
  expect((await token.ask('{ viewer { role secondFactor { since } } }')).data.viewer).toEqual({
    role: 'VIEWER',
    secondFactor: null,
  });

  const credentials = { name: 'tilda', password: PASSWORD };
  const missing = await postJson('/session', credentials);
  expect(missing.json).toMatchObject({ status: 401, code: 'second-factor-required' });
  expect(missing.headers['set-cookie']).toBeUndefined();
  // Who does not know the password does not learn that there is one.
  const guessed = await postJson('/session', { ...credentials, password: 'a guess', code: '123456' });
  expect(guessed.json).toMatchObject({ status: 401, code: 'unauthenticated' });
  for (const code of [codeAt(secret, at), 'x'.repeat(5000)]) {
    const answer = await postJson('/session', { ...credentials, code });
    expect(answer.json).toMatchObject({ status: 401, code: 'second-factor-refused' });
    expect(answer.headers['set-cookie']).toBeUndefined();
  }
  expect((await postJson('/session', { ...credentials, code: 123456 })).json).toMatchObject({
    status: 400,
    field: ['code'],
  });
  const next = codeAt(secret, at + 30_000);
  const opened = await postJson('/session', { ...credentials, code: `${next.slice(0, 3)} ${next.slice(3)}` });
  expect([opened.status, opened.json.user.name]).toEqual([200, 'Tilda']);
  expect((await postJson('/session', { ...credentials, code: next })).json.code).toBe(
    'second-factor-refused',
  );
  const recovery = await postJson('/session', { ...credentials, code: recoveryCodes[0] });
  expect(recovery.status).toBe(200);
  expect(
    (await nobody(instance).ask(SECOND_FACTOR, {}, { cookie: recovery.cookie })).data.viewer.secondFactor,
  ).toMatchObject({ recoveryCodesLeft: 9 });
});

test('turning a second factor off, and new recovery codes, ask for the password and a code', async () => {
  const person = await signedIn(instance, 'Vito', 'VIEWER');
  const { codes } = await secured(person);
  for (const [query, currentPassword, code, field] of [
    [RENEW, 'not the password', codes[0], 'currentPassword'],
    [END, PASSWORD, 'nonsense', 'code'],
  ] as const) {
    const { data } = await person.ask(query, { currentPassword, code });
    expect(JSON.stringify(data)).toContain(`{"code":"INVALID","field":["${field}"]}`);
  }
  const { data } = await person.ask(RENEW, { currentPassword: PASSWORD, code: codes[0] });
  const renewed = data.renewRecoveryCodes.recoveryCodes;
  expect(renewed).toHaveLength(10);
  const ended = await person.ask(END, { currentPassword: PASSWORD, code: renewed[0] });
  expect(ended.data.endSecondFactor.userErrors).toEqual([]);
  expect((await person.ask(SECOND_FACTOR)).data.viewer.secondFactor).toBeNull();
});

test('whoever has lost it has it taken off by an admin or the terminal, and by nobody else', async () => {
  const person = await signedIn(instance, 'Wim', 'VIEWER');
  await secured(person);
  const list = async () =>
    (await admin.ask('{ users(first: 500) { nodes { name secondFactor } } }')).data.users.nodes.find(
      (user: { name: string }) => user.name === 'Wim',
    );
  expect(await list()).toEqual({ name: 'Wim', secondFactor: true });
  expect((await person.ask('{ viewer { user { secondFactor } } }')).data.viewer.user.secondFactor).toBeNull();
  expect(codeOf(await editor.ask(RESET, { id: person.id }))).toBe('FORBIDDEN');
  expect(codeOf(await person.ask(RESET, { id: person.id }))).toBe('FORBIDDEN');
  const reset = await admin.ask(RESET, { id: person.id });
  expect(reset.data.resetSecondFactor).toEqual({
    user: { id: person.id, secondFactor: false },
    userErrors: [],
  });
  expect((await admin.ask(RESET, { id: person.id })).data.resetSecondFactor).toMatchObject({
    user: null,
    userErrors: [{ code: 'NOT_FOUND' }],
  });
  expect((await admin.ask(RESET, { id: 'user_none' })).data.resetSecondFactor.userErrors).toMatchObject([
    { code: 'NOT_FOUND' },
  ]);
  // A stolen session of an admin does not do without password and code.
  expect((await admin.ask(RESET, { id: admin.id })).data.resetSecondFactor.userErrors).toMatchObject([
    { code: 'INVALID', field: ['id'] },
  ]);
  const { secret } = await secured(person);
  expect(await instance.app.accounts.listUsers()).toContainEqual(
    expect.objectContaining({ name: 'Wim', secondFactor: true }),
  );
  expect(await instance.app.accounts.resetSecondFactor({ user: 'wim' })).toMatchObject({
    secondFactor: false,
  });
  const again = await signInAs(instance, 'Wim');

  await instance.app.audit.flush();
  const events = await admin.ask(
    `{ auditEvents(first: 500) { nodes { action actor target outcome code detail } } }`,
  );
  const rows = events.data.auditEvents.nodes as {
    action: string;
    actor: string;
    target: string;
    outcome: string;
  }[];
  const of = (action: string) => rows.filter((row) => row.action === action && row.target === person.id);
  expect(of('resetSecondFactor')).toContainEqual(
    expect.objectContaining({ actor: admin.id, outcome: 'done' }),
  );
  expect(of('terminal.resetSecondFactor')).toMatchObject([{ actor: 'service', outcome: 'done' }]);
  for (const action of ['beginSecondFactor', 'confirmSecondFactor', 'renewRecoveryCodes', 'endSecondFactor'])
    expect(
      rows.some((row) => row.action === action && row.outcome === 'done'),
      action,
    ).toBe(true);
  const signIns = rows.filter(({ action }) => action === 'session.begin');
  for (const part of [
    { outcome: 'done', detail: { secondFactor: 'app' } },
    { outcome: 'done', detail: { secondFactor: 'recovery' } },
    { outcome: 'refused', code: 'SECOND_FACTOR_REQUIRED' },
    { outcome: 'refused', code: 'SECOND_FACTOR_REFUSED' },
  ])
    expect(signIns).toContainEqual(expect.objectContaining(part));
  expect(JSON.stringify(rows)).not.toContain(secret.replaceAll(' ', ''));
  await again.ask(VIEWER);
});
