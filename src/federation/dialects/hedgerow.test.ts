import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { generateKey, parsePublicKey } from '../identity/keys.ts';
import { createOutgoing } from '../outgoing/dispatcher.ts';
import { createHedgerowClient, type HedgerowClient } from './hedgerow.ts';

/** A peer that answers as the test has it, and the requests that it has had. */
async function withPeer(
  answer: (asked: number) => RequestListener,
  test: (client: HedgerowClient, signatures: unknown[]) => Promise<void>,
): Promise<void> {
  const signatures: unknown[] = [];
  const server = createServer((request, response) => {
    signatures.push(request.headers['signature']);
    answer(signatures.length)(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  await using outgoing = createOutgoing();
  const key = generateKey();
  const connection = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    policy: 'named' as const,
    publicKey: parsePublicKey(key.jwk),
    token: 'hedgerow_peer_of_a_test',
    key,
  };
  const source = { current: async () => connection, proved: async () => {}, instead: async () => null };
  try {
    await test(createHedgerowClient(source, { outgoing, now: Date.now }), signatures);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

const THUMBNAIL = { remoteId: 'a', variant: 'thumbnail' } as const;
const hangUp: RequestListener = (request) => request.socket.destroy();

describe('a connection that ends without an answer', () => {
  const { signal } = new AbortController();

  it('is made again once, with another signature, for what asks only', async () => {
    await withPeer(
      (asked) => (asked === 1 ? hangUp : (_, response) => response.end('a picture')),
      async (client, signatures) => {
        const { body } = await client.bytes(THUMBNAIL, null, signal);
        const chunks: Buffer[] = [];
        for await (const chunk of body) chunks.push(chunk as Buffer);
        expect(Buffer.concat(chunks).toString()).toBe('a picture');
        expect(new Set(signatures).size).toBe(2);
      },
    );
  });

  it('is an error the second time', async () => {
    await withPeer(
      () => hangUp,
      async (client, signatures) => {
        await expect(client.bytes(THUMBNAIL, null, signal)).rejects.toMatchObject({
          code: 'PEER_UNREACHABLE',
        });
        expect(signatures).toHaveLength(2);
        await expect(client.list(null, 10, signal)).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
        expect(signatures).toHaveLength(4);
      },
    );
  });

  it('is an error at once of what would be done twice', async () => {
    await withPeer(
      () => hangUp,
      async (client, signatures) => {
        await expect(client.renewCredential(signal)).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
        expect(signatures).toHaveLength(1);
      },
    );
  });

  it('is not what breaks off in the middle of one', async () => {
    const breakOff: RequestListener = (_, response) => {
      response.writeHead(200, { 'content-length': 10_000 });
      response.write('half', () => response.destroy());
    };
    await withPeer(
      () => breakOff,
      async (client, signatures) => {
        await expect(client.list(null, 10, signal)).rejects.toMatchObject({ code: 'PEER_UNREACHABLE' });
        expect(signatures).toHaveLength(1);
      },
    );
  });
});
