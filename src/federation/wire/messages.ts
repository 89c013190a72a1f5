/**
 * The messages besides the feed: shapes, limits and reading. Unknown members are ignored everywhere.
 *
 * Each schema is the source of its part of `schema/federation.schema.json`.
 */

import { STATUS_CODES } from 'node:http';
import { z } from 'zod';
import { displayLine, displayText, fitsCodePoints } from '../../lib/display-text.ts';
import { type Code, codeFromWire, HedgerowError, wireCode } from '../../lib/errors.ts';
import { isBaseUrl, MAX_BASE_URL } from '../base-url.ts';
import { isPeerToken } from '../credentials.ts';
import { isCursor } from '../cursors.ts';
import { MAX_KEY_CHANGES } from '../identity/key-changes.ts';
import { isThumbprint } from '../identity/keys.ts';
import { WIRE_KINDS } from './feed.ts';
import { isChecksum, isId, isInstanceId } from './forms.ts';
import { BEHIND_MAX, LIMITS } from './limits.ts';
import { isUtcTime } from './times.ts';

/** A string that `check` accepts; `pattern` says the same in JSON Schema. */
export function form(check: (value: unknown) => value is string, schema: Readonly<Record<string, unknown>>) {
  return z.string().refine(check).meta(schema);
}

/** A text for people of at most `max` code points, in one line. */
export function line(max: number) {
  return z
    .string()
    .refine((text) => fitsCodePoints(text, max))
    .meta({ maxLength: max })
    .transform(displayLine);
}

/** The same over several lines. */
export function lines(max: number) {
  return z
    .string()
    .refine((text) => fitsCodePoints(text, max))
    .meta({ maxLength: max })
    .transform(displayText);
}

export const idSchema = form(isId, { pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{0,127}$' });
export const timeSchema = form(isUtcTime, { format: 'date-time', pattern: '(Z|[+-]00:00)$' });
export const checksumSchema = form(isChecksum, { pattern: '^[0-9a-f]{16}$' });
export const cursorSchema = form(isCursor, { pattern: '^[A-Za-z0-9_-]{1,300}$' });
const uuid = '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const instanceIdSchema = form(isInstanceId, { pattern: `^inst_${uuid}$` });
const thumbprintSchema = form(isThumbprint, { pattern: '^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$' });
const tokenSchema = form(isPeerToken, { pattern: '^hedgerow_peer_[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$' });
const baseUrlSchema = form(isBaseUrl, { pattern: '^https?://', maxLength: MAX_BASE_URL });
const countSchema = z.int().min(0);
const protocolsSchema = z.array(z.string().max(32)).min(1).max(LIMITS.protocols);

/**
 * Only the form is looked at here; `parsePublicKey` judges the key, and so further members are kept for it: a private
 * half that was sent along must not be dropped unseen.
 */
export const publicJwkSchema = z.looseObject({
  kty: z.literal('OKP'),
  crv: z.literal('Ed25519'),
  x: form((x): x is string => typeof x === 'string' && /^[A-Za-z0-9_-]{43}$/.test(x), {
    pattern: '^[A-Za-z0-9_-]{43}$',
  }),
});

const signatureSchema = z
  .string()
  .length(86)
  .regex(/^[A-Za-z0-9_-]*$/);

export const keyChangeSchema = z.object({
  number: z.int().min(1),
  old: publicJwkSchema,
  new: publicJwkSchema,
  oldSignature: signatureSchema,
  newSignature: signatureSchema,
});

/** `GET <base>/.well-known/hedgerow`. Not signed: what it says is believed only where signatures confirm it. */
export const discoverySchema = z.object({
  protocols: protocolsSchema,
  instance: z.object({
    id: instanceIdSchema,
    publicKey: publicJwkSchema,
    keys: z.array(keyChangeSchema).max(MAX_KEY_CHANGES),
  }),
});
export type Discovery = z.output<typeof discoverySchema>;

/** `POST /federation/v1/keys` */
export const keysRequestSchema = z.object({ keys: z.array(keyChangeSchema).min(1).max(MAX_KEY_CHANGES) });
export type KeysRequest = z.output<typeof keysRequestSchema>;

export const ACCESS_LEVELS = ['metadata', 'previews', 'originals'] as const;
export type AccessLevel = (typeof ACCESS_LEVELS)[number];

/** What a pair may see. Null stands for no restriction, `[]` for nothing. */
export const grantSchema = z.object({
  kinds: z.array(z.enum(WIRE_KINDS)).max(WIRE_KINDS.length).nullable(),
  tags: z.array(line(LIMITS.tag)).max(LIMITS.grantList).nullable(),
  albums: z.array(idSchema).max(LIMITS.grantList).nullable(),
  access: z.enum(ACCESS_LEVELS),
  until: timeSchema.nullable(),
});
export type Grant = z.output<typeof grantSchema>;

export const credentialSchema = z.object({ id: idSchema, token: tokenSchema, grant: grantSchema });
/** A token as it travels; shown once. */
export type IssuedCredential = z.output<typeof credentialSchema>;

/** 201 of `POST /federation/v1/credentials` */
export const credentialAnswerSchema = z.object({ credential: credentialSchema });
export type CredentialAnswer = z.output<typeof credentialAnswerSchema>;

/** `POST /federation/v1/pairings` */
export const pairingRequestSchema = z.object({
  invitation: form((id): id is string => typeof id === 'string' && new RegExp(`^pair_${uuid}$`).test(id), {
    pattern: `^pair_${uuid}$`,
  }),
  /** The instance that the invitation is from. */
  audience: z.object({ id: instanceIdSchema, thumbprint: thumbprintSchema }),
  /** The instance that redeems it. */
  instance: z.object({
    id: instanceIdSchema,
    name: line(LIMITS.name),
    publicKey: publicJwkSchema,
    publicUrl: baseUrlSchema.optional(),
  }),
  /** What the redeemer shares in return. */
  credential: credentialSchema.optional(),
});
export type PairingRequest = z.output<typeof pairingRequestSchema>;

/** 201 of `POST /federation/v1/pairings` */
export const pairingAnswerSchema = z.object({
  instance: z.object({ id: instanceIdSchema, name: line(LIMITS.name), publicKey: publicJwkSchema }),
  credential: credentialSchema,
  /** Whether the redeemer's credential was taken. */
  mutual: z.boolean(),
});
export type PairingAnswer = z.output<typeof pairingAnswerSchema>;

/** `GET /federation/v1/status` */
export const statusSchema = z.object({
  cursor: cursorSchema,
  /** Changes after the cursor that was asked about. */
  behind: z.int().min(0).max(BEHIND_MAX).optional(),
  total: countSchema,
  checksum: checksumSchema,
  grant: grantSchema,
  serverTime: timeSchema,
  software: z.object({ name: line(LIMITS.name), version: line(LIMITS.name) }),
  protocols: protocolsSchema,
  capabilities: z.array(z.string().max(64)).max(LIMITS.capabilities),
});
export type StatusAnswer = z.output<typeof statusSchema>;

const webUrl = form((url): url is string => typeof url === 'string' && url.length <= 2000 && isWebUrl(url), {
  pattern: '^https?://',
  maxLength: 2000,
});

/** A skill by its name, or as A2A's agent cards have it; readers keep the name. */
const skillSchema = z.union([
  line(LIMITS.name),
  z.object({ name: line(LIMITS.name) }).transform(({ name }) => name),
]);

/** An automated agent that an instance publishes, in the manner of A2A's agent cards. */
export const agentSchema = z.object({
  name: line(LIMITS.name),
  description: lines(LIMITS.description).nullish(),
  /** http or https; it is shown as a link and never fetched. */
  url: webUrl.nullish(),
  version: line(LIMITS.name).nullish(),
  skills: z.array(skillSchema).max(LIMITS.skills).default([]),
});
export type WireAgent = z.output<typeof agentSchema>;

/** `GET /federation/v1/agents` */
export const agentsSchema = z.object({ agents: z.array(agentSchema).max(LIMITS.agents) });

/** A problem document (RFC 9457). `code` decides; the rest is for people. */
export const problemSchema = z.object({
  code: z.string().regex(/^[a-z][a-z-]{0,63}$/),
  title: z.string().optional(),
  status: z.int().min(400).max(599).optional(),
  detail: z.string().optional(),
  /** Seconds; with `rate-limited`. */
  retryAfter: z.number().min(0).optional(),
  /** With `clock-skew`. */
  serverTime: timeSchema.optional(),
  /** With `cursor-expired`. */
  reason: z.enum(['expired', 'restored', 'grant-changed']).optional(),
});

/** Why a listing must begin anew. */
export type CursorExpiry = 'expired' | 'restored' | 'grant-changed';

/** A problem as the puller takes it. */
export interface Problem {
  /** Undefined where the code is none that this version knows, or there is none. */
  code: Code | undefined;
  /** The other server's words, for people: one line, at most 500 code points. */
  detail: string | undefined;
  /** Seconds. */
  retryAfter: number | undefined;
  /** Shown, never used. */
  serverTime: string | undefined;
  reason: CursorExpiry | undefined;
}

/**
 * @param value what `parseJson` gave
 * @param code of the error: PEER_INVALID_ANSWER for an answer, INVALID for the body of a request
 * @throws HedgerowError `code`, with the path of the first member at fault as `field`
 */
export function readMessage<T extends z.ZodType>(schema: T, value: unknown, code: Code): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const path = result.error.issues[0]?.path.map(String) ?? [];
  const where = path.length > 0 ? `: ${displayLine(path.join('.'))}` : '';
  const sentence =
    code === 'INVALID' ? 'The request is not valid' : 'The peer answered something that is not allowed';
  throw new HedgerowError(code, `${sentence}${where}.`, { field: path });
}

/** Agents one by one: one that breaks a limit is left out and hides none of the others. */
export function readAgents(value: unknown): WireAgent[] {
  const { agents } = readMessage(
    z.object({ agents: z.array(z.unknown()).max(LIMITS.agents) }),
    value,
    'PEER_INVALID_ANSWER',
  );
  return agents.flatMap((agent) => agentSchema.safeParse(agent).data ?? []);
}

/** Reads whatever came with an error status. Never throws: a bad problem document is a problem without a code. */
export function readProblem(value: unknown): Problem {
  const raw = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const { code, detail, title, retryAfter, serverTime, reason } = raw;
  const words = [detail, title].find((text) => typeof text === 'string') as string | undefined;
  return {
    code: typeof code === 'string' && /^[a-z][a-z-]{0,63}$/.test(code) ? codeFromWire(code) : undefined,
    detail: words === undefined ? undefined : displayLine([...words.slice(0, 1000)].slice(0, 500).join('')),
    retryAfter: typeof retryAfter === 'number' && retryAfter >= 0 ? retryAfter : undefined,
    serverTime: isUtcTime(serverTime) ? serverTime : undefined,
    reason: reason === 'expired' || reason === 'restored' || reason === 'grant-changed' ? reason : undefined,
  };
}

/** The problem document of an error, as `application/problem+json`. */
export function problemDocument(error: HedgerowError): Record<string, unknown> {
  return {
    // RFC 9457, section 4.2.1: without a type, the title is that of the status.
    title: STATUS_CODES[error.status] ?? 'Error',
    status: error.status,
    detail: error.message,
    code: wireCode(error.code),
    ...(error.retryAfter === undefined ? {} : { retryAfter: error.retryAfter }),
    ...error.extra,
  };
}

function isWebUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && (url.protocol === 'https:' || url.protocol === 'http:') && url.username === '';
}
