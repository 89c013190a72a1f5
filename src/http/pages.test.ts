import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { scopesOf, type Viewer } from '../access/viewer.ts';
import { createPages } from './pages.ts';
import { problemOf } from './problem.ts';

const HTML = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
const ADA: Viewer = {
  via: 'session',
  sessionId: 'session_1',
  user: { id: 'user_1', name: 'Ada <b>"&\'</b>', role: 'ADMIN' },
  role: 'ADMIN',
  scopes: scopesOf('ADMIN'),
};

let built: string;
let app: FastifyInstance;
let viewer: Viewer | null = null;
let setupNeeded = false;

beforeEach(async () => {
  viewer = null;
  setupNeeded = false;
  built = await mkdtemp(join(tmpdir(), 'hedgerow-pages-'));
});
afterEach(async () => {
  await app.close();
  await rm(built, { recursive: true, force: true });
});

async function start(prefix = '', { pages: withPages = true, anonymous = false } = {}): Promise<string> {
  if (withPages) {
    for (const page of ['index', 'admin', 'sign-in', 'setup', 'password', 'account', 'offline', 'graphiql']) {
      await writeFile(join(built, `${page}.html`), `${page} {{instance}}|{{viewer}}|{{role}}|{{unknown}}`);
    }
    await writeFile(join(built, 'manifest.json'), '{"start_url":"./"}');
    await writeFile(join(built, 'worker.js'), 'self;');
    await mkdir(join(built, 'assets'));
    await writeFile(join(built, 'assets', 'app-abc123.js'), 'export {};');
  }
  const pages = await createPages({
    access: { viewer: async () => viewer, setup: { needed: async () => setupNeeded } },
    publicUrl: new URL(`https://home.example${prefix}`),
    instanceName: () => '<i>Linden{{viewer}}hof</i>',
    anonymous,
    built,
  });
  app = Fastify();
  app.setErrorHandler((error, _request, reply) => {
    const { status, headers, body } = problemOf(error);
    return reply.code(status).headers(headers).send(body);
  });
  await app.register(
    async (scope) => {
      await scope.register(pages.routes);
      scope.get('/graphql', async (request, reply) =>
        pages.wantsGraphiql(request) ? pages.graphiql(request, reply) : reply.send('graphql'),
      );
    },
    { prefix },
  );
  return app.listen({ host: '127.0.0.1', port: 0 });
}

const get = (url: string, headers: Record<string, string> = HTML) =>
  fetch(url, { headers, redirect: 'manual' });

test('a name in a page is text, whatever stands in it', async () => {
  const origin = await start();
  viewer = ADA;
  expect(await (await get(`${origin}/`)).text()).toBe(
    'index &#60;i&#62;Linden{{viewer}}hof&#60;/i&#62;|Ada &#60;b&#62;&#34;&#38;&#39;&#60;/b&#62;|admin|',
  );
});

test('every page runs no inline script, loads from here alone, is framed by nobody and kept by no cache', async () => {
  const origin = await start();
  viewer = ADA;
  setupNeeded = true;
  for (const path of ['/', '/admin', '/sign-in', '/setup', '/password', '/account', '/offline', '/graphql']) {
    const { status, headers } = await get(`${origin}${path}`);
    expect(status, path).toBe(200);
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("script-src 'self';");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).toContain("base-uri 'none'");
    expect(policy).not.toMatch(/https?:|\*|unsafe-eval|blob:/);
    expect(policy, path).not.toContain('unsafe-inline');
    expect(/style-src 'self' 'nonce-[\w+/]{22}=='/.test(policy), path).toBe(path === '/graphql');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('referrer-policy')).toBe('same-origin');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('content-type')).toBe('text/html; charset=utf-8');
  }
});

test('the page of the own account is for whoever is signed in, and leads others to signing in', async () => {
  const origin = await start('/hedge');
  const away = await get(`${origin}/hedge/account`);
  expect([away.status, away.headers.get('location')]).toEqual([
    303,
    '/hedge/sign-in?next=%2Fhedge%2Faccount',
  ]);
  viewer = ADA;
  expect(await (await get(`${origin}/hedge/account`)).text()).toMatch(/^account .*\|Ada .*\|admin\|$/);
});

test('assets are kept for good, and nothing beside them is served', async () => {
  const origin = await start();
  const asset = await get(`${origin}/assets/app-abc123.js`);
  expect(asset.status).toBe(200);
  expect(asset.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
  expect(asset.headers.get('x-content-type-options')).toBe('nosniff');
  expect(asset.headers.get('content-security-policy')).toContain("default-src 'none'");
  for (const path of [
    '/assets/',
    '/assets/missing.js',
    '/assets/..%2findex.html',
    '/assets/%2e%2e/index.html',
  ]) {
    expect((await get(`${origin}${path}`)).status, path).toBeGreaterThanOrEqual(400);
  }
});

test('what an app is installed by is the same for everybody, asked for anew each time, and names the instance alone', async () => {
  const origin = await start('/hedgerow');
  viewer = ADA;
  const manifest = await get(`${origin}/hedgerow/manifest.webmanifest`);
  expect(manifest.headers.get('content-type')).toBe('application/manifest+json; charset=utf-8');
  const name = '<i>Linden{{viewer}}hof</i>';
  expect(await manifest.json()).toEqual({ name, short_name: name, start_url: './' });
  const worker = await get(`${origin}/hedgerow/worker.js`);
  expect(worker.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
  expect(worker.headers.get('content-security-policy')).toContain("default-src 'none'");
  expect(await worker.text()).toBe('self;');
  for (const { headers } of [manifest, worker]) {
    expect(headers.get('cache-control')).toBe('no-cache');
    expect(headers.get('x-content-type-options')).toBe('nosniff');
  }
  expect(await (await get(`${origin}/hedgerow/offline`)).text()).not.toContain('Ada');
});

test('whoever is signed out is led to sign in, or to the first set-up', async () => {
  const origin = await start();
  const target = async (path: string) => (await get(`${origin}${path}`)).headers.get('location');
  expect(await target('/')).toBe('/sign-in');
  expect(await target('/?from=mine&item=x')).toBe('/sign-in?next=%2F%3Ffrom%3Dmine%26item%3Dx');
  expect(await target('/admin?view=pair')).toBe('/sign-in?next=%2Fadmin%3Fview%3Dpair');
  expect(await target('/setup')).toBe('/sign-in');
  expect(await target('/graphql')).toBe('/sign-in?next=%2Fgraphql');
  expect(await target('/graphql?next=https://evil.example')).toBe('/sign-in?next=%2Fgraphql');
  setupNeeded = true;
  expect(await target('/')).toBe('/setup');
  expect(await target('/admin')).toBe('/setup');
});

test('the admin pages are for admins alone', async () => {
  const origin = await start('/hedgerow');
  viewer = ADA;
  expect(await (await get(`${origin}/hedgerow/admin?view=pair`)).text()).toMatch(/^admin .*\|admin\|$/);
  for (const role of ['EDITOR', 'VIEWER'] as const) {
    viewer = { ...ADA, user: { id: 'user_2', name: 'Edda', role }, role, scopes: scopesOf(role) };
    const refused = await get(`${origin}/hedgerow/admin`);
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject({ detail: 'These pages are for admins.' });
  }
});

test('where anonymous reading is on, the gallery is there for whoever is signed out, and names nobody', async () => {
  const origin = await start('', { anonymous: true });
  const answer = await get(`${origin}/?from=mine`);
  expect(answer.status).toBe(200);
  expect(await answer.text()).toMatch(/^index .*\|\|\|$/);
  expect((await get(`${origin}/graphql`)).headers.get('location')).toBe('/sign-in?next=%2Fgraphql');
  setupNeeded = true;
  expect((await get(`${origin}/`)).headers.get('location')).toBe('/setup');
});

test('under a prefix every way stays under it', async () => {
  const origin = await start('/hedgerow');
  const target = async (path: string) => (await get(`${origin}${path}`)).headers.get('location');
  expect(await target('/hedgerow/')).toBe('/hedgerow/sign-in');
  expect(await target('/hedgerow/?q=sea')).toBe('/hedgerow/sign-in?next=%2Fhedgerow%2F%3Fq%3Dsea');
  expect(await target('/hedgerow')).toBe('/hedgerow/');
  expect(await target('/hedgerow?x=/')).toBe('/hedgerow/');
  expect(await target('/hedgerow/graphql')).toBe('/hedgerow/sign-in?next=%2Fhedgerow%2Fgraphql');
});

test('only a browser that opens /graphql without a query is given a page', async () => {
  const origin = await start();
  viewer = ADA;
  const answer = async (headers: Record<string, string>, query = '') =>
    (await (await get(`${origin}/graphql${query}`, headers)).text()).split(' ')[0];
  expect(await answer(HTML)).toBe('graphiql');
  expect(await answer(HTML, '?query=%7Ba%7D')).toBe('graphql');
  expect(await answer({ accept: '*/*' })).toBe('graphql');
  expect(await answer({ accept: 'application/json' })).toBe('graphql');
  expect(await answer({ accept: 'application/json, text/html' })).toBe('graphql');
  expect(await answer({ accept: 'text/event-stream' })).toBe('graphql');
});

test('where the pages are not built the answer says how to build them', async () => {
  const origin = await start('', { pages: false });
  const answer = await get(`${origin}/sign-in`);
  expect(answer.status).toBe(503);
  expect(await answer.json()).toMatchObject({ detail: expect.stringContaining('npm run build:web') });
});
