import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Instance, pair, SAMPLES, settled, startInstance } from './support/instance.ts';
import { S3_SERVERS, type S3Server } from './support/s3-server.ts';

describe.each(S3_SERVERS)('two instances whose blobs are in buckets of %s', (name, start, missing) => {
  if (missing) {
    it.skip(`is not shown: ${name} is not installed here`, () => {});
    return;
  }
  let server: S3Server;
  let garden: Instance;
  let coast: Instance;
  const buckets: string[] = [];

  beforeAll(async () => {
    server = await start();
    const settings = async () => {
      const { bucket, prefix, region, keys } = await server.bucket();
      buckets.push(bucket);
      return {
        HEDGEROW_STORAGE_URL: `s3://${bucket}/${prefix}?region=${region}&endpoint=${server.direct}`,
        AWS_ACCESS_KEY_ID: keys.accessKeyId,
        AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
      };
    };
    garden = await startInstance('Garden', await settings());
    coast = await startInstance('Coast', await settings());
    await garden.app.library.importFiles({ paths: [join(SAMPLES, 'garden')], visibility: 'PEERS' });
    await settled(coast, await pair(garden, coast));
  });
  afterAll(async () => {
    await coast?.[Symbol.asyncDispose]();
    await garden?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  interface Node {
    title: string;
    byteSize: string;
    originalUrl: string;
  }
  const largestOf = async (instance: Instance): Promise<Node> => {
    const { media } = await instance.query<{ media: { nodes: Node[] } }>(
      '{ media(first: 100) { nodes { title byteSize originalUrl } } }',
    );
    const [largest] = media.nodes.toSorted((x, y) => Number(y.byteSize) - Number(x.byteSize));
    if (largest === undefined) throw new Error('There is nothing to be read.');
    return largest;
  };

  it('give the same bytes, whole and in part, and keep none in their folders', async () => {
    const own = await garden.get((await largestOf(garden)).originalUrl);
    expect(own.status).toBe(200);
    const { originalUrl, byteSize } = await largestOf(coast);
    const middle = Math.floor(Number(byteSize) / 2);
    const part = await coast.get(originalUrl, { range: `bytes=${middle}-${middle + 999}` });
    expect(part.status).toBe(206);
    expect(part.body.equals(own.body.subarray(middle, middle + 1000))).toBe(true);
    const whole = await coast.get(originalUrl);
    expect(whole.body.equals(own.body)).toBe(true);
    for (const { folder } of [garden, coast]) {
      expect(await readdir(join(folder, 'data'))).not.toContain('media');
    }
  });

  it('play with the peer switched off what was fetched, after a start too, and purge it', async () => {
    const { originalUrl } = await largestOf(coast);
    const whole = await coast.get(originalUrl);
    await coast.app.delivery.flush();
    await coast.stop();
    await garden.stop();
    await coast.start();
    const again = await coast.get(originalUrl);
    expect(again.headers['cache-status']).toBe('hedgerow; hit');
    expect(again.body.equals(whole.body)).toBe(true);
    const kept = async () => server.names(buckets[1] ?? '', 'garden/blobs/cache/');
    expect((await kept()).length).toBeGreaterThan(0);
    await coast.app.delivery.purgeAll();
    expect(await kept()).toEqual([]);
    await garden.start();
  });

  it('refuse to start where the bucket is another, in one sentence', async () => {
    const { keys } = await server.bucket();
    const starting = startInstance('Cliff', {
      HEDGEROW_STORAGE_URL: `s3://no-such-bucket?endpoint=${server.direct}`,
      AWS_ACCESS_KEY_ID: keys.accessKeyId,
      AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
    });
    await expect(starting).rejects.toThrow(/^The bucket no-such-bucket .*\.$/);
  });

  it.skipIf(name === 'fauxqs')(
    'refuse to start with a secret that is another, and say which settings it is',
    async () => {
      const { bucket, keys } = await server.bucket();
      const starting = startInstance('Cliff', {
        HEDGEROW_STORAGE_URL: `s3://${bucket}?endpoint=${server.direct}`,
        AWS_ACCESS_KEY_ID: keys.accessKeyId,
        AWS_SECRET_ACCESS_KEY: 'another-secret',
      });
      await expect(starting).rejects.toMatchObject({
        code: 'CREDENTIAL_REFUSED',
        message: expect.stringMatching(/AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY: SignatureDoesNotMatch/),
      });
      await expect(starting).rejects.not.toThrow(/another-secret/);
    },
  );
});
