import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { addChecksum, checksumTerm, formatChecksum } from '../lib/checksum.ts';
import { signAnswer } from './identity/answer-signatures.ts';
import { makeKeyChange } from './identity/key-changes.ts';
import { privateKeyFromSeed } from './identity/keys.ts';
import { readRequestSignature, signRequest } from './identity/request-signatures.ts';
import { makeInvitationCode } from './pairing/invitation-code.ts';
import { makeProof } from './pairing/proof.ts';
import { LIMITS } from './wire/limits.ts';

const doc = await readFile(new URL('../../docs/federation.md', import.meta.url), 'utf8');
const a = privateKeyFromSeed(Buffer.alloc(32, 1));
const b = privateKeyFromSeed(Buffer.alloc(32, 2));
const key = privateKeyFromSeed(Buffer.alloc(32, 3));
const now = new Date('2026-11-20T12:00:00Z');

test('the test vectors in docs/federation.md are what the code makes', () => {
  for (const { jwk, thumbprint } of [a, b]) expect(doc).toContain(`\`${jwk.x}\` | \`${thumbprint}\``);
  const token = `hedgerow_peer_${'A'.repeat(43)}`;
  const target = '/hedge/federation/v1/media?limit=2';
  const headers = signRequest(
    { method: 'GET', target },
    { key: b, receiver: a.thumbprint, token, now, nonce: 'bm9uY2Utb2YtYi0xMjM' },
  );
  expect(doc).toContain(
    readRequestSignature({ method: 'GET', target, fields: Object.entries(headers) }).base,
  );
  expect(doc).toContain(`Signature: ${headers['signature']}`);

  const binding = { signature: headers['signature'] ?? '' };
  const answer = signAnswer({ status: 200, body: Buffer.from('{}'), binding }, a, now);
  expect(doc).toContain(
    `Content-Digest: ${answer['content-digest']}\nSignature-Input: ${answer['signature-input']}\nSignature: ${answer['signature']}`,
  );

  const id = 'pair_00000000-0000-4000-8000-000000000003';
  const invitation = {
    id,
    url: 'https://a.example/hedge',
    name: 'Archive',
    thumbprint: a.thumbprint,
    mutual: false,
  };
  expect(doc).toContain(makeInvitationCode({ ...invitation, key }));
  const subject = { invitation: id, inviter: a.thumbprint, redeemer: b.thumbprint, body: Buffer.from('{}') };
  expect(doc).toContain(makeProof(subject, key));
  const change = makeKeyChange('inst_00000000-0000-4000-8000-000000000001', 1, a, b);
  expect(doc).toContain(`oldSignature: ${change.oldSignature}\nnewSignature: ${change.newSignature}`);
});

test('the checksum in docs/federation.md is the sum of its two items', () => {
  const [one, two] = [checksumTerm('media_1', 'v1'), checksumTerm('media_2', 'v7')];
  for (const sum of [one, two, addChecksum(one, two)]) expect(doc).toContain(`\`${formatChecksum(sum)}\``);
});

test('the limits in docs/federation.md are those of the code', () => {
  const row = (name: string, number: number) =>
    expect(doc).toMatch(new RegExp(`\\| .*\`${name}\`.* \\| .*\\b${number.toLocaleString('en')}\\b`));
  for (const name of [
    'title',
    'description',
    'filename',
    'tags',
    'creator',
    'license',
    'mimeType',
    'albums',
    'variants',
  ] as const)
    row(name, LIMITS[name]);
});
