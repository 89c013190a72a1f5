/** The JSON Schema of the messages, as it is published in `schema/federation.schema.json`. */

import { z } from 'zod';
import { REMOVAL_REASONS, WIRE_KINDS, WIRE_VARIANTS } from './feed.ts';
import { isDigest, isMimeType, isVersion } from './forms.ts';
import { LIMITS, PAGE_MAX } from './limits.ts';
import {
  agentsSchema,
  checksumSchema,
  credentialAnswerSchema,
  cursorSchema,
  discoverySchema,
  form,
  grantSchema,
  idSchema,
  keyChangeSchema,
  keysRequestSchema,
  line,
  lines,
  pairingAnswerSchema,
  pairingRequestSchema,
  problemSchema,
  statusSchema,
  timeSchema,
} from './messages.ts';
import { isLocalTime } from './times.ts';

const digestSchema = form(isDigest, { pattern: '^sha-256:[0-9a-f]{64}$' });
const mimeTypeSchema = form(isMimeType, { pattern: '^[^/\\s;]+/[^/\\s;]+$', maxLength: LIMITS.mimeType });
const sizeSchema = z.int().min(0).max(LIMITS.size);
const dimensionSchema = z.int().min(1).max(LIMITS.dimension);
const segmentsSchema = z.object({ count: z.int().min(2), digest: digestSchema }).meta({
  description: 'There exactly where digest is and size is above 262144; count is ceil(size / 262144).',
});

export const wireVariantSchema = z.object({
  name: z.enum(WIRE_VARIANTS),
  mimeType: mimeTypeSchema,
  size: sizeSchema,
  digest: digestSchema,
  segments: segmentsSchema.optional(),
  width: dimensionSchema.optional(),
  height: dimensionSchema.optional(),
});

/** The item of the feed as a sender writes it; `readWireItem` is the reader. */
export const wireItemSchema = z.object({
  id: idSchema,
  version: form(isVersion, { pattern: '^[A-Za-z0-9_-]{1,64}$' }),
  kind: z.enum(WIRE_KINDS),
  title: line(LIMITS.title),
  description: lines(LIMITS.description).optional(),
  filename: line(LIMITS.filename).optional(),
  mimeType: mimeTypeSchema,
  size: sizeSchema,
  digest: digestSchema.optional(),
  segments: segmentsSchema.optional(),
  width: dimensionSchema.optional(),
  height: dimensionSchema.optional(),
  duration: z.int().min(0).max(LIMITS.duration).optional(),
  pages: z.int().min(0).max(LIMITS.pages).optional(),
  thumbhash: z
    .string()
    .max(LIMITS.thumbhash)
    .regex(/^[A-Za-z0-9+/]+={0,2}$/)
    .optional(),
  takenAt: form(isLocalTime, {
    pattern: '^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(\\.\\d{1,9})?$',
  }).optional(),
  takenAtOffset: z.int().min(-LIMITS.offset).max(LIMITS.offset).optional(),
  createdAt: timeSchema,
  updatedAt: timeSchema,
  tags: z.array(line(LIMITS.tag)).max(LIMITS.tags),
  albums: z.array(z.object({ id: idSchema, title: line(LIMITS.albumTitle) })).max(LIMITS.albums),
  creator: line(LIMITS.creator).optional(),
  license: line(LIMITS.license).optional(),
  properties: z
    .record(z.string(), z.unknown())
    .meta({ description: 'At most 32 KiB of JSON, 16 levels deep.' }),
  variants: z.array(wireVariantSchema).max(LIMITS.variants),
});

const pageParts = {
  epoch: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
  items: z.array(wireItemSchema).max(PAGE_MAX),
  removed: z.array(z.object({ id: idSchema, reason: z.enum(REMOVAL_REASONS), at: timeSchema })).max(PAGE_MAX),
  cursor: cursorSchema,
};

export const feedPageSchema = z.discriminatedUnion('complete', [
  z.object({ ...pageParts, complete: z.literal(false) }),
  z.object({ ...pageParts, complete: z.literal(true), total: z.int().min(0), checksum: checksumSchema }),
]);

/** Every message by its name in `$defs`. */
export const MESSAGE_SCHEMAS = {
  Discovery: discoverySchema,
  KeyChange: keyChangeSchema,
  KeysRequest: keysRequestSchema,
  Grant: grantSchema,
  PairingRequest: pairingRequestSchema,
  PairingAnswer: pairingAnswerSchema,
  CredentialAnswer: credentialAnswerSchema,
  Status: statusSchema,
  Item: wireItemSchema,
  FeedPage: feedPageSchema,
  Agents: agentsSchema,
  Problem: problemSchema,
} as const;

/** JSON Schema 2020-12 of what a sender may write. A reader takes more: unknown members, and null for absent ones. */
export function federationJsonSchema(): Record<string, unknown> {
  const registry = z.registry<{ id: string }>();
  for (const [id, schema] of Object.entries(MESSAGE_SCHEMAS)) registry.add(schema, { id });
  const { schemas } = z.toJSONSchema(registry, {
    target: 'draft-2020-12',
    // What is written, not what reading makes of it.
    io: 'input',
    uri: (id) => `#/$defs/${id}`,
    override: ({ jsonSchema }) => {
      delete jsonSchema.id;
    },
  });
  const $defs: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries(schemas)) {
    const { $schema: _, $id: __, ...rest } = schema;
    $defs[name] = rest;
  }
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'urn:hedgerow:federation:1',
    title: 'Hedgerow federation, protocol 1',
    description:
      'Messages between instances; docs/federation.md explains them. maxLength counts code points.',
    $defs,
  };
}
