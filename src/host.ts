/** What commands need of the whole program: the data folder opened in this process, and the server. */

import { type GraphQLError, graphql } from 'graphql';
import { COMMAND_VIEWER, openApp, startApp } from './app.ts';
import type { Backend, Host, Served } from './cli/backend.ts';
import type { Config, Secrets } from './config/config.ts';
import { createContext } from './graphql/context.ts';
import { publicError } from './graphql/errors.ts';
import { schema } from './graphql/schema.ts';
import { codeFromWire, HedgerowError } from './lib/errors.ts';
import { VERSION } from './version.ts';

export const host: Host = { openFolder, serve };

async function serve(config: Config, secrets: Secrets): Promise<Served> {
  const app = await startApp({ config, secrets });
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
