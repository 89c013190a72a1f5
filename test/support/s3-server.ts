/** An S3-compatible server on 127.0.0.1, with a relay in front that sees, loses and alters requests. */

import { randomBytes } from 'node:crypto';
import { CreateBucketCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { startFauxqs } from 'fauxqs';
import type { S3Options } from '../../src/storage/s3-blob-store.ts';
import { type Relay, startRelay } from './relay.ts';

export const KEYS = { accessKeyId: 'test', secretAccessKey: 'test-secret', sessionToken: null };
const REGION = 'us-east-1';

export interface S3Server extends AsyncDisposable {
  readonly relay: Relay;
  /** Base URL of the relay. */
  readonly endpoint: string;
  /** Makes a bucket, and answers how to open a store in it. */
  bucket(): Promise<S3Options>;
  /** Names of all objects below a prefix of a bucket. */
  names(bucket: string, prefix?: string): Promise<string[]>;
  put(bucket: string, name: string, body: string): Promise<void>;
  /** Uploads in parts that were begun, and neither completed nor given up. */
  uploads(bucket: string): number;
}

export async function startS3Server(): Promise<S3Server> {
  const server = await startFauxqs({ port: 0, host: '127.0.0.1', logger: false });
  const relay = await startRelay(`http://127.0.0.1:${server.port}`);
  const client = new S3Client({
    region: REGION,
    endpoint: `http://127.0.0.1:${server.port}`,
    forcePathStyle: true,
    credentials: { accessKeyId: KEYS.accessKeyId, secretAccessKey: KEYS.secretAccessKey },
  });
  return {
    relay,
    endpoint: relay.url,
    bucket: async () => {
      const bucket = `hedgerow-${randomBytes(6).toString('hex')}`;
      await client.send(new CreateBucketCommand({ Bucket: bucket }));
      return { bucket, prefix: 'garden/blobs', region: REGION, endpoint: relay.url, keys: KEYS };
    },
    names: async (Bucket, Prefix = '') => {
      const { Contents } = await client.send(new ListObjectsV2Command({ Bucket, Prefix }));
      return (Contents ?? []).map(({ Key }) => Key ?? '');
    },
    put: async (Bucket, Key, Body) => {
      await client.send(new PutObjectCommand({ Bucket, Key, Body }));
    },
    uploads: (bucket) => {
      const of = relay.answers.filter(
        ({ to, status }) => status < 300 && to.target.startsWith(`/${bucket}/`),
      );
      const count = (method: string, pattern: RegExp): number =>
        of.filter(({ to }) => to.method === method && pattern.test(to.target)).length;
      return (
        count('POST', /[?&]uploads(?:[=&]|$)/) -
        count('POST', /[?&]uploadId=/) -
        count('DELETE', /[?&]uploadId=/)
      );
    },
    [Symbol.asyncDispose]: async () => {
      client.destroy();
      await relay[Symbol.asyncDispose]();
      await server.stop();
    },
  };
}
