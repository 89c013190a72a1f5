import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isCode } from '../lib/errors.ts';
import { createSignedUrls } from './signed-urls.ts';
import type { TokenViewer } from './viewer.ts';

const VIEWER: TokenViewer = {
  via: 'token',
  tokenId: 'token_1',
  user: null,
  role: 'VIEWER',
  scopes: ['MEDIA_READ'],
};
let now = 1_700_000_000_000;
let stands = true;
const urls = createSignedUrls({
  key: Buffer.alloc(32, 7),
  now: () => now,
  standing: async (reference) => (stands && reference === 'token_1' ? VIEWER : null),
  referenceOf: (viewer) => (viewer.via === 'token' ? viewer.tokenId : viewer.sessionId),
});
const parse = (query: string) => Object.fromEntries(new URLSearchParams(query));
const refused = (work: Promise<unknown>) =>
  work.then(
    () => false,
    (error) => isCode(error, 'FORBIDDEN'),
  );
const ids = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9_-]{0,40}$/);

test('what was signed is read back, for any item and variant, and for the anonymous', async () => {
  await fc.assert(
    fc.asyncProperty(ids, ids, fc.boolean(), async (item, variant, anonymous) => {
      const query = parse(urls.sign(anonymous ? null : VIEWER, item, variant));
      expect(urls.isSigned(query)).toBe(true);
      expect(await urls.viewer(item, variant, query)).toEqual(anonymous ? null : VIEWER);
    }),
  );
});

test('whatever is changed in it, it opens nothing', async () => {
  const query = parse(urls.sign(VIEWER, 'media_1', 'preview'));
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('viewer', 'expires', 'signature'),
      fc.oneof(
        fc.string(),
        fc.constant(undefined),
        fc.array(fc.string()),
        ids,
        fc.integer().map(String),
        fc.nat(),
      ),
      async (name, value) => {
        fc.pre(value !== query[name]);
        expect(await refused(urls.viewer('media_1', 'preview', { ...query, [name]: value }))).toBe(true);
      },
    ),
    { numRuns: 500 },
  );
  // Each character of the signature counts, the last with its unused bits too.
  const { signature = '' } = query;
  for (let at = 0; at < signature.length; at++) {
    for (const character of 'AQgw-_0z') {
      const changed = signature.slice(0, at) + character + signature.slice(at + 1);
      if (changed === signature) continue;
      expect(await refused(urls.viewer('media_1', 'preview', { ...query, signature: changed }))).toBe(true);
    }
  }
});

test('one permission has one URL: no other spelling of its parts is taken, though it would mean the same', async () => {
  const query = parse(urls.sign(VIEWER, 'media_1', 'preview'));
  const { expires = '', viewer = '', signature = '' } = query;
  const others = [
    ...[
      `0${expires}`,
      `+${expires}`,
      ` ${expires}`,
      `${expires}.0`,
      `${expires} `,
      Number(expires),
      [expires],
    ].map((spelling) => ({ expires: spelling })),
    ...[[viewer], { toString: () => viewer }].map((spelling) => ({ viewer: spelling })),
    ...[[signature], `${signature}=`].map((spelling) => ({ signature: spelling })),
  ];
  for (const other of others) {
    expect(
      await refused(urls.viewer('media_1', 'preview', { ...query, ...other })),
      JSON.stringify(other),
    ).toBe(true);
  }
  expect(await urls.viewer('media_1', 'preview', query)).toEqual(VIEWER);
  for (const none of [undefined, null, 'signature', 7, {}]) expect(urls.isSigned(none)).toBe(false);
});

test('no text, list or object in the place of a query is taken, and none throws anything else', async () => {
  await fc.assert(
    fc.asyncProperty(fc.anything(), async (query) => {
      expect(await refused(urls.viewer('media_1', 'preview', query))).toBe(true);
    }),
  );
});

test('parts cannot be moved across the border between them', async () => {
  const query = parse(urls.sign(VIEWER, 'media_1', 'preview'));
  expect(await refused(urls.viewer('media_1\npreview', '', query))).toBe(true);
  expect(await refused(urls.viewer('media_', '1preview', query))).toBe(true);
});

test('it ends at its hour to the second, and at once with the viewer', async () => {
  const query = parse(urls.sign(VIEWER, 'media_1', 'preview'));
  expect(query['expires']).toBe(String(now / 1000 + 3600));
  now += 3_599_999;
  expect(await urls.viewer('media_1', 'preview', query)).toEqual(VIEWER);
  now += 1;
  expect(await refused(urls.viewer('media_1', 'preview', query))).toBe(true);
  const fresh = parse(urls.sign(VIEWER, 'media_1', 'preview'));
  stands = false;
  expect(await refused(urls.viewer('media_1', 'preview', fresh))).toBe(true);
  stands = true;
  expect(urls.isSigned({})).toBe(false);
  expect(urls.isSigned(null)).toBe(false);
  expect(urls.isSigned('signature')).toBe(false);
});
