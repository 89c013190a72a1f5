/** What programs read before they ask: the schema, the routes, the messages between instances. */

import { readFile } from 'node:fs/promises';
import type { FastifyInstance } from 'fastify';
import { federationJsonSchema } from '../federation/wire/schema.ts';
import { etagOf } from '../graphql/kept-answers.ts';
import { openApi } from './openapi.ts';

/** As it is committed: what is printed here would be in the order in which this process has loaded its types. */
const SCHEMA = new URL('../../schema/schema.graphql', import.meta.url);

export async function schemaRoutes(app: FastifyInstance, { version }: { version: string }): Promise<void> {
  const files: Record<string, readonly [type: string, text: string]> = {
    '/schema.graphql': ['text/plain; charset=utf-8', await readFile(SCHEMA, 'utf8')],
    '/openapi.json': ['application/json; charset=utf-8', JSON.stringify(openApi(version), null, 2)],
    '/federation.schema.json': ['application/schema+json', JSON.stringify(federationJsonSchema(), null, 2)],
  };
  for (const [path, [type, text]] of Object.entries(files)) {
    const etag = etagOf(text);
    app.get(path, async (request, reply) => {
      reply.headers({ etag, 'cache-control': 'public, no-cache', 'x-content-type-options': 'nosniff' });
      if (request.headers['if-none-match'] === etag) return reply.code(304).send();
      return reply.type(type).send(text);
    });
  }
}
