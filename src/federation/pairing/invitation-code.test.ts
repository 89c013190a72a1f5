import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { toBase64url } from '../../lib/base64url.ts';
import { generateKey, privateSeed } from '../identity/keys.ts';
import {
  type InvitationCode,
  makeInvitationCode,
  newInvitation,
  parseInvitationCode,
} from './invitation-code.ts';

const malformed = expect.objectContaining({ code: 'INVITATION_MALFORMED' });
const invitation: InvitationCode = {
  ...newInvitation(),
  url: 'https://a.example/hedge',
  name: 'Archiv Süd',
  thumbprint: generateKey().thumbprint,
  mutual: true,
};
const code = makeInvitationCode(invitation);

/** A code whose check digits are right, whatever it says. */
function codeOf(content: unknown): string {
  const text = toBase64url(Buffer.from(typeof content === 'string' ? content : JSON.stringify(content)));
  return `hedgerow_pair_${text}.${createHash('sha256').update(text).digest('hex').slice(0, 8)}`;
}

const content = {
  v: 1,
  id: invitation.id,
  url: invitation.url,
  name: invitation.name,
  seed: privateSeed(invitation.key).toString('base64url'),
  thumbprint: invitation.thumbprint,
  mutual: true,
};

test('a code says what it was made from, in the documented form', () => {
  expect(code).toMatch(/^hedgerow_pair_[A-Za-z0-9_-]+\.[0-9a-f]{8}$/);
  expect(code).toBe(codeOf(content));
  const { key, ...rest } = parseInvitationCode(code);
  expect({ ...rest, seed: privateSeed(key).toString('base64url'), v: 1 }).toEqual(content);
});

test('unknown members are ignored', () => {
  expect(parseInvitationCode(codeOf({ ...content, later: [1] })).id).toBe(invitation.id);
});

test('spaces and line breaks from pasting do not matter', () => {
  const wrapped = (code.match(/.{1,60}/g) ?? []).join('\r\n    ');
  expect(parseInvitationCode(` \t${wrapped}\u200b\n`).id).toBe(invitation.id);
});

test('each single mistyped, missing or swapped character is noticed', () => {
  fc.assert(
    fc.property(fc.nat(code.length - 1), fc.constantFrom(...'aZ9_-.'), (at, letter) => {
      fc.pre(code[at] !== letter);
      expect(() => parseInvitationCode(code.slice(0, at) + letter + code.slice(at + 1))).toThrow(malformed);
      expect(() => parseInvitationCode(code.slice(0, at) + code.slice(at + 1))).toThrow(malformed);
      expect(() => parseInvitationCode(code.slice(0, at))).toThrow(malformed);
    }),
    { numRuns: 200, seed: 1 },
  );
});

test.each([
  ['nothing', '  ', /Paste/],
  ['something else', 'https://a.example', /begins with "hedgerow_pair_"/],
  ['a code that is cut off', code.slice(0, 60), /not whole/],
  ['a mistyped code', code.replace(/.{8}$/, '00000000'), /wrong or missing/],
  ['a later version', codeOf({ ...content, v: 2 }), /another version/],
  ['another address', codeOf({ ...content, url: 'ftp://a.example' }), /address/],
  ['far too much', 'x'.repeat(100_000), /too long/],
])('the refusal of %s says what to do', (_, text, words) => {
  expect(() => parseInvitationCode(text)).toThrow(words);
  expect(() => parseInvitationCode(text)).toThrow(malformed);
});

test.each(['id', 'url', 'name', 'seed', 'thumbprint', 'mutual'])(
  'a code without a proper %s is refused',
  (name) => {
    for (const value of [undefined, null, 1, '', 'x', {}, 'x'.repeat(300)]) {
      if (name === 'name' && (value === '' || value === 'x')) continue;
      expect(() => parseInvitationCode(codeOf({ ...content, [name]: value }))).toThrow(malformed);
    }
  },
);

test('no text makes reading throw anything but a refusal, nor does any content with right check digits', () => {
  fc.assert(
    fc.property(fc.string(), fc.jsonValue(), (text, value) => {
      expect(() => parseInvitationCode(text)).toThrow(malformed);
      expect(() => parseInvitationCode(codeOf(text))).toThrow(malformed);
      expect(() => parseInvitationCode(codeOf(value))).toThrow(malformed);
    }),
    { numRuns: 300, seed: 2 },
  );
});
