/** Walks the whole way to a peer, and says at which step it fails. */
import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { ITEM_COLUMNS, type Item, type ItemRow, itemFromRow } from '../../catalog/items.ts';
import type { Lease } from '../../database/processes.ts';
import { sql } from '../../database/sql.ts';
import { HedgerowError, isCode } from '../../lib/errors.ts';
import { newId } from '../../lib/ids.ts';
import type { FederationContext } from '../context.ts';
import { CursorExpired, type PeerClient } from '../dialects/dialect.ts';
import { followKeyChain } from '../identity/key-changes.ts';
import { parsePublicKey } from '../identity/keys.ts';
import { addressPolicy } from '../outgoing/addresses.ts';
import { readDiscovery } from '../outgoing/discovery.ts';
import type { Outgoing } from '../outgoing/dispatcher.ts';
import { connectEndpoint, endpointOf, resolveEndpoint, shakeHands } from '../outgoing/probe.ts';
import type { Discovery } from '../wire/messages.ts';

/** In this order; each needs the ones before it. */
export const DIAGNOSIS_STEPS = [
  'RESOLVE',
  'CONNECT',
  'TLS',
  'DISCOVERY',
  'IDENTITY',
  'CLOCK',
  'SIGNATURE',
  'FEED',
  'THUMBNAIL',
] as const;
export type DiagnosisStep = (typeof DIAGNOSIS_STEPS)[number];

export interface DiagnosisResult {
  step: DiagnosisStep;
  /** Null where the step was not tried, or has nothing to try. */
  ok: boolean | null;
  durationMs: number | null;
  message: string | null;
}

/** What is looked at of a peer's row. */
export interface DiagnosedPeer {
  key: number;
  endpoint: string;
  endpointOurs: boolean;
  privateAllowed: boolean;
  thumbprint: string | null;
  instanceId: string | null;
  cursor: string | null;
}

export interface DiagnosisParts {
  context: FederationContext;
  outgoing: Outgoing;
  /** @throws HedgerowError where the peer must not be asked */
  clientFor: (peerKey: number) => Promise<PeerClient>;
}

/** ms for a request of one step. */
const DEADLINE = 20_000;
/** Bytes of a thumbnail that are read at most. */
const THUMBNAIL_BYTES = 8 * 1024 * 1024;
/** Diagnoses that are kept of one peer. */
const KEPT = 20;
/** How leases are named, before the peer's key. */
const LEASE = 'diagnosis ';

export interface Diagnoses extends AsyncDisposable {
  /**
   * Begins a diagnosis, or joins the one that runs for the peer; answers its id at once. Its row fills up step by step.
   *
   * @throws HedgerowError NOT_FOUND; REVOKED, CONFLICT where the peer is not asked for anything
   */
  begin(peerId: string): Promise<{ diagnosisId: string }>;
  /** Those that were under way when their process ended. */
  endUnfinished(): Promise<void>;
}

export function createDiagnoses({
  onChanged,
  ...parts
}: DiagnosisParts & {
  /** A step, or the whole, has ended. */
  onChanged: (diagnosisId: string) => void;
}): Diagnoses {
  const { now, log, database, processes } = parts.context;
  const { prisma } = database;
  const ending = new AbortController();
  const running = new Map<string, { id: string; done: Promise<void> }>();

  async function run(id: string, peer: DiagnosedPeer): Promise<void> {
    const results: DiagnosisResult[] = [];
    for await (const result of diagnose(parts, peer, ending.signal)) {
      results.push(result);
      await prisma.diagnosis.update({ where: { id }, data: { results: JSON.stringify(results) } });
      onChanged(id);
    }
    const state = results.some(({ ok }) => ok === false) ? 'FAILED' : 'SUCCEEDED';
    await prisma.diagnosis.update({ where: { id }, data: { state, finishedAt: new Date(now()) } });
    onChanged(id);
  }

  /** The lease of the peer's diagnosis, or the one that another request or process has begun. */
  async function leaseOrOther(peer: DiagnosedPeer): Promise<Lease | { diagnosisId: string }> {
    for (;;) {
      const lease = await processes.take(`${LEASE}${peer.key}`);
      if (lease !== null) return lease;
      const other = await prisma.diagnosis.findFirst({
        where: { peerKey: peer.key, state: 'RUNNING' },
        orderBy: { startedAt: 'desc' },
        select: { id: true },
      });
      if (other !== null) return { diagnosisId: other.id };
      // It has only just begun, or just ended.
      await wait(20, undefined, { signal: ending.signal });
    }
  }

  return {
    begin: async (peerId) => {
      const known = running.get(peerId);
      if (known !== undefined) return { diagnosisId: known.id };
      const peer = await prisma.peer.findUnique({ where: { id: peerId } });
      if (peer === null) throw new HedgerowError('NOT_FOUND', 'There is no such peer.');
      if (peer.status === 'REVOKED') {
        throw new HedgerowError('REVOKED', 'The peer was revoked; there is no way to it.');
      }
      if (!peer.pulls) {
        throw new HedgerowError(
          'CONFLICT',
          'Nothing is pulled from this peer, so there is no way to it to look at.',
        );
      }
      const lease = await leaseOrOther(peer);
      if ('diagnosisId' in lease) return lease;
      const id = newId('diag', now());
      try {
        await prisma.diagnosis.create({
          data: { id, peerKey: peer.key, state: 'RUNNING', startedAt: new Date(now()) },
        });
        await forgetOld(prisma, peer.key);
      } catch (error) {
        await lease.release();
        throw error;
      }
      const done = run(id, peer)
        .catch((error: unknown) => log.failed({ what: 'a diagnosis', error }))
        .finally(async () => {
          running.delete(peerId);
          await lease.release();
        });
      running.set(peerId, { id, done });
      return { diagnosisId: id };
    },
    endUnfinished: async () => {
      const rows = await prisma.diagnosis.findMany({
        where: { state: 'RUNNING' },
        select: { id: true, peerKey: true },
      });
      if (rows.length === 0) return;
      // Read after the rows: whoever began one had its lease before.
      const taken = await processes.taken(LEASE);
      const left = rows.filter(({ peerKey }) => !taken.has(`${LEASE}${peerKey}`)).map(({ id }) => id);
      const { count } = await prisma.diagnosis.updateMany({
        where: { state: 'RUNNING', id: { in: left } },
        data: { state: 'FAILED', finishedAt: new Date(now()) },
      });
      if (count > 0) for (const id of left) onChanged(id);
    },
    [Symbol.asyncDispose]: async () => {
      ending.abort();
      await Promise.all([...running.values()].map(({ done }) => done));
    },
  };
}

async function forgetOld(prisma: FederationContext['database']['prisma'], peerKey: number): Promise<void> {
  const old = await prisma.diagnosis.findMany({
    where: { peerKey },
    orderBy: [{ startedAt: 'desc' }, { id: 'desc' }],
    skip: KEPT,
    select: { id: true },
  });
  await prisma.diagnosis.deleteMany({ where: { id: { in: old.map((each) => each.id) } } });
}

/** Each step as it ends; after the first that fails, the rest is answered as not tried. */
export async function* diagnose(
  parts: DiagnosisParts,
  peer: DiagnosedPeer,
  signal: AbortSignal,
): AsyncGenerator<DiagnosisResult> {
  const walk = createWalk(parts, peer, signal);
  let failed = false;
  for (const step of DIAGNOSIS_STEPS) {
    if (failed || signal.aborted) {
      yield { step, ok: null, durationMs: null, message: null };
      continue;
    }
    const begun = performance.now();
    try {
      const outcome = await walk[step.toLowerCase() as Lowercase<DiagnosisStep>]();
      const durationMs = performance.now() - begun;
      yield {
        step,
        ok: outcome.tried ? true : null,
        durationMs: outcome.tried ? durationMs : null,
        message: outcome.message,
      };
    } catch (error) {
      failed = true;
      yield {
        step,
        ok: false,
        durationMs: performance.now() - begun,
        message: sentenceOf(parts.context, error),
      };
    }
  }
}

interface StepOutcome {
  tried: boolean;
  message: string | null;
}

const done = (message: string | null = null): StepOutcome => ({ tried: true, message });
const nothing = (message: string): StepOutcome => ({ tried: false, message });

function createWalk(
  { context, outgoing, clientFor }: DiagnosisParts,
  peer: DiagnosedPeer,
  signal: AbortSignal,
): Record<Lowercase<DiagnosisStep>, () => Promise<StepOutcome>> {
  const endpoint = endpointOf(peer.endpoint);
  const policy = addressPolicy(peer, context.self().publicUrl);
  const hasKey = peer.thumbprint !== null;
  let addresses: string[] = [];
  let address = '';
  let discovery: Discovery | null = null;
  /** What became of the one signed request that three steps are read from. */
  let listing: { error: unknown } | { total: number | null } | null = null;

  /** Clock, signature and feed show in one and the same request; asking three times would tell nothing more. */
  async function list(): Promise<{ error: unknown } | { total: number | null }> {
    if (listing !== null) return listing;
    try {
      const client = await clientFor(peer.key);
      const page = await client.list(peer.cursor === '' ? null : peer.cursor, 1, signal);
      listing = { total: page.complete?.total ?? null };
    } catch (error) {
      // A listing that must begin anew was asked for in good order.
      listing = error instanceof CursorExpired ? { total: null } : { error };
    }
    return listing;
  }

  async function failingWith(codes: Parameters<typeof isCode>[1][]): Promise<void> {
    const outcome = await list();
    if ('error' in outcome && isCode(outcome.error, ...codes)) throw outcome.error;
  }

  return {
    resolve: async () => {
      addresses = await resolveEndpoint(endpoint, policy);
      return done(`${endpoint.host} is ${addresses.join(', ')}.`);
    },
    connect: async () => {
      address = await connectEndpoint(addresses, endpoint.port);
      return done(`Port ${endpoint.port} of ${address} takes connections.`);
    },
    tls: async () => {
      if (!endpoint.tls) return nothing('The address is http: signed and checked, but readable on the way.');
      const { version, validUntil } = await shakeHands(address, endpoint);
      return done(
        `${version}; the certificate is valid until ${new Date(validUntil).toISOString().slice(0, 10)}.`,
      );
    },
    discovery: async () => {
      if (!hasKey) return nothing('Servers of this kind have none.');
      discovery = await readDiscovery(outgoing.dispatcher(policy), peer.endpoint, signal);
      if (!discovery.protocols.includes('1')) throw new HedgerowError('PROTOCOL_UNSUPPORTED');
      return done(`Speaks protocol ${discovery.protocols.join(', ')}.`);
    },
    identity: async () => {
      if (discovery === null || peer.thumbprint === null) return nothing('Servers of this kind have no key.');
      const { id, publicKey, keys } = discovery.instance;
      const found = parsePublicKey(publicKey).thumbprint;
      if (found === peer.thumbprint) return done('Its key is the one that was pinned at pairing.');
      const chain = followKeyChain(peer.thumbprint, keys, peer.instanceId ?? id);
      if (chain.kind === 'changed' && chain.key.thumbprint === found) {
        return done('It has changed its key in good order; the next pull follows.');
      }
      throw new HedgerowError(
        'PEER_IDENTITY',
        `Another server answers there: its key is ${found}, and ${peer.thumbprint} was pinned at pairing.`,
      );
    },
    clock: async () => {
      if (!hasKey) return nothing('Requests to servers of this kind carry no time.');
      await failingWith(['CLOCK_SKEW']);
      return done('The clocks are less than five minutes apart.');
    },
    signature: async () => {
      await failingWith([
        'SIGNATURE_INVALID',
        'CREDENTIAL_REFUSED',
        'REVOKED',
        'GRANT_ENDED',
        'PEER_IDENTITY',
        'PEER_UNREACHABLE',
        'PEER_TIMEOUT',
      ]);
      return hasKey
        ? done('Both sides accept what the other one signs.')
        : done('The credential is accepted; nothing is signed.');
    },
    feed: async () => {
      const outcome = await list();
      if ('error' in outcome) throw outcome.error;
      return done(outcome.total === null ? null : `It shares ${outcome.total} items.`);
    },
    thumbnail: async () => {
      const item = await newestWithThumbnail(context, peer.key);
      if (item === null) return nothing('No item of it is here yet that has one.');
      const { size, announced } = await fetchThumbnail(await clientFor(peer.key), item, signal);
      return done(announced ? `${size} bytes, as announced.` : `${size} bytes.`);
    },
  };
}

async function newestWithThumbnail(context: FederationContext, source: number): Promise<Item | null> {
  const row = await context.database.read.get<ItemRow>(
    sql`SELECT ${ITEM_COLUMNS} FROM items i WHERE i.source = ${source} AND i.variants LIKE ${'%"thumbnail"%'} ORDER BY i.timeline_at DESC, i.id DESC LIMIT 1`,
  );
  return row === undefined ? null : itemFromRow(row);
}

/** `announced`: the listing had a digest of it. */
async function fetchThumbnail(
  client: PeerClient,
  item: Item,
  signal: AbortSignal,
): Promise<{ size: number; announced: boolean }> {
  const { body } = await client.bytes(
    { remoteId: item.remoteId ?? '', variant: 'thumbnail' },
    null,
    AbortSignal.any([signal, AbortSignal.timeout(DEADLINE)]),
  );
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > THUMBNAIL_BYTES) {
      throw new HedgerowError(
        'PEER_INVALID_ANSWER',
        `The thumbnail is larger than ${THUMBNAIL_BYTES} bytes.`,
      );
    }
    hash.update(chunk);
  }
  const told = item.variants.find(({ name }) => name === 'thumbnail')?.digest ?? null;
  if (told !== null && told !== `sha-256:${hash.digest('hex')}`) {
    throw new HedgerowError(
      'INTEGRITY_FAILED',
      'The bytes of a thumbnail are not those that the peer announced.',
    );
  }
  return { size, announced: told !== null };
}

function sentenceOf(context: FederationContext, error: unknown): string {
  if (error instanceof HedgerowError) return error.message;
  context.log.failed({ what: 'a step of a diagnosis', error });
  return new HedgerowError('INTERNAL').message;
}
