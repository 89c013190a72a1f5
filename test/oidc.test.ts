/** Signing in at a provider: the one of the package oidc-provider, on a socket of its own. */

import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Instance, startInstance } from './support/instance.ts';
import { type OidcProvider, type ProviderAccount, startOidcProvider } from './support/oidc-provider.ts';
import { asker, cookieOf } from './support/people.ts';

let instance: Instance;
let provider: OidcProvider;
let issuer: string;
let now = Date.now();

beforeAll(async () => {
  provider = await startOidcProvider();
  issuer = provider.issuer;
  instance = await startInstance(
    'Garden',
    {
      HEDGEROW_REQUESTS_PER_MINUTE: '100000',
      HEDGEROW_OIDC_ISSUER: issuer,
      HEDGEROW_OIDC_CLIENT_ID: 'hedgerow',
      HEDGEROW_OIDC_CLIENT_SECRET: 'a-secret-of-the-client',
      HEDGEROW_OIDC_NAME: 'Village',
      HEDGEROW_OIDC_ROLES_CLAIM: 'groups',
      HEDGEROW_OIDC_ROLES: 'gardeners=EDITOR, heads=ADMIN, guests=VIEWER',
    },
    { now: () => now },
  );
  provider.serve({
    id: 'hedgerow',
    secret: 'a-secret-of-the-client',
    redirectUri: `${instance.url}/oidc/callback`,
  });
});

afterAll(async () => {
  await instance[Symbol.asyncDispose]();
  await provider[Symbol.asyncDispose]();
});

/** A browser: cookies by origin and path are kept, redirects are followed until it is back, `stop` before that. */
class Browser {
  readonly cookies = new Map<string, Map<string, string>>();

  async get(url: string): Promise<{ status: number; location: string | null; setCookie: string[] }> {
    const { origin, pathname } = new URL(url);
    const jar = this.cookies.get(origin) ?? new Map<string, string>();
    this.cookies.set(origin, jar);
    const cookie = [...jar]
      .filter(([key]) => pathname.startsWith(key.split(' ')[1] ?? '/'))
      .map(([key, value]) => `${key.split(' ')[0]}=${value}`)
      .join('; ');
    const answer = await request(url, { headers: { cookie, 'user-agent': 'Browser/1' } });
    await answer.body.dump();
    const setCookie = [answer.headers['set-cookie'] ?? []].flat();
    for (const line of setCookie) {
      const [pair = ''] = line.split(';');
      const at = pair.indexOf('=');
      const path = /; *path=([^;]+)/i.exec(line)?.[1] ?? '/';
      const key = `${pair.slice(0, at)} ${path}`;
      if (/max-age=0|expires=Thu, 01 Jan 1970/i.test(line)) jar.delete(key);
      else jar.set(key, pair.slice(at + 1));
    }
    const { location } = answer.headers;
    return {
      status: answer.statusCode,
      location: typeof location === 'string' ? new URL(location, url).href : null,
      setCookie,
    };
  }

  /** Follows from `url` to the address of the callback, which is not opened. */
  async toCallback(url = `${instance.url}/oidc/sign-in?next=/graphql`): Promise<string> {
    let at = url;
    for (let hop = 0; hop < 12; hop++) {
      const { location } = await this.get(at);
      if (location === null) throw new Error(`Nothing follows upon ${at}`);
      if (location.startsWith(`${instance.url}/oidc/callback`)) return location;
      at = location;
    }
    throw new Error('Round and round.');
  }

  async signIn(who: ProviderAccount): Promise<{ location: string | null; setCookie: string[] }> {
    provider.next(who);
    return this.get(await this.toCallback());
  }
}

const viewerOf = async (setCookie: string[]) =>
  (
    await asker(instance, { cookie: cookieOf(setCookie) }).ask(
      '{ viewer { user { id name } role sessions { userAgent } } }',
    )
  ).data.viewer;

describe('signing in at a provider', () => {
  test('makes an account with the role that the claim gives, and finds it again', async () => {
    const first = await new Browser().signIn({
      sub: 'u1',
      preferred_username: 'Gerda',
      groups: ['gardeners', 'x'],
    });
    expect(first.location).toBe(`${instance.url}/graphql`);
    expect(first.setCookie.join('\n')).toMatch(/session_token=.*HttpOnly.*SameSite=Lax/);
    const viewer = await viewerOf(first.setCookie);
    expect(viewer).toMatchObject({
      user: { name: 'Gerda' },
      role: 'EDITOR',
      sessions: [{ userAgent: 'Browser/1' }],
    });
    const again = await new Browser().signIn({
      sub: 'u1',
      preferred_username: 'Renamed',
      groups: 'heads guests',
    });
    // The role is what the provider says now, everywhere; the name is the person's own here.
    expect(await viewerOf(again.setCookie)).toMatchObject({ user: viewer.user, role: 'ADMIN' });
    expect((await viewerOf(first.setCookie)).role).toBe('ADMIN');
  });

  test('sends state, nonce and an S256 challenge, and keeps them where no script reads them', async () => {
    const { location, setCookie } = await new Browser().get(`${instance.url}/oidc/sign-in`);
    const asked = new URL(location ?? '').searchParams;
    expect(asked.get('code_challenge_method')).toBe('S256');
    for (const name of ['state', 'nonce', 'code_challenge']) expect(asked.get(name)).toMatch(/^[\w-]{43}$/);
    expect(asked.get('redirect_uri')).toBe(`${instance.url}/oidc/callback`);
    expect(setCookie[0]).toMatch(/; Max-Age=600; Path=\/oidc\/callback; HttpOnly; SameSite=Lax$/);
    // Sealed: neither state nor verifier can be read.
    expect(setCookie[0]).not.toContain(asked.get('state') ?? 'x');
  });

  test('gives nothing to whoever has no role, is disabled, or has only the name of somebody here', async () => {
    const { user } = await instance.app.access.users.create({
      name: 'Hanna',
      role: 'ADMIN',
      password: 'correct horse',
    });
    const twin = await new Browser().signIn({ sub: 'evil', preferred_username: 'hanna', groups: ['guests'] });
    expect(await viewerOf(twin.setCookie)).toMatchObject({ user: { name: 'hanna 2' }, role: 'VIEWER' });
    expect((await viewerOf(twin.setCookie)).user.id).not.toBe(user.id);

    for (const groups of [undefined, [], ['others'], 'gardenersx', { gardeners: true }, [['gardeners']]]) {
      const none = await new Browser().signIn({ sub: 'u2', preferred_username: 'Nils', groups });
      expect(none.location, JSON.stringify(groups)).toBe(`${instance.url}/sign-in?refused=forbidden`);
      expect(none.setCookie.join()).not.toContain('session_token');
    }
    expect(await instance.app.access.users.findByName('Nils')).toBeNull();

    const gone = await new Browser().signIn({ sub: 'u3', preferred_username: 'Dirk', groups: ['guests'] });
    const { user: dirk } = await viewerOf(gone.setCookie);
    await instance.app.access.users.disable(dirk.id);
    const refused = await new Browser().signIn({ sub: 'u3', groups: ['heads'] });
    expect(refused.location).toBe(`${instance.url}/sign-in?refused=forbidden`);
    expect((await instance.app.access.users.find(dirk.id))?.role).toBe('VIEWER');
    // Nor does a password open an account that was made here.
    await expect(
      instance.app.access.signIn({ name: 'Gerda', password: '', address: '10.0.0.9' }),
    ).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  test('an answer works once, in the browser that asked, unchanged and within ten minutes', async () => {
    const who = { sub: 'u4', preferred_username: 'Vera', groups: ['guests'] };
    provider.next(who);
    const refused = `${instance.url}/sign-in?refused=forbidden`;
    const browser = new Browser();
    const callback = await browser.toCallback();

    // Another browser, to which somebody hands the link: it would be signed in as the one who made it.
    expect((await new Browser().get(callback)).location).toBe(refused);
    const victim = new Browser();
    await victim.get(`${instance.url}/oidc/sign-in`);
    expect((await victim.get(callback)).location).toBe(refused);

    for (const change of [
      (url: URL) => url.searchParams.set('state', 'another'),
      (url: URL) => url.searchParams.delete('state'),
      (url: URL) => url.searchParams.set('code', 'guessed'),
      (url: URL) => url.searchParams.set('iss', 'http://evil.example'),
      (url: URL) => url.searchParams.append('state', 'another'),
      (url: URL) => {
        url.search = '?error=access_denied';
      },
      (url: URL) => {
        url.search = '';
      },
    ]) {
      const changed = new URL(callback);
      change(changed);
      const copy = new Browser();
      copy.cookies.set(instance.url, new Map(browser.cookies.get(instance.url)));
      expect((await copy.get(changed.href)).location, changed.search).toBe(refused);
    }

    const late = new Browser();
    const lateCallback = await late.toCallback();
    now += 601_000;
    expect((await late.get(lateCallback)).location).toBe(refused);

    const fresh = new Browser();
    const good = await fresh.toCallback();
    const kept = new Map(fresh.cookies.get(instance.url));
    expect((await fresh.get(good)).location).toBe(`${instance.url}/graphql`);
    fresh.cookies.set(instance.url, kept);
    expect((await fresh.get(good)).location).toBe(refused);
  });

  test('is offered on the page, and is in the audit like any other sign-in', async () => {
    const page = await request(`${instance.url}/sign-in`);
    expect(await page.body.text()).toContain('Sign in with Village');
    const begun = await instance.app.database.prisma.auditEvent.findMany({
      where: { action: 'session.begin' },
    });
    expect(begun.some(({ outcome, actorKind }) => outcome === 'done' && actorKind === 'USER')).toBe(true);
    expect(begun.some(({ outcome }) => outcome === 'refused')).toBe(true);
  });

  test('a provider that is away stops nobody from signing in with a password', async () => {
    const alone = await startInstance('Alone', {
      HEDGEROW_OIDC_ISSUER: 'http://127.0.0.1:1',
      HEDGEROW_OIDC_CLIENT_ID: 'x',
    });
    try {
      const answer = await request(`${alone.url}/oidc/sign-in`);
      await answer.body.dump();
      expect([answer.statusCode, answer.headers['location']]).toEqual([303, '/sign-in?refused=unavailable']);
      await alone.app.access.users.create({ name: 'Ada', role: 'ADMIN', password: 'correct horse' });
      expect(
        (await alone.app.access.signIn({ name: 'Ada', password: 'correct horse', address: '::1' })).viewer
          .role,
      ).toBe('ADMIN');
    } finally {
      await alone[Symbol.asyncDispose]();
    }
  });
});
