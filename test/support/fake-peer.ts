/** A peer that speaks the native protocol with a real key, and misbehaves where a test tells it to. */

import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { generatePeerToken } from '../../src/federation/credentials.ts';
import { WHOLE_GRANT } from '../../src/federation/grants.ts';
import { signAnswer } from '../../src/federation/identity/answer-signatures.ts';
import { fieldsFromRaw } from '../../src/federation/identity/http-fields.ts';
import {
  generateKey,
  type PrivateKey,
  type PublicKey,
  parsePublicKey,
} from '../../src/federation/identity/keys.ts';
import {
  type IncomingRequest,
  readAuthorization,
  readPairingSignature,
  readRequestSignature,
  verifyRequestSignature,
} from '../../src/federation/identity/request-signatures.ts';
import { makeInvitationCode, newInvitation } from '../../src/federation/pairing/invitation-code.ts';
import { verifyProof } from '../../src/federation/pairing/proof.ts';
import { encodeContent } from '../../src/federation/wire/content-coding.ts';
import { pairingRequestSchema } from '../../src/federation/wire/messages.ts';
import { addChecksum, checksumTerm, EMPTY_CHECKSUM, formatChecksum } from '../../src/lib/checksum.ts';
import { SEGMENT_BYTES } from '../../src/lib/media.ts';

/** An answer as it goes over the wire. */
export interface Reply {
  status: number;
  headers: Record<string, string>;
  body: Uint8Array;
}

/** A request as the peer sees it. */
export interface Asked {
  method: string;
  /** Without the query. */
  path: string;
  query: URLSearchParams;
  headers: IncomingMessage['headers'];
  incoming: IncomingRequest;
  response: ServerResponse;
}

/** What a page of the feed says; `items` are as loose as a hostile peer makes them. */
export interface FakePage {
  epoch: string;
  items: unknown[];
  removed: { id: string; reason: string; at: string }[];
  cursor: string;
  complete: boolean;
  total?: number;
  checksum?: string;
}

/** Answers in place of the peer; null where it has dealt with `asked.response` itself. */
export type Misbehaviour = (asked: Asked, honest: () => Promise<Reply>) => Promise<Reply | null>;

export interface FakeItem extends Record<string, unknown> {
  id: string;
  version: string;
}

export interface SignOptions {
  key?: PrivateKey;
  created?: Date;
  /** What the answer is bound to in place of the request's own signature. */
  binding?: { signature: string } | { authorization: string };
  type?: string;
}

export interface FakePeer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly key: PrivateKey;
  readonly instanceId: string;
  /** `METHOD /path` of every request, in order. */
  readonly requests: string[];
  epoch: string;
  /** Entries of a page, whatever more is asked for. */
  pageSize: number;
  misbehave: Misbehaviour | null;
  /** Adds an item, or changes it: its files are made for it where it has none. */
  put(id: string, parts?: Record<string, unknown>, files?: Record<string, Buffer>): FakeItem;
  remove(id: string, reason?: string): void;
  /** Has an item no longer, and names no removal. */
  lose(id: string): void;
  /** A new invitation of this peer. */
  invitation(options?: { url?: string; mutual?: boolean }): string;
  /** The page that it would answer. */
  page(query: URLSearchParams): FakePage;
  json(status: number, value: unknown): Reply;
  /** JSON, signed for the request. */
  signed(asked: Asked, status: number, value: unknown, options?: SignOptions): Promise<Reply>;
  /** The same of content that is ready, in whatever coding. */
  signedBytes(
    asked: Asked,
    status: number,
    body: Uint8Array,
    options?: SignOptions & { coding?: string },
  ): Reply;
  /** Breaks every connection off. */
  hangUp(): void;
  /** Ends all connections and refuses new ones. */
  goDown(): Promise<void>;
  comeUp(): Promise<void>;
}

const ROOT = '/federation/v1';

export async function startFakePeer(name = 'Fake', now: () => number = Date.now): Promise<FakePeer> {
  const key = generateKey();
  const instanceId = `inst_${randomUUID()}`;
  const files = new Map<string, Buffer>();
  const changes = new Map<
    string,
    { sequence: number; item: FakeItem | null; reason: string; version: string | null }
  >();
  const invitations = new Map<string, PublicKey>();
  const callers = new Map<string, PublicKey>();
  let sequence = 0;

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      if (!response.headersSent) response.writeHead(500);
      response.end(error instanceof Error ? error.message : '');
    });
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://127.0.0.1:${port}`;

  const peer: FakePeer = {
    url,
    port,
    key,
    instanceId,
    requests: [],
    epoch: 'e1',
    pageSize: 5000,
    misbehave: null,
    put: (id, parts = {}, given = {}) => {
      const bytes = { thumbnail: thumbnailOf(id), original: Buffer.from(`original of ${id}`), ...given };
      for (const [variant, content] of Object.entries(bytes)) files.set(`${id}/${variant}`, content);
      sequence += 1;
      const item: FakeItem = {
        id,
        version: `v${sequence}`,
        kind: 'image',
        title: `Title of ${id}`,
        filename: `${id}.webp`,
        mimeType: 'image/webp',
        ...describeFile(bytes.original),
        createdAt: '2026-07-02T08:00:00Z',
        updatedAt: '2026-07-02T08:00:00Z',
        tags: ['fake'],
        albums: [],
        properties: {},
        variants: [{ name: 'thumbnail', mimeType: 'image/webp', ...describeFile(bytes.thumbnail) }],
        ...parts,
      };
      changes.set(id, { sequence, item, reason: '', version: item.version });
      return item;
    },
    remove: (id, reason = 'deleted') => {
      sequence += 1;
      changes.set(id, { sequence, item: null, reason, version: null });
    },
    lose: (id) => {
      changes.delete(id);
    },
    invitation: (options = {}) => {
      const { id, key: invitationKey } = newInvitation();
      invitations.set(id, invitationKey);
      return makeInvitationCode({
        id,
        url: options.url ?? url,
        name,
        thumbprint: key.thumbprint,
        mutual: options.mutual ?? false,
        key: invitationKey,
      });
    },
    page,
    json: (status, value) => ({
      status,
      headers: { 'content-type': 'application/json' },
      body: Buffer.from(JSON.stringify(value)),
    }),
    signed: async (asked, status, value, options) => {
      const accept = asked.headers['accept-encoding'];
      const { body, coding } = await encodeContent(Buffer.from(JSON.stringify(value)), String(accept ?? ''));
      return peer.signedBytes(asked, status, body, { ...options, coding });
    },
    signedBytes: (asked, status, body, options = {}) => ({
      status,
      headers: {
        'content-type': options.type ?? (status < 400 ? 'application/json' : 'application/problem+json'),
        ...(options.coding !== undefined &&
          options.coding !== 'identity' && { 'content-encoding': options.coding }),
        ...signAnswer(
          { status, body, binding: options.binding ?? { signature: String(asked.headers['signature']) } },
          options.key ?? key,
          options.created ?? new Date(now()),
        ),
      },
      body,
    }),
    hangUp: () => server.closeAllConnections(),
    goDown: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
    comeUp: () => new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve)),
    [Symbol.asyncDispose]: async () => {
      if (server.listening) await peer.goDown();
    },
  };
  return peer;

  function page(query: URLSearchParams): FakePage {
    const [, from = '0', begun = String(sequence)] = /^c(\d+)-(\d+)$/.exec(query.get('after') ?? '') ?? [];
    const limit = Math.min(Number(query.get('limit') ?? 1000), peer.pageSize);
    const entries = [...changes]
      .filter(
        ([, change]) =>
          change.sequence > (change.item === null ? Math.max(Number(from), Number(begun)) : Number(from)),
      )
      .sort(([, x], [, y]) => x.sequence - y.sequence);
    const shown = entries.slice(0, limit);
    const complete = shown.length === entries.length;
    const last = complete ? sequence : (shown.at(-1)?.[1].sequence ?? Number(from));
    const live = [...changes.values()].flatMap(({ item }) => (item === null ? [] : [item]));
    const sum = live.reduce(
      (total, item) => addChecksum(total, checksumTerm(item.id, item.version)),
      EMPTY_CHECKSUM,
    );
    return {
      epoch: peer.epoch,
      items: shown.flatMap(([, { item }]) => (item === null ? [] : [item])),
      removed: shown.flatMap(([id, { item, reason }]) =>
        item === null ? [{ id, reason, at: '2026-11-20T12:00:00Z' }] : [],
      ),
      cursor: complete ? `c${sequence}-${sequence}` : `c${last}-${begun}`,
      complete,
      ...(complete && { total: live.length, checksum: formatChecksum(sum) }),
    };
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const target = request.url ?? '/';
    const { pathname, searchParams } = new URL(target, url);
    peer.requests.push(`${request.method} ${pathname}`);
    const body = Buffer.concat(chunks);
    const asked: Asked = {
      method: request.method ?? 'GET',
      path: pathname,
      query: searchParams,
      headers: request.headers,
      incoming: {
        method: request.method ?? 'GET',
        target,
        fields: fieldsFromRaw(request.rawHeaders),
        ...(body.length > 0 && { body }),
      },
      response,
    };
    const honest = () => honestly(asked);
    const reply = peer.misbehave === null ? await honest() : await peer.misbehave(asked, honest);
    if (reply === null) return;
    response.writeHead(reply.status, { 'content-length': reply.body.length, ...reply.headers });
    response.end(reply.body);
  }

  async function honestly(asked: Asked): Promise<Reply> {
    if (asked.path === '/.well-known/hedgerow') {
      return peer.json(200, { protocols: ['1'], instance: { id: instanceId, publicKey: key.jwk, keys: [] } });
    }
    if (asked.path === `${ROOT}/pairings`) return accept(asked);
    const { token = '' } = readAuthorization(asked.incoming.fields) ?? {};
    const caller = callers.get(token);
    if (caller === undefined) {
      return peer.signed(
        asked,
        401,
        { code: 'credential-refused' },
        {
          binding: { authorization: String(asked.headers.authorization) },
        },
      );
    }
    verifyRequestSignature(readRequestSignature(asked.incoming), caller, [key.thumbprint], new Date(now()));
    if (asked.path === `${ROOT}/media`) return peer.signed(asked, 200, page(asked.query));
    const [, id = '', variant = '', list] =
      /^\/federation\/v1\/media\/([^/]+)\/([^/]+)(\/segments)?$/.exec(asked.path) ?? [];
    const content = files.get(`${id}/${variant}`);
    if (content === undefined) return peer.signed(asked, 404, { code: 'not-found' });
    return list === undefined
      ? bytesOf(asked, content)
      : { status: 200, headers: {}, body: segmentList(content) };
  }

  async function accept(asked: Asked): Promise<Reply> {
    const body = Buffer.from(asked.incoming.body ?? []);
    const message = pairingRequestSchema.parse(JSON.parse(body.toString()));
    const redeemer = parsePublicKey(message.instance.publicKey);
    const signature = readPairingSignature(asked.incoming);
    verifyRequestSignature(signature, redeemer, [], new Date(now()));
    const invitation = invitations.get(message.invitation);
    if (invitation === undefined) return peer.signed(asked, 404, { code: 'invitation-unknown' });
    verifyProof(
      signature.proof,
      {
        invitation: message.invitation,
        inviter: key.thumbprint,
        redeemer: redeemer.thumbprint,
        body,
      },
      invitation,
    );
    invitations.delete(message.invitation);
    const token = generatePeerToken();
    callers.set(token, redeemer);
    return peer.signed(asked, 201, {
      instance: { id: instanceId, name, publicKey: key.jwk },
      credential: { id: `cred_${randomUUID()}`, token, grant: WHOLE_GRANT },
      mutual: false,
    });
  }
}

function bytesOf(asked: Asked, content: Buffer): Reply {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(asked.headers.range ?? '') ?? [];
  if (first === undefined) return { status: 200, headers: {}, body: content };
  const end = Math.min(Number(last), content.length - 1);
  return {
    status: 206,
    headers: { 'content-range': `bytes ${first}-${end}/${content.length}` },
    body: content.subarray(Number(first), end + 1),
  };
}

/** Bytes that stand for a thumbnail; nobody here decodes them. */
export function thumbnailOf(id: string): Buffer {
  return Buffer.from(`RIFF....WEBP thumbnail of ${id}`);
}

export function digestOf(content: Uint8Array): string {
  return `sha-256:${createHash('sha256').update(content).digest('hex')}`;
}

/** `size`, `digest` and `segments` as the feed has them. */
export function describeFile(content: Buffer): {
  size: number;
  digest: string;
  segments?: { count: number; digest: string };
} {
  const list = segmentList(content);
  return {
    size: content.length,
    digest: digestOf(content),
    ...(content.length > SEGMENT_BYTES && { segments: { count: list.length / 32, digest: digestOf(list) } }),
  };
}

function segmentList(content: Buffer): Buffer {
  const digests: Buffer[] = [];
  for (let at = 0; at < content.length; at += SEGMENT_BYTES) {
    digests.push(
      createHash('sha256')
        .update(content.subarray(at, at + SEGMENT_BYTES))
        .digest(),
    );
  }
  return Buffer.concat(digests);
}
