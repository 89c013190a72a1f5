/**
 * What reading from a peer costs: signatures against the bare Ed25519 operations, items against zod's reading of the
 * same schema and against JSON.parse, all in one run.
 */

import { sign, verify } from 'node:crypto';
import { signAnswer, verifyAnswer } from '../src/federation/identity/answer-signatures.ts';
import { generateKey } from '../src/federation/identity/keys.ts';
import {
  readRequestSignature,
  signRequest,
  verifyRequestSignature,
} from '../src/federation/identity/request-signatures.ts';
import { encodeContent } from '../src/federation/wire/content-coding.ts';
import { readFeedPage } from '../src/federation/wire/feed.ts';
import { parseJson } from '../src/federation/wire/json.ts';
import { feedPageSchema } from '../src/federation/wire/schema.ts';

function measure(turns: number, run: () => unknown): number {
  for (let turn = 0; turn < turns / 4; turn++) run();
  const start = performance.now();
  for (let turn = 0; turn < turns; turn++) run();
  return (performance.now() - start) / turns;
}

const us = generateKey();
const them = generateKey();
const now = new Date();
const get = { method: 'GET', target: '/federation/v1/media?after=abcdef&limit=1000' };
const signer = { key: us, receiver: them.thumbprint, token: `hedgerow_peer_${'A'.repeat(43)}`, now };
const headers = signRequest(get, signer);
const request = { ...get, fields: Object.entries(headers) };
const small = Buffer.from(JSON.stringify({ total: 1 }));
const binding = { signature: headers['signature'] ?? '' };
const answer = {
  status: 200,
  body: small,
  fields: Object.entries(signAnswer({ status: 200, body: small, binding }, them, now)),
};
const text = Buffer.alloc(400, 'x');
const raw = sign(null, text, us.privateKey);

const digest = `sha-256:${'ab'.repeat(32)}`;
const time = '2026-01-02T03:04:05.678Z';
const page = {
  epoch: 'e',
  items: Array.from({ length: 5000 }, (_, n) => ({
    id: `media_0123456789abcdefghij${n}`,
    version: 'abcdefghijkl',
    kind: 'image',
    title: `Häuser am Fluß ${n}`,
    description: 'Two houses, a river, and a hedge between them. '.repeat(3),
    filename: `IMG_${n}.jpg`,
    mimeType: 'image/jpeg',
    size: 4_000_000 + n,
    digest,
    segments: { count: 16, digest },
    width: 6000,
    height: 4000,
    thumbhash: 'k0oGLQaSVsN0BVhn2oq2Z5SQUQcZ',
    takenAt: '2026-01-02T03:04:05',
    createdAt: time,
    updatedAt: time,
    tags: ['river', 'house', 'Süden'],
    albums: [{ id: 'album_1', title: 'Summer' }],
    properties: { camera: 'X100', iso: 200 },
    variants: [
      { name: 'thumbnail', mimeType: 'image/webp', size: 20_000, digest, width: 400, height: 300 },
      { name: 'preview', mimeType: 'image/webp', size: 200_000, digest, width: 1600, height: 1200 },
    ],
  })),
  removed: [],
  cursor: 'c',
  complete: false,
};
const bytes = Buffer.from(JSON.stringify(page));
const value = parseJson(bytes);
const perSecond = (ms: number) => Math.round((page.items.length / ms) * 1000);

const rows: Record<string, string> = {
  'Ed25519 sign alone': `${(measure(2000, () => sign(null, text, us.privateKey)) * 1000).toFixed(0)} µs`,
  'sign a request': `${(measure(2000, () => signRequest(get, signer)) * 1000).toFixed(0)} µs`,
  'sign an answer': `${(measure(2000, () => signAnswer({ status: 200, body: small, binding }, them, now)) * 1000).toFixed(0)} µs`,
  'Ed25519 verify alone': `${(measure(2000, () => verify(null, text, us.key, raw)) * 1000).toFixed(0)} µs`,
  'read a request signature': `${(measure(2000, () => readRequestSignature(request)) * 1000).toFixed(0)} µs`,
  'read and verify a request': `${(
    measure(2000, () => verifyRequestSignature(readRequestSignature(request), us, [them.thumbprint], now)) *
      1000
  ).toFixed(0)} µs`,
  'verify an answer': `${(measure(2000, () => verifyAnswer(answer, binding, them, now)) * 1000).toFixed(0)} µs`,
  'page of 5,000 items': `${(bytes.length / 1e6).toFixed(1)} MB`,
  'JSON.parse alone': `${perSecond(measure(10, () => JSON.parse(bytes.toString())))} items/s`,
  'JSON with bounds': `${perSecond(measure(10, () => parseJson(bytes)))} items/s`,
  'read the page': `${perSecond(measure(40, () => readFeedPage(value)))} items/s`,
  'read the page by zod': `${perSecond(measure(10, () => feedPageSchema.parse(value)))} items/s`,
};
for (const coding of ['zstd', 'gzip']) {
  const start = performance.now();
  const { body } = await encodeContent(bytes, coding);
  rows[`encode it by ${coding}`] =
    `${(performance.now() - start).toFixed(0)} ms, ${(body.length / 1e6).toFixed(2)} MB`;
}
console.table(rows);
