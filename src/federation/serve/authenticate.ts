/** Which peer asks: the checks of every request but pairing, in the order that docs/federation.md gives. */
import { type Sql, sql } from '../../database/sql.ts';
import { HedgerowError, isCode } from '../../lib/errors.ts';
import type { FederationContext } from '../context.ts';
import { hashPeerToken, isPeerToken } from '../credentials.ts';
import type { AnswerBinding } from '../identity/answer-signatures.ts';
import { type PublicKey, storedPublicKey } from '../identity/keys.ts';
import {
  type IncomingRequest,
  type RequestSignature,
  readAuthorization,
  readRequestSignature,
  verifyRequestSignature,
} from '../identity/request-signatures.ts';
import type { PinnedPeer } from '../rotation/follow-key.ts';
import { type Grant, grantSchema, readMessage } from '../wire/messages.ts';
import { type LimitColumns, limitsOf, type PeerLimits } from './limits.ts';
import { isSafe, rememberNonce } from './nonces.ts';

/** Who asks, in whatever dialect. */
export interface ReadingPeer {
  key: number;
  /** Our id of it. */
  id: string;
  grant: Grant;
  /** Changes with the grant. */
  grantRevision: number;
  limits: PeerLimits;
}

export interface ServedPeer extends ReadingPeer {
  /** What answers to this request are bound to. */
  binding: AnswerBinding;
}

/** A refusal, and how it may be signed: null where nothing about the request is proven. */
export class RequestRefused extends Error {
  override readonly name = 'RequestRefused';
  readonly error: HedgerowError;
  readonly binding: AnswerBinding | null;
  readonly peerId: string | undefined;
  /** What it is called in the audit. */
  readonly action: string;

  constructor(
    error: HedgerowError,
    binding: AnswerBinding | null,
    peerId?: string,
    action = 'federation.request',
  ) {
    super(error.message);
    this.error = error;
    this.binding = binding;
    this.peerId = peerId;
    this.action = action;
  }
}

/** What a route asks for besides the rule. */
export interface RouteRules {
  /**
   * The key that the signature is checked with: that which is pinned for the peer, unless told.
   *
   * @throws HedgerowError, which is refused unsigned
   */
  keyFor?: (peer: CredentialRow, request: IncomingRequest) => Promise<PublicKey>;
  /** The route serves nothing of what was granted, so that it is open after the grant has ended. */
  beyondGrant?: boolean;
}

/** A credential, with the peer that it was issued to. */
export interface CredentialRow extends PinnedPeer, LimitColumns {
  credentialId: string;
  ended: number | boolean;
  unused: number | boolean;
  publicKey: string;
  status: string;
  serves: number | boolean;
  grant: string | null;
  grantRevision: number;
  dialect: string;
  /** Number of our own newest key. */
  newest: number;
}

/** @throws RequestRefused */
export async function authenticatePeer(
  context: FederationContext,
  request: IncomingRequest,
  rules: RouteRules = {},
): Promise<ServedPeer> {
  // 1. The token, by its hash.
  const authorization = attempt(() => readAuthorization(request.fields), null);
  if (authorization === undefined) throw new RequestRefused(new HedgerowError('CREDENTIAL_REFUSED'), null);
  const { token } = authorization;
  const hash = isPeerToken(token) ? hashPeerToken(token) : null;
  const find = async () => (hash === null ? undefined : findCredential(context.database.read, hash));
  const row = await find();
  if (row === undefined || row.dialect !== 'HEDGEROW') {
    throw new RequestRefused(new HedgerowError('CREDENTIAL_REFUSED'), { authorization: authorization.value });
  }
  // Another process may have changed our key, and this request may name it already.
  if (row.newest > context.identity.number) await context.identity.refresh();

  // 2. and 3. The signature, by the key that is pinned for the token's peer, and its time.
  const signature = attempt(() => readRequestSignature(request), null, row.id);
  verify(context, signature, row, await keyFor(row, request, rules));
  const binding = { signature: signature.signatureField };
  const refuse = (error: HedgerowError, action?: string) =>
    new RequestRefused(error, binding, row.id, action);

  // 4. The nonce, kept for what was verified and for nothing else.
  if (!isSafe(request.method) && (await nonceOf(context, row, signature, refuse)) === 'replayed') {
    throw refuse(
      new HedgerowError('SIGNATURE_INVALID', 'This very request was made before; sign each one anew.'),
      'nonce.replayed',
    );
  }

  // 5. What the pair may do at all. Replaced and revoked tokens are known, so that the refusal can be signed.
  if (row.status === 'REVOKED') throw refuse(new HedgerowError('REVOKED'));
  if (row.ended || !row.serves || row.grant === null) {
    throw refuse(new HedgerowError('CREDENTIAL_REFUSED'));
  }
  const grant = readMessage(grantSchema, JSON.parse(row.grant), 'INTERNAL');
  if (!rules.beyondGrant && grant.until !== null && Date.parse(grant.until) <= context.now()) {
    throw refuse(new HedgerowError('GRANT_ENDED'));
  }

  if (row.unused && !(await firstUse(context, row))) {
    // Where the pairing ended at the same moment, that is what the peer is told.
    const now = await find();
    throw refuse(new HedgerowError(now?.status === 'REVOKED' ? 'REVOKED' : 'CREDENTIAL_REFUSED'));
  }
  return {
    key: row.key,
    id: row.id,
    grant,
    grantRevision: row.grantRevision,
    limits: limitsOf(row),
    binding,
  };
}

async function keyFor(row: CredentialRow, request: IncomingRequest, rules: RouteRules): Promise<PublicKey> {
  if (rules.keyFor === undefined) return storedPublicKey(row.publicKey);
  try {
    return await rules.keyFor(row, request);
  } catch (error) {
    if (error instanceof HedgerowError) throw new RequestRefused(error, null, row.id);
    throw error;
  }
}

function verify(
  context: FederationContext,
  signature: RequestSignature,
  row: CredentialRow,
  key: PublicKey,
): void {
  try {
    verifyRequestSignature(signature, key, context.identity.thumbprints, new Date(context.now()));
  } catch (error) {
    if (!(error instanceof HedgerowError)) throw error;
    // The clock is looked at last, so what fails there did verify and its refusal may be signed.
    const binding = error.code === 'CLOCK_SKEW' ? { signature: signature.signatureField } : null;
    throw new RequestRefused(error, binding, row.id);
  }
}

async function nonceOf(
  context: FederationContext,
  row: CredentialRow,
  signature: RequestSignature,
  refuse: (error: HedgerowError) => RequestRefused,
): Promise<'new' | 'replayed'> {
  try {
    return await rememberNonce(context.database, row.key, signature, context.now());
  } catch (error) {
    if (isCode(error, 'RATE_LIMITED')) throw refuse(error);
    throw error;
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
    sql`SELECT c.id AS "credentialId", CASE WHEN c.ended_at IS NULL THEN 0 ELSE 1 END AS ended, CASE WHEN c.first_used_at IS NULL THEN 1 ELSE 0 END AS unused, p.key, p.id, p.public_key AS "publicKey", p.thumbprint, p.former_thumbprints AS "formerThumbprints", p.instance_id AS "instanceId", p.status, p.serves, p.serve_grant AS "grant", p.grant_revision AS "grantRevision", p.dialect, p.requests_per_minute AS "requestsPerMinute", p.bytes_per_second AS "bytesPerSecond", p.concurrent_streams AS "concurrentStreams", (SELECT MAX(number) FROM instance_keys) AS newest FROM peer_credentials c JOIN federation_peers p ON p.key = c.peer_key WHERE c.hash = ${hash}`,
  );
}

/**
 * A token that arrives for the first time is known to have arrived there: now the earlier ones die. False where it has
 * waited too long for that, or died itself at the same moment.
 */
async function firstUse(context: FederationContext, row: CredentialRow): Promise<boolean> {
  const now = new Date(context.now());
  return context.database.prisma.$transaction(async (tx) => {
    const used = await tx.peerCredential.updateMany({
      where: {
        id: row.credentialId,
        firstUsedAt: null,
        endedAt: null,
        OR: [{ expiresAt: null }, { expiresAt: { gt: now } }],
      },
      data: { firstUsedAt: now },
    });
    const own = await tx.peerCredential.findUniqueOrThrow({ where: { id: row.credentialId } });
    // Two requests may both be the first.
    if (used.count === 0) return own.firstUsedAt !== null && own.endedAt === null;
    await tx.peerCredential.updateMany({
      where: {
        peerKey: row.key,
        endedAt: null,
        createdAt: { lte: own.createdAt },
        NOT: { id: row.credentialId },
      },
      data: { endedAt: now },
    });
    return true;
  });
}
