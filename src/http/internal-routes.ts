/**
 * What the command line asks of a running server, beside GraphQL: the paths and accounts of this very machine. Only
 * the token of server.json, which nobody but the owner of the data folder can read, opens these routes.
 */

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { isAbsolute } from 'node:path';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Accounts } from '../access/accounts.ts';
import type { Viewer } from '../access/viewer.ts';
import { VISIBILITIES, type Visibility } from '../catalog/items.ts';
import { HedgerowError } from '../lib/errors.ts';
import type { ImportRequest, ImportSummary } from '../library/import.ts';
import type { ImportLine } from '../library/import-lines.ts';

export interface InternalRoutesOptions {
  /** @throws HedgerowError UNAUTHENTICATED, FORBIDDEN */
  viewerOf: (request: FastifyRequest) => Promise<Viewer | null>;
  library: { importFiles(request: ImportRequest): Promise<ImportSummary> };
  /** Without them the terminal's accounts commands answer NOT_FOUND while the server runs. */
  accounts?: Accounts | undefined;
}

/** Bytes: a shell spells out every file of `*.jpg`. */
const BODY_LIMIT = 16 * 1024 * 1024;

export async function internalRoutes(app: FastifyInstance, options: InternalRoutesOptions): Promise<void> {
  const { viewerOf, library, accounts } = options;
  const running = new Map<string, AbortController>();

  // Before the body is read.
  app.addHook('onRequest', async (request) => {
    const viewer = await viewerOf(request);
    if (viewer === null) throw new HedgerowError('UNAUTHENTICATED');
    if (viewer.via !== 'token' || viewer.tokenId !== 'service') throw new HedgerowError('FORBIDDEN');
  });
  // A server that ends takes nothing new in; what is in work is finished.
  app.addHook('preClose', async () => {
    for (const stop of running.values()) stop.abort();
  });

  app.post('/internal/import', { bodyLimit: BODY_LIMIT }, async (request, reply) => {
    const wanted = readRequest(request.body);
    const id = randomUUID();
    const stop = new AbortController();
    running.set(id, stop);
    reply.hijack();
    const { raw } = reply;
    raw.on('close', () => stop.abort());
    raw.on('error', () => stop.abort());
    raw.writeHead(200, {
      'content-type': 'application/x-ndjson',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    const write = (line: ImportLine): boolean => raw.destroyed || raw.write(`${JSON.stringify(line)}\n`);
    write({ type: 'started', id });
    try {
      const summary = await library.importFiles({
        ...wanted,
        signal: stop.signal,
        onProgress: (progress) => {
          write({ type: 'progress', ...progress });
        },
        onFile: async (file) => {
          if (file.outcome === 'unchanged' || write({ type: 'file', ...file })) return;
          // A reader that does not read holds the import up, not the memory.
          await once(raw, 'drain', { signal: stop.signal }).catch(() => {});
        },
      });
      write({ type: 'summary', ...summary });
    } catch (error) {
      const known = error instanceof HedgerowError ? error : new HedgerowError('INTERNAL');
      if (known !== error) request.log.error({ err: error }, 'an import failed');
      write({ type: 'error', code: known.code, message: known.message });
    } finally {
      running.delete(id);
      raw.end();
    }
  });

  /** Stops an import as Ctrl-C does; its answer goes on to the summary. */
  app.delete<{ Params: { id: string } }>('/internal/import/:id', async (request, reply) => {
    const stop = running.get(request.params.id);
    if (stop === undefined) throw new HedgerowError('NOT_FOUND');
    stop.abort();
    return reply.code(204).send();
  });

  app.post<{ Params: { operation: string } }>('/internal/accounts/:operation', async (request, reply) => {
    const { operation } = request.params;
    if (accounts === undefined || !Object.hasOwn(accounts, operation)) throw new HedgerowError('NOT_FOUND');
    const work = accounts[operation as keyof Accounts] as (input: unknown) => Promise<unknown>;
    reply.header('cache-control', 'no-store');
    return { result: await work(request.body) };
  });
}

function readRequest(
  body: unknown,
): Pick<ImportRequest, 'paths' | 'inPlace' | 'visibility' | 'tags' | 'album' | 'ownerId'> {
  const { paths, inPlace, visibility, tags, album, ownerId } = (body ?? {}) as Record<string, unknown>;
  // A path below a working folder means nothing here: the server's is another one.
  if (!isTexts(paths) || paths.length === 0 || !paths.every((path) => isAbsolute(path))) {
    throw new HedgerowError('INVALID', 'The paths to import are absolute, at least one.', {
      field: ['paths'],
    });
  }
  if (visibility !== undefined && !VISIBILITIES.includes(visibility as Visibility)) {
    throw new HedgerowError('INVALID', `The visibility is one of ${VISIBILITIES.join(', ')}.`, {
      field: ['visibility'],
    });
  }
  if (tags !== undefined && !isTexts(tags)) {
    throw new HedgerowError('INVALID', 'The tags are texts.', { field: ['tags'] });
  }
  if (album !== undefined && typeof album !== 'string') {
    throw new HedgerowError('INVALID', 'The album is a title or an id.', { field: ['album'] });
  }
  if (ownerId !== undefined && ownerId !== null && typeof ownerId !== 'string') {
    throw new HedgerowError('INVALID', 'The owner is the id of an account, or null.', { field: ['ownerId'] });
  }
  return {
    paths,
    inPlace: inPlace === true,
    visibility: visibility as Visibility | undefined,
    tags,
    album,
    ownerId,
  };
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}
