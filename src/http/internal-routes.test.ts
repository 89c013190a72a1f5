import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, expect, test } from 'vitest';
import type { Accounts } from '../access/accounts.ts';
import type { Viewer } from '../access/viewer.ts';
import { HedgerowError } from '../lib/errors.ts';
import type { ImportRequest, ImportSummary } from '../library/import.ts';
import { internalRoutes } from './internal-routes.ts';
import { problemOf } from './problem.ts';

let app: FastifyInstance;
afterEach(() => app.close());

const token = (tokenId: string): Viewer => ({
  via: 'token',
  tokenId,
  user: null,
  role: 'ADMIN',
  scopes: ['ADMIN'],
});
const SUMMARY: ImportSummary = {
  ended: 'DONE',
  error: null,
  files: 1,
  bytes: 1,
  seconds: 1,
  outcomes: { added: 1, duplicate: 0, unchanged: 0, unsupported: 0, broken: 0, unreadable: 0 },
};

async function start(parts: {
  viewer?: Viewer | null;
  importFiles?: (request: ImportRequest) => Promise<ImportSummary>;
  accounts?: Partial<Accounts>;
}): Promise<(path: string, init?: RequestInit) => Promise<Response>> {
  const { viewer = token('service'), importFiles = async () => SUMMARY, accounts } = parts;
  app = Fastify();
  app.setErrorHandler((error, _request, reply) => {
    const { status, body } = problemOf(error);
    return reply.code(status).send(body);
  });
  await app.register(internalRoutes, {
    viewerOf: async () => viewer,
    library: { importFiles },
    accounts: accounts as Accounts | undefined,
  });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  return (path, init) =>
    fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ paths: ['/photos'] }),
      ...init,
    });
}

/** An import that goes on until it is stopped. */
function endless(): {
  importFiles: (request: ImportRequest) => Promise<ImportSummary>;
  stopped: Promise<void>;
} {
  const { promise, resolve } = Promise.withResolvers<void>();
  return {
    stopped: promise,
    importFiles: ({ signal }) =>
      new Promise((done) => {
        signal?.addEventListener('abort', () => {
          resolve();
          done({ ...SUMMARY, ended: 'STOPPED' });
        });
      }),
  };
}

test('no session and no other token gets in, not even an admin’s', async () => {
  for (const viewer of [
    null,
    token('environment'),
    token('token_1'),
    {
      via: 'session',
      sessionId: 'service',
      user: { id: 'user_1', name: 'Ada', role: 'ADMIN' },
      role: 'ADMIN',
      scopes: ['ADMIN'],
    } satisfies Viewer,
  ]) {
    const ask = await start({
      viewer,
      importFiles: () => Promise.reject(new Error('reached')),
      accounts: { listUsers: () => Promise.reject(new Error('reached')) },
    });
    for (const path of ['/internal/import', '/internal/accounts/listUsers']) {
      expect((await ask(path)).status).toBe(viewer === null ? 401 : 403);
    }
    await app.close();
  }
});

test('an import answers line by line, unchanged files left out, and the summary last', async () => {
  const ask = await start({
    importFiles: async ({ paths, visibility, onFile, onProgress }) => {
      expect({ paths, visibility }).toEqual({ paths: ['/a'], visibility: 'PEERS' });
      const file = { bytes: 0, itemId: null, code: null, reason: null };
      await onFile?.({ ...file, path: '/a/1', outcome: 'unchanged' });
      await onFile?.({ ...file, path: '/a/2', outcome: 'added' });
      const { outcomes } = SUMMARY;
      const rates = { filesPerSecond: 1, bytesPerSecond: 1, secondsLeft: null };
      onProgress?.({ done: 2, total: 2, bytes: 1, ...rates, current: null, outcomes });
      return SUMMARY;
    },
  });
  const response = await ask('/internal/import', {
    body: JSON.stringify({ paths: ['/a'], visibility: 'PEERS' }),
  });
  const lines = (await response.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.map(({ type }) => type)).toEqual(['started', 'file', 'progress', 'summary']);
  expect(lines[1]).toMatchObject({ path: '/a/2' });
});

test('relative paths and unknown visibilities are refused, failures come as a line', async () => {
  const ask = await start({
    importFiles: () => Promise.reject(new HedgerowError('NOT_FOUND', 'There is no file or folder /photos.')),
  });
  for (const body of [{ paths: ['photos'] }, { paths: [] }, {}, { paths: ['/a'], visibility: 'ALL' }]) {
    expect((await ask('/internal/import', { body: JSON.stringify(body) })).status).toBe(400);
  }
  expect(await (await ask('/internal/import')).text()).toContain(
    '{"type":"error","code":"NOT_FOUND","message":"There is no file or folder /photos."}',
  );
});

test('a client that goes away, one that asks, and a server that ends stop the import', async () => {
  const left = endless();
  let ask = await start(left);
  const leave = new AbortController();
  await ask('/internal/import', { signal: leave.signal });
  leave.abort();
  await left.stopped;
  await app.close();

  ask = await start(endless());
  const response = await ask('/internal/import');
  const lines = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  const { id } = JSON.parse((await lines?.read())?.value ?? '');
  expect((await ask(`/internal/import/${id}`, { method: 'DELETE', body: '{}' })).status).toBe(204);
  expect((await lines?.read())?.value).toContain('"ended":"STOPPED"');
  expect((await ask(`/internal/import/${id}`, { method: 'DELETE', body: '{}' })).status).toBe(404);

  const last = await ask('/internal/import');
  const closing = app.close();
  expect(await last.text()).toContain('"ended":"STOPPED"');
  await closing;
});

test('accounts are reached by name, and nothing else of the object is', async () => {
  const ask = await start({
    accounts: { disableUser: async ({ user }) => ({ name: user }) as never },
  });
  const done = await ask('/internal/accounts/disableUser', { body: '{"user":"Bob"}' });
  expect(await done.json()).toEqual({ result: { name: 'Bob' } });
  for (const name of ['constructor', 'toString', '__proto__', 'addUser2']) {
    expect((await ask(`/internal/accounts/${name}`)).status).toBe(404);
  }
});
