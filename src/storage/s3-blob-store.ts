/**
 * Blobs as objects of a bucket in an S3-compatible store, under the names of paths.ts behind a prefix:
 *
 *   <prefix>/<key>                 a blob; there is no fan-out, for a bucket has no folders
 *   <prefix>/temporary/<random>    a long blob whose name is not known before its last byte; swept
 *
 * An object is whole or absent by itself: what is put, and what an upload in parts completes, is there in one step.
 */

import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { HedgerowError, isCode } from '../lib/errors.ts';
import type { BlobEntry, BlobStore, ByteRange, WriteKey, WriteOptions, Written } from './blob-store.ts';
import { lease, POOLED_BYTES, release } from './buffer-pool.ts';
import { assertKey, assertPrefix, isKey, TEMPORARY } from './paths.ts';
import { createDigestHasher, type Digests } from './segment-digests.ts';

export interface S3Options {
  bucket: string;
  /** Of all names in the bucket, without slashes at its ends; empty for none. */
  prefix: string;
  region: string;
  /** Null: Amazon's own. */
  endpoint: string | null;
  keys: { accessKeyId: string; secretAccessKey: string; sessionToken: string | null };
  limits?: Partial<S3Limits>;
}

/** Times are ms, sizes are bytes. */
export interface S3Limits {
  /** Times that a request is made where it fails in a way that may pass. */
  attempts: number;
  /** Until the beginning of an answer must be there, each time. */
  answer: number;
  /** The same, of requests that send or move many bytes. */
  work: number;
  /** That a body may bring nothing while somebody waits for it. */
  silence: number;
  /** That a reader may pause before its connection is given back; then the rest is asked for anew. */
  patience: number;
  /** Of one part of an upload; 5 MiB is the least that S3 takes. Two are held in memory at a time. */
  part: number;
  /** That are copied in one request: some stores move each byte for it, and must be done in time. */
  copy: number;
}

const LIMITS: S3Limits = {
  attempts: 3,
  answer: 20_000,
  work: 60_000,
  silence: 20_000,
  patience: 5_000,
  part: 8 * 1024 * 1024,
  copy: 256 * 1024 * 1024,
};
/** As S3 has it. */
const PARTS = 10_000;
/** Requests of one operation on many blobs that run side by side. */
const SIDE_BY_SIDE = 8;
/** As S3 has it. */
const DELETE_AT_ONCE = 1000;
const CONNECT_DEADLINE = 5_000;
/** Connections at a time; more requests wait for one to be given back. */
const CONNECTIONS = 256;
/** Times that a reading is taken up again where the connection breaks and nothing came since the last time. */
const TRIES = 3;
/** What stores say of keys that they do not know, or that do not fit each other. */
const KEYS_REFUSED: ReadonlySet<string> = new Set([
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'InvalidToken',
  'ExpiredToken',
]);

/**
 * Opens the store, after a look whether it answers and takes our keys.
 * @throws HedgerowError CREDENTIAL_REFUSED where our keys are not those of the store, UNAVAILABLE otherwise; with a sentence
 *   that names the bucket
 */
export async function openS3BlobStore(options: S3Options): Promise<BlobStore & AsyncDisposable> {
  const { bucket, region, endpoint, keys } = options;
  const limits = { ...LIMITS, ...options.limits };
  const agents = { maxSockets: CONNECTIONS, keepAlive: true };
  const client = new S3Client({
    region,
    ...(endpoint !== null && { endpoint, forcePathStyle: true }),
    credentials: {
      accessKeyId: keys.accessKeyId,
      secretAccessKey: keys.secretAccessKey,
      ...(keys.sessionToken !== null && { sessionToken: keys.sessionToken }),
    },
    // Many stores that speak S3 know none of its newer checksums; what is sent is signed with its SHA-256 anyway.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    maxAttempts: limits.attempts,
    requestHandler: {
      connectionTimeout: CONNECT_DEADLINE,
      throwOnRequestTimeout: true,
      httpAgent: agents,
      httpsAgent: agents,
    },
  });
  sendDeletionsWithMd5(client);
  /** One request; its answer must have begun in time, its body may take as long as it is read. */
  const ask = async <T>(
    send: (options: { abortSignal: AbortSignal; requestTimeout: number }) => Promise<T>,
    requestTimeout = limits.answer,
  ): Promise<T> => {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), requestTimeout * limits.attempts);
    try {
      return await send({ abortSignal: controller.signal, requestTimeout });
    } catch (error) {
      throw translate(error);
    } finally {
      clearTimeout(timer);
    }
  };
  const root = options.prefix === '' ? '' : `${options.prefix}/`;
  const nameOf = (key: string): string => {
    assertKey(key);
    return root + key;
  };
  const temporaryRoot = `${root}${TEMPORARY}/`;

  await ask((how) =>
    client.send(new ListObjectsV2Command({ Bucket: bucket, Prefix: root, MaxKeys: 1 }), how),
  ).catch((error: unknown) => {
    client.destroy();
    const keysRefused = KEYS_REFUSED.has(nameOfCause(error));
    throw new HedgerowError(
      keysRefused ? 'CREDENTIAL_REFUSED' : 'UNAVAILABLE',
      `The bucket ${bucket} (HEDGEROW_STORAGE_URL) cannot be used${
        keysRefused ? ' with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY' : ''
      }: ${reasonOf(error)}.`,
      { cause: error },
    );
  });

  const stat: BlobStore['stat'] = async (key) => {
    const Key = nameOf(key);
    try {
      const head = await ask((how) => client.send(new HeadObjectCommand({ Bucket: bucket, Key }), how));
      assertTagged(head.ETag);
      return { size: head.ContentLength ?? 0, modifiedAt: head.LastModified?.getTime() ?? 0 };
    } catch (error) {
      if (!isNothingThere(error)) throw error;
    }
    // An answer to HEAD has no body that says what is not there; without its bucket, every blob would seem to be gone.
    try {
      await ask((how) => client.send(new HeadBucketCommand({ Bucket: bucket }), how));
    } catch (error) {
      if (isNothingThere(error)) throw bucketGone(error);
      // Keys that may list below our prefix only may not ask for the bucket: it is there.
      if (!(error instanceof HedgerowError && statusOf(error.cause) === 403)) throw error;
    }
    return null;
  };

  /** The bytes from `start` to `end`, or to the end of the object, of the version that `tag` names. */
  const get = async (Key: string, start: number | null, end: number | null, tag: string | null) => {
    const answer = await ask((how) =>
      client.send(
        new GetObjectCommand({
          Bucket: bucket,
          Key,
          ...(start !== null && { Range: `bytes=${start}-${end ?? ''}` }),
          ...(tag !== null && { IfMatch: tag }),
        }),
        how,
      ),
    );
    const body = answer.Body as Readable;
    body.on('error', () => {});
    const [, from, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(answer.ContentRange ?? '') ?? [];
    // Whoever answers with other bytes than those asked for is no store, or one that knows no ranges.
    if (answer.ETag === undefined || (start ?? 0) !== Number(from ?? 0)) {
      body.destroy();
      throw strangeAnswer();
    }
    return { body, size: Number(total ?? answer.ContentLength ?? 0), tag: answer.ETag };
  };

  const removeAll = async (names: AsyncIterable<string>): Promise<number> => {
    let removed = 0;
    let batch: string[] = [];
    const flush = async (): Promise<void> => {
      if (batch.length === 0) return;
      const Objects = batch.map((Key) => ({ Key }));
      batch = [];
      const answer = await ask((how) =>
        client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects } }), how),
      );
      if (answer.Deleted?.length !== Objects.length) {
        throw new HedgerowError('UNAVAILABLE', 'The store did not delete what it was asked to.');
      }
      removed += Objects.length;
    };
    for await (const name of names) {
      batch.push(name);
      if (batch.length === DELETE_AT_ONCE) await flush();
    }
    await flush();
    return removed;
  };

  async function* objects(prefix: string) {
    let token: string | undefined;
    do {
      const page = await ask((how) =>
        client.send(
          new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ContinuationToken: token }),
          how,
        ),
      );
      // A page that is none of a store's must not look as if there were nothing.
      if (page.IsTruncated === undefined) throw strangeAnswer();
      for (const { Key, Size, LastModified } of page.Contents ?? []) {
        if (Key !== undefined) yield { name: Key, size: Size ?? 0, modifiedAt: LastModified?.getTime() ?? 0 };
      }
      token = page.IsTruncated ? page.NextContinuationToken : undefined;
    } while (token !== undefined);
  }

  async function* list(prefix: string): AsyncIterable<BlobEntry> {
    assertPrefix(prefix);
    for await (const { name, size, modifiedAt } of objects(root + prefix)) {
      const key = name.slice(root.length);
      if (isKey(key)) yield { key, size, modifiedAt };
    }
  }

  const put = async (Key: string, Body: Buffer): Promise<void> => {
    const { ETag, $metadata } = await ask(
      (how) => client.send(new PutObjectCommand({ Bucket: bucket, Key, Body }), how),
      limits.work,
    );
    // Where somebody else writes the same name at the same time, Swift takes theirs, and gives no tag for ours.
    if ($metadata.requestId === undefined) assertTagged(ETag);
  };

  /** False where there is nothing of that name. */
  const copy = async (from: string, to: string, size: number): Promise<boolean> => {
    const CopySource = `${bucket}/${from}`;
    try {
      if (size <= limits.copy) {
        const { CopyObjectResult } = await ask(
          (how) => client.send(new CopyObjectCommand({ Bucket: bucket, Key: to, CopySource }), how),
          limits.work,
        );
        assertTagged(CopyObjectResult?.ETag);
        return true;
      }
      await inParts(to, async (upload) => {
        for (let at = 0; at < size; at += limits.copy) {
          await upload.copyPart(CopySource, { start: at, end: Math.min(size, at + limits.copy) - 1 });
        }
      });
      return true;
    } catch (error) {
      if (isCode(error, 'NOT_FOUND')) return false;
      throw error;
    }
  };

  /** An upload that is complete once `send` returns, and leaves nothing behind where it throws. */
  const inParts = async (Key: string, send: (upload: PartSender) => Promise<void>): Promise<void> => {
    const { UploadId } = await ask((how) =>
      client.send(new CreateMultipartUploadCommand({ Bucket: bucket, Key }), how),
    );
    // Without its id a part would be an object of that name.
    if (UploadId === undefined) throw strangeAnswer();
    const upload = { Bucket: bucket, Key, UploadId };
    const parts: Array<Promise<{ PartNumber: number; ETag: string }>> = [];
    let size = 0;
    const add = async (
      bytes: number,
      ask: (PartNumber: number) => Promise<string | undefined>,
    ): Promise<void> => {
      if (parts.length === PARTS) {
        throw new HedgerowError('QUOTA_EXCEEDED', 'The file is too large for this store.');
      }
      size += bytes;
      const PartNumber = parts.length + 1;
      const sent = ask(PartNumber).then((ETag) => {
        assertTagged(ETag);
        return { PartNumber, ETag };
      });
      parts.push(sent);
      await sent;
    };
    const complete = async (): Promise<void> => {
      const Parts = await Promise.all(parts);
      try {
        const { ETag } = await ask(
          (how) =>
            client.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } }), how),
          limits.work,
        );
        assertTagged(ETag);
      } catch (error) {
        // Where an answer was lost, the repeated request finds no upload any more, but the object.
        if (nameOfCause(error) !== 'NoSuchUpload') throw error;
        const there = await ask((how) => client.send(new HeadObjectCommand({ Bucket: bucket, Key }), how));
        if (there.ContentLength !== size) throw error;
      }
    };
    try {
      await send({
        part: (Body) =>
          add(Body.length, async (PartNumber) => {
            const { ETag } = await ask(
              (how) => client.send(new UploadPartCommand({ ...upload, PartNumber, Body }), how),
              limits.work,
            );
            return ETag;
          }),
        copyPart: (CopySource, { start, end }) =>
          add(end + 1 - start, async (PartNumber) => {
            const CopySourceRange = `bytes=${start}-${end}`;
            const { CopyPartResult } = await ask(
              (how) =>
                client.send(
                  new UploadPartCopyCommand({ ...upload, PartNumber, CopySource, CopySourceRange }),
                  how,
                ),
              limits.work,
            );
            return CopyPartResult?.ETag;
          }),
      });
      await complete();
    } catch (error) {
      // A part that arrives after the end of its upload would stay in some stores.
      await Promise.allSettled(parts);
      // What the store does not take back now, the sweep does.
      await ask((how) => client.send(new AbortMultipartUploadCommand(upload), how)).catch(() => {});
      throw error;
    }
  };

  const remove = async (Key: string): Promise<void> => {
    try {
      await ask((how) => client.send(new DeleteObjectCommand({ Bucket: bucket, Key }), how));
    } catch (error) {
      if (!isCode(error, 'NOT_FOUND')) throw error;
    }
  };

  /** Sends what is longer than one part, and answers the digests that it has by then. */
  const writeLong = async (key: WriteKey, parts: PartReader, options: WriteOptions): Promise<Written> => {
    const named = typeof key === 'string' ? nameOf(key) : null;
    const target = named ?? temporaryRoot + randomBytes(16).toString('hex');
    let written: Digests | undefined;
    await inParts(target, async ({ part }) => {
      // While one part is on its way, the next is read.
      let sending: Promise<void> = Promise.resolve();
      for (let bytes = await parts.next(); bytes !== null; bytes = await parts.next()) {
        await sending;
        sending = part(bytes);
        sending.catch(() => {});
      }
      await sending;
      written = parts.finish();
      check(written, options);
    });
    if (written === undefined) throw new Error('The upload ended without a digest.');
    if (typeof key === 'string') return { ...written, key };
    const finalKey = key(written.digest);
    try {
      const there = await stat(finalKey);
      if (there?.size !== written.size && !(await copy(target, nameOf(finalKey), written.size))) {
        throw new HedgerowError('UNAVAILABLE', 'What was just stored is not there any more.');
      }
    } finally {
      await remove(target).catch(() => {});
    }
    return { ...written, key: finalKey };
  };

  return {
    stat,
    read: async (key, range = null) => {
      const Key = nameOf(key);
      const { body, size, tag } = await get(Key, range?.start ?? null, range?.end ?? null, null);
      if (range !== null && (range.start < 0 || range.start > range.end || range.end >= size)) {
        body.destroy();
        throw new HedgerowError('RANGE_NOT_SATISFIABLE');
      }
      const { start, end }: ByteRange = range ?? { start: 0, end: size - 1 };
      const again = async (from: number): Promise<Readable> => (await get(Key, from, end, tag)).body;
      return { body: new ObjectStream(body, again, { start, end }, limits), size };
    },
    bytes: async (key, start, length) => {
      const Key = nameOf(key);
      const wanted = Math.min(length, POOLED_BYTES);
      for (let tried = 1; ; tried += 1) {
        let answer: Awaited<ReturnType<typeof get>>;
        try {
          answer = await get(Key, start, start + wanted - 1, null);
        } catch (error) {
          // Fewer bytes than asked for, also where there is none.
          if (isCode(error, 'RANGE_NOT_SATISFIABLE')) return Buffer.alloc(0);
          throw error;
        }
        const buffer = lease(wanted);
        const due = Math.min(wanted, Math.max(0, answer.size - start));
        if (await fill(buffer, answer.body, due, limits.silence)) return buffer.subarray(0, due);
        release(buffer);
        if (tried === TRIES) throw brokenOff();
      }
    },
    write: async (key, source, options) => {
      if (typeof key === 'string') assertKey(key);
      try {
        const { verified, digest } = options;
        if (Buffer.isBuffer(source) && verified === true && digest !== undefined) {
          const written = { size: source.length, digest, segmentList: null };
          check(written, options);
          const finalKey = typeof key === 'string' ? key : key(digest);
          await put(nameOf(finalKey), source);
          return { ...written, key: finalKey };
        }
        const parts = partsOf(
          Buffer.isBuffer(source) ? Readable.from([source]) : source,
          partSize(options, limits.part),
        );
        const first = await parts.next();
        if (!parts.ended) return await writeLong(key, parts.again(first), options);
        const written = parts.finish();
        check(written, options);
        const finalKey = typeof key === 'string' ? key : key(written.digest);
        await put(nameOf(finalKey), first ?? Buffer.alloc(0));
        return { ...written, key: finalKey };
      } catch (error) {
        if (!Buffer.isBuffer(source)) source.destroy();
        throw error;
      }
    },
    delete: (key) => remove(nameOf(key)),
    deleteAll: async (prefix) => {
      assertPrefix(prefix);
      await removeAll(namesOf(objects(root + prefix)));
    },
    copyAll: async (from, to) => {
      assertPrefix(to);
      const copying = new Set<Promise<void>>();
      let failure: { error: unknown } | null = null;
      for await (const { key, size } of list(from)) {
        const target = to + key.slice(from.length);
        const work = stat(target)
          .then(async (there) => {
            if (there === null) await copy(nameOf(key), nameOf(target), size);
          })
          .catch((error: unknown) => {
            failure ??= { error };
          })
          .finally(() => copying.delete(work));
        copying.add(work);
        if (copying.size >= SIDE_BY_SIDE) await Promise.race(copying);
        if (failure !== null) break;
      }
      await Promise.all(copying);
      if (failure !== null) throw (failure as { error: unknown }).error;
    },
    list,
    sweep: async (olderThan = 0) => {
      const youngest = Date.now() - olderThan;
      const isLeft = (at: number): boolean => olderThan === 0 || at <= youngest;
      let files = 0;
      let bytes = 0;
      await removeAll(
        (async function* () {
          for await (const { name, size, modifiedAt } of objects(temporaryRoot)) {
            if (!isLeft(modifiedAt)) continue;
            files += 1;
            bytes += size;
            yield name;
          }
        })(),
      );
      for await (const { name, uploadId, begunAt } of uploads()) {
        if (!isLeft(begunAt)) continue;
        await ask((how) =>
          client.send(
            new AbortMultipartUploadCommand({ Bucket: bucket, Key: name, UploadId: uploadId }),
            how,
          ),
        );
        files += 1;
      }
      return { files, bytes };
    },
    [Symbol.asyncDispose]: async () => client.destroy(),
  };

  /** Uploads in parts that nobody has completed; none where the store does not tell. */
  async function* uploads() {
    let after: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } = {};
    for (;;) {
      const page = await uploadsAfter(after);
      for (const { Key, UploadId, Initiated } of page?.Uploads ?? []) {
        if (Key === undefined || UploadId === undefined) continue;
        yield { name: Key, uploadId: UploadId, begunAt: Initiated?.getTime() ?? 0 };
      }
      if (page?.IsTruncated !== true) return;
      after = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
    }
  }

  function uploadsAfter(after: {
    KeyMarker?: string | undefined;
    UploadIdMarker?: string | undefined;
  }): Promise<ListMultipartUploadsCommandOutput | null> {
    return ask((how) =>
      client.send(new ListMultipartUploadsCommand({ Bucket: bucket, Prefix: root, ...after }), how),
    ).catch((error: unknown) => {
      if (error instanceof HedgerowError && isUnknownRequest(error.cause)) return null;
      throw error;
    });
  }
}

interface PartSender {
  /** Sends the next part, at least 5 MiB of it unless it is the last. */
  part(bytes: Buffer): Promise<void>;
  /** Makes the next part of a range of another object. */
  copyPart(source: string, range: ByteRange): Promise<void>;
}

interface PartReader {
  /** True once the source has given all. */
  readonly ended: boolean;
  /** The next part; shorter than a part only at the end, and null after it. */
  next(): Promise<Buffer | null>;
  /** Gives a part out once more. */
  again(part: Buffer | null): PartReader;
  /** The digests of all, once at the end. */
  finish(): Digests;
}

/** Cuts a source into parts, and hashes it meanwhile. */
function partsOf(source: Readable, size: number): PartReader {
  const hasher = createDigestHasher();
  const chunks = source[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  let left: Buffer | null = null;
  let back: Buffer | null = null;
  let ended = false;
  const take = async (): Promise<Buffer | null> => {
    if (left !== null) {
      const chunk = left;
      left = null;
      return chunk;
    }
    const { done, value } = await chunks.next();
    if (done === true) return null;
    const chunk = Buffer.isBuffer(value) ? value : Buffer.from(value);
    hasher.update(chunk);
    return chunk;
  };
  const reader: PartReader = {
    get ended() {
      return ended && back === null;
    },
    next: async () => {
      if (back !== null) {
        const part = back;
        back = null;
        return part;
      }
      if (ended) return null;
      const gathered: Buffer[] = [];
      let length = 0;
      while (length <= size) {
        const chunk = await take();
        if (chunk === null) {
          ended = true;
          break;
        }
        gathered.push(chunk);
        length += chunk.length;
      }
      // One byte more than a part tells that it is not the last.
      const all = Buffer.concat(gathered, length);
      if (length <= size) return length === 0 ? null : all;
      left = all.subarray(size);
      return all.subarray(0, size);
    },
    again: (part) => {
      back = part;
      return reader;
    },
    finish: () => hasher.finish(),
  };
  return reader;
}

/** All but the last must be of one size for some stores. */
function partSize({ size }: WriteOptions, least: number): number {
  return Math.max(least, Math.ceil((size ?? 0) / PARTS));
}

function check(written: Digests, { size, digest }: WriteOptions): void {
  if (size !== undefined && written.size !== size) {
    throw new HedgerowError(
      'INTEGRITY_FAILED',
      `There are ${written.size} bytes, not the ${size} that were announced.`,
    );
  }
  if (digest !== undefined && written.digest !== digest) {
    throw new HedgerowError('INTEGRITY_FAILED', 'The bytes do not match their digest.');
  }
}

/** Whether `due` bytes came; where they did not, the rest of the buffer is of no use. */
async function fill(buffer: Buffer, body: Readable, due: number, silence: number): Promise<boolean> {
  const timer = setTimeout(() => body.destroy(), silence);
  let filled = 0;
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      timer.refresh();
      filled += chunk.copy(buffer, filled, 0, Math.min(chunk.length, due - filled));
    }
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
  return filled === due;
}

async function* namesOf(entries: AsyncIterable<{ name: string }>): AsyncIterable<string> {
  for await (const { name } of entries) yield name;
}

/**
 * An object, or a range of it. A reader that pauses for long gives its connection back, or a few hundred slow ones
 * would keep everybody else from the store; the rest is asked for anew, as it is where a connection breaks, and comes
 * from the same version or not at all.
 */
class ObjectStream extends Readable {
  #source: Readable | null = null;
  readonly #again: (from: number) => Promise<Readable>;
  #position: number;
  readonly #end: number;
  readonly #limits: Pick<S3Limits, 'patience' | 'silence'>;
  #timer: NodeJS.Timeout | undefined;
  /** The reader waits for bytes. */
  #wanted = false;
  /** Connections in a row that brought nothing. */
  #vain = 0;

  constructor(
    first: Readable,
    again: (from: number) => Promise<Readable>,
    { start, end }: ByteRange,
    limits: Pick<S3Limits, 'patience' | 'silence'>,
  ) {
    super({ highWaterMark: 0 });
    this.#again = again;
    this.#position = start;
    this.#end = end;
    this.#limits = limits;
    this.#attach(first);
    this.#wait();
  }

  /** Whether it holds a connection to the store. */
  get connected(): boolean {
    return this.#source !== null;
  }

  override _read(): void {
    clearTimeout(this.#timer);
    this.#wanted = true;
    this.#proceed();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearTimeout(this.#timer);
    this.#drop();
    callback(error);
  }

  #proceed(): void {
    if (this.#position > this.#end) {
      // Read to its end, a connection is good for the next request.
      this.#source?.resume();
      this.#source = null;
      this.push(null);
    } else if (this.#source !== null) {
      this.#await(this.#source);
    } else {
      this.#again(this.#position).then(
        (source) => {
          if (this.destroyed) source.destroy();
          else {
            this.#attach(source);
            this.#await(source);
          }
        },
        (error: Error) => this.destroy(error),
      );
    }
  }

  /** Whoever says nothing for long will not say anything more: its end is that of a connection that breaks. */
  #await(source: Readable): void {
    this.#timer = setTimeout(() => source.destroy(), this.#limits.silence);
    source.resume();
  }

  #attach(source: Readable): void {
    this.#source = source;
    source.pause();
    source.on('data', (chunk: Buffer) => {
      if (this.#source !== source) return;
      const part = chunk.subarray(0, this.#end + 1 - this.#position);
      this.#position += part.length;
      this.#vain = 0;
      this.#wanted = false;
      source.pause();
      this.#wait();
      this.push(part);
    });
    source.once('close', () => {
      if (this.#source !== source) return;
      clearTimeout(this.#timer);
      this.#source = null;
      this.#vain += 1;
      if (this.#vain > TRIES) this.destroy(brokenOff());
      else if (this.#wanted) this.#proceed();
    });
  }

  #wait(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#drop(), this.#limits.patience);
    this.#timer.unref();
  }

  #drop(): void {
    const source = this.#source;
    this.#source = null;
    source?.destroy();
  }
}

/**
 * The request that deletes many objects must carry a checksum of its body. The client chooses CRC32, which Amazon has known
 * since 2022; Content-MD5 is what every store that speaks S3 knows, and some insist on it.
 */
function sendDeletionsWithMd5(client: S3Client): void {
  client.middlewareStack.add(
    (next, context) => (args) => {
      if (context['commandName'] === 'DeleteObjectsCommand') {
        const { headers, body } = args.request as { headers: Record<string, string>; body: string };
        for (const name of Object.keys(headers)) {
          if (/^x-amz-(?:sdk-)?checksum-/i.test(name)) delete headers[name];
        }
        headers['content-md5'] = createHash('md5').update(body).digest('base64');
      }
      return next(args);
    },
    // After the client's own, and before it signs.
    { step: 'build', priority: 'low', name: 'sendDeletionsWithMd5' },
  );
}

/** What the store said, in this project's words. */
function translate(error: unknown): HedgerowError {
  if (error instanceof HedgerowError) return error;
  const status = statusOf(error);
  const name = error instanceof Error ? error.name : '';
  if (name === 'NoSuchBucket') return bucketGone(error);
  // A 404 that does not say so is not the store's word about a blob.
  if (name === 'NoSuchKey') return new HedgerowError('NOT_FOUND', undefined, { cause: error });
  if (status === 416) return new HedgerowError('RANGE_NOT_SATISFIABLE', undefined, { cause: error });
  if (status === 507 || /Quota|StorageFull|InsufficientStorage|TooLarge/i.test(name)) {
    return new HedgerowError('QUOTA_EXCEEDED', 'There is no room left in the store.', { cause: error });
  }
  return strangeAnswer(error);
}

function strangeAnswer(cause?: unknown): HedgerowError {
  return new HedgerowError(
    'UNAVAILABLE',
    'The store does not answer as it should right now.',
    cause === undefined ? {} : { cause },
  );
}

function brokenOff(): HedgerowError {
  return new HedgerowError('UNAVAILABLE', 'The store broke off in the middle of a blob.');
}

/** What stores answer has the tag of the object concerned; what others answer in their place has not. */
function assertTagged(tag: string | undefined): asserts tag is string {
  if (tag === undefined) throw strangeAnswer();
}

function statusOf(error: unknown): number | undefined {
  return error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
}

/** Of an answer without a body. */
function isNothingThere(error: unknown): boolean {
  return error instanceof HedgerowError && statusOf(error.cause) === 404;
}

function bucketGone(cause: unknown): HedgerowError {
  return new HedgerowError('UNAVAILABLE', 'The bucket is not there any more.', { cause });
}

function isUnknownRequest(error: unknown): boolean {
  return [400, 405, 501].includes(statusOf(error) ?? 0);
}

function nameOfCause(error: unknown): string {
  return error instanceof HedgerowError && error.cause instanceof Error ? error.cause.name : '';
}

/** For the end of a start; keys are in no error of the client's. */
function reasonOf(error: unknown): string {
  const cause = error instanceof HedgerowError ? (error.cause ?? error) : error;
  if (cause instanceof S3ServiceException) return `${cause.name}, ${cause.message.replace(/\.$/, '')}`;
  if (cause instanceof Error) return cause.message.split('\n', 1)[0]?.replace(/\.$/, '') || cause.name;
  return 'it does not answer';
}
