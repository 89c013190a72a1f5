/** What commands need of the whole program: the data folder opened in this process, and the server. */

import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { type GraphQLError, graphql } from 'graphql';
import { COMMAND_VIEWER, openApp, startApp } from './app.ts';
import type { Backend, Host, Served } from './cli/backend.ts';
import type { Config, Secrets } from './config/config.ts';
import { type StoredKey, storeMasterKey } from './config/master-key.ts';
import { openDatabase } from './database/database.ts';
import { sealedUnder } from './federation/identity/sealed-under.ts';
import { createContext } from './graphql/context.ts';
import { publicError } from './graphql/errors.ts';
import { schema } from './graphql/schema.ts';
import { writeCompiledCode } from './lib/compile-cache.ts';
import { codeFromWire, HedgerowError } from './lib/errors.ts';
import { lockDataFolder } from './lock.ts';
import { moveInstance, takeInstanceBack } from './move.ts';
import { VERSION } from './version.ts';

export const host: Host = { openFolder, importKey, serve, move: moveInstance, takeBack: takeInstanceBack };

async function serve(config: Config, secrets: Secrets): Promise<Served> {
  const app = await startApp({ config, secrets });
  writeCompiledCode();
  const { setup } = app.access;
  const base = `${app.publicUrl.href.replace(/\/+$/, '')}/`;
  return {
    url: app.url,
    version: VERSION,
    setupUrl: (await setup.needed()) ? new URL(await setup.link(), base).href : null,
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}

/** The same schema as over HTTP, without HTTP in between. */
async function openFolder(config: Config, secrets: Secrets): Promise<Backend> {
  const app = await openApp({ config, secrets });
  return {
    server: null,
    graphql: async (document, variables) => {
      const { data, errors } = await graphql({
        schema,
        source: document.toString(),
        variableValues: variables as Record<string, unknown>,
        contextValue: createContext(app.graphql, COMMAND_VIEWER),
      });
      const [error] = errors ?? [];
      if (error !== undefined) throw commandError(publicError(error, app.log));
      return data as never;
    },
    importFiles: (job) =>
      app.library.importFiles({
        ...job,
        onFile: (file) => {
          if (file.outcome !== 'unchanged') job.onFile(file);
        },
      }),
    accounts: app.accounts,
    [Symbol.asyncDispose]: () => app[Symbol.asyncDispose](),
  };
}

async function importKey(config: Config, key: Buffer): Promise<StoredKey> {
  await mkdir(config.dataDir, { recursive: true, mode: 0o700 });
  using _lock = await lockDataFolder(config);
  if ((await keyVerdict(config, key)) === 'other') {
    throw new HedgerowError(
      'CONFLICT',
      "This is not the master key under which this database's secrets were sealed; nothing was changed.",
    );
  }
  return storeMasterKey(config.dataDir, key, new Date());
}

async function keyVerdict(config: Config, key: Buffer): Promise<Awaited<ReturnType<typeof sealedUnder>>> {
  // A database that is not there yet is not made for the sake of looking.
  if (config.database.dialect === 'sqlite' && !existsSync(config.database.path)) return 'nothing-sealed';
  await using database = await openDatabase(config.database);
  return await sealedUnder(database, key);
}

function commandError(error: GraphQLError): HedgerowError {
  const code = String(error.extensions['code'] ?? 'INTERNAL');
  return new HedgerowError(
    codeFromWire(code.toLowerCase().replaceAll('_', '-')) ?? 'INTERNAL',
    error.message,
    {
      cause: error,
    },
  );
}
