/** Which peer asks: the checks of every request but pairing, in the order that docs/federation.md gives. */
import { LRUCache } from 'lru-cache';
import { type Sql, sql } from '../../database/sql.ts';
import { HedgerowError } from '../../lib/errors.ts';
import type { FederationContext } from '../context.ts';
import { hashPeerToken, isPeerToken } from '../credentials.ts';
import type { AnswerBinding } from '../identity/answer-signatures.ts';
import { type PublicKey, parsePublicKey } from '../identity/keys.ts';
import {
  type IncomingRequest,
  type RequestSignature,
  readAuthorization,
  readRequestSignature,
  verifyRequestSignature,
} from '../identity/request-signatures.ts';
import { type Grant, grantSchema, readMessage } from '../wire/messages.ts';
import { type LimitColumns, limitsOf, type PeerLimits } from './limits.ts';

export interface ServedPeer {
  key: number;
  /** Our id of it. */
  id: string;
  grant: Grant;
  /** Changes with the grant. */
  grantRevision: number;
  limits: PeerLimits;
  /** What answers to this request are bound to. */
  binding: AnswerBinding;
}

/** A refusal, and how it may be signed: null where nothing about the request is proven. */
export class RequestRefused extends Error {
  override readonly name = 'RequestRefused';
  readonly error: HedgerowError;
  readonly binding: AnswerBinding | null;
  readonly peerId: string | undefined;

  constructor(error: HedgerowError, binding: AnswerBinding | null, peerId?: string) {
    super(error.message);
    this.error = error;
    this.binding = binding;
    this.peerId = peerId;
  }
}

/** What a route asks for besides the rule. */
export interface RouteRules {
  /** The route serves nothing of what was granted, so that it is open after the grant has ended. */
  beyondGrant?: boolean;
}

interface CredentialRow extends LimitColumns {
  id: string;
  ended: number | boolean;
  unused: number | boolean;
  peerKey: number;
  peerId: string;
  publicKey: string;
  status: string;
  serves: number | boolean;
  grant: string | null;
  grantRevision: number;
  dialect: string;
}

const keys = new LRUCache<string, PublicKey>({ max: 1_000 });

/** @throws RequestRefused */
export async function authenticatePeer(
  context: FederationContext,
  request: IncomingRequest,
  { beyondGrant = false }: RouteRules = {},
): Promise<ServedPeer> {
  // 1. The token, by its hash.
  const authorization = attempt(() => readAuthorization(request.fields), null);
  if (authorization === undefined) throw new RequestRefused(new HedgerowError('CREDENTIAL_REFUSED'), null);
  const { token } = authorization;
  const row = isPeerToken(token)
    ? await findCredential(context.database.read, hashPeerToken(token))
    : undefined;
  if (row === undefined || row.dialect !== 'HEDGEROW') {
    throw new RequestRefused(new HedgerowError('CREDENTIAL_REFUSED'), { authorization: authorization.value });
  }

  // 2. The signature, by the key that is pinned for the token's peer.
  const signature = attempt(() => readRequestSignature(request), null, row.peerId);
  verify(context, signature, row);
  const binding = { signature: signature.signatureField };

  // 3. What the pair may do at all. Replaced and revoked tokens are known, so that the refusal can be signed.
  const refuse = (error: HedgerowError) => new RequestRefused(error, binding, row.peerId);
  if (row.status === 'REVOKED') throw refuse(new HedgerowError('REVOKED'));
  if (row.ended || !row.serves || row.grant === null) throw refuse(new HedgerowError('CREDENTIAL_REFUSED'));
  const grant = readMessage(grantSchema, JSON.parse(row.grant), 'INTERNAL');
  if (!beyondGrant && grant.until !== null && Date.parse(grant.until) <= context.now())
    throw refuse(new HedgerowError('GRANT_ENDED'));

  if (row.unused) await firstUse(context, row);
  return {
    key: row.peerKey,
    id: row.peerId,
    grant,
    grantRevision: row.grantRevision,
    limits: limitsOf(row),
    binding,
  };
}

function verify(context: FederationContext, signature: RequestSignature, row: CredentialRow): void {
  let key = keys.get(row.publicKey);
  if (key === undefined) {
    key = parsePublicKey(JSON.parse(row.publicKey));
    keys.set(row.publicKey, key);
  }
  try {
    verifyRequestSignature(signature, key, context.identity.thumbprints, new Date(context.now()));
  } catch (error) {
    if (!(error instanceof HedgerowError)) throw error;
    // The clock is looked at last, so what fails there did verify and its refusal may be signed.
    const binding = error.code === 'CLOCK_SKEW' ? { signature: signature.signatureField } : null;
    throw new RequestRefused(error, binding, row.peerId);
  }
}

function attempt<T>(work: () => T, binding: AnswerBinding | null, peerId?: string): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof HedgerowError) throw new RequestRefused(error, binding, peerId);
    throw error;
  }
}

function findCredential(database: Sql, hash: string): Promise<CredentialRow | undefined> {
  return database.get<CredentialRow>(
    sql`SELECT c.id, CASE WHEN c.ended_at IS NULL THEN 0 ELSE 1 END AS ended, CASE WHEN c.first_used_at IS NULL THEN 1 ELSE 0 END AS unused, p.key AS "peerKey", p.id AS "peerId", p.public_key AS "publicKey", p.status, p.serves, p.serve_grant AS "grant", p.grant_revision AS "grantRevision", p.dialect, p.requests_per_minute AS "requestsPerMinute", p.bytes_per_second AS "bytesPerSecond", p.concurrent_streams AS "concurrentStreams" FROM peer_credentials c JOIN federation_peers p ON p.key = c.peer_key WHERE c.hash = ${hash}`,
  );
}

/** A token that arrives for the first time is known to have arrived there: now the earlier ones die. */
async function firstUse(context: FederationContext, row: CredentialRow): Promise<void> {
  const now = new Date(context.now());
  const { prisma } = context.database;
  await prisma.$transaction(async (tx) => {
    const used = await tx.peerCredential.updateMany({
      where: { id: row.id, firstUsedAt: null },
      data: { firstUsedAt: now },
    });
    if (used.count === 0) return;
    const own = await tx.peerCredential.findUniqueOrThrow({ where: { id: row.id } });
    await tx.peerCredential.updateMany({
      where: { peerKey: row.peerKey, endedAt: null, createdAt: { lte: own.createdAt }, NOT: { id: row.id } },
      data: { endedAt: now },
    });
  });
}
