/**
 * The web pages as Vite built them: plain HTML with a few names filled in, assets that never change, and what a browser
 * needs to install the gallery as an app.
 */

import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Access } from '../access/access.ts';
import type { Viewer } from '../access/viewer.ts';
import { HedgerowError, systemCode } from '../lib/errors.ts';

const BUILT = fileURLToPath(new URL('../web/dist/', import.meta.url));
const PAGES = ['index', 'admin', 'sign-in', 'setup', 'password', 'account', 'offline', 'graphiql'] as const;
type Page = (typeof PAGES)[number];

/** Nothing is loaded from elsewhere, nothing inline is run, nobody frames us: a name or title that slips through stays text. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "media-src 'self'",
  "frame-src 'self'",
  "connect-src 'self'",
  "manifest-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
];
const PLAIN_POLICY = [...CONTENT_SECURITY_POLICY, "require-trusted-types-for 'script'"].join('; ');
/**
 * The editor in GraphiQL (monaco) brings an icon font, works in workers, and makes style elements from script, which
 * carry the nonce of the answer (web/scripts/inline-styles.ts).
 */
const graphiqlPolicy = (nonce: string): string =>
  [
    ...CONTENT_SECURITY_POLICY.filter((directive) => !directive.startsWith('style-src')),
    `style-src 'self' 'nonce-${nonce}'`,
    "font-src 'self' data:",
    "worker-src 'self'",
  ].join('; ');

/** A worker is held to the policy that came with its own script, and not to that of the page. */
const WORKER_POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'";

const ROLE_NAMES = { ADMIN: 'admin', EDITOR: 'editor', VIEWER: 'viewer' } as const;

export interface PagesOptions {
  access: Pick<Access, 'viewer'> & {
    readonly oidc?: Access['oidc'];
    readonly setup: Pick<Access['setup'], 'needed'>;
  };
  /** Where browsers reach the instance, path prefix included. */
  publicUrl: URL;
  instanceName: () => string;
  /** Whether items that are PUBLIC are shown without signing in. */
  anonymous?: boolean;
  /** Of the catalog as it is now. The gallery follows it from there on, and reads nothing anew that it has just read. */
  revision?: () => Promise<number>;
  /** Folder of the built pages; tests give their own. */
  built?: string;
}

export interface Pages {
  /**
   * `/`, `/admin`, `/sign-in`, `/setup`, `/password`, `/account`, `/offline`, `/manifest.webmanifest`, `/worker.js`, `/assets/…`; registered under
   * the prefix where the routes are.
   */
  routes(app: FastifyInstance): Promise<void>;
  /** Whether this GET of `/graphql` is a browser's that wants a page, and no query. */
  wantsGraphiql(request: FastifyRequest): boolean;
  /** GraphiQL for whoever is signed in; for anybody else the way to the sign-in page. */
  graphiql(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply>;
}

export async function createPages(options: PagesOptions): Promise<Pages> {
  const { access, publicUrl, instanceName, anonymous = false, revision, built = BUILT } = options;
  const prefix = publicUrl.pathname.replace(/\/+$/, '');
  const html = await readPages(built);
  const installation = await readInstallation(built);

  const send = (
    reply: FastifyReply,
    page: Page,
    viewer: Viewer | null = null,
    more: Record<string, string> = {},
  ): FastifyReply => {
    const text = needed(html?.get(page));
    const nonce = randomBytes(16).toString('base64');
    const values: Record<string, string> = {
      nonce,
      instance: instanceName(),
      base: `${publicUrl.origin}${prefix}/`,
      viewer: viewer?.user?.name ?? '',
      provider: access.oidc?.name ?? '',
      role: viewer === null ? '' : ROLE_NAMES[viewer.role],
      // What is shown to everybody is still not for search engines; what is shown to one person none of them gets to see.
      robots: viewer === null ? 'noindex' : 'all',
      ...more,
    };
    return secure(reply, page === 'graphiql' ? graphiqlPolicy(nonce) : PLAIN_POLICY)
      .type('text/html; charset=utf-8')
      .send(text.replace(/\{\{(\w+)\}\}/g, (_, name: string) => escapeHtml(values[name] ?? '')));
  };

  /** A token that is not valid is nobody here: pages are for browsers. */
  const sessionOf = async (request: FastifyRequest): Promise<Viewer | null> => {
    const viewer = await access.viewer({ cookie: request.headers.cookie });
    return viewer?.user === null ? null : viewer;
  };

  const gallery = async (reply: FastifyReply, viewer: Viewer | null): Promise<FastifyReply> =>
    send(reply, 'index', viewer, { revision: String((await revision?.()) ?? '') });

  const redirect = (reply: FastifyReply, path: string): FastifyReply =>
    secure(reply, PLAIN_POLICY).redirect(`${prefix}${path}`, 303);

  const signInFor = (path: string): string => `/sign-in?next=${encodeURIComponent(`${prefix}${path}`)}`;

  return {
    routes: async (app) => {
      app.get('/', async (request, reply) => {
        // The page's own addresses are relative: under a prefix they need the slash.
        if (!/^[^?]*\/(\?|$)/.test(request.url)) return redirect(reply, '/');
        const viewer = await sessionOf(request);
        if (viewer !== null) return gallery(reply, viewer);
        if (await access.setup.needed()) return redirect(reply, '/setup');
        if (anonymous) return gallery(reply, null);
        const search = searchOf(request);
        return redirect(reply, search.length > 1 ? signInFor(`/${search}`) : '/sign-in');
      });
      app.get('/admin', async (request, reply) => {
        const viewer = await sessionOf(request);
        if (viewer === null) {
          return redirect(
            reply,
            (await access.setup.needed()) ? '/setup' : signInFor(`/admin${searchOf(request)}`),
          );
        }
        if (viewer.role !== 'ADMIN') throw new HedgerowError('FORBIDDEN', 'These pages are for admins.');
        return send(reply, 'admin', viewer);
      });
      app.get('/sign-in', async (_request, reply) => send(reply, 'sign-in'));
      app.get('/setup', async (_request, reply) =>
        (await access.setup.needed()) ? send(reply, 'setup') : redirect(reply, '/sign-in'),
      );
      app.get('/password', async (_request, reply) => send(reply, 'password'));
      app.get('/account', async (request, reply) => {
        const viewer = await sessionOf(request);
        if (viewer !== null) return send(reply, 'account', viewer);
        return redirect(reply, `/sign-in?next=${encodeURIComponent(`${prefix}/account`)}`);
      });
      // Kept by the service worker, and shown in place of the gallery: it names nobody.
      app.get('/offline', async (_request, reply) => send(reply, 'offline'));
      app.get('/manifest.webmanifest', async (_request, reply) => {
        const name = instanceName();
        return shared(reply)
          .type('application/manifest+json; charset=utf-8')
          .send({ name, short_name: name, ...needed(installation).manifest });
      });
      app.get('/worker.js', async (_request, reply) =>
        shared(reply)
          .header('content-security-policy', WORKER_POLICY)
          .type('text/javascript; charset=utf-8')
          .send(needed(installation).worker),
      );

      if (html !== undefined) {
        await app.register(fastifyStatic, {
          root: join(built, 'assets'),
          prefix: '/assets/',
          decorateReply: false,
          index: false,
          // Names carry a hash of what is in them.
          immutable: true,
          maxAge: '365d',
          preCompressed: true,
          setHeaders: (reply, path) => {
            reply.header('x-content-type-options', 'nosniff');
            reply.header('cross-origin-resource-policy', 'same-origin');
            if (/\.m?js(\.\w+)?$/.test(path)) reply.header('content-security-policy', WORKER_POLICY);
          },
        });
      }
    },

    wantsGraphiql: (request) =>
      request.method === 'GET' &&
      prefersHtml(request.headers.accept) &&
      !Object.hasOwn(request.query as object, 'query'),

    graphiql: async (request, reply) => {
      const viewer = await sessionOf(request);
      if (viewer !== null) return send(reply, 'graphiql', viewer);
      return redirect(reply, signInFor('/graphql'));
    },
  };
}

/** What stands behind `?`, with it: it says where in a page somebody wants to be. */
function searchOf({ url }: FastifyRequest): string {
  return url.replace(/^[^?]*/, '');
}

function readPages(built: string): Promise<Map<Page, string> | undefined> {
  return ifBuilt(
    async () =>
      new Map(
        await Promise.all(
          PAGES.map(async (page) => [page, await readFile(join(built, `${page}.html`), 'utf8')] as const),
        ),
      ),
  );
}

/** The manifest without a name, and the service worker with the list of what it keeps. */
interface Installation {
  manifest: Record<string, unknown>;
  worker: string;
}

function readInstallation(built: string): Promise<Installation | undefined> {
  return ifBuilt(async () => ({
    manifest: JSON.parse(await readFile(join(built, 'manifest.json'), 'utf8')) as Record<string, unknown>,
    worker: await readFile(join(built, 'worker.js'), 'utf8'),
  }));
}

/** Undefined where the pages are not built, which only whoever runs from a checkout meets. */
async function ifBuilt<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** @throws HedgerowError UNAVAILABLE where it is not built */
function needed<T>(built: T | undefined): T {
  if (built !== undefined) return built;
  throw new HedgerowError('UNAVAILABLE', 'The web pages are not built; run `npm run build:web`.');
}

/** The same for everybody, and asked for anew each time: a new version takes the place of the one before at once. */
function shared(reply: FastifyReply): FastifyReply {
  return reply.headers({
    'cache-control': 'no-cache',
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'same-origin',
  });
}

function secure(reply: FastifyReply, policy: string): FastifyReply {
  return reply.headers({
    'content-security-policy': policy,
    'x-content-type-options': 'nosniff',
    // For browsers that do not know frame-ancestors.
    'x-frame-options': 'DENY',
    // Links to other servers do not tell them where they were followed.
    'referrer-policy': 'same-origin',
    'cross-origin-opener-policy': 'same-origin',
    'cross-origin-resource-policy': 'same-origin',
    'permissions-policy': 'camera=(), geolocation=(), microphone=()',
    // The page names who is signed in.
    'cache-control': 'no-store',
    vary: 'Accept, Cookie',
  });
}

/** Programs say `*\/*` or JSON; a browser that navigates names text/html. */
function prefersHtml(accept: string | undefined): boolean {
  if (accept === undefined) return false;
  const types = accept.split(',').map((part) => part.split(';', 1)[0]?.trim().toLowerCase());
  const html = types.indexOf('text/html');
  const json = types.findIndex(
    (type) => type === 'application/json' || type === 'application/graphql-response+json',
  );
  return html >= 0 && (json < 0 || html < json);
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
