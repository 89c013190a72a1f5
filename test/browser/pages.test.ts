import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Fastify, { type FastifyInstance } from 'fastify';
import { createSchema, createYoga } from 'graphql-yoga';
import type { BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Access, createAccess } from '../../src/access/access.ts';
import type { OidcSettings } from '../../src/access/oidc.ts';
import { createPasswords } from '../../src/access/passwords.ts';
import { oidcRoutes } from '../../src/http/oidc-routes.ts';
import { createPages } from '../../src/http/pages.ts';
import { problemOf } from '../../src/http/problem.ts';
import { sessionRoutes } from '../../src/http/session-routes.ts';
import { closeBrowser, openPage } from '../support/browser.ts';
import { openTemporarySqlite, type TemporaryDatabase } from '../support/databases.ts';
import { faultsOf } from '../support/looking.ts';
import { startOidcProvider } from '../support/oidc-provider.ts';
import { buildPages } from '../support/web.ts';

const PASSWORD = 'correct horse battery';
/** A folder for screenshots, for whoever wants to look at the pages. */
const SCREENSHOTS = process.env['HEDGEROW_TEST_SCREENSHOTS'];

let built: string;
let opened: TemporaryDatabase;
let access: Access;
let app: FastifyInstance;
let origin: string;
const seen: { csrf: string | undefined; type: string | undefined }[] = [];

beforeAll(async () => {
  built = await mkdtemp(join(tmpdir(), 'hedgerow-web-'));
  await buildPages({ outDir: built, emptyOutDir: true });
});
afterAll(async () => {
  await closeBrowser();
  await rm(built, { recursive: true, force: true });
});

beforeEach(async () => {
  opened = await openTemporarySqlite();
});
afterEach(async () => {
  await app.close();
  await opened.close();
});

/** The pages over an empty catalog, and a field and a subscription to try GraphiQL with, under `prefix`. */
async function start(prefix = '', oidc: OidcSettings | null = null): Promise<void> {
  // Bound before the parts are made: the public address has the port in it.
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const sdl = await readFile(new URL('../../schema/schema.graphql', import.meta.url), 'utf8');
  const publicUrl = new URL(`${origin}${prefix}`);
  access = await createAccess({
    database: opened.database,
    secret: randomBytes(32),
    publicUrl,
    passwords: createPasswords({ costLog2: 4 }),
    oidc,
  });
  const pages = await createPages({ access, publicUrl, instanceName: () => 'Lindenhof', built });
  const yoga = createYoga({
    graphqlEndpoint: `${prefix}/graphql`,
    logging: false,
    schema: createSchema({
      typeDefs: [sdl, 'extend type Query { greeting: String! } type Subscription { count: Int! }'],
      resolvers: {
        Query: {
          greeting: () => 'Hello over the hedge',
          viewer: () => ({ role: 'ADMIN' }),
          instance: () => ({ mediaCount: 0 }),
          media: () => ({
            totalCount: 0,
            nodes: [],
            months: [],
            sources: [],
            facets: { tags: [] },
            pageInfo: {},
          }),
          peers: () => ({ totalCount: 0, nodes: [] }),
          albums: () => ({ totalCount: 0, nodes: [] }),
        },
        Subscription: {
          count: {
            subscribe: async function* () {
              for (const count of [1, 2, 3]) yield { count };
            },
          },
        },
      },
    }),
  });
  app = Fastify({
    serverFactory: (handler) => {
      server.on('request', handler);
      return server;
    },
  });
  app.addHook('onClose', async () => {
    server.closeAllConnections();
    server.close();
  });
  app.setErrorHandler((error, _request, reply) => {
    const { status, headers, body } = problemOf(error);
    return reply.code(status).headers(headers).send(body);
  });
  await app.register(
    async (scope) => {
      await scope.register(sessionRoutes, { access, viewerOf: ({ headers }) => access.viewer(headers) });
      if (access.oidc !== null) {
        await scope.register(oidcRoutes, {
          access: { ...access, oidc: access.oidc },
          publicPath: prefix,
          onError: (error) => console.error(error),
        });
      }
      await scope.register(pages.routes);
      scope.route({
        url: '/graphql',
        method: ['GET', 'POST'],
        handler: async (request, reply) => {
          if (pages.wantsGraphiql(request)) return pages.graphiql(request, reply);
          seen.push({
            csrf: request.headers['x-hedgerow-csrf']?.toString(),
            type: request.headers['content-type'],
          });
          return yoga.handleNodeRequestAndResponse(request, reply, {});
        },
      });
    },
    { prefix },
  );
  await app.ready();
}

async function shot(page: Page, name: string): Promise<void> {
  if (SCREENSHOTS !== undefined) await page.screenshot({ path: join(SCREENSHOTS, `${name}.png`) });
}

async function fillIn(page: Page, name: string, password: string): Promise<void> {
  await page.getByLabel(/name/i).fill(name);
  await page.getByLabel('Password', { exact: true }).fill(password);
}

test('a newcomer makes the admin by the link, signs out and in again, and asks in GraphiQL', async () => {
  await start();
  await using watched = await openPage(origin);
  const { page, complaints } = watched;

  await page.goto('/');
  await page.getByText('one-time link').waitFor();
  await shot(page, 'setup-without-link');

  const link = await access.setup.link();
  await page.goto(`/${link}`);
  await page.reload();
  await page.getByRole('heading', { name: 'Welcome' }).waitFor();
  await shot(page, 'setup');
  await fillIn(page, 'Ada Lovelace', 'Ada Lovelace');
  await page.getByRole('button', { name: 'Create the admin' }).click();
  await page.getByRole('alert').getByText('too easy to guess').waitFor();
  await fillIn(page, 'Ada Lovelace', PASSWORD);
  await page.getByRole('button', { name: 'Show the password' }).click();
  expect(await page.getByLabel('Password', { exact: true }).getAttribute('type')).toBe('text');
  await page.getByRole('button', { name: 'Create the admin' }).click();

  await page.waitForURL(`${origin}/`);
  await page.getByRole('heading', { name: 'Lindenhof' }).waitFor();
  await page
    .getByRole('banner')
    .filter({ hasText: /Ada Lovelace\s+admin/ })
    .waitFor();
  await page.getByText('Nothing is here yet').first().waitFor();
  await page.getByText('npx hedgerow import').waitFor();
  await page.getByRole('link', { name: 'Peers' }).click();
  await page.getByText('No other server is paired with this one').waitFor();
  expect(await page.getByRole('alert').count()).toBe(0);
  await shot(page, 'home');
  await page.getByRole('button', { name: 'Account' }).click();
  await page.getByRole('button', { name: 'Sign out' }).click();

  await page.waitForURL(`${origin}/sign-in`);
  await page.goto('/graphql');
  await page.waitForURL(`${origin}/sign-in?next=%2Fgraphql`);
  await shot(page, 'sign-in');
  await fillIn(page, 'Ada Lovelace', 'not the password');
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('alert').getByText('The name or the password is wrong.').waitFor();
  await shot(page, 'sign-in-wrong');
  await fillIn(page, 'ada lovelace', PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();

  await page.waitForURL(`${origin}/graphql`);
  for (const tab of ['BrowseMedia', 'Peers', 'CreateInvitation', 'PairWithPeer', 'RevokePeer', 'Instance']) {
    await page.getByRole('tab', { name: tab }).waitFor();
  }
  await page.getByText('Everything that you may see').waitFor();
  await page.getByLabel('Variables').getByText('"origin"').first().waitFor();
  await page.getByRole('link', { name: 'Lindenhof' }).waitFor();
  await shot(page, 'graphiql');
  expect(complaints).toEqual([]);
});

test('GraphiQL runs queries and subscriptions, with the header that only our own pages send', async () => {
  await start();
  await access.users.create({ name: 'Ada', role: 'ADMIN', password: PASSWORD });
  await using watched = await openPage(origin);
  const { page, complaints } = watched;
  await page.goto('/graphql');
  await fillIn(page, 'Ada', PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('tab', { name: 'BrowseMedia' }).waitFor();
  // The schema is there once the field can be completed; until then the page has asked for it.
  await expect.poll(() => seen.length).toBeGreaterThan(0);

  const editor = page.locator('.graphiql-query-editor .view-lines').first();
  await editor.getByText('BrowseMedia').first().waitFor();
  // The editor sets its lines by styles, which the policy would stop if they stood in markup: none lies on another. All
  // are measured in one moment, since the page around them may still move; and until they are set, since the text is
  // there before its places are. Stopped by the policy they would never be.
  const places = (): Promise<{ lines: number; lying: number }> =>
    page
      .locator('.graphiql-query-editor .view-line')
      .evaluateAll((lines: { getBoundingClientRect(): { top: number } }[]) => {
        const tops = lines.map((line) => line.getBoundingClientRect().top);
        return { lines: tops.length, lying: tops.length - new Set(tops).size };
      });
  const eachInItsPlace = async (): Promise<void> => {
    await expect
      .poll(async () => {
        const { lines, lying } = await places();
        return lines > 2 && lying === 0 ? 'each in its place' : `${lying} of ${lines} on another`;
      })
      .toBe('each in its place');
  };
  await eachInItsPlace();
  // Lines that come into sight later are drawn in another way than those that were there first.
  await page.locator('.graphiql-query-editor .monaco-editor').first().hover();
  await page.mouse.wheel(0, 5000);
  await expect.poll(() => editor.textContent()).not.toContain('BrowseMedia');
  await eachInItsPlace();
  await page.mouse.wheel(0, -5000);
  await editor.getByText('BrowseMedia').first().waitFor();
  const run = async (operation: string, word: string): Promise<void> => {
    await page.getByRole('button', { name: 'New tab' }).click();
    // A new tab takes its text a moment later; keys that come before belong to the tab before.
    await expect.poll(() => editor.textContent()).not.toMatch(/BrowseMedia|greeting/);
    await page.locator('.graphiql-query-editor .monaco-editor').first().click();
    await page.keyboard.press('ControlOrMeta+A');
    await page.keyboard.insertText(operation);
    await expect.poll(() => editor.textContent()).toContain(word);
    await page.getByRole('button', { name: /Execute query/ }).click();
  };
  await run('{ greeting }', 'greeting');
  await page.locator('.result-window').getByText('Hello over the hedge').waitFor();
  await shot(page, 'graphiql-answer');
  await run('subscription { count }', 'count');
  await page.locator('.result-window').getByText('3').first().waitFor();
  expect(seen.every((request) => request.csrf === '1' && request.type === 'application/json')).toBe(true);
  expect(complaints).toEqual([]);
});

test('everything works under a path prefix', async () => {
  await start('/hedgerow');
  await access.users.create({ name: 'Ada', role: 'ADMIN', password: PASSWORD });
  await using watched = await openPage(origin);
  const { page, complaints } = watched;
  await page.goto('/hedgerow/graphql');
  await page.waitForURL(`${origin}/hedgerow/sign-in?next=%2Fhedgerow%2Fgraphql`);
  await fillIn(page, 'Ada', PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('tab', { name: 'BrowseMedia' }).waitFor();
  await page.getByRole('link', { name: 'Lindenhof' }).click();
  await page.getByRole('button', { name: 'Account' }).click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.waitForURL(`${origin}/hedgerow/sign-in`);
  expect((await page.context().cookies()).length).toBe(0);
  expect(complaints).toEqual([]);
});

test('where an organisation has a provider, the page leads there and back to where one wanted to go', async () => {
  await using provider = await startOidcProvider();
  await start('/hedgerow', {
    issuer: new URL(provider.issuer),
    clientId: 'hedgerow',
    clientSecret: 'a-secret-of-the-client',
    name: 'Village <b>',
    scopes: ['openid', 'profile'],
    rolesClaim: 'groups',
    roles: [{ value: 'gardeners', role: 'EDITOR' }],
  });
  const redirectUri = `${origin}/hedgerow/oidc/callback`;
  provider.serve({ id: 'hedgerow', secret: 'a-secret-of-the-client', redirectUri });
  await using watched = await openPage(origin);
  const { page, complaints } = watched;
  provider.next({ sub: 'g1', preferred_username: 'Greta', groups: ['gardeners'] });
  await page.goto('/hedgerow/graphql');
  await page.waitForURL(`${origin}/hedgerow/sign-in?next=%2Fhedgerow%2Fgraphql`);
  await shot(page, 'sign-in-with-provider');
  await page.getByRole('link', { name: 'Sign in with Village <b>' }).click();
  await page.waitForURL(`${origin}/hedgerow/graphql`);
  await page.getByRole('link', { name: 'Lindenhof' }).click();
  await page.getByRole('button', { name: 'Account' }).click();
  await page
    .getByRole('banner')
    .filter({ hasText: /Greta\s+editor/ })
    .waitFor();
  await page.getByRole('button', { name: 'Sign out' }).click();

  // Whoever has no role is told so where one signs in, and can still do that with a password.
  provider.next({ sub: 's1', preferred_username: 'Stranger', groups: [] });
  await page.waitForURL(`${origin}/hedgerow/sign-in`);
  // The provider would know Greta again.
  await page.context().clearCookies();
  await page.getByRole('link', { name: /^Sign in with Village/ }).click();
  await page.getByRole('alert').getByText('gives no access here').waitFor();
  await shot(page, 'sign-in-refused');
  await page.getByLabel('Name').waitFor();
  // The provider is the one place elsewhere where the page goes.
  expect(complaints.filter((complaint) => !complaint.startsWith(`request to ${provider.issuer}/`))).toEqual(
    [],
  );
});

test('without a provider no link to one is shown', async () => {
  await start();
  await access.users.create({ name: 'Ada', role: 'ADMIN', password: PASSWORD });
  await using watched = await openPage(origin);
  const { page } = watched;
  await page.goto('/sign-in');
  await page.getByRole('button', { name: 'Sign in' }).waitFor();
  expect(await page.getByRole('link').count()).toBe(0);
});

test('a link of an admin sets a password', async () => {
  await start();
  await access.users.create({ name: 'Ada', role: 'ADMIN', password: PASSWORD });
  const { passwordPath } = await access.users.create({ name: 'Bea', role: 'VIEWER' });
  await using watched = await openPage(origin);
  const { page, complaints } = watched;
  await page.goto('/password');
  await page.getByText('a link that an admin gives you').waitFor();
  await page.goto(`/${passwordPath}`);
  await page.reload();
  await shot(page, 'password');
  await page.getByLabel('New password').fill(PASSWORD);
  await page.getByRole('button', { name: 'Set the password' }).click();
  await page.waitForURL(`${origin}/`);
  await page
    .getByRole('banner')
    .filter({ hasText: /Bea\s+viewer/ })
    .waitFor();
  expect(complaints).toEqual([]);
});

test('no page on the way in has a barrier that axe finds, wide and narrow, in light and dark', async () => {
  await start();
  await using watched = await openPage(origin);
  const { page, complaints } = watched;
  const faults: string[] = [];
  const look = async (path: string, name: string): Promise<void> => {
    await page.goto(path);
    await page.reload();
    await page.getByRole('heading').first().waitFor();
    faults.push(...(await faultsOf(page, { name, screenshots: SCREENSHOTS })));
  };
  await look(`/${await access.setup.link()}`, 'way in setup');
  await access.users.create({ name: 'Ada', role: 'ADMIN', password: PASSWORD });
  const { passwordPath } = await access.users.create({ name: 'Bea', role: 'VIEWER' });
  await look('/sign-in', 'way in sign-in');
  await look('/password', 'way in password without a link');
  await look(`/${passwordPath}`, 'way in password');
  await look('/offline', 'way in offline');
  expect(faults).toEqual([]);
  expect(complaints).toEqual([]);
});

test('what the policy forbids is refused by the browser, and seen by these tests', async () => {
  await start();
  await using watched = await openPage(origin);
  const { page, complaints } = watched;
  await page.goto('/sign-in');
  const reached = await page.evaluate("fetch('http://elsewhere.example/').then(() => true, () => false)");
  expect(reached).toBe(false);
  await expect.poll(() => complaints.length).toBeGreaterThan(0);
});

test.each([
  ['a phone in the dark', { viewport: { width: 360, height: 740 }, colorScheme: 'dark' }],
  ['a phone', { viewport: { width: 360, height: 740 } }],
  ['a desk in the dark', { viewport: { width: 1440, height: 900 }, colorScheme: 'dark' }],
] satisfies [string, BrowserContextOptions][])(
  'on %s nothing is wider than the screen',
  async (name, options) => {
    await start();
    const long = 'Maximiliane-Friederike von und zu Hinterobertupfingen-Wolkenstein';
    await access.users.create({ name: long.slice(0, 64), role: 'ADMIN', password: PASSWORD });
    await using watched = await openPage(origin, options);
    const { page } = watched;
    const overflow = () => page.evaluate('document.documentElement.scrollWidth - window.innerWidth');
    await page.goto('/sign-in');
    await shot(page, `sign-in ${name}`);
    expect(await overflow()).toBeLessThanOrEqual(0);
    await fillIn(page, long.slice(0, 64), PASSWORD);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Lindenhof' }).waitFor();
    await shot(page, `home ${name}`);
    expect(await overflow()).toBeLessThanOrEqual(0);
  },
);
