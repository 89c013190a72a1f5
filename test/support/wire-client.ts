/** A redeemer and puller that sends whatever a test wants, and judges answers as a real one would. */

import { randomUUID } from 'node:crypto';
import { request } from 'undici';
import { type AnswerVerdict, verifyAnswer } from '../../src/federation/identity/answer-signatures.ts';
import { fieldsFromRaw } from '../../src/federation/identity/http-fields.ts';
import {
  generateKey,
  type PrivateKey,
  type PublicKey,
  parsePublicKey,
} from '../../src/federation/identity/keys.ts';
import { signPairingRequest, signRequest } from '../../src/federation/identity/request-signatures.ts';
import { type InvitationCode, parseInvitationCode } from '../../src/federation/pairing/invitation-code.ts';
import { makeProof } from '../../src/federation/pairing/proof.ts';

/** The server that is talked to. */
export interface Served {
  url: string;
  id: string;
  key: PublicKey;
}

export interface WireAnswer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  /** Parsed, where it is JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: answers are asserted upon field by field
  body: any;
  bytes: Buffer;
  verdict: AnswerVerdict['kind'];
}

export interface RedeemOptions {
  /** Members of the body in place of the right ones. */
  body?: Record<string, unknown>;
  /** Sent in place of the body that was signed. */
  sent?: Buffer;
  proof?: string;
  key?: PrivateKey;
  now?: Date;
  headers?: Record<string, string>;
}

export interface AskOptions {
  method?: string;
  key?: PrivateKey;
  receiver?: string;
  now?: Date;
  /** What is sent in place of what was signed. */
  path?: string;
  body?: Buffer;
  /** A body that is signed with the rest; `body` is not. */
  content?: Buffer;
  /** Another one each time, unless told. */
  nonce?: string;
  /** As they are sent, in place of the signed ones or beside them; in pairs, so that a name can be repeated. */
  fields?: (signed: Record<string, string>) => [string, string][];
}

export interface WireClient {
  readonly id: string;
  readonly key: PrivateKey;
  redeem(served: Served, code: string, options?: RedeemOptions): Promise<WireAnswer>;
  ask(served: Served, token: string, path: string, options?: AskOptions): Promise<WireAnswer>;
}

/** Reads discovery. */
export async function serverAt(url: string): Promise<Served> {
  const answer = await request(`${url}/.well-known/hedgerow`);
  const { instance } = (await answer.body.json()) as { instance: { id: string; publicKey: unknown } };
  return { url, id: instance.id, key: parsePublicKey(instance.publicKey) };
}

export function createWireClient(name = 'Wire'): WireClient {
  const key = generateKey();
  const id = `inst_${randomUUID()}`;
  return {
    id,
    key,
    redeem: async (served, code, options = {}) => {
      const invitation: InvitationCode = parseInvitationCode(code);
      const signer = options.key ?? key;
      const body = Buffer.from(
        JSON.stringify({
          invitation: invitation.id,
          audience: { id: served.id, thumbprint: served.key.thumbprint },
          instance: { id, name, publicKey: signer.jwk },
          ...options.body,
        }),
      );
      const proof =
        options.proof ??
        makeProof(
          {
            invitation: invitation.id,
            inviter: served.key.thumbprint,
            redeemer: signer.thumbprint,
            body,
          },
          invitation.key,
        );
      const path = '/federation/v1/pairings';
      const signed = signPairingRequest(
        { method: 'POST', target: path, body },
        { key: signer, now: options.now ?? new Date(), proof },
      );
      return send(
        served,
        'POST',
        path,
        Object.entries({ ...signed, 'content-type': 'application/json', ...options.headers }),
        options.sent ?? body,
        {
          signature: signed['signature'] ?? '',
        },
      );
    },
    ask: async (served, token, path, options = {}) => {
      const method = options.method ?? 'GET';
      const signed = signRequest(
        { method, target: path, body: options.content },
        {
          ...(options.nonce !== undefined && { nonce: options.nonce }),
          key: options.key ?? key,
          now: options.now ?? new Date(),
          receiver: options.receiver ?? served.key.thumbprint,
          token,
        },
      );
      const fields = options.fields?.(signed) ?? Object.entries(signed);
      return send(served, method, options.path ?? path, fields, options.body ?? options.content, {
        signature: signed['signature'] ?? '',
        authorization: signed['authorization'],
      });
    },
  };
}

async function send(
  served: Served,
  method: string,
  path: string,
  fields: [string, string][],
  body: Buffer | undefined,
  sent: { signature: string; authorization?: string | undefined },
): Promise<WireAnswer> {
  const answer = await request(`${served.url}${path}`, {
    method: method as 'GET',
    headers: fields.flat(),
    body: body ?? null,
    responseHeaders: 'raw',
  });
  const raw = (answer.headers as unknown as (Buffer | string)[]).map((part) => part.toString('latin1'));
  const list = fieldsFromRaw(raw);
  const bytes = Buffer.from(await answer.body.arrayBuffer());
  const verdict = verifyAnswer(
    { status: answer.statusCode, fields: list, body: bytes },
    sent,
    served.key,
    new Date(),
  );
  const headers = Object.fromEntries(list.map(([name, value]) => [name.toLowerCase(), value]));
  return {
    status: answer.statusCode,
    headers,
    body:
      /json/.test(headers['content-type'] ?? '') && bytes.length > 0 ? JSON.parse(bytes.toString()) : null,
    bytes,
    verdict: verdict.kind,
  };
}
