import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { generateKey, verifyBytes } from '../identity/keys.ts';
import { makeProof, verifyProof } from './proof.ts';

const key = generateKey();
const subject = {
  invitation: 'pair_00000000-0000-4000-8000-000000000001',
  inviter: generateKey().thumbprint,
  redeemer: generateKey().thumbprint,
  body: Buffer.from('{"a":1}'),
};
const proof = makeProof(subject, key);

test('a proof is the signature of the invitation key over the five lines of the protocol', () => {
  const hex = createHash('sha256').update(subject.body).digest('hex');
  const text = `hedgerow-pairing-1\n${subject.invitation}\n${subject.inviter}\n${subject.redeemer}\n${hex}`;
  expect(verifyBytes(text, Buffer.from(proof, 'base64url'), key)).toBe(true);
  expect(proof).toMatch(/^[A-Za-z0-9_-]{86}$/);
  verifyProof(proof, subject, key);
});

test('a proof holds for nothing else', () => {
  const refused = expect.objectContaining({ code: 'SIGNATURE_INVALID' });
  for (const change of [
    { invitation: 'pair_00000000-0000-4000-8000-000000000002' },
    { inviter: subject.redeemer },
    { redeemer: subject.inviter },
    { body: Buffer.from('{"a":2}') },
  ])
    expect(() => verifyProof(proof, { ...subject, ...change }, key)).toThrow(refused);
  expect(() => verifyProof(proof, subject, generateKey())).toThrow(refused);
  for (const text of ['', 'x', `${proof}=`, proof.slice(1)])
    expect(() => verifyProof(text, subject, key)).toThrow(refused);
});
