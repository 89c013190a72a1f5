/** Answers GET and HEAD for one file: RFC 9110 with its conditions and ranges, and what keeps foreign bytes tame. */

import { once } from 'node:events';
import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { DeliverableFile, Delivery, FileInMemory, OpenedFile } from '../delivery/delivery.ts';
import { decide } from '../delivery/ranges.ts';
import type { Pacer } from '../federation/serve/limits.ts';
import { HedgerowError } from '../lib/errors.ts';
import { release } from '../storage/buffer-pool.ts';
import { problemOf } from './problem.ts';

export interface SendOptions {
  delivery: Pick<Delivery, 'open'>;
  /** Whether this reader may fill the cache: false for the anonymous. */
  fill: boolean;
  /** `attachment` where the client asked to save the file. */
  disposition?: 'inline' | 'attachment';
  /** Value of Cache-Control; by default browsers keep the file and ask each time whether they still may. */
  cacheControl?: string;
  /** How fast the bytes may go; without one, as fast as they are taken. */
  pacer?: Pacer;
  /** Whether pages of other sites may show it: the URL itself is the permission. */
  embeddable?: boolean;
  now?: () => number;
  /** Told of an error that is none of ours; answers the id under which the log has it. */
  onError?: (error: unknown) => string | undefined;
}

export interface SentFile {
  status: number;
  /** Bytes of the body that were handed to the connection. */
  bytes: number;
  /** False where the client went away, or the bytes ended before their end. */
  complete: boolean;
  source: OpenedFile['source'] | null;
}

/** A session's answer is for nobody else, and may have been revoked since: kept, but asked for each time. */
const CACHE_CONTROL = 'private, max-age=0, must-revalidate';

/** Types that a browser shows by itself without running anything of theirs; SVG and HTML run scripts. */
const INLINE = new Set([
  'image/jpeg',
  'image/png',
  'image/webp',
  'image/avif',
  'image/gif',
  'video/mp4',
  'video/webm',
  'audio/mpeg',
  'audio/mp4',
  'audio/ogg',
  'application/pdf',
]);

/** Media that no browser executes; shown to players by name, offered to people for saving. */
const MEDIA = /^(?:image|video|audio)\/[a-z0-9][a-z0-9.+-]{0,99}$/;

const PLAYED = /^(?:video|audio)\//;

/**
 * A document made of another server's bytes gets no origin, no scripts and no network. Its styles are those of the
 * browser's own viewer, which are inline.
 */
const CSP =
  "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'; sandbox";
/**
 * A film opened in a tab of its own is asked for again by the player that the browser puts there: without the origin
 * that would be another site's request, with no cookie. Scripts stay forbidden.
 */
const PLAYER_CSP = `${CSP} allow-same-origin`;
/** Chromium's PDF viewer refuses to work in a sandboxed document; it gives the file no origin by itself. */
const PDF_CSP = "default-src 'none'; object-src 'self'; style-src 'unsafe-inline'; frame-ancestors 'self'";

/**
 * Answers the request, with a problem document where nothing was sent yet. Never rejects. With Fastify, after
 * `reply.hijack()`.
 */
export async function sendFile(
  request: IncomingMessage,
  response: ServerResponse,
  file: DeliverableFile,
  options: SendOptions,
): Promise<SentFile> {
  try {
    return await answer(request, response, file, options);
  } catch (error) {
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return { status: response.statusCode, bytes: 0, complete: false, source: null };
    }
    const id = error instanceof HedgerowError ? undefined : options.onError?.(error);
    return sendProblem(request, response, problemOf(error, id === undefined ? {} : { id }));
  }
}

/**
 * Answers a GET of the whole of a file that is in memory already, at once. The request has none of the fields that ask for less
 * (`isPlain`), but for If-None-Match.
 *
 * @param others - fields of every answer, names and values by turns; those of the file stand in their place
 */
export function sendFromMemory(
  request: IncomingMessage,
  response: ServerResponse,
  file: DeliverableFile,
  { bytes, cacheStatus }: FileInMemory,
  others: readonly string[],
): void {
  const known = fieldsOf(file);
  const { etag } = known;
  const plain = plainOf(known, others);
  const asked = request.headers['if-none-match'];
  if (asked !== undefined) {
    const verdict = decide(
      { method: 'GET', ifNoneMatch: asked },
      { etag, lastModified: null, size: null },
      0,
    );
    if (verdict.status === 304) {
      response.writeHead(304, plain.unchanged).end();
      return;
    }
  }
  const fields = [...plain.whole, 'content-length', String(bytes.length)];
  if (cacheStatus !== null) fields.push('cache-status', cacheStatus);
  response.writeHead(200, fields);
  response.end(bytes);
}

/** Whether a request asks for a file as it is, or whether it is another version than the one it names. */
export function isPlain({ method, headers }: IncomingMessage): boolean {
  return (
    method === 'GET' &&
    headers.range === undefined &&
    headers['if-match'] === undefined &&
    // What browsers send along with a tag, and what counts for nothing beside it.
    (headers['if-modified-since'] === undefined || headers['if-none-match'] !== undefined) &&
    headers['if-unmodified-since'] === undefined &&
    headers['content-length'] === undefined &&
    headers['transfer-encoding'] === undefined
  );
}

/** Ends an answer so that not even what the kernel holds of it is sent any more. */
export function breakOff(response: ServerResponse): void {
  response.socket?.resetAndDestroy();
  response.destroy();
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  file: DeliverableFile,
  options: SendOptions,
): Promise<SentFile> {
  const { method = 'GET', headers } = request;
  if (method !== 'GET' && method !== 'HEAD') throw new HedgerowError('METHOD_NOT_ALLOWED');
  const { etag, validators: own, description } = fieldsOf(file);
  const verdict = decide(
    {
      method,
      range: headers.range,
      ifMatch: headers['if-match'],
      ifNoneMatch: headers['if-none-match'],
      ifModifiedSince: headers['if-modified-since'],
      ifUnmodifiedSince: headers['if-unmodified-since'],
      ifRange: one(headers['if-range']),
    },
    { etag, lastModified: file.updatedAt, size: file.size },
    (options.now ?? Date.now)(),
  );
  // What a 304 has to repeat of the 200 (RFC 9110, 15.4.5); a browser replaces what it has kept by what it carries.
  const validators: OutgoingHttpHeaders = {
    ...own,
    ...cachingOf(options.embeddable === true, options.cacheControl),
  };
  if (verdict.status === 304) return sendEmpty(response, 304, validators);
  if (verdict.status === 412) return sendEmpty(response, 412, { ...validators, 'content-length': 0 });
  if (verdict.status === 416) {
    const problem = problemOf(new HedgerowError('RANGE_NOT_SATISFIABLE'));
    problem.headers['content-range'] = `bytes */${file.size ?? '*'}`;
    problem.headers['accept-ranges'] = 'bytes';
    return sendProblem(request, response, problem);
  }
  const fields: OutgoingHttpHeaders = { ...validators, ...description };
  if (options.disposition === 'attachment') fields['content-disposition'] = dispositionOf(file, false);
  if (method === 'HEAD') {
    if (file.size !== null) fields['content-length'] = file.size;
    return sendEmpty(response, 200, fields);
  }
  const opened = await open(response, file, verdict.status === 206 ? verdict.range : null, options);
  if (opened === null) return { status: 0, bytes: 0, complete: false, source: null };
  if (opened.cacheStatus !== null) fields['cache-status'] = opened.cacheStatus;
  if (opened.size !== null) fields['content-length'] = opened.end - opened.start + 1;
  if (verdict.status === 206) {
    fields['content-range'] = `bytes ${opened.start}-${opened.end}/${opened.size ?? '*'}`;
  }
  response.writeHead(verdict.status, fields);
  const sent = await sendBody(response, opened, options.pacer);
  return { status: verdict.status, ...sent, source: opened.source };
}

/** Null where the client went away before the first byte was there. */
async function open(
  response: ServerResponse,
  file: DeliverableFile,
  range: { start: number; end: number } | null,
  options: SendOptions,
): Promise<OpenedFile | null> {
  const controller = new AbortController();
  const leave = (): void => controller.abort();
  response.once('close', leave);
  try {
    const opened = await options.delivery.open(file, range, {
      fill: options.fill,
      signal: controller.signal,
    });
    if (!response.destroyed) return opened;
    if (opened.bytes === null) opened.body.destroy();
    return null;
  } catch (error) {
    if (response.destroyed) return null;
    throw error;
  } finally {
    response.off('close', leave);
  }
}

function sendBody(
  response: ServerResponse,
  opened: OpenedFile,
  pacer: Pacer | undefined,
): Promise<{ bytes: number; complete: boolean }> {
  const body = opened.bytes === null ? opened.body : null;
  return new Promise((resolve) => {
    let bytes = 0;
    let ended = false;
    let pacing = false;
    // Only what waits has to be told; an abort is dear for whoever reads many small files.
    const closed = pacer === undefined ? undefined : new AbortController();
    // An interrupted connection is all that tells a client of a body with a Content-Length that it is short.
    const fail = (): void => {
      response.destroy();
    };
    response.once('close', () => {
      closed?.abort();
      body?.destroy();
      resolve({ bytes, complete: ended && response.writableFinished });
    });
    response.on('error', () => {});
    const end = (): void => {
      ended = true;
      response.end();
    };
    const paced = (chunk: Buffer, done: () => void): Promise<void> =>
      writePaced(response, chunk, pacer as Pacer, closed?.signal as AbortSignal, (written) => {
        bytes += written;
      }).then(done, () => {
        // The connection was closed meanwhile, and there is nobody to tell.
      });
    if (body === null) {
      const whole = opened.bytes as Buffer;
      if (typeof pacer?.slice() === 'number') {
        void paced(whole, end);
        return;
      }
      bytes = whole.length;
      ended = true;
      response.end(whole);
      return;
    }
    body.on('data', (chunk: Buffer) => {
      if (typeof pacer?.slice() === 'number') {
        // One chunk is held at most: the next is read when this one is on its way.
        body.pause();
        pacing = true;
        void paced(chunk, () => {
          release(chunk);
          pacing = false;
          if (!response.destroyed) body.resume();
        });
        return;
      }
      bytes += chunk.length;
      // The chunk is the kernel's once the callback comes; until then the buffer must not be used again.
      const more = response.write(chunk, (error) => {
        if (!error) release(chunk);
      });
      if (!more) body.pause();
    });
    response.on('drain', () => {
      if (!pacing) body.resume();
    });
    body.once('end', end);
    body.once('error', fail);
    body.once('close', () => {
      if (!ended) fail();
    });
  });
}

/** Writes a chunk slice by slice, each once it may go, and resolves when the kernel has it all. */
async function writePaced(
  response: ServerResponse,
  chunk: Buffer,
  pacer: Pacer,
  signal: AbortSignal,
  onWritten: (bytes: number) => void,
): Promise<void> {
  const written: Promise<void>[] = [];
  for (let at = 0; at < chunk.length; ) {
    const part = chunk.subarray(at, at + (pacer.slice() ?? chunk.length));
    await pacer.take(part.length, signal);
    signal.throwIfAborted();
    at += part.length;
    onWritten(part.length);
    const flushed = Promise.withResolvers<void>();
    written.push(flushed.promise);
    flushed.promise.catch(() => {});
    const more = response.write(part, (error) => (error ? flushed.reject(error) : flushed.resolve()));
    if (!more) await once(response, 'drain', { signal });
  }
  await Promise.all(written);
}

function sendEmpty(response: ServerResponse, status: number, headers: OutgoingHttpHeaders): SentFile {
  response.writeHead(status, headers).end();
  return { status, bytes: 0, complete: true, source: null };
}

export function sendProblem(
  request: IncomingMessage,
  response: ServerResponse,
  problem: ReturnType<typeof problemOf>,
): SentFile {
  const allow = problem.status === 405 ? { allow: 'GET, HEAD' } : {};
  response.writeHead(problem.status, {
    ...problem.headers,
    ...allow,
    'content-length': Buffer.byteLength(problem.body),
  });
  response.end(request.method === 'HEAD' ? undefined : problem.body);
  return { status: problem.status, bytes: 0, complete: true, source: null };
}

/** The digest is the tag; without one only a weak tag is honest. */
function etagOf(file: DeliverableFile): string {
  return file.digest === null ? `W/"${file.updatedAt}-${file.size ?? ''}"` : `"${file.digest}"`;
}

function mediaType({ mimeType }: DeliverableFile): string {
  return mimeType.toLowerCase().split(';', 1)[0]?.trim() ?? '';
}

/** What answers say of a file whoever asks. */
interface FileFields {
  etag: string;
  /** Also of a 304. */
  validators: OutgoingHttpHeaders;
  description: OutgoingHttpHeaders;
  /** Once it was asked for. */
  plain?: PlainFields;
}

/** All fields of the two answers to a plain request that do not change, names and values by turns. */
interface PlainFields {
  others: readonly string[];
  whole: readonly string[];
  unchanged: string[];
}

function plainOf(fields: FileFields, others: readonly string[]): PlainFields {
  if (fields.plain?.others !== others) {
    const validators = {
      ...fieldsFrom(others),
      ...fields.validators,
      ...cachingOf(false, undefined),
    };
    fields.plain = {
      others,
      unchanged: listed(validators),
      whole: listed({ ...validators, ...fields.description }),
    };
  }
  return fields.plain;
}

function fieldsFrom(list: readonly string[]): OutgoingHttpHeaders {
  const fields: OutgoingHttpHeaders = {};
  for (let at = 0; at + 1 < list.length; at += 2) fields[list[at] as string] = list[at + 1];
  return fields;
}

function listed(fields: OutgoingHttpHeaders): string[] {
  return Object.entries(fields).flatMap(([name, value]) => [name, String(value)]);
}

function cachingOf(embeddable: boolean, cacheControl: string | undefined): OutgoingHttpHeaders {
  return {
    // No other site may embed what the visitor's own session opens, nor measure it.
    'cross-origin-resource-policy': embeddable ? 'cross-origin' : 'same-origin',
    'cache-control': cacheControl ?? CACHE_CONTROL,
  };
}

const fieldsByFile = new WeakMap<DeliverableFile, FileFields>();

function fieldsOf(file: DeliverableFile): FileFields {
  let fields = fieldsByFile.get(file);
  if (fields === undefined) {
    const etag = etagOf(file);
    fields = { etag, validators: validatorsOf(file, etag), description: describe(file) };
    fieldsByFile.set(file, fields);
  }
  return fields;
}

function validatorsOf(file: DeliverableFile, etag: string): OutgoingHttpHeaders {
  return {
    // Bytes of one type must not be taken for another that runs.
    'x-content-type-options': 'nosniff',
    'content-security-policy': policyOf(mediaType(file)),
    // In place of what other answers have: frames of our own pages show documents.
    'x-frame-options': 'SAMEORIGIN',
    etag,
    'last-modified': new Date(file.updatedAt).toUTCString(),
    // Whether one may have the file depends on who asks.
    vary: 'Cookie, Authorization, Origin',
  };
}

function dispositionOf(file: DeliverableFile, inline: boolean): string {
  return contentDisposition(
    inline ? 'inline' : 'attachment',
    file.variant === 'original' ? file.filename : null,
  );
}

function describe(file: DeliverableFile): OutgoingHttpHeaders {
  const type = mediaType(file);
  const inline = INLINE.has(type);
  const known = inline || (MEDIA.test(type) && !type.startsWith('image/svg'));
  const headers: OutgoingHttpHeaders = {
    'accept-ranges': 'bytes',
    'content-type': known ? type : 'application/octet-stream',
    'content-disposition': dispositionOf(file, inline),
  };
  const hex = file.digest?.startsWith('sha-256:') === true ? file.digest.slice('sha-256:'.length) : null;
  // Of the whole representation, also where a part is sent (RFC 9530, section 3).
  if (hex !== null) headers['repr-digest'] = `sha-256=:${Buffer.from(hex, 'hex').toString('base64')}:`;
  return headers;
}

function policyOf(type: string): string {
  if (type === 'application/pdf') return PDF_CSP;
  return PLAYED.test(type) ? PLAYER_CSP : CSP;
}

/**
 * A Content-Disposition (RFC 6266) that keeps names of any script: `filename` in ASCII for old clients,
 * `filename*` (RFC 8187) for the rest. The name is another server's, so folders, controls and quotes go.
 */
export function contentDisposition(type: 'inline' | 'attachment', filename: string | null): string {
  const name = (filename ?? '')
    .toWellFormed()
    // Bidirectional overrides make "gpj.exe" read as "exe.jpg".
    .replaceAll(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '')
    .replaceAll(/[/\\]/g, '_')
    .replace(/^\.+/, '')
    .trim();
  if (name === '') return type;
  const ascii = name.replaceAll(/[^\x20-\x7e]/g, '_').replaceAll(/["%]/g, '_');
  const quoted = `${type}; filename="${ascii}"`;
  return ascii === name ? quoted : `${quoted}; filename*=UTF-8''${encodeExtended(name)}`;
}

/** Percent-encodes all but attr-char (RFC 8187, section 3.2.1). */
function encodeExtended(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** A field that must not be repeated; where it is, the first counts, as Node does for the others. */
function one(field: string | string[] | undefined): string | undefined {
  return Array.isArray(field) ? field[0] : field;
}
