/** The redeeming side of pairing: what is asked of the inviting server, and what its answer makes of a peer's row. */
import { randomUUID } from 'node:crypto';
import type { Prisma } from '../../database/generated/sqlite/client.ts';
import { HedgerowError, isCode } from '../../lib/errors.ts';
import type { FederationContext } from '../context.ts';
import { sealPeerToken } from '../credentials.ts';
import { verifyAnswer } from '../identity/answer-signatures.ts';
import { type PublicKey, parsePublicKey } from '../identity/keys.ts';
import { FEDERATION_ROOT, signPairingRequest } from '../identity/request-signatures.ts';
import { readDiscovery } from '../outgoing/discovery.ts';
import type { Outgoing } from '../outgoing/dispatcher.ts';
import { type Answer, exchange } from '../outgoing/exchange.ts';
import { putGrant } from '../peers/grant-changes.ts';
import { followBeforePairing } from '../rotation/follow-key.ts';
import { ACCEPT_ENCODING, contentCoding, decodeContent } from '../wire/content-coding.ts';
import { parseJson } from '../wire/json.ts';
import {
  type IssuedCredential,
  type PairingAnswer,
  pairingAnswerSchema,
  readMessage,
  readProblem,
} from '../wire/messages.ts';
import type { InvitationCode } from './invitation-code.ts';
import { issueCredential } from './issue-credential.ts';
import { knownPeer } from './known-peer.ts';
import { makeProof } from './proof.ts';
import { type Refusal, refusalOf } from './refusals.ts';

const PROTOCOL = '1';
const SMALL_ANSWER = 256 * 1024;
/** ms */
const DEADLINE = 20_000;
/** Times that the redemption is sent where its answer is lost; the inviting side answers the same key again. */
const SENDINGS = 2;

/** One redemption of one code. */
export interface Redemption {
  code: InvitationCode;
  endpoint: string;
  /** What the peer is called here; null takes the name that it gives itself. */
  name: string | null;
  /** What is shared in return; it begins to work once the signed answer is stored. */
  share: IssuedCredential | null;
}

/** The server that made the invitation, as discovery and the code agree on it. */
export interface Inviter {
  id: string;
  key: PublicKey;
}

/** What the other server said with its signature. */
export type Verdict = { kind: 'accepted'; answer: PairingAnswer } | ({ kind: 'refused' } & Refusal);

/** What these functions reach others through. */
export interface Way {
  context: FederationContext;
  outgoing: Outgoing;
  signal: AbortSignal;
}

/**
 * Reads discovery and holds it against the code.
 *
 * @throws HedgerowError PEER_UNREACHABLE and its like; PEER_INVALID_ANSWER; PEER_IDENTITY where another server
 *   answers there; PROTOCOL_UNSUPPORTED; PAIRING_OWN_INSTANCE
 */
export async function findInviter(
  { context, outgoing, signal }: Way,
  { code, endpoint }: Pick<Redemption, 'code' | 'endpoint'>,
): Promise<Inviter> {
  const discovery = await readDiscovery(dispatcherOf(outgoing), endpoint, signal);
  const key = parsePublicKey(discovery.instance.publicKey);
  if (key.thumbprint !== code.thumbprint) {
    throw new HedgerowError(
      'PEER_IDENTITY',
      `The server at ${endpoint} is not the one that made this invitation: its key is ${key.thumbprint}. Check the endpoint, or ask for a new invitation.`,
    );
  }
  if (!discovery.protocols.includes(PROTOCOL)) {
    throw new HedgerowError(
      'PROTOCOL_UNSUPPORTED',
      'The two servers have no protocol version in common. Bring both up to date.',
    );
  }
  if (discovery.instance.id === context.identity.id) throw new HedgerowError('PAIRING_OWN_INSTANCE');
  await followBeforePairing(context, discovery.instance, key.thumbprint);
  return { id: discovery.instance.id, key };
}

/**
 * Sends the redemption.
 *
 * @throws HedgerowError where nothing was proven: the answer was lost, or came from somebody on the way
 */
export async function sendRedemption(
  { context, outgoing, signal }: Way,
  { code, endpoint, share }: Redemption,
  inviter: Inviter,
): Promise<Verdict> {
  const own = context.identity.key;
  const { name, publicUrl } = context.self();
  const body = Buffer.from(
    JSON.stringify({
      invitation: code.id,
      audience: { id: inviter.id, thumbprint: code.thumbprint },
      instance: {
        id: context.identity.id,
        name,
        publicKey: own.jwk,
        // Where nothing is shared, nobody needs to come here.
        ...(share !== null && { publicUrl }),
      },
      ...(share !== null && { credential: share }),
    }),
  );
  const proof = makeProof(
    { invitation: code.id, inviter: code.thumbprint, redeemer: own.thumbprint, body },
    code.key,
  );
  const url = `${endpoint}${FEDERATION_ROOT}/pairings`;
  for (let sending = 1; ; sending++) {
    const signed = signPairingRequest(
      { method: 'POST', target: url, body },
      { key: own, now: new Date(context.now()), proof },
    );
    let answer: Answer;
    try {
      answer = await exchange(dispatcherOf(outgoing), {
        url,
        method: 'POST',
        headers: {
          ...signed,
          'content-type': 'application/json',
          accept: 'application/json',
          'accept-encoding': ACCEPT_ENCODING,
        },
        body,
        maxBytes: SMALL_ANSWER,
        deadline: DEADLINE,
        signal,
      });
    } catch (error) {
      if (sending < SENDINGS && !signal.aborted && isCode(error, 'PEER_UNREACHABLE', 'PEER_TIMEOUT'))
        continue;
      throw error;
    }
    const verdict = verifyAnswer(
      answer,
      { signature: signed['signature'] ?? '' },
      inviter.key,
      new Date(context.now()),
    );
    if (verdict.kind !== 'signed' && verdict.kind !== 'skewed') throw unproven(endpoint, answer.status);
    if (answer.status !== 201 || verdict.kind === 'skewed') {
      return { kind: 'refused', ...refusalOf(answer.status, readProblem(await readAnswer(answer))) };
    }
    return readAccepted(answer, inviter);
  }
}

/** The other server has signed it, so what is wrong with it does not go away by asking again. */
async function readAccepted(answer: Answer, { key }: Inviter): Promise<Verdict> {
  try {
    const message = readMessage(pairingAnswerSchema, await readAnswer(answer), 'PEER_INVALID_ANSWER');
    if (parsePublicKey(message.instance.publicKey).thumbprint !== key.thumbprint) {
      throw new HedgerowError('PEER_IDENTITY', 'The answer names another key than the one that signed it.');
    }
    return { kind: 'accepted', answer: message };
  } catch (error) {
    if (error instanceof HedgerowError) return { kind: 'refused', error, final: true };
    throw error;
  }
}

function unproven(endpoint: string, status: number): HedgerowError {
  if (status === 429 || status >= 500) {
    return new HedgerowError(
      'PEER_UNREACHABLE',
      `Something before the server at ${endpoint} answered ${status} in its place.`,
    );
  }
  return new HedgerowError(
    'PEER_IDENTITY',
    `The server at ${endpoint} answered ${status} without proving that it made the invitation.`,
  );
}

/** Whoever pasted the code named the endpoint in it, so it may be one of the private network. */
function dispatcherOf(outgoing: Outgoing) {
  return outgoing.dispatcher('named');
}

async function readAnswer(answer: Answer): Promise<unknown> {
  return parseJson(await decodeContent(answer.body, contentCoding(answer.fields), SMALL_ANSWER));
}

/**
 * Makes or renews the row of the inviting server. What is shared in return begins to work here, where the signed
 * answer says that it was taken.
 *
 * @returns our id of the peer
 * @throws HedgerowError PAIRING_KEY_MISMATCH
 */
export async function recordInviter(
  tx: Prisma.TransactionClient,
  context: FederationContext,
  { code, endpoint, name, share }: Redemption,
  { key }: Inviter,
  answer: PairingAnswer,
): Promise<string> {
  const now = new Date(context.now());
  const known = await knownPeer(tx, key.thumbprint, answer.instance.id);
  const id = known?.id ?? `peer_${randomUUID()}`;
  const taken = share !== null && answer.mutual ? share : null;
  const data = {
    endpoint,
    endpointOurs: true,
    pulls: true,
    sealedToken: sealPeerToken(context.masterKey, id, answer.credential.token),
    sealedNextToken: null,
    settlingUntil: null,
    // It has just pinned the key in use.
    keyAnnounced: context.identity.number,
    pullGrant: JSON.stringify(answer.credential.grant),
    health: 'UNKNOWN',
    errorCode: null,
    errorMessage: null,
    errorAt: null,
    failures: 0,
    hiddenSince: null,
    nextAttemptAt: now,
    ...(taken !== null && { serves: true }),
  };
  const peer =
    known === null
      ? await tx.peer.create({
          data: {
            ...(data as Prisma.PeerCreateInput),
            id,
            name: name ?? (answer.instance.name.trim() || code.name.trim() || answer.instance.id),
            publicKey: JSON.stringify(key.jwk),
            thumbprint: key.thumbprint,
            instanceId: answer.instance.id,
            pairedAt: now,
          },
        })
      : await tx.peer.update({
          where: { key: known.key },
          data: { ...data, ...(name !== null && { name }) },
        });
  if (taken !== null) {
    await putGrant(tx, peer.key, known?.serveGrant ?? null, taken.grant);
    await issueCredential(tx, peer.key, taken, now);
  }
  return id;
}
