/**
 * The service worker: it keeps the shell of the gallery, which is the same for everybody, and says so where the server
 * cannot be reached. Pages, pictures, films and answers of the catalog are private and pass it by.
 *
 * Each build has a worker of its own, which takes the place of the one before at once and throws away what that kept.
 */

/** Put above this script by the build: a hash of the shell, and its addresses relative to the scope. */
declare const SHELL: { readonly version: string; readonly files: readonly string[] };

import type { LastWord } from './last-word.ts';

/** No module, so that every browser that knows workers runs it; its type has to be told. */
const worker = globalThis as unknown as ServiceWorkerGlobalScope;
const SCOPE = new URL(worker.registration.scope);
/** Several instances may stand under one origin, each under a path of its own. */
const MINE = `hedgerow ${SCOPE.pathname} `;
const CACHE = `${MINE}${SHELL.version}`;
/** However the server would vary it: what is kept is whole, and the same for everybody. */
const KEPT_HERE = { cacheName: CACHE, ignoreVary: true };
/** Shown in place of the gallery where the server cannot be reached; it names nobody. */
const AWAY = new URL('offline', SCOPE).href;
const KEPT = new Set([...SHELL.files.map((file) => new URL(file, SCOPE).href), AWAY]);

worker.addEventListener('install', (event) => {
  event.waitUntil(
    caches
      .open(CACHE)
      .then((cache) => cache.addAll([...KEPT]))
      .then(() => worker.skipWaiting()),
  );
});

worker.addEventListener('activate', (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) =>
        Promise.all(
          names.filter((name) => name.startsWith(MINE) && name !== CACHE).map((name) => caches.delete(name)),
        ),
      )
      .then(() => worker.clients.claim()),
  );
});

worker.addEventListener('message', (event) => {
  // Only pages of this origin can send one.
  const word = event.data as LastWord;
  if (word?.kind !== 'last word') return;
  event.waitUntil(
    fetch(new URL('graphql', SCOPE), {
      method: 'POST',
      headers: {
        accept: 'application/graphql-response+json',
        'content-type': 'application/json',
        'x-hedgerow-csrf': '1',
      },
      body: word.body,
    }),
  );
});

worker.addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.method !== 'GET') return;
  const { href, origin, pathname } = new URL(request.url);
  if (origin !== SCOPE.origin) return;
  if (request.mode === 'navigate') {
    if (pathname === SCOPE.pathname) event.respondWith(fetch(request).catch(() => away()));
  } else if (KEPT.has(href) && href !== AWAY) {
    event.respondWith(caches.match(href, KEPT_HERE).then((kept) => kept ?? fetch(request)));
  }
});

async function away(): Promise<Response> {
  return (await caches.match(AWAY, KEPT_HERE)) ?? Response.error();
}
