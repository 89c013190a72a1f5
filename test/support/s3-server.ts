/** S3-compatible servers on 127.0.0.1, each with a relay in front that sees, loses and alters requests. */

import { randomBytes } from 'node:crypto';
import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { startFauxqs } from 'fauxqs';
import type { S3Options } from '../../src/storage/s3-blob-store.ts';
import { type Relay, startRelay } from './relay.ts';
import { SWIFT, startSwift } from './swift.ts';

export const KEYS = { accessKeyId: 'test', secretAccessKey: 'test-secret', sessionToken: null };
/** An account and a user of it. */
const SWIFT_KEYS = { accessKeyId: 'hedgerow:test', secretAccessKey: 'test-secret', sessionToken: null };
const REGION = 'us-east-1';

export interface S3Server extends AsyncDisposable {
  readonly relay: Relay;
  /** Base URL of the relay. */
  readonly endpoint: string;
  /** Base URL of the server itself. */
  readonly direct: string;
  /** Makes a bucket, and answers how to open a store in it. */
  bucket(): Promise<S3Options>;
  /** Names of all objects below a prefix of a bucket. */
  names(bucket: string, prefix?: string): Promise<string[]>;
  put(bucket: string, name: string, body: string): Promise<void>;
  /** Begins an upload in parts that nobody completes. */
  beginUpload(bucket: string, name: string): Promise<void>;
  /** Uploads in parts that were begun, and neither completed nor given up. */
  uploads(bucket: string): Promise<number>;
}

/** What is run against each of them, and whether it is missing here. fauxqs checks no signature, Swift does. */
export const S3_SERVERS: readonly (readonly [
  name: string,
  start: () => Promise<S3Server>,
  missing: boolean,
])[] = [
  ['fauxqs', startS3Server, false],
  ['Swift', startSwiftS3Server, SWIFT === undefined],
];

export async function startS3Server(): Promise<S3Server> {
  const server = await startFauxqs({ port: 0, host: '127.0.0.1', logger: false });
  return serverAt(server.port, KEYS, async () => server.stop());
}

async function startSwiftS3Server(): Promise<S3Server> {
  const server = await startSwift(SWIFT_KEYS);
  return serverAt(server.port, SWIFT_KEYS, async () => server[Symbol.asyncDispose]());
}

async function serverAt(port: number, keys: S3Options['keys'], stop: () => Promise<void>): Promise<S3Server> {
  const direct = `http://127.0.0.1:${port}`;
  const relay = await startRelay(direct);
  const client = new S3Client({
    region: REGION,
    endpoint: direct,
    forcePathStyle: true,
    credentials: { accessKeyId: keys.accessKeyId, secretAccessKey: keys.secretAccessKey },
    requestChecksumCalculation: 'WHEN_REQUIRED',
  });
  return {
    relay,
    endpoint: relay.url,
    direct,
    bucket: async () => {
      const bucket = `hedgerow-${randomBytes(6).toString('hex')}`;
      await client.send(new CreateBucketCommand({ Bucket: bucket }));
      return { bucket, prefix: 'garden/blobs', region: REGION, endpoint: relay.url, keys };
    },
    names: async (Bucket, Prefix = '') => {
      const { Contents } = await client.send(new ListObjectsV2Command({ Bucket, Prefix }));
      return (Contents ?? []).map(({ Key }) => Key ?? '');
    },
    put: async (Bucket, Key, Body) => {
      await client.send(new PutObjectCommand({ Bucket, Key, Body }));
    },
    beginUpload: async (Bucket, Key) => {
      const { UploadId } = await client.send(new CreateMultipartUploadCommand({ Bucket, Key }));
      await client.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber: 1, Body: 'a part' }));
    },
    uploads: async (Bucket) => {
      const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket }));
      return Uploads?.length ?? 0;
    },
    [Symbol.asyncDispose]: async () => {
      client.destroy();
      await relay[Symbol.asyncDispose]();
      await stop();
    },
  };
}
