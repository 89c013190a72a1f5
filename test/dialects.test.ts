/** Every dialect against a server of its make. */

import { addPeer } from './support/add-peer.ts';
import { APPKASK_KEY, type AppkaskOptions, startAppkaskServer } from './support/appkask-server.ts';
import { type ArtifexOptions, startArtifexServer } from './support/artifex-server.ts';
import { type ContractDialect, type ContractServer, describeDialect } from './support/dialect-contract.ts';
import { startFakePeer } from './support/fake-peer.ts';
import type { ForeignServer } from './support/foreign-server.ts';
import { startInstance } from './support/instance.ts';

/** One byte more than any answer may have. */
const TOO_LARGE = 'x'.repeat(16 * 1024 * 1024 - 1);

describeDialect(hedgerow());
describeDialect(artifex('artifex, running form', { form: 'running' }));
describeDialect(artifex('artifex, running form of later versions', { form: 'running', bytes: 'media' }));
describeDialect(artifex('artifex, described form', { form: 'described', token: 'secret-of-prints' }));
describeDialect(
  artifex('artifex, described form without token and version', { form: 'described', unversioned: true }),
);
describeDialect(appkask('appkask, Bearer', { key: 'authorization' }));
describeDialect(appkask('appkask, X-API-Key', { key: 'x-api-key' }));

function hedgerow(): ContractDialect {
  return {
    name: 'hedgerow',
    dialect: 'HEDGEROW',
    verified: true,
    digests: true,
    start: async () => {
      const home = await startInstance('Home');
      const fake = await startFakePeer();
      let lastId = 0;
      const server: ContractServer = {
        requests: fake.requests,
        put: (title, content) => {
          lastId += 1;
          fake.put(`item-${lastId}`, { title }, content === undefined ? {} : { original: content });
          return `item-${lastId}`;
        },
        rename: (id, title) => void fake.put(id, { title }),
        remove: (id) => fake.remove(id),
        withdraw: (id) => fake.remove(id, 'unshared'),
        lose: (id) => fake.lose(id),
        putTooLong: () => void fake.put('too-long', { title: 'x'.repeat(501) }),
        fail: (how) => {
          fake.misbehave =
            how === null
              ? null
              : async () => {
                  if (how === 'redirect')
                    return {
                      status: 302,
                      headers: { location: 'http://127.0.0.1:1/' },
                      body: Buffer.alloc(0),
                    };
                  if (how === 'no-json')
                    return {
                      status: 200,
                      headers: { 'content-type': 'application/json' },
                      body: Buffer.from('<html>'),
                    };
                  if (how === 'too-large') {
                    const headers = { 'content-type': 'application/json' };
                    return { status: 200, headers, body: Buffer.from(`"${TOO_LARGE}"`) };
                  }
                  if (how === 'rate-limited')
                    return { status: 429, headers: { 'retry-after': '3' }, body: Buffer.alloc(0) };
                  return { status: 500, headers: {}, body: Buffer.alloc(0) };
                };
        },
        goDown: () => fake.goDown(),
        comeUp: () => fake.comeUp(),
        [Symbol.asyncDispose]: () => fake[Symbol.asyncDispose](),
      };
      const join = async (): Promise<string> => {
        const { pairWithPeer } = await home.query<{ pairWithPeer: { peer: { id: string } } }>(
          'mutation ($code: String!) { pairWithPeer(input: {invitation: $code}) { peer { id } userErrors { code } } }',
          { code: fake.invitation() },
        );
        return pairWithPeer.peer.id;
      };
      return { home, server, join };
    },
  };
}

function artifex(name: string, options: ArtifexOptions): ContractDialect {
  return {
    name,
    dialect: 'ARTIFEX',
    verified: false,
    digests: false,
    start: async () => {
      // Keeping to the server's limit is artifex.test.ts's matter: here nobody waits, and nobody counts.
      const home = await startInstance('Home', {}, { sleep: async () => {} });
      const prints = await startArtifexServer({ ...options, limit: Number.POSITIVE_INFINITY });
      const server: ContractServer = {
        ...common(prints),
        put: (title, content) => String(prints.put(title, content === undefined ? {} : { content }).id),
        rename: (id, title) => {
          const picture = prints.pictures.get(Number(id));
          if (picture !== undefined) picture.title = title;
        },
        remove: (id) => prints.remove(Number(id)),
        lose: (id) => void prints.pictures.delete(Number(id)),
        withdraw: (id) => {
          const picture = prints.pictures.get(Number(id));
          if (picture !== undefined) picture.published = false;
        },
        putTooLong: () => void prints.put('Long', { parts: { title: 'x'.repeat(501) } }),
      };
      return {
        home,
        server,
        join: () => addPeer(home, { endpoint: prints.url, token: options.token ?? null }),
      };
    },
  };
}

function appkask(name: string, options: AppkaskOptions): ContractDialect {
  return {
    name,
    dialect: 'APPKASK',
    verified: false,
    digests: false,
    start: async () => {
      const home = await startInstance('Home');
      const cask = await startAppkaskServer(options);
      let lastId = 0;
      const server: ContractServer = {
        ...common(cask),
        put: (title, content) => {
          lastId += 1;
          return cask.put(`item-${lastId}`, { title, ...(content !== undefined && { content }) }).slug;
        },
        rename: (id, title) => void cask.put(id, { title }),
        remove: (id) => cask.remove(id),
        withdraw: (id) => cask.remove(id),
        lose: (id) => cask.remove(id),
        putTooLong: () => void cask.put('too-long', { title: 'x'.repeat(501) }),
      };
      return { home, server, join: () => addPeer(home, { endpoint: cask.url, token: APPKASK_KEY }) };
    },
  };
}

function common(
  server: ForeignServer,
): Omit<ContractServer, 'put' | 'rename' | 'remove' | 'withdraw' | 'lose' | 'putTooLong'> {
  return {
    requests: server.requests,
    fail: (how) => {
      server.faults = {};
      if (how === 'status-500') server.faults.status = 500;
      if (how === 'no-json') server.faults.text = '<html>';
      if (how === 'too-large') server.faults.text = `"${TOO_LARGE}"`;
      if (how === 'rate-limited') Object.assign(server.faults, { status: 429, retryAfter: 3 });
      if (how === 'redirect') server.faults.redirect = 'http://127.0.0.1:1/';
    },
    goDown: () => server.goDown(),
    comeUp: () => server.comeUp(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
