import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeBlobStore } from '../../test/support/blob-store-contract.ts';
import { eventually } from '../../test/support/eventually.ts';
import { headerOf } from '../../test/support/relay.ts';
import { S3_SERVERS, type S3Server } from '../../test/support/s3-server.ts';
import { cachedFileKey, originalKey } from './paths.ts';
import { openS3BlobStore, type S3Options } from './s3-blob-store.ts';
import { sha256 } from './segment-digests.ts';

const MIB = 1024 * 1024;

describe.each(S3_SERVERS)('with %s', (name, start, missing) => {
  if (missing) {
    it.skip(`is not shown: ${name} is not installed here`, () => {});
    return;
  }
  let server: S3Server;
  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server?.[Symbol.asyncDispose]());

  describeBlobStore('in a bucket', async () => {
    const options = await server.bucket();
    const { bucket, prefix } = options;
    // With nothing in between, so that it is the connections of the server itself that are used again.
    const store = await openS3BlobStore({ ...options, endpoint: server.direct });
    return {
      store,
      leftovers: async () =>
        (await server.names(bucket, `${prefix}/temporary/`)).length + (await server.uploads(bucket)),
      crash: async () => {
        await server.put(bucket, `${prefix}/temporary/half`, 'half of it');
        await server.beginUpload(bucket, `${prefix}/${cachedFileKey(1, 1, 'original', 'abc')}`);
      },
      [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
    };
  });

  describe('a blob that is longer than one part', () => {
    const content = randomBytes(19 * MIB + 5);
    let options: S3Options;
    let store: Awaited<ReturnType<typeof openS3BlobStore>>;
    beforeAll(async () => {
      options = await server.bucket();
      store = await openS3BlobStore({ ...options, limits: { patience: 50 } });
    });
    afterAll(() => store?.[Symbol.asyncDispose]());
    const chunks = (): Readable =>
      Readable.from(
        (function* () {
          for (let at = 0; at < content.length; at += 300_001) yield content.subarray(at, at + 300_001);
        })(),
      );

    it('is sent in parts, and is there under its name once it was verified', async () => {
      server.relay.forget();
      const key = cachedFileKey(1, 1, 'original', 'abc');
      const digest = sha256(content);
      await store.write(key, chunks(), { sync: true, digest, size: content.length });
      expect(server.relay.requests.filter(({ target }) => target.includes('partNumber='))).toHaveLength(3);
      expect((await buffer((await store.read(key)).body)).equals(content)).toBe(true);
      const part = await store.read(key, { start: 8 * MIB - 3, end: 16 * MIB + 3 });
      expect((await buffer(part.body)).equals(content.subarray(8 * MIB - 3, 16 * MIB + 4))).toBe(true);
      await store.delete(key);
    });

    it('gets the name of its digest, without a second one', async () => {
      const written = await store.write((digest) => originalKey(digest), chunks(), { sync: true });
      expect(written).toMatchObject({ key: originalKey(sha256(content)), size: content.length });
      expect(await server.names(options.bucket)).toEqual([`${options.prefix}/${written.key}`]);
      expect(
        (await store.bytes(written.key, 17 * MIB, 1000)).equals(content.subarray(17 * MIB, 17 * MIB + 1000)),
      ).toBe(true);
    });

    it('is copied in parts where it is longer than what is copied at once', async () => {
      const inParts = await server.bucket();
      await using other = await openS3BlobStore({ ...inParts, limits: { copy: 6 * MIB } });
      const { key } = await other.write((digest) => originalKey(digest), chunks(), { sync: true });
      expect(
        server.relay.requests.filter((request) => headerOf(request, 'x-amz-copy-source-range')),
      ).toHaveLength(4);
      expect(await server.names(inParts.bucket)).toEqual([`${inParts.prefix}/${key}`]);
      expect((await buffer((await other.read(key)).body)).equals(content)).toBe(true);
      expect(await server.uploads(inParts.bucket)).toBe(0);
    });

    it('leaves nothing where its digest is another, or its source fails on the way', async () => {
      server.relay.forget();
      const key = cachedFileKey(1, 2, 'original', 'abc');
      await expect(
        store.write(key, chunks(), { sync: true, digest: sha256(Buffer.from('other')) }),
      ).rejects.toMatchObject({ code: 'INTEGRITY_FAILED' });
      const failing = Readable.from(
        (async function* () {
          yield content.subarray(0, 12 * MIB);
          throw new Error('the sender went away');
        })(),
      );
      await expect(store.write(key, failing, { sync: true })).rejects.toThrow('the sender went away');
      expect(await store.stat(key)).toBeNull();
      expect(await server.uploads(options.bucket)).toBe(0);
    });

    it('is read on by whoever paused for long, and taken up again where the connection broke', async () => {
      const key = originalKey(sha256(content));
      server.relay.forget();
      const { body } = await store.read(key);
      const received: Buffer[] = [];
      for await (const chunk of body) {
        received.push(chunk as Buffer);
        if (received.length === 1) {
          // The reader pauses; its connection is given back, so that it keeps nobody else from the store.
          await eventually(
            'the connection to be given back',
            async () => Reflect.get(body, 'connected') === false,
          );
        }
      }
      expect(Buffer.concat(received).equals(content)).toBe(true);
      const gets = server.relay.requests.filter(({ method }) => method === 'GET');
      expect(gets.length).toBeGreaterThan(1);
    });
  });

  describe('a bucket that does not do as it should', () => {
    it('is named where it cannot be used at the start', async () => {
      const options = await server.bucket();
      const opening = openS3BlobStore({ ...options, bucket: 'no-such-bucket' });
      await expect(opening).rejects.toMatchObject({
        code: 'UNAVAILABLE',
        message: expect.stringMatching(
          /^The bucket no-such-bucket \(HEDGEROW_STORAGE_URL\) cannot be used: .+\.$/,
        ),
      });
      await expect(opening).rejects.not.toThrow(/test-secret/);
    });

    it.skipIf(name === 'fauxqs')(
      'refuses keys that are not its own, and the start says which settings they are',
      async () => {
        const options = await server.bucket();
        for (const keys of [
          { ...options.keys, secretAccessKey: 'another-secret' },
          { ...options.keys, accessKeyId: 'nobody:nobody' },
        ]) {
          const opening = openS3BlobStore({ ...options, keys });
          await expect(opening).rejects.toMatchObject({
            code: 'CREDENTIAL_REFUSED',
            message: expect.stringMatching(/ with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: \w+, .+\.$/),
          });
          await expect(opening).rejects.not.toThrow(/another-secret|test-secret/);
        }
      },
    );

    it('is asked to delete many with a checksum that every store knows', async () => {
      const options = await server.bucket();
      await using store = await openS3BlobStore(options);
      await store.write(cachedFileKey(1, 1, 'thumbnail', 'abc'), Buffer.from('x'), { sync: false });
      server.relay.forget();
      await store.deleteAll('cache/1/');
      const deletion = server.relay.requests.find(({ method }) => method === 'POST');
      expect(deletion && headerOf(deletion, 'content-md5')).toBe(
        createHash('md5')
          .update(deletion?.body ?? '')
          .digest('base64'),
      );
      expect(deletion?.headers.join()).not.toMatch(/x-amz-(?:sdk-)?checksum/i);
      expect(await server.names(options.bucket)).toEqual([]);
    });

    it('has no blob of a name where it says so, also to keys that may not ask for the bucket', async () => {
      const options = await server.bucket();
      await using store = await openS3BlobStore(options);
      const refusal = { status: 403, headers: [], body: Buffer.alloc(0) };
      server.relay.hook({
        onRequest: ({ target }) =>
          target.startsWith(`/${options.bucket}/garden/`) ? 'pass' : { answer: refusal },
      });
      try {
        expect(await store.stat(cachedFileKey(1, 1, 'thumbnail', 'abc'))).toBeNull();
      } finally {
        server.relay.hook({});
      }
    });

    it('is unavailable, full or without a blob, and tells which', async () => {
      const options = await server.bucket();
      await using store = await openS3BlobStore(options);
      const key = cachedFileKey(1, 1, 'thumbnail', 'abc');
      const answers = (status: number, code: string): void =>
        server.relay.hook({
          onRequest: () => ({
            answer: {
              status,
              headers: ['content-type', 'application/xml'],
              body: Buffer.from(
                `<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`,
              ),
            },
          }),
        });
      try {
        answers(403, 'AccessDenied');
        await expect(store.write(key, Buffer.from('x'), { sync: false })).rejects.toMatchObject({
          code: 'UNAVAILABLE',
        });
        answers(403, 'QuotaExceeded');
        await expect(store.write(key, Buffer.from('x'), { sync: false })).rejects.toMatchObject({
          code: 'QUOTA_EXCEEDED',
        });
        answers(404, 'NoSuchBucket');
        await expect(store.read(key)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
        await expect(store.stat(key)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
        answers(404, 'NoSuchKey');
        await expect(store.read(key)).rejects.toMatchObject({ code: 'NOT_FOUND' });
        server.relay.hook({ onRequest: () => 'drop' });
        await expect(store.stat(key)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      } finally {
        server.relay.hook({});
      }
      expect(await store.stat(key)).toBeNull();
    });
  });
});
