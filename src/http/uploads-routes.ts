/**
 * Uploads: tus 1.0.0 (https://tus.io/protocols/resumable-upload) with creation, creation-with-upload, checksum,
 * expiration and termination; and forms (multipart/form-data) of whole files.
 */

import type { Readable } from 'node:stream';
import fastifyMultipart from '@fastify/multipart';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { hasScope, type Viewer } from '../access/viewer.ts';
import { VISIBILITIES, type Visibility } from '../catalog/items.ts';
import { HedgerowError, isCode, wireCode } from '../lib/errors.ts';
import {
  CHECKSUM_ALGORITHMS,
  type Checksum,
  type NewUpload,
  type UploadState,
  type Uploads,
} from '../library/uploads.ts';
import type { BodyTime } from './body-time.ts';
import { problemOf } from './problem.ts';
import type { Viewers } from './viewers.ts';

export interface UploadsRoutesOptions {
  uploads: Uploads;
  viewers: Pick<Viewers, 'of' | 'whileStanding'>;
  bodies: BodyTime;
  /** Path of the public URL without a trailing slash. */
  publicPath: string;
}

const VERSION = '1.0.0';
const EXTENSIONS = 'creation,creation-with-upload,checksum,expiration,termination';
const PART = 'application/offset+octet-stream';
const FORM = /^multipart\/form-data\b/i;
/** In one form. */
const FILES_MAX = 50;
const FIELDS_MAX = 20;
/** Bytes of Upload-Metadata, and of a field of a form. */
const METADATA_MAX = 8 * 1024;

const uploaders = new WeakMap<FastifyRequest, Viewer>();

export async function uploadsRoutes(app: FastifyInstance, options: UploadsRoutesOptions): Promise<void> {
  const { uploads, viewers, bodies, publicPath } = options;

  app.removeAllContentTypeParsers();
  await app.register(fastifyMultipart, {
    limits: {
      files: FILES_MAX,
      fields: FIELDS_MAX,
      // The library counts for itself; without this the limit of other bodies would be that of files.
      fileSize: uploads.maxBytes + 1,
      fieldSize: METADATA_MAX,
      parts: FILES_MAX + FIELDS_MAX,
      headerPairs: 50,
    },
  });
  // As it is: nothing of a file is held in memory.
  app.addContentTypeParser(PART, (_request, body, done) => done(null, body));

  app.addHook('onRequest', async (request, reply) => {
    reply.header('cache-control', 'no-store');
    reply.header('tus-resumable', VERSION);
    if (request.method === 'OPTIONS') return;
    // Before a byte of the body is read.
    const viewer = await viewers.of(request, request.method === 'POST' ? 'upload' : 'request');
    if (viewer === null) throw new HedgerowError('UNAUTHENTICATED');
    if (!hasScope(viewer, 'LIBRARY_WRITE')) {
      throw new HedgerowError('FORBIDDEN', 'Adding media takes an editor, or a token with LIBRARY_WRITE.');
    }
    uploaders.set(request, viewer);
    bodies.unhurried(request);
    viewers.whileStanding(viewer, reply);
    if (isForm(request)) return;
    if (request.headers['tus-resumable'] !== VERSION) {
      return reply.code(412).header('tus-version', VERSION).send();
    }
  });

  app.options('/uploads', async (_request, reply) =>
    reply
      .code(204)
      .headers({
        'tus-version': VERSION,
        'tus-extension': EXTENSIONS,
        'tus-max-size': String(uploads.maxBytes),
        'tus-checksum-algorithm': CHECKSUM_ALGORITHMS.join(','),
      })
      .send(),
  );

  app.post('/uploads', async (request, reply) => {
    if (isForm(request)) return takeForm(request, reply);
    const { headers } = request;
    const length = wholeNumber(headers['upload-length']);
    if (length === null) {
      throw new HedgerowError('INVALID', 'Upload-Length says how many bytes will come, as a whole number.');
    }
    const checksum = readChecksum(headers['upload-checksum']);
    const metadata = parseUploadMetadata(headers['upload-metadata']);
    const created = await uploads.create({ ownerId: ownerOf(request), ...readMetadata(metadata) }, length);
    reply.code(201).header('location', `${publicPath}/uploads/${created.id}`);
    const body = bodyOf(request);
    if (body === null || length === 0) return answer(reply, created);
    // It exists from here on, whatever becomes of its first part: the client needs to know where.
    const state = await uploads
      .append(ownerOf(request), created.id, { offset: 0, body, checksum })
      .catch((error) => {
        if (isCode(error, 'INTEGRITY_FAILED')) return created;
        throw error;
      });
    return answer(reply, state);
  });

  app.head('/uploads/:id', async (request, reply) => {
    const state = await uploads.find(ownerOf(request), idOf(request));
    reply.header('upload-length', String(state.length));
    return answer(reply.code(200), state);
  });

  app.patch('/uploads/:id', (request, reply) => append(request, reply));
  app.delete('/uploads/:id', (request, reply) => remove(request, reply));
  // For clients behind proxies that know no PATCH (tus 1.0.0, X-HTTP-Method-Override).
  app.post('/uploads/:id', async (request, reply) => {
    const method = request.headers['x-http-method-override'];
    if (method === 'PATCH') return append(request, reply);
    if (method === 'DELETE') return remove(request, reply);
    throw new HedgerowError('METHOD_NOT_ALLOWED');
  });

  async function append(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const offset = wholeNumber(request.headers['upload-offset']);
    const body = bodyOf(request);
    if (offset === null || body === null) {
      throw new HedgerowError('INVALID', `A part has an Upload-Offset, and comes as ${PART}.`);
    }
    const checksum = readChecksum(request.headers['upload-checksum']);
    try {
      const state = await uploads.append(ownerOf(request), idOf(request), { offset, body, checksum });
      return answer(reply.code(204), state);
    } catch (error) {
      if (!isCode(error, 'INTEGRITY_FAILED')) throw error;
      // "460 Checksum Mismatch", which only tus knows.
      const problem = problemOf(error);
      return reply.code(460).headers(problem.headers).send(problem.body);
    }
  }

  async function remove(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    await uploads.remove(ownerOf(request), idOf(request));
    return reply.code(204).send();
  }

  async function takeForm(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const media: { id: string }[] = [];
    const rejected: { filename: string | null; code: string }[] = [];
    const fields: Record<string, string> = {};
    try {
      for await (const part of request.parts()) {
        if (part.type === 'field') {
          if (typeof part.value === 'string') fields[part.fieldname] = part.value;
          continue;
        }
        if (part.fieldname !== 'file') {
          part.file.resume();
          continue;
        }
        const filename = part.filename ?? null;
        const result = await uploads.take(
          {
            ownerId: ownerOf(request),
            ...readMetadata({ ...fields, ...(filename !== null && { filename }) }),
          },
          part.file,
        );
        if ('itemId' in result) media.push({ id: result.itemId });
        else rejected.push({ filename, code: wireCode(result.code) });
      }
    } catch (error) {
      const known = translatedForm(error);
      if (media.length === 0 && rejected.length === 0) throw known;
      if (!(known instanceof HedgerowError)) throw known;
      // What was taken before is taken, and has to be told; of the rest nothing more is read.
      rejected.push({ filename: null, code: wireCode(known.code) });
      return reply.code(known.status).header('connection', 'close').send({ media, rejected });
    }
    if (media.length === 0 && rejected.length === 0) {
      throw new HedgerowError('INVALID', 'The form has no field "file".', { field: ['file'] });
    }
    return reply.code(media.length > 0 ? 201 : 200).send({ media, rejected });
  }
}

/** Where an upload stands; of one that is whole, what became of it. */
function answer(reply: FastifyReply, state: UploadState): FastifyReply {
  reply.headers({
    'upload-offset': String(state.received),
    'upload-expires': new Date(state.expiresAt).toUTCString(),
  });
  if (state.result !== null) {
    if ('itemId' in state.result) reply.header('hedgerow-media', state.result.itemId);
    else reply.header('hedgerow-rejected', wireCode(state.result.code));
  }
  return reply.send();
}

/**
 * Upload-Metadata: pairs separated by commas, of a key and, after a space, a value in base64.
 *
 * @throws HedgerowError INVALID
 */
export function parseUploadMetadata(header: string | string[] | undefined): Record<string, string> {
  const text = Array.isArray(header) ? header.join(',') : (header ?? '');
  const metadata: Record<string, string> = {};
  if (text.length > METADATA_MAX) throw malformed();
  if (text.trim() === '') return metadata;
  for (const pair of text.split(',')) {
    const match = /^ *([!-+\--~]{1,100})(?: ([A-Za-z0-9+/]*={0,2}))? *$/.exec(pair);
    const key = match?.[1];
    if (key === undefined || Object.hasOwn(metadata, key)) throw malformed();
    const value = match?.[2] ?? '';
    const bytes = Buffer.from(value, 'base64');
    // Buffer takes anything; what does not come out as it went in was no base64.
    if (bytes.toString('base64').replace(/=+$/, '') !== value.replace(/=+$/, '')) throw malformed();
    Object.defineProperty(metadata, key, { value: bytes.toString('utf8'), enumerable: true });
  }
  return metadata;
}

function malformed(): HedgerowError {
  return new HedgerowError('INVALID', 'Upload-Metadata is malformed.');
}

/** `filename`, `visibility` (private, instance, peers, public), `tags` (separated by commas). @throws HedgerowError INVALID */
function readMetadata(fields: Record<string, string>): Omit<NewUpload, 'ownerId'> {
  const named = Object.hasOwn(fields, 'visibility') ? fields['visibility']?.toUpperCase() : 'INSTANCE';
  const visibility = VISIBILITIES.find((known): known is Visibility => known === named);
  if (visibility === undefined) {
    throw new HedgerowError('INVALID', `The visibility is one of ${VISIBILITIES.join(', ')}.`, {
      field: ['visibility'],
    });
  }
  const tags = Object.hasOwn(fields, 'tags') ? (fields['tags'] ?? '').split(',') : [];
  return { filename: fields['filename'] ?? null, visibility, tags };
}

/** Upload-Checksum: an algorithm and a digest in base64. @throws HedgerowError INVALID */
function readChecksum(header: string | string[] | undefined): Checksum | undefined {
  if (header === undefined) return undefined;
  const [name, value = ''] = String(header).split(' ', 2);
  const algorithm = CHECKSUM_ALGORITHMS.find((known) => known === name);
  const digest = Buffer.from(value, 'base64');
  if (algorithm === undefined || digest.length !== { sha1: 20, sha256: 32 }[algorithm]) {
    throw new HedgerowError(
      'INVALID',
      `Upload-Checksum is ${CHECKSUM_ALGORITHMS.join(' or ')} and a digest in base64.`,
    );
  }
  return { algorithm, digest };
}

function wholeNumber(header: string | string[] | undefined): number | null {
  return typeof header === 'string' && /^(0|[1-9]\d{0,14})$/.test(header) ? Number(header) : null;
}

function bodyOf(request: FastifyRequest): Readable | null {
  const { body } = request;
  return typeof body === 'object' && body !== null && 'pipe' in body ? (body as Readable) : null;
}

function isForm(request: FastifyRequest): boolean {
  return request.method === 'POST' && FORM.test(request.headers['content-type'] ?? '');
}

function ownerOf(request: FastifyRequest): string | null {
  return uploaders.get(request)?.user?.id ?? null;
}

function idOf(request: FastifyRequest): string {
  const { id } = request.params as { id: string };
  // It becomes the name of a file.
  if (!/^upload_[0-9a-f]{30}$/.test(id)) throw new HedgerowError('NOT_FOUND');
  return id;
}

/** The form's parser tells its limits in codes of its own. */
function translatedForm(error: unknown): unknown {
  if (error instanceof HedgerowError || !(error instanceof Error) || !('code' in error)) return error;
  switch (error.code) {
    case 'FST_REQ_FILE_TOO_LARGE':
    case 'FST_FILES_LIMIT':
    case 'FST_FIELDS_LIMIT':
    case 'FST_PARTS_LIMIT':
      return new HedgerowError('QUOTA_EXCEEDED', `A form has at most ${FILES_MAX} files.`, { cause: error });
    default:
      return 'statusCode' in error
        ? error
        : new HedgerowError('INVALID', 'The form is malformed, or ended too early.', { cause: error });
  }
}
