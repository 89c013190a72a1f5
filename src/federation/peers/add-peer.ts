/** A server of another make becomes a peer that we pull from. It has no key, so nothing of it is verified. */
import { randomUUID } from 'node:crypto';
import { displayLine } from '../../lib/display-text.ts';
import { HedgerowError } from '../../lib/errors.ts';
import { toBaseUrl } from '../base-url.ts';
import type { FederationContext } from '../context.ts';
import { sealPeerToken } from '../credentials.ts';
import type { ForeignDialect, Probe } from '../dialects/dialect.ts';
import type { ForeignConnection } from '../dialects/foreign-host.ts';
import type { AddPeer } from '../federation.ts';
import type { Outgoing } from '../outgoing/dispatcher.ts';
import { exchange } from '../outgoing/exchange.ts';
import { ACCEPT_ENCODING, contentCoding, decodeContent } from '../wire/content-coding.ts';
import { parseJson } from '../wire/json.ts';
import { LIMITS } from '../wire/limits.ts';
import { discoverySchema } from '../wire/messages.ts';
import type { ForeignClients } from './foreign-clients.ts';
import { checkedName } from './peers.ts';

/** ms for finding out what answers at an address. */
const DEADLINE = 60_000;
const DISCOVERY_BYTES = 256 * 1024;
const TOKEN_LENGTH = 4_096;

export async function addPeer(
  context: FederationContext,
  outgoing: Outgoing,
  foreign: ForeignClients,
  input: AddPeer,
): Promise<{ peerId: string; peerKey: number }> {
  const endpoint = checkedEndpoint(context, input.endpoint);
  const token = checkedToken(input.token);
  const name = input.name === null ? null : checkedName(input.name);
  const candidates = candidatesFor(foreign.dialects, input.dialect);
  await refuseKnown(context, endpoint);

  const connection: ForeignConnection = { endpoint, policy: 'named', token };
  const signal = AbortSignal.timeout(DEADLINE);
  if (input.dialect === null) await refuseHedgerow(outgoing, endpoint, signal);
  const found = await findDialect(foreign, candidates, connection, signal);

  const id = `peer_${randomUUID()}`;
  const now = new Date(context.now());
  const peer = await context.database.prisma.$transaction(async (tx) => {
    // Of two who add the same server at once, the second waits here, and then finds it.
    await tx.catalogState.update({ where: { id: 1 }, data: { revision: { increment: 0 } } });
    const live = await tx.peer.findMany({
      where: { status: { not: 'REVOKED' }, endpoint: { not: '' } },
      select: { endpoint: true, name: true },
    });
    refuseEndpoint(endpoint, live);
    return tx.peer.create({
      data: {
        id,
        name: name ?? shownName(found.name) ?? new URL(endpoint).host,
        endpoint,
        endpointOurs: true,
        dialect: found.dialect.name,
        pulls: true,
        sealedToken: token === null ? null : sealPeerToken(context.masterKey, id, token),
        pairedAt: now,
        nextAttemptAt: now,
      },
      select: { key: true },
    });
  });
  context.log.paired({ peerId: id, direction: 'pull' });
  return { peerId: id, peerKey: peer.key };
}

async function refuseKnown({ database }: FederationContext, endpoint: string): Promise<void> {
  const live = await database.prisma.peer.findMany({
    where: { status: { not: 'REVOKED' }, endpoint: { not: '' } },
    select: { endpoint: true, name: true },
  });
  refuseEndpoint(endpoint, live);
}

function refuseEndpoint(endpoint: string, live: readonly { endpoint: string; name: string }[]): void {
  const wanted = new URL(endpoint).href;
  const known = live.find((peer) => URL.parse(peer.endpoint)?.href === wanted);
  if (known === undefined) return;
  throw new HedgerowError(
    'PAIRING_ALREADY_PAIRED',
    `The server at this address is a peer already ("${known.name}"). Revoke it first, to add it anew.`,
    { field: ['endpoint'] },
  );
}

function candidatesFor(
  dialects: readonly ForeignDialect[],
  wanted: string | null,
): readonly ForeignDialect[] {
  if (wanted === null) return dialects;
  if (wanted === 'HEDGEROW') {
    throw new HedgerowError('INVALID', 'A Hedgerow server is paired by invitation: ask its admin for one.', {
      field: ['dialect'],
    });
  }
  const found = dialects.filter(({ name }) => name === wanted);
  if (found.length > 0) return found;
  throw new HedgerowError('INVALID', `The dialect ${wanted} is not known here.`, { field: ['dialect'] });
}

/** Where a pairing with keys is possible, one without them would give them up. */
async function refuseHedgerow(outgoing: Outgoing, endpoint: string, signal: AbortSignal): Promise<void> {
  const answer = await exchange(outgoing.dispatcher('named'), {
    url: `${endpoint}/.well-known/hedgerow`,
    method: 'GET',
    headers: { accept: 'application/json', 'accept-encoding': ACCEPT_ENCODING },
    maxBytes: DISCOVERY_BYTES,
    deadline: DEADLINE,
    signal,
  });
  const value = await decodeContent(answer.body, contentCoding(answer.fields))
    .then((body) => parseJson(body))
    .catch(() => undefined);
  if (answer.status !== 200 || !discoverySchema.safeParse(value).success) return;
  throw new HedgerowError(
    'INVALID',
    'A Hedgerow server answers there: ask its admin for an invitation, and pair with that.',
    { field: ['endpoint'] },
  );
}

/** Asks in the order of the registry. One that refuses us counts only where no other make answers. */
async function findDialect(
  foreign: ForeignClients,
  candidates: readonly ForeignDialect[],
  connection: ForeignConnection,
  signal: AbortSignal,
): Promise<{ dialect: ForeignDialect; name: string | null }> {
  let refused: Extract<Probe, { kind: 'refused' }> | null = null;
  for (const dialect of candidates) {
    const probe = await dialect.probe(foreign.host(dialect, connection), signal);
    if (probe?.kind === 'found') return { dialect, name: probe.name };
    if (probe?.kind === 'refused') refused ??= probe;
  }
  if (refused !== null) throw refused.error;
  const makes = candidates.map(({ title }) => title).join(', ');
  throw new HedgerowError(
    'PROTOCOL_UNSUPPORTED',
    `Something answers at ${connection.endpoint}, but none of the makes that are known here (${makes}).`,
    { field: ['endpoint'] },
  );
}

function checkedEndpoint(context: FederationContext, text: string): string {
  const endpoint = toBaseUrl(text);
  if (endpoint === undefined) {
    throw new HedgerowError(
      'INVALID',
      'The endpoint must be an http or https URL without query and fragment.',
      { field: ['endpoint'] },
    );
  }
  if (new URL(endpoint).href === new URL(context.self().publicUrl).href) {
    throw new HedgerowError('PAIRING_OWN_INSTANCE', 'This is the address of this very instance.', {
      field: ['endpoint'],
    });
  }
  return endpoint;
}

/** It becomes part of a header. */
function checkedToken(text: string | null): string | null {
  const token = text?.trim() ?? '';
  if (token === '') return null;
  if (token.length > TOKEN_LENGTH || !/^[\x21-\x7e]+$/.test(token)) {
    throw new HedgerowError('INVALID', 'A token is one word of ASCII characters.', { field: ['token'] });
  }
  return token;
}

/** The name that a server gives itself, made fit to be shown; null where there is nothing left of it. */
function shownName(given: string | null): string | null {
  const name = Array.from(
    displayLine(given ?? '')
      .normalize('NFC')
      .trim(),
  )
    .slice(0, LIMITS.name)
    .join('');
  return name === '' ? null : name;
}
