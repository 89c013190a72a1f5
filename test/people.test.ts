/** Accounts, sessions and tokens as people and programs reach them: over GraphQL, on a running instance. */

import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Instance, startInstance } from './support/instance.ts';
import { nobody, PASSWORD, type Person, signedIn, signInAs, withToken } from './support/people.ts';

const CREATE_TOKEN = `mutation ($input: CreateApiTokenInput!) { createApiToken(input: $input) {
  token apiToken { id name prefix scopes expiresAt lastUsedAt } userErrors { code field message } } }`;
const REVOKE_TOKEN = `mutation ($id: ID!) { revokeApiToken(input: { id: $id }) { apiToken { id revokedAt } userErrors { code } } }`;
const END_SESSION = `mutation ($id: ID!) { endSession(input: { id: $id }) { endedSessionId userErrors { code } } }`;
const CREATE_USER = `mutation ($input: CreateUserInput!) { createUser(input: $input) {
  user { id name role disabledAt } setupUrl userErrors { code field } } }`;
const UPDATE_USER = `mutation ($input: UpdateUserInput!) { updateUser(input: $input) {
  user { id name role disabledAt } setupUrl userErrors { code field message } } }`;
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
