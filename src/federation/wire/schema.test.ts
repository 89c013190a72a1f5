import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { generatePeerToken } from '../credentials.ts';
import { generateKey } from '../identity/keys.ts';
import { readWireItem } from './feed.ts';
import { federationJsonSchema, MESSAGE_SCHEMAS } from './schema.ts';

type Name = keyof typeof MESSAGE_SCHEMAS;

const published = federationJsonSchema();
const schemas = new Map<Name, z.ZodType>();

/** A validator made from the published text alone. */
function fromText(name: Name): z.ZodType {
  const known = schemas.get(name);
  if (known) return known;
  const { $defs } = published as { $defs: Record<string, object> };
  const made = z.fromJSONSchema({ ...$defs[name], $defs } as Parameters<typeof z.fromJSONSchema>[0]);
  schemas.set(name, made);
  return made;
}

const key = generateKey();
const id = 'inst_00000000-0000-4000-8000-000000000001';
const digest = `sha-256:${'0a'.repeat(32)}`;
const time = '2026-01-02T03:04:05Z';
const grant = { kinds: ['image'], tags: null, albums: [], access: 'originals', until: null };
const credential = { id: 'cred_1', token: generatePeerToken(), grant };
const change = {
  number: 1,
  old: key.jwk,
  new: key.jwk,
  oldSignature: 'A'.repeat(86),
  newSignature: 'B'.repeat(86),
};
const item = {
  id: 'media_1',
  version: 'v1',
  kind: 'document',
  title: 'Minutes',
  mimeType: 'application/pdf',
  size: 600_000,
  digest,
  segments: { count: 3, digest },
  pages: 3,
  thumbhash: 'AAAA',
  takenAt: '2026-01-02T03:04:05',
  takenAtOffset: 60,
  createdAt: time,
  updatedAt: time,
  tags: ['a'],
  albums: [{ id: 'a', title: 'b' }],
  properties: {},
  variants: [{ name: 'thumbnail', mimeType: 'image/webp', size: 10, digest }],
};

const EXAMPLES: Record<Name, Record<string, unknown>> = {
  Discovery: { protocols: ['1'], instance: { id, publicKey: key.jwk, keys: [change] } },
  KeyChange: change,
  KeysRequest: { keys: [change] },
  Grant: grant,
  PairingRequest: {
    invitation: 'pair_00000000-0000-4000-8000-000000000001',
    audience: { id, thumbprint: key.thumbprint },
    instance: { id, name: 'B', publicKey: key.jwk },
    credential,
  },
  PairingAnswer: { instance: { id, name: 'A', publicKey: key.jwk }, credential, mutual: true },
  CredentialAnswer: { credential },
  Status: {
    cursor: 'c',
    total: 1,
    checksum: '0123456789abcdef',
    grant,
    serverTime: time,
    software: { name: 'x', version: '1' },
    protocols: ['1'],
    capabilities: [],
  },
  Item: item,
  FeedPage: {
    epoch: 'e',
    items: [item],
    removed: [{ id: 'media_2', reason: 'deleted', at: time }],
    cursor: 'c',
    complete: true,
    total: 1,
    checksum: '0123456789abcdef',
  },
  Agents: { agents: [{ name: 'Tagger', skills: ['tag', { name: 'sort' }] }] },
  Problem: { code: 'cursor-expired', status: 410, reason: 'expired' },
};
const NAMES = Object.keys(EXAMPLES) as Name[];

test('the committed schema is the one that the code prints', async () => {
  const text = await readFile(new URL('../../../schema/federation.schema.json', import.meta.url), 'utf8');
  expect(JSON.parse(text)).toEqual(published);
});

test.each(NAMES)('%s: the example holds by code and by published text', (name) => {
  expect(MESSAGE_SCHEMAS[name].safeParse(EXAMPLES[name]).error).toBeUndefined();
  expect(fromText(name).safeParse(EXAMPLES[name]).error).toBeUndefined();
});

test('the item that the schema describes is one that the reader takes', () => {
  expect(readWireItem(item)).not.toBeTypeOf('string');
});

/** The example with one member, somewhere, replaced or taken away. */
function changed(value: unknown, path: readonly number[], part: unknown): unknown {
  if (typeof value !== 'object' || value === null || path.length === 0) return part;
  const entries = Object.entries(value);
  const at = (path[0] ?? 0) % Math.max(1, entries.length);
  const next = entries.flatMap(([name, old], index): [string, unknown][] => {
    if (index !== at) return [[name, old]];
    const inner = changed(old, path.slice(1), part);
    return inner === undefined ? [] : [[name, inner]];
  });
  return Array.isArray(value) ? next.map(([, inner]) => inner) : Object.fromEntries(next);
}

test('what the code takes, the published text takes; what the text refuses, the code refuses', () => {
  const part = fc.oneof(
    fc.constant(undefined),
    fc.jsonValue({ maxDepth: 1 }),
    fc.string({ unit: 'grapheme-ascii', maxLength: 600 }),
    fc.integer(),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...NAMES),
      fc.array(fc.nat(30), { minLength: 1, maxLength: 4 }),
      part,
      (name, path, new_) => {
        const value = changed(EXAMPLES[name], path, new_);
        const byCode = MESSAGE_SCHEMAS[name].safeParse(value).success;
        const byText = fromText(name).safeParse(value).success;
        if (byCode) expect(byText).toBe(true);
        if (!byText) expect(byCode).toBe(false);
      },
    ),
    { numRuns: 1500, seed: 1 },
  );
});
