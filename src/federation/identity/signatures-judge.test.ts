/** Signatures before another implementation of RFC 9421: what we sign it accepts, and the other way round. */

import { sign as cryptoSign, verify as cryptoVerify } from 'node:crypto';
import fc from 'fast-check';
import { httpbis } from 'http-message-signatures';
import { describe, expect, test } from 'vitest';
import { signAnswer, verifyAnswer } from './answer-signatures.ts';
import { contentDigest } from './content-digest.ts';
import type { FieldList } from './http-fields.ts';
import { type PublicKey, privateKeyFromSeed } from './keys.ts';
import {
  type IncomingRequest,
  readRequestSignature,
  signRequest,
  verifyRequestSignature,
} from './request-signatures.ts';

const now = new Date('2026-11-20T12:00:00.700Z');
const us = privateKeyFromSeed(Buffer.alloc(32, 1));
const them = privateKeyFromSeed(Buffer.alloc(32, 2));
const token = `hedgerow_peer_${'A'.repeat(43)}`;
const signer = { key: us, receiver: them.thumbprint, token, now };
const invalid = expect.objectContaining({ code: 'SIGNATURE_INVALID' });

function incoming(
  request: { method: string; target: string; body?: Uint8Array | undefined },
  headers: Record<string, string>,
): IncomingRequest & { fields: [string, string][] } {
  return { ...request, fields: [['Host', 'peer.example'], ...Object.entries(headers)] };
}

function accepts(request: IncomingRequest, key: PublicKey = us, at: Date = now): void {
  verifyRequestSignature(readRequestSignature(request), key, [them.thumbprint], at);
}

function field(request: IncomingRequest, name: string): string {
  return request.fields.find(([key]) => key === name)?.[1] ?? '';
}

describe('with an independent implementation as judge', () => {
  const path = fc
    .array(fc.string({ unit: fc.constantFrom(...'abcXYZ019_-'), minLength: 1, maxLength: 12 }), {
      maxLength: 4,
    })
    .map((parts) => ['/federation/v1', ...parts].join('/'));
  const query = fc
    .array(fc.tuple(fc.string({ unit: 'grapheme', maxLength: 8 }), fc.string({ maxLength: 12 })), {
      maxLength: 3,
    })
    .map((pairs) => new URLSearchParams(pairs).toString())
    .map((text) => (text === '' ? '' : `?${text}`));
  const request = fc.record({
    method: fc.constantFrom('GET', 'POST', 'DELETE'),
    target: fc.tuple(path, query).map((parts) => parts.join('')),
    content: fc.uint8Array({ maxLength: 64 }),
  });
  const plain = ({ method, target, content }: { method: string; target: string; content: Uint8Array }) => ({
    method,
    target,
    body: method === 'POST' && content.length > 0 ? content : undefined,
  });
  const judgeKey = (key: PublicKey) => async () => ({
    id: key.thumbprint,
    algs: ['ed25519'],
    verify: async (data: Buffer, signature: Buffer) => cryptoVerify(null, data, key.key, signature),
  });
  const PARAMETERS = ['created', 'nonce', 'keyid', 'alg', 'tag'];

  test('it accepts a thousand requests and answers that we sign', async () => {
    await fc.assert(
      fc.asyncProperty(request, fc.integer({ min: 200, max: 599 }), async (input, status) => {
        const ours = plain(input);
        const headers = signRequest(ours, { ...signer, now: new Date() });
        const judged = { method: ours.method, url: `https://peer.example${ours.target}`, headers };
        expect(await httpbis.verifyMessage({ keyLookup: judgeKey(us), all: true }, judged)).toBe(true);

        const binding = { signature: headers['signature'] ?? '' };
        const answer = signAnswer({ status, body: input.content, binding }, them, new Date());
        expect(
          await httpbis.verifyMessage(
            { keyLookup: judgeKey(them), all: true },
            { status, headers: answer },
            judged,
          ),
        ).toBe(true);
      }),
      { numRuns: 1000, seed: 9421 },
    );
  });

  test('we accept a thousand requests and answers that it signs', async () => {
    await fc.assert(
      fc.asyncProperty(request, fc.integer({ min: 200, max: 599 }), async (input, status) => {
        const ours = plain(input);
        const headers: Record<string, string> = { authorization: `Bearer ${token}` };
        const fields = ['authorization', '@path', '@method', '@query'];
        if (ours.body) {
          headers['content-digest'] = contentDigest(ours.body);
          fields.push('content-digest');
        }
        const judged = await httpbis.signMessage(
          {
            name: 'sig',
            key: {
              id: us.thumbprint,
              alg: 'ed25519',
              sign: async (data: Buffer) => cryptoSign(null, data, us.privateKey),
            },
            fields,
            params: PARAMETERS,
            paramValues: {
              created: now,
              nonce: 'nonce-of-the-judge',
              tag: `hedgerow-federation-1:${them.thumbprint}`,
            },
          },
          { method: ours.method, url: `https://peer.example${ours.target}`, headers },
        );
        const arrived = incoming(ours, judged.headers as Record<string, string>);
        accepts(arrived);

        const answer = await httpbis.signMessage(
          {
            name: 'sig',
            key: {
              id: them.thumbprint,
              alg: 'ed25519',
              sign: async (data: Buffer) => cryptoSign(null, data, them.privateKey),
            },
            fields: ['content-digest', '@status', '"signature";req'],
            params: ['created', 'keyid', 'alg', 'tag'],
            paramValues: { created: now, tag: 'hedgerow-answer-1' },
          },
          { status, headers: { 'content-digest': contentDigest(input.content) } },
          judged,
        );
        expect(
          verifyAnswer(
            { status, body: input.content, fields: Object.entries(answer.headers) as FieldList },
            { signature: field(arrived, 'Signature') },
            them,
            now,
          ),
        ).toEqual({ kind: 'signed' });
      }),
      { numRuns: 1000, seed: 9530 },
    );
  });

  /** What somebody between the two may change, of a request and of its answer. */
  const alteration = fc.constantFrom(
    'method',
    'path',
    'query',
    'token',
    'created',
    'nonce',
    'keyid',
    'tag',
    'signature',
    'status',
    'content',
    'digest',
    'request',
  );
  const inField = (value: string, pattern: RegExp) =>
    value.replace(pattern, (found) => found.slice(0, -1) + (found.endsWith('1') ? '2' : '1'));

  test('neither accepts a thousand requests and answers of which one thing was altered', async () => {
    await fc.assert(
      fc.asyncProperty(
        request,
        fc.integer({ min: 200, max: 599 }),
        alteration,
        fc.integer({ min: 0, max: 63 }),
        async (input, status, altered, at) => {
          const ours = plain(input);
          const headers = signRequest(ours, { ...signer, now: new Date() });
          const answer = signAnswer(
            { status, body: input.content, binding: { signature: headers['signature'] ?? '' } },
            them,
            new Date(),
          );
          const request = { method: ours.method, target: ours.target, headers: { ...headers } };
          const reply = { status, headers: { ...answer }, body: Buffer.from(input.content) };
          const flip = (value = '') => {
            const bytes = Buffer.from(value.slice(5, -1), 'base64');
            bytes[at] = (bytes[at] ?? 0) ^ 1;
            return `sig=:${bytes.toString('base64')}:`;
          };
          const [path = '', query] = ours.target.split('?', 2);
          const ofRequest = {
            method: () => (request.method = ours.method === 'GET' ? 'DELETE' : 'GET'),
            path: () => (request.target = `${path}x${query === undefined ? '' : `?${query}`}`),
            query: () => (request.target = `${path}?${query ?? ''}x`),
            token: () =>
              (request.headers['authorization'] = inField(request.headers['authorization'] ?? '', /.$/)),
            created: () =>
              (request.headers['signature-input'] = inField(
                request.headers['signature-input'] ?? '',
                /created=\d+/,
              )),
            nonce: () =>
              (request.headers['signature-input'] = inField(
                request.headers['signature-input'] ?? '',
                /nonce="[^"]+/,
              )),
            keyid: () =>
              (request.headers['signature-input'] = inField(
                request.headers['signature-input'] ?? '',
                /keyid="[^"]+/,
              )),
            tag: () =>
              (request.headers['signature-input'] = inField(
                request.headers['signature-input'] ?? '',
                /tag="[^"]+/,
              )),
            signature: () => (request.headers['signature'] = flip(request.headers['signature'])),
          };
          const ofAnswer = {
            status: () => (reply.status = status === 200 ? 201 : 200),
            content: () => (reply.body = Buffer.concat([reply.body, Buffer.from('x')])),
            digest: () => (reply.headers['content-digest'] = contentDigest(Buffer.from(`x${at}`))),
            request: () => (request.headers['signature'] = flip(request.headers['signature'])),
          };
          const judged = () => ({
            method: request.method,
            url: `https://peer.example${request.target}`,
            headers: request.headers,
          });
          const judge = (verify: Promise<unknown>) => verify.then(Boolean, () => false);

          if (altered in ofRequest) {
            ofRequest[altered as keyof typeof ofRequest]();
            expect(() =>
              accepts(
                incoming(
                  { method: request.method, target: request.target, body: ours.body },
                  request.headers,
                ),
                us,
                new Date(),
              ),
            ).toThrow(invalid);
            expect(await judge(httpbis.verifyMessage({ keyLookup: judgeKey(us), all: true }, judged()))).toBe(
              false,
            );
            return;
          }
          ofAnswer[altered as keyof typeof ofAnswer]();
          const seen = verifyAnswer(
            { status: reply.status, body: reply.body, fields: Object.entries(reply.headers) as FieldList },
            { signature: request.headers['signature'] ?? '' },
            them,
            new Date(),
          );
          expect(seen.kind).toBe('unsigned');
          // What the content is, is said by its digest alone: the judge does not look at it.
          if (altered === 'content') return;
          expect(
            await judge(
              httpbis.verifyMessage(
                { keyLookup: judgeKey(them), all: true },
                { status: reply.status, headers: reply.headers },
                judged(),
              ),
            ),
          ).toBe(false);
        },
      ),
      { numRuns: 1000, seed: 9421 },
    );
  });
});
