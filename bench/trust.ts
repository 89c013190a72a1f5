/**
 * What trust costs: CPU of a feed page (1,000 of 10,000 items) and of a thumbnail of 20 KB, signed and checked as the
 * protocol has it, beside the same routes over the same database behind the token alone. Both servers run in this
 * process, the puller in another; the turns alternate, and the CPU of each side is its own process's.
 *
 * The routes that trust are put together here and nowhere else: no configuration reaches them.
 *
 *   npm run bench:trust -- [--rounds 5] [--seconds 1.5]
 */

import { fork } from 'node:child_process';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import Fastify from 'fastify';
import { pino } from 'pino';
import { Agent } from 'undici';
import { createAudit } from '../src/access/audit.ts';
import { startApp } from '../src/app.ts';
import { decideConfig } from '../src/config/config.ts';
import { loadMasterKey } from '../src/config/master-key.ts';
import { createProcesses } from '../src/database/processes.ts';
import { sql } from '../src/database/sql.ts';
import type { FederationContext } from '../src/federation/context.ts';
import { generatePeerToken, hashPeerToken } from '../src/federation/credentials.ts';
import { WHOLE_GRANT } from '../src/federation/grants.ts';
import { verifyAnswer } from '../src/federation/identity/answer-signatures.ts';
import { oneField } from '../src/federation/identity/http-fields.ts';
import { loadIdentity } from '../src/federation/identity/instance-identity.ts';
import {
  generateKey,
  privateKeyFromSeed,
  privateSeed,
  publicKeyFromBytes,
} from '../src/federation/identity/keys.ts';
import { type IncomingRequest, signRequest } from '../src/federation/identity/request-signatures.ts';
import { rawFields } from '../src/federation/outgoing/exchange.ts';
import { authenticatePeer, RequestRefused, type ServedPeer } from '../src/federation/serve/authenticate.ts';
import { createPeerLimiter } from '../src/federation/serve/limits.ts';
import { createPeerStreams } from '../src/federation/serve/streams.ts';
import { encodeContent } from '../src/federation/wire/content-coding.ts';
import { type Answers, createAnswers } from '../src/http/federation/answers.ts';
import { byteRoutes } from '../src/http/federation/byte-routes.ts';
import { feedRoutes } from '../src/http/federation/feed-routes.ts';
import { createPeerRoute } from '../src/http/federation/peer-route.ts';
import { createPeerSender } from '../src/http/federation/send-to-peer.ts';
import { HedgerowError } from '../src/lib/errors.ts';
import { federationLog } from '../src/log.ts';
import { renditionKey } from '../src/storage/paths.ts';
import { newItem } from '../test/support/items.ts';

const ITEMS = 10_000;
const THUMBNAIL_BYTES = 20_000;
/** Requests under way at once, as a puller has them. */
const AT_ONCE = 4;

/** What the puller is told to do. */
interface Turn {
  url: string;
  path: string;
  signed: boolean;
  token: string;
  /** Seed of the puller's key, and the bytes of the server's. */
  seed: string;
  server: string;
  thumbprint: string;
  seconds: number;
}

/** Of one turn: how many requests, and the µs of CPU that the puller spent. */
interface Done {
  requests: number;
  cpu: number;
}

if (process.argv[2] === 'puller') puller();
else await main();

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { rounds: { type: 'string', default: '5' }, seconds: { type: 'string', default: '1.5' } },
  });
  const folder = mkdtempSync(join(tmpdir(), 'hedgerow-bench-trust-'));
  const child = fork(fileURLToPath(import.meta.url), ['puller']);
  try {
    await measure(folder, Number(values.rounds), Number(values.seconds), (turn) => {
      child.send(turn);
      return once(child, 'message').then(([done]) => done as Done);
    });
  } finally {
    child.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measure(
  folder: string,
  rounds: number,
  seconds: number,
  pull: (turn: Turn) => Promise<Done>,
): Promise<void> {
  const dataDir = join(folder, 'data');
  const { config, secrets } = decideConfig({
    HEDGEROW_DATA_DIR: dataDir,
    HEDGEROW_PORT: '0',
    HEDGEROW_LOG_LEVEL: 'silent',
  });
  await using app = await startApp({ config, secrets });
  const { database, catalog, store } = app;

  const bytes = randomBytes(THUMBNAIL_BYTES);
  const digest = `sha-256:${createHash('sha256').update(bytes).digest('hex')}`;
  await store.write(renditionKey(digest), bytes, { sync: false, digest, verified: true });
  for (let at = 0; at < ITEMS; at += 500) {
    await catalog.local.add(
      Array.from({ length: 500 }, (_, n) =>
        newItem({
          title: `A hedge by the river ${at + n}`,
          filename: `IMG_${at + n}.jpg`,
          takenAt: 1.6e12 + (at + n) * 3_600_000,
          tags: ['hedge', 'river', `day ${n % 30}`],
          variants: [
            { name: 'original', mimeType: 'image/jpeg', size: 1000, digest, width: 40, height: 30 },
            {
              name: 'thumbnail',
              mimeType: 'image/webp',
              size: THUMBNAIL_BYTES,
              digest,
              width: 40,
              height: 30,
            },
          ],
        }),
      ),
    );
  }
  const { id: itemId } = await database.prisma.item.findFirstOrThrow();

  const key = generateKey();
  const token = generatePeerToken();
  await database.prisma.peer.create({
    data: {
      id: `peer_${randomUUID()}`,
      name: 'Puller',
      publicKey: JSON.stringify(key.jwk),
      thumbprint: key.thumbprint,
      instanceId: `inst_${randomUUID()}`,
      pairedAt: new Date(),
      serves: true,
      serveGrant: JSON.stringify(WHOLE_GRANT),
      requestsPerMinute: 1_000_000,
      credentials: {
        create: { id: `cred_${randomUUID()}`, hash: hashPeerToken(token), firstUsedAt: new Date() },
      },
    },
  });

  const log = pino({ level: 'silent' });
  const onError = (error: unknown): void => console.error(error);
  await using processes = createProcesses(database, { onError });
  await using audit = createAudit({ database, now: Date.now, onError });
  const identity = await loadIdentity(database, await loadMasterKey(dataDir, null, { make: false }));
  const context: FederationContext = {
    database,
    processes,
    shared: null,
    identity,
    masterKey: randomBytes(32),
    now: Date.now,
    self: () => ({ name: 'Bench', publicUrl: app.url }),
    log: federationLog(log),
    audit,
  };
  await using checking = await serve(context, app, true);
  await using trusting = await serve(context, app, false);

  const turn = (url: string, path: string, signed: boolean): Turn => ({
    url,
    path,
    signed,
    token,
    seed: privateSeed(key).toString('base64'),
    server: Buffer.from(identity.key.jwk.x, 'base64url').toString('base64'),
    thumbprint: identity.key.thumbprint,
    seconds,
  });
  const feed = '/federation/v1/media?limit=1000';
  const thumbnail = `/federation/v1/media/${itemId}/thumbnail`;
  const turns: [what: string, how: string, turn: Turn][] = [
    ['feed page', 'token alone', turn(trusting.url, feed, false)],
    ['feed page', 'signed', turn(checking.url, feed, true)],
    ['feed page', 'signed, the whole instance', turn(app.url, feed, true)],
    ['thumbnail', 'token alone', turn(trusting.url, thumbnail, false)],
    ['thumbnail', 'signed', turn(checking.url, thumbnail, true)],
    ['thumbnail', 'signed, the whole instance', turn(app.url, thumbnail, true)],
  ];
  const served = new Map<Turn, number[]>();
  const pulled = new Map<Turn, number[]>();
  // The first round warms everything up and does not count.
  for (let round = 0; round <= rounds; round++) {
    for (const [, , each] of turns) {
      const before = process.cpuUsage();
      const done = await pull(each);
      const { user, system } = process.cpuUsage(before);
      if (round === 0) continue;
      served.set(each, [...(served.get(each) ?? []), (user + system) / done.requests]);
      pulled.set(each, [...(pulled.get(each) ?? []), done.cpu / done.requests]);
    }
  }

  console.log('| | | server, µs of CPU | ratio | puller, µs of CPU | ratio |');
  console.log('| --- | --- | ---: | ---: | ---: | ---: |');
  for (const [what, how, each] of turns) {
    const base = turns.find(([other, bare]) => other === what && bare === 'token alone')?.[2] ?? each;
    const cells = [served, pulled].flatMap((side) => {
      const own = median(side.get(each) ?? []);
      return [own.toFixed(0), `× ${(own / median(side.get(base) ?? [])).toFixed(2)}`];
    });
    console.log(`| ${[what, how, ...cells].join(' | ')} |`);
  }
}

type App = Awaited<ReturnType<typeof startApp>>;

/** The routes of feed and bytes alone, checked and signed as ever, or behind the token only. */
async function serve(
  context: FederationContext,
  app: App,
  checked: boolean,
): Promise<AsyncDisposable & { url: string }> {
  const server = Fastify({ routerOptions: { maxParamLength: 200 } });
  const answers = checked ? createAnswers(context) : unsigned();
  const limiter = createPeerLimiter(context.now);
  const streams = createPeerStreams({
    read: context.database.read,
    now: context.now,
    onError: console.error,
  });
  const served = (): void => {};
  const authenticate = checked ? authenticatePeer : byToken;
  const route = createPeerRoute({ authenticate, context, answers, limiter, served });
  const send = createPeerSender({ context, delivery: app.delivery, limiter, streams, served });
  feedRoutes(server, { context, answers, route, served, software: { name: 'Bench', version: '0' } });
  byteRoutes(server, { context, route, send });
  const url = await server.listen({ port: 0, host: '127.0.0.1' });
  return {
    url,
    [Symbol.asyncDispose]: async () => {
      streams[Symbol.dispose]();
      await server.close();
    },
  };
}

/** As `createAnswers`, but for the signature and the digest under it. */
function unsigned(): Answers {
  return {
    send: async (reply, status, text, _binding, type = 'application/json') => {
      const { body, coding } = await encodeContent(
        Buffer.from(text),
        reply.request.headers['accept-encoding'],
      );
      await reply
        .code(status)
        .headers({ 'cache-control': 'private, no-transform', 'content-type': type, vary: 'accept-encoding' })
        .headers(coding === 'identity' ? {} : { 'content-encoding': coding })
        .send(body);
      return { bytes: body.length };
    },
    sendProblem: async (reply, error) => reply.code(error.status).send(error.code),
    unexpected: (error) => {
      throw error;
    },
  };
}

/** As `authenticatePeer`, but that whoever holds the token is believed. */
async function byToken(context: FederationContext, { fields }: IncomingRequest): Promise<ServedPeer> {
  const field = oneField(fields, 'authorization');
  const token = field.kind === 'one' ? field.value.slice('Bearer '.length) : '';
  const row = await context.database.read.get<{
    key: number;
    id: string;
    status: string;
    grant: string;
    grantRevision: number;
  }>(
    sql`SELECT p.key, p.id, p.status, p.serve_grant AS "grant", p.grant_revision AS "grantRevision" FROM peer_credentials c JOIN federation_peers p ON p.key = c.peer_key WHERE c.hash = ${hashPeerToken(token)} AND c.ended_at IS NULL`,
  );
  if (row?.status !== 'ACTIVE') throw new RequestRefused(new HedgerowError('CREDENTIAL_REFUSED'), null);
  return {
    key: row.key,
    id: row.id,
    grant: JSON.parse(row.grant) as ServedPeer['grant'],
    grantRevision: row.grantRevision,
    limits: { requestsPerMinute: 1_000_000, bytesPerSecond: null, concurrentStreams: 64 },
    binding: { signature: '' },
  };
}

function puller(): void {
  const agent = new Agent({ connections: AT_ONCE });
  process.on('message', (turn: Turn) => {
    void run(agent, turn).then((done) => process.send?.(done));
  });
}

/** Signs, asks, and checks what comes, for as long as it is told to. */
async function run(agent: Agent, turn: Turn): Promise<Done> {
  const key = privateKeyFromSeed(Buffer.from(turn.seed, 'base64'));
  const server = publicKeyFromBytes(Buffer.from(turn.server, 'base64'));
  const isFeed = turn.path.includes('?');
  const until = performance.now() + turn.seconds * 1000;
  const before = process.cpuUsage();
  let requests = 0;
  const ask = async (): Promise<void> => {
    while (performance.now() < until) {
      const headers: Record<string, string> = turn.signed
        ? signRequest(
            { method: 'GET', target: turn.path },
            { key, now: new Date(), receiver: turn.thumbprint, token: turn.token },
          )
        : { authorization: `Bearer ${turn.token}` };
      const answer = await agent.request({
        origin: turn.url,
        path: turn.path,
        method: 'GET',
        headers: { ...headers, 'accept-encoding': isFeed ? 'zstd, gzip' : 'identity' },
        responseHeaders: 'raw',
      });
      const body = Buffer.from(await answer.body.arrayBuffer());
      if (answer.statusCode !== 200) throw new Error(`${turn.path} answered ${answer.statusCode}`);
      if (turn.signed && isFeed) {
        const { kind } = verifyAnswer(
          { status: 200, fields: rawFields(answer.headers), body },
          { signature: headers['signature'] ?? '', authorization: headers['authorization'] },
          server,
          new Date(),
        );
        if (kind !== 'signed') throw new Error(`The answer is ${kind}.`);
      }
      requests += 1;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, ask));
  const { user, system } = process.cpuUsage(before);
  return { requests, cpu: user + system };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
