/** The redeeming side of pairing: what happens when an admin pastes an invitation. */
import { randomUUID } from 'node:crypto';
import { HedgerowError, isCode } from '../../lib/errors.ts';
import { deriveKey, seal } from '../../lib/seal.ts';
import { toBaseUrl } from '../base-url.ts';
import type { FederationContext } from '../context.ts';
import { sealPeerToken } from '../credentials.ts';
import type { PairWithPeer } from '../federation.ts';
import { verifyAnswer } from '../identity/answer-signatures.ts';
import { type PublicKey, parsePublicKey } from '../identity/keys.ts';
import { FEDERATION_ROOT, signPairingRequest } from '../identity/request-signatures.ts';
import type { Outgoing } from '../outgoing/dispatcher.ts';
import { type Answer, exchange } from '../outgoing/exchange.ts';
import { followBeforePairing } from '../rotation/follow-key.ts';
import { ACCEPT_ENCODING, contentCoding, decodeContent } from '../wire/content-coding.ts';
import { parseJson } from '../wire/json.ts';
import {
  type Discovery,
  discoverySchema,
  type PairingAnswer,
  pairingAnswerSchema,
  readMessage,
  readProblem,
} from '../wire/messages.ts';
import { type InvitationCode, parseInvitationCode } from './invitation-code.ts';
import { recordOnce } from './one-row-a-key.ts';
import { makeProof } from './proof.ts';

const PROTOCOL = '1';
const SMALL_ANSWER = 256 * 1024;
/** ms */
const DEADLINE = 20_000;
/** Times that the redemption is sent where its answer is lost; the inviting side answers the same key again. */
const SENDINGS = 2;

/**
 * @throws HedgerowError INVITATION_MALFORMED and the other codes of invitations and pairing, PEER_UNREACHABLE and
 *   its like, PEER_IDENTITY where the server at the address is not the one that made the invitation,
 *   PROTOCOL_UNSUPPORTED
 */
export async function redeemInvitation(
  context: FederationContext,
  outgoing: Outgoing,
  input: PairWithPeer,
): Promise<{ peerId: string }> {
  const code = parseInvitationCode(input.code);
  if (context.identity.thumbprints.includes(code.thumbprint)) throw new HedgerowError('PAIRING_OWN_INSTANCE');
  const endpoint = toBaseUrl(input.endpoint ?? code.url);
  if (endpoint === undefined) {
    throw new HedgerowError(
      'INVALID',
      'The endpoint must be an http or https URL without query and fragment.',
      {
        field: ['endpoint'],
      },
    );
  }
  // Whoever pasted the code named the endpoint in it, so it may be one of the private network.
  const dispatcher = outgoing.dispatcher('named');
  const discovery = await discover(dispatcher, endpoint);
  const key = parsePublicKey(discovery.instance.publicKey);
  if (key.thumbprint !== code.thumbprint) {
    throw new HedgerowError(
      'PEER_IDENTITY',
      `The server at ${endpoint} is not the one that made this invitation: its key is ${key.thumbprint}.`,
    );
  }
  if (!discovery.protocols.includes(PROTOCOL)) throw new HedgerowError('PROTOCOL_UNSUPPORTED');
  if (discovery.instance.id === context.identity.id) throw new HedgerowError('PAIRING_OWN_INSTANCE');
  await followBeforePairing(context, discovery.instance, key.thumbprint);

  await rememberAttempt(context, code, endpoint, input);
  try {
    const answer = await send(context, dispatcher, endpoint, code, discovery, key);
    const peerId = await recordOnce(() => recordPeer(context, code, endpoint, key, answer, input.name));
    await finishAttempt(context, code.id, 'PAIRED');
    context.log.paired({ peerId, direction: 'pull' });
    return { peerId };
  } catch (error) {
    const refused = error instanceof HedgerowError ? error.code : 'INTERNAL';
    await finishAttempt(context, code.id, refused);
    context.log.refused({ what: 'pairing', code: refused });
    throw error;
  }
}

type Dispatcher = ReturnType<Outgoing['dispatcher']>;

async function discover(dispatcher: Dispatcher, endpoint: string): Promise<Discovery> {
  const answer = await exchange(dispatcher, {
    url: `${endpoint}/.well-known/hedgerow`,
    method: 'GET',
    headers: { accept: 'application/json', 'accept-encoding': ACCEPT_ENCODING },
    maxBytes: SMALL_ANSWER,
    deadline: DEADLINE,
  });
  if (answer.status !== 200) {
    throw new HedgerowError(
      'PEER_INVALID_ANSWER',
      `The server at ${endpoint} is no Hedgerow, or its federation is switched off: it answered ${answer.status}.`,
    );
  }
  return readMessage(discoverySchema, await readAnswer(answer), 'PEER_INVALID_ANSWER');
}

async function send(
  context: FederationContext,
  dispatcher: Dispatcher,
  endpoint: string,
  code: InvitationCode,
  discovery: Discovery,
  key: PublicKey,
): Promise<PairingAnswer> {
  const own = context.identity.key;
  const body = Buffer.from(
    JSON.stringify({
      invitation: code.id,
      audience: { id: discovery.instance.id, thumbprint: code.thumbprint },
      instance: { id: context.identity.id, name: context.self().name, publicKey: own.jwk },
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
      answer = await exchange(dispatcher, {
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
      });
    } catch (error) {
      if (sending < SENDINGS && isCode(error, 'PEER_UNREACHABLE', 'PEER_TIMEOUT')) continue;
      throw error;
    }
    const verdict = verifyAnswer(answer, { signature: signed.signature ?? '' }, key, new Date(context.now()));
    if (verdict.kind !== 'signed' && verdict.kind !== 'skewed') {
      throw new HedgerowError(
        'PEER_IDENTITY',
        `The server at ${endpoint} answered ${answer.status} without proving that it made the invitation.`,
      );
    }
    if (answer.status !== 201 || verdict.kind === 'skewed') throw await refusal(answer);
    const message = readMessage(pairingAnswerSchema, await readAnswer(answer), 'PEER_INVALID_ANSWER');
    if (parsePublicKey(message.instance.publicKey).thumbprint !== key.thumbprint) {
      throw new HedgerowError('PEER_IDENTITY', 'The answer names another key than the one that signed it.');
    }
    return message;
  }
}

async function refusal(answer: Answer): Promise<HedgerowError> {
  const { code, detail, serverTime } = readProblem(await readAnswer(answer));
  if (code === undefined || code === 'INTERNAL' || code === 'INVALID') {
    return new HedgerowError(
      'PEER_INVALID_ANSWER',
      `The other server answered ${answer.status}: ${detail ?? ''}`,
    );
  }
  if (code === 'CLOCK_SKEW' && serverTime !== undefined) {
    return new HedgerowError(
      code,
      `The clocks are more than five minutes apart; the other one says ${serverTime}.`,
    );
  }
  return new HedgerowError(code === 'RATE_LIMITED' ? 'PAIRING_RATE_LIMITED' : code);
}

async function readAnswer(answer: Answer): Promise<unknown> {
  return parseJson(await decodeContent(answer.body, contentCoding(answer.fields), SMALL_ANSWER));
}

/** Stored before anything is sent: a crash between the answer and its storing leaves a trace to go on from. */
async function rememberAttempt(
  context: FederationContext,
  code: InvitationCode,
  endpoint: string,
  input: PairWithPeer,
): Promise<void> {
  const attempt = {
    sealedCode: seal(deriveKey(context.masterKey, 'hedgerow/pairing-attempts/1'), code.id, input.code.trim()),
    endpoint,
    thumbprint: code.thumbprint,
    name: input.name,
    createdAt: new Date(context.now()),
    finishedAt: null,
    outcome: null,
  };
  await context.database.prisma.pairingAttempt.upsert({
    where: { invitationId: code.id },
    create: { invitationId: code.id, ...attempt },
    update: attempt,
  });
}

/** The code is of no use any more, or must be pasted again; it is not kept. */
async function finishAttempt(
  context: FederationContext,
  invitationId: string,
  outcome: string,
): Promise<void> {
  await context.database.prisma.pairingAttempt.update({
    where: { invitationId },
    data: { finishedAt: new Date(context.now()), outcome, sealedCode: '' },
  });
}

async function recordPeer(
  context: FederationContext,
  code: InvitationCode,
  endpoint: string,
  key: PublicKey,
  answer: PairingAnswer,
  name: string | null,
): Promise<string> {
  return context.database.prisma.$transaction(async (tx) => {
    const known = await tx.peer.findFirst({
      where: { thumbprint: key.thumbprint, status: { not: 'REVOKED' } },
    });
    const stranger = await tx.peer.findFirst({
      where: {
        instanceId: answer.instance.id,
        status: { not: 'REVOKED' },
        NOT: { thumbprint: key.thumbprint },
      },
    });
    if (stranger !== null) {
      throw new HedgerowError(
        'PAIRING_KEY_MISMATCH',
        `The instance ${answer.instance.id} is already known here under another key. Revoke "${stranger.name}" first, if it is the same server with a new key.`,
      );
    }
    const id = known?.id ?? `peer_${randomUUID()}`;
    const pulling = {
      endpoint,
      endpointOurs: true,
      pulls: true,
      sealedToken: sealPeerToken(context.masterKey, id, answer.credential.token),
      sealedNextToken: null,
      // It has just pinned the key in use.
      keyAnnounced: context.identity.number,
      pullGrant: JSON.stringify(answer.credential.grant),
      health: 'UNKNOWN',
      errorCode: null,
      errorMessage: null,
      errorAt: null,
      failures: 0,
      hiddenSince: null,
      nextAttemptAt: new Date(context.now()),
    };
    if (known !== null) {
      await tx.peer.update({
        where: { key: known.key },
        data: { ...pulling, ...(name === null ? {} : { name }) },
      });
      return id;
    }
    await tx.peer.create({
      data: {
        ...pulling,
        id,
        name: name ?? (answer.instance.name.trim() || code.name.trim() || answer.instance.id),
        publicKey: JSON.stringify(key.jwk),
        thumbprint: key.thumbprint,
        instanceId: answer.instance.id,
        pairedAt: new Date(context.now()),
      },
    });
    return id;
  });
}
