/**
 * Tokens for servers of other make that pull from us: without keys, so the token alone says who asks. It is of one
 * dialect, and opens the routes of that dialect and no others.
 */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { sql } from '../../database/sql.ts';
import { type Code, HedgerowError } from '../../lib/errors.ts';
import type { FederationContext } from '../context.ts';
import type { ForeignDialect } from '../dialects/dialect.ts';
import type { CreatePeerCredential } from '../federation.ts';
import { storedGrant, WHOLE_GRANT } from '../grants.ts';
import { grantText } from '../peers/grant-changes.ts';
import { checkedName } from '../peers/peers.ts';
import { type ReadingPeer, RequestRefused } from './authenticate.ts';
import { type LimitColumns, limitsOf } from './limits.ts';

/** Of 256 bits in base64url. */
const TOKEN_CHARACTERS = 43;

/** The token is in the answer, and nowhere else: what is kept is its hash. */
export async function createPeerCredential(
  context: FederationContext,
  dialects: readonly ForeignDialect[],
  input: CreatePeerCredential,
): Promise<{ peerId: string; token: string }> {
  const name = checkedName(input.name);
  const { issues, title } = servedDialect(dialects, input.dialect);
  const id = `peer_${randomUUID()}`;
  // 256 random bits behind a prefix by which scanners find a leaked one.
  const token = issues.prefix + randomBytes(32).toString('base64url');
  const now = new Date(context.now());
  await context.database.prisma.peer.create({
    data: {
      id,
      name,
      dialect: input.dialect,
      serves: true,
      serveGrant: grantText(input.grant ?? WHOLE_GRANT),
      pairedAt: now,
      credentials: { create: { id: `cred_${randomUUID()}`, hash: hashOf(token), createdAt: now } },
    },
  });
  context.log.paired({ peerId: id, direction: 'serve' });
  await context.audit.record({
    actorKind: 'SYSTEM',
    action: 'credential.created',
    target: id,
    peerId: id,
    outcome: 'done',
    detail: { dialect: title },
  });
  return { peerId: id, token };
}

function servedDialect(dialects: readonly ForeignDialect[], name: string) {
  if (name === 'HEDGEROW') {
    throw new HedgerowError(
      'INVALID',
      'A Hedgerow server is paired by invitation, with keys: make one for it.',
      {
        field: ['dialect'],
      },
    );
  }
  const dialect = dialects.find((each) => each.name === name);
  if (dialect === undefined) {
    throw new HedgerowError('INVALID', `The dialect ${name} is not known here.`, { field: ['dialect'] });
  }
  const { issues, title } = dialect;
  if (issues === undefined) {
    throw new HedgerowError(
      'INVALID',
      `Nothing is served to ${title} servers: this dialect is only pulled.`,
      {
        field: ['dialect'],
      },
    );
  }
  return { issues, title };
}

/** Nothing about the request is signed, so no answer is. */
export interface ForeignReader extends ReadingPeer {
  binding: null;
}

/**
 * Who asks with this token, on the routes of this dialect.
 *
 * @param token - null where the request carries none, or several
 * @throws RequestRefused CREDENTIAL_REFUSED, REVOKED, GRANT_ENDED
 */
export async function authenticateForeign(
  context: FederationContext,
  dialect: Pick<ForeignDialect, 'name' | 'issues'>,
  token: string | null,
): Promise<ForeignReader> {
  const refused = (code: Code, peerId?: string) => new RequestRefused(new HedgerowError(code), null, peerId);
  const prefix = dialect.issues?.prefix;
  if (
    prefix === undefined ||
    !token?.startsWith(prefix) ||
    token.length !== prefix.length + TOKEN_CHARACTERS
  ) {
    throw refused('CREDENTIAL_REFUSED');
  }
  const row = await context.database.read.get<
    LimitColumns & {
      id: string;
      ended: number | boolean;
      unused: number | boolean;
      peerKey: number;
      peerId: string;
      status: string;
      serves: number | boolean;
      grant: string | null;
      grantRevision: number;
      dialect: string;
    }
  >(
    sql`SELECT c.id, CASE WHEN c.ended_at IS NULL THEN 0 ELSE 1 END AS ended, CASE WHEN c.first_used_at IS NULL THEN 1 ELSE 0 END AS unused, p.key AS "peerKey", p.id AS "peerId", p.status, p.serves, p.serve_grant AS "grant", p.grant_revision AS "grantRevision", p.dialect, p.requests_per_minute AS "requestsPerMinute", p.bytes_per_second AS "bytesPerSecond", p.concurrent_streams AS "concurrentStreams" FROM peer_credentials c JOIN federation_peers p ON p.key = c.peer_key WHERE c.hash = ${hashOf(token)}`,
  );
  if (row === undefined || row.dialect !== dialect.name) throw refused('CREDENTIAL_REFUSED');
  if (row.status === 'REVOKED') throw refused('REVOKED', row.peerId);
  if (row.ended || !row.serves || row.grant === null) throw refused('CREDENTIAL_REFUSED', row.peerId);
  const grant = storedGrant(row.grant);
  if (grant.until !== null && Date.parse(grant.until) <= context.now()) {
    throw refused('GRANT_ENDED', row.peerId);
  }
  if (row.unused) {
    await context.database.prisma.peerCredential.updateMany({
      where: { id: row.id, firstUsedAt: null },
      data: { firstUsedAt: new Date(context.now()) },
    });
  }
  return {
    key: row.peerKey,
    id: row.peerId,
    grant,
    grantRevision: row.grantRevision,
    limits: limitsOf(row),
    binding: null,
  };
}

/** A fast hash is right here, since 256 random bits cannot be guessed. */
function hashOf(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
