/**
 * What peers and viewers cost who do nothing: memory that they add, CPU in a minute in which nothing happens, and CPU of
 * telling all viewers of one change. Half of the peers are gone after the first pull.
 *
 *   npm run bench:idle -- [--peers 100] [--viewers 500] [--seconds 60]
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Agent, request } from 'undici';
import { type FakePeer, startFakePeer } from '../test/support/fake-peer.ts';
import { type Program, runProgram } from '../test/support/process.ts';

const TOKEN = 'a-token-of-the-benchmark-that-is-long-enough';
/** Of one viewer, as docs/operating.md has it. */
const SUBSCRIPTIONS_EACH = 20;
const ITEMS_OF_A_PEER = 10;
const CHANGES = 20;
/** ms until the collector has had its turn. */
const SETTLE = 5_000;

const { values } = parseArgs({
  options: {
    peers: { type: 'string', default: '100' },
    viewers: { type: 'string', default: '500' },
    seconds: { type: 'string', default: '60' },
  },
});
const seconds = Number(values.seconds);
const folder = mkdtempSync(join(tmpdir(), 'hedgerow-bench-idle-'));
const agent = new Agent({ connections: null, bodyTimeout: 0 });
try {
  await using program = runProgram(['serve'], {
    HEDGEROW_DATA_DIR: folder,
    HEDGEROW_PORT: '0',
    HEDGEROW_ADMIN_TOKEN: TOKEN,
    HEDGEROW_LOG_LEVEL: 'silent',
    HEDGEROW_REQUESTS_PER_MINUTE: '1000000',
  });
  const url = await program.ready();
  await ask(url, '{ media(first: 50) { totalCount } }');
  const alone = await rest(program);
  print('alone', alone);

  const count = Number(values.peers);
  const peers = await Promise.all(Array.from({ length: count }, (_, at) => startFakePeer(`Peer ${at}`)));
  let last = '';
  try {
    for (const [at, peer] of peers.entries()) {
      for (let item = 0; item < ITEMS_OF_A_PEER; item += 1) peer.put(`item-${at}-${item}`);
      last = await pair(url, peer);
    }
    await until('all listings', async () => {
      const { media } = await ask(url, '{ media(origin: REMOTE, first: 1) { totalCount } }');
      return media.totalCount === count * ITEMS_OF_A_PEER;
    });
    for (const peer of peers.slice(0, count / 2)) await peer.goDown();
    const withPeers = await rest(program);
    print(`with ${count} peers, half of them gone`, withPeers, alone, count);

    const viewers = Number(values.viewers);
    const heard: (() => number)[] = [];
    for (let opened = 0; opened < viewers; opened += SUBSCRIPTIONS_EACH) {
      const token = await newToken(url, opened);
      for (let at = opened; at < Math.min(viewers, opened + SUBSCRIPTIONS_EACH); at += 1) {
        heard.push(await subscribe(url, token));
      }
    }
    const withViewers = await rest(program);
    print(`and ${viewers} subscriptions`, withViewers, withPeers, viewers);
    const before = ticks(program);
    for (let change = 0; change < CHANGES; change += 1) {
      const told = heard.map((lines) => lines());
      peers.at(-1)?.put(`changed-${change}`);
      await ask(url, `mutation { refreshPeer(input: { id: "${last}" }) { userErrors { code } } }`);
      await until('all viewers', async () => heard.every((lines, at) => lines() > (told[at] ?? 0)));
    }
    const each = (ticks(program) - before) / CHANGES;
    console.log(`a change of a peer, pulled and told to ${viewers}: ${each.toFixed(0)} ms of CPU`);
  } finally {
    await Promise.all(peers.map((peer) => peer[Symbol.asyncDispose]()));
  }
} finally {
  await agent.destroy();
  rmSync(folder, { recursive: true, force: true });
}

interface Rest {
  /** MiB */
  resident: number;
  /** ms of CPU a minute */
  cpu: number;
}

async function rest(program: Program): Promise<Rest> {
  await sleep(SETTLE);
  const before = ticks(program);
  await sleep(seconds * 1000);
  const cpu = ((ticks(program) - before) * 60) / seconds;
  const status = readFileSync(`/proc/${program.child.pid}/status`, 'utf8');
  return { resident: Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024, cpu };
}

/** ms of CPU so far. */
function ticks({ child }: Program): number {
  const fields = readFileSync(`/proc/${child.pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function print(what: string, { resident, cpu }: Rest, before?: Rest, count = 1): void {
  const added =
    before === undefined
      ? ''
      : `, for each ${(((resident - before.resident) * 1024) / count).toFixed(0)} KiB and ${((cpu - before.cpu) / count).toFixed(1)} ms`;
  console.log(`${what}: ${resident.toFixed(0)} MiB, ${cpu.toFixed(0)} ms of CPU a minute${added}`);
}

async function pair(url: string, peer: FakePeer): Promise<string> {
  const { pairWithPeer } = await ask(
    url,
    `mutation { pairWithPeer(input: { invitation: "${peer.invitation()}" }) { peer { id } userErrors { message } } }`,
  );
  if (pairWithPeer.peer === null) throw new Error(JSON.stringify(pairWithPeer.userErrors));
  return pairWithPeer.peer.id;
}

async function newToken(url: string, at: number): Promise<string> {
  const { createApiToken } = await ask(
    url,
    `mutation { createApiToken(input: { name: "viewer ${at}", scopes: [CATALOG_READ] }) { token } }`,
  );
  return createApiToken.token;
}

/** Answers how many events have come since. */
async function subscribe(url: string, token: string): Promise<() => number> {
  const { statusCode, body } = await request(`${url}/graphql`, {
    method: 'POST',
    dispatcher: agent,
    headers: {
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      accept: 'text/event-stream',
    },
    body: JSON.stringify({ query: 'subscription { catalogChanged { revision } }' }),
  });
  if (statusCode !== 200) throw new Error(`A subscription is answered ${statusCode}.`);
  let events = 0;
  body.on('data', (chunk: Buffer) => {
    events += chunk.toString().split('event: next').length - 1;
  });
  body.on('error', () => {});
  return () => events;
}

// biome-ignore lint/suspicious/noExplicitAny: answers, read where they are asked for
async function ask(url: string, query: string): Promise<any> {
  const { body } = await request(`${url}/graphql`, {
    method: 'POST',
    dispatcher: agent,
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  const { data, errors } = (await body.json()) as { data: unknown; errors?: { message: string }[] };
  if (errors !== undefined) throw new Error(errors.map(({ message }) => message).join('; '));
  return data;
}

async function until(what: string, condition: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 1_200; attempt += 1) {
    if (await condition()) return;
    await sleep(50);
  }
  throw new Error(`Waited in vain for ${what}.`);
}
