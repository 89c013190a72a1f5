/**
 * Bytes through an instance, warm and cold, beside nginx with proxy_cache (one worker), beside undici and `pipeline`, and beside
 * the least that a program on Node can do that gives the same answers (no routes, no rights, no catalog): what nginx is ahead of that
 * by, no program on Node makes up for. In turns that alternate within one run. All fetch from one origin, an nginx that serves files: the peer's bytes come from
 * there, the rest of the peer (pairing, feed) from an instance in this process. 16 connections; the client is a process of
 * its own; requests to the instance carry a token and are authorised one by one, requests to the peer are signed.
 *
 *   npm run bench:bytes -- [--rounds 3] [--seconds 1.5] [--only warm|cold|viewers|wan|memory]
 *     [--case 'the beginning of a row of warm or cold'] [--profile folder]
 *
 * CPU per request or byte is that of the server alone, and the steadier figure on a machine that does other work too.
 */

import { type ChildProcess, execFileSync, fork, spawn } from 'node:child_process';
import { createCipheriv, generateKeyPairSync, hash, randomBytes, sign, verify } from 'node:crypto';
import { once } from 'node:events';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { createServer as createHttpServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Pool } from 'undici';
import type { RunningApp } from '../src/app.ts';
import { SEGMENT_BYTES, type VariantName } from '../src/lib/media.ts';
import { writeByThread } from '../src/storage/file-writer.ts';
import { createDigestHasher } from '../src/storage/segment-digests.ts';
import { newItem } from '../test/support/items.ts';
import { runProgram } from '../test/support/process.ts';

const TOKEN = 'a-token-of-the-benchmark-that-is-long-enough';
const CONNECTIONS = 16;
const KB20 = 20_000;
const MB2 = 2_000_000;
const MB200 = 200_000_000;
const THUMBNAILS = 64;
/** Files of a round. */
const SMALL = 800;
const MIDDLE = 48;
const LARGE = 3;
const SINGLE = 200;
const WAN_BYTES = 4_000_000;
/** ms there and back, and bits a second. */
const WAN = { delay: 50, rate: 10e6 };
/** Bytes a second of the slow peer. */
const SLOW = 1_000_000;
const VIEWERS = 64;

/** What the client is told to do. */
interface Turn {
  port: number;
  requests: Ask[];
  connections: number;
  /** Goes round until then; without it each request is made once. */
  seconds?: number;
}

interface Ask {
  path: string;
  range?: string;
}

interface Done {
  requests: number;
  bytes: number;
  seconds: number;
  /** ms to the first byte of the answer: the middle one, and the last. */
  p50: number;
  slowest: number;
  failed: number;
}

interface Measured extends Done {
  /** Seconds of CPU of the server. */
  cpu: number;
}

switch (process.argv[2]) {
  case 'client':
    client();
    break;
  case 'plain':
    await plain();
    break;
  case 'bare':
    await bare();
    break;
  default:
    await main();
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '1.5' },
      only: { type: 'string' },
      case: { type: 'string', default: '' },
      profile: { type: 'string' },
    },
  });
  try {
    execFileSync('nginx', ['-v'], { stdio: 'ignore' });
  } catch {
    console.log('nginx is missing: apt-get install nginx');
    process.exitCode = 1;
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'hedgerow-bench-bytes-'));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(folder, { recursive: true, force: true }));
  const rounds = Number(values.rounds);
  const seconds = Number(values.seconds);
  const wanted = (part: string): boolean => values.only === undefined || values.only === part;
  // A first round of cold files does not count: the server's code is compiled while it runs.
  const bench = await prepare(folder, stack, wanted('cold') ? rounds + 1 : 0, values.profile);
  console.log(
    `load ${readFileSync('/proc/loadavg', 'utf8').split(' ').slice(0, 3).join(' ')}, ${rounds} rounds\n`,
  );
  if (wanted('warm')) await warm(bench, rounds, seconds, values.case);
  if (wanted('cold')) {
    await cold(bench, values.case);
    alone(folder);
  }
  if (wanted('viewers')) await viewers(bench);
  if (wanted('wan')) await wan(bench, rounds);
  if (wanted('memory')) await memory(bench, seconds);
}

/** One file of the origin: the item's id there, and here. */
interface File {
  remoteId: string;
  id: string;
  variant: VariantName;
  size: number;
}

interface Bench {
  files: Record<'thumbnails' | 'small' | 'middle' | 'large' | 'slow' | 'wan', File[]>;
  /**
   * For each round files that nobody has had: where the cache was emptied in between, ext4 would look at each file that was deleted
   * in the last minutes before it makes a new one, and making files would be what is measured.
   */
  cold: Record<'small' | 'middle' | 'large' | 'single', File[]>[];
  ports: Record<Subject | 'origin' | 'relay', number>;
  pids: Record<Subject, number>;
  /** Upstream requests for bytes that the origin has answered so far, by path. */
  originRequests(pattern: RegExp): number;
  purge(): Promise<void>;
  run(turn: Turn): Promise<Done>;
}

type Subject = 'hedgerow' | 'nginx' | 'plain' | 'bare';

async function prepare(
  folder: string,
  stack: AsyncDisposableStack,
  rounds: number,
  profile: string | undefined,
): Promise<Bench> {
  const [originPort, staticPort, nginxPort, plainPort, relayPort, barePort] = (await freePorts(6)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const base = `http://127.0.0.1:${originPort}`;
  const garden = stack.use(await startGarden(join(folder, 'garden'), base));
  const { files, cold } = await makeFiles(garden, join(folder, 'origin'), rounds);
  const all = [files, ...cold].flatMap((each) => Object.values(each).flat());
  const originLog = join(folder, 'origin.log');
  const origin = startNginx(
    folder,
    'origin',
    originConfig({ folder, originPort, staticPort, relayPort, garden }),
  );
  stack.defer(() => stop(origin));
  stack.use(await startWan(relayPort, staticPort));
  const nginx = startNginx(folder, 'nginx', nginxConfig({ folder, nginxPort, staticPort }));
  stack.defer(() => stop(nginx));
  const worker = fork(fileURLToPath(import.meta.url), ['plain', String(plainPort), String(staticPort)]);
  stack.defer(() => stop(worker));
  await once(worker, 'message');
  const least = fork(fileURLToPath(import.meta.url), ['bare', String(barePort), String(staticPort), folder]);
  stack.defer(() => stop(least));
  await once(least, 'message');
  const client = fork(fileURLToPath(import.meta.url), ['client']);
  stack.defer(() => stop(client));

  const coast = stack.use(
    runProgram(['serve'], {
      HEDGEROW_DATA_DIR: join(folder, 'coast'),
      HEDGEROW_PORT: '0',
      HEDGEROW_ADMIN_TOKEN: TOKEN,
      HEDGEROW_LOG_LEVEL: 'silent',
      HEDGEROW_REQUESTS_PER_MINUTE: '1000000',
      HEDGEROW_CACHE_BYTES: '8G',
      ...(profile !== undefined && { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profile}` }),
    }),
  );
  // A profile is written by whoever ends by itself.
  if (profile !== undefined) stack.defer(async () => void (await coast.kill('SIGTERM')));
  const url = await coast.ready();
  const { createInvitation } = await ask(garden.url, 'mutation { createInvitation(input: {}) { code } }');
  const { pairWithPeer } = await ask(
    url,
    `mutation { pairWithPeer(input: { invitation: "${createInvitation.code}" }) { peer { id } } }`,
  );
  const total = all.length;
  await until(`the listing of ${total}`, async () => {
    const { media } = await ask(url, '{ media(origin: REMOTE, first: 1) { totalCount } }');
    return media.totalCount === total || `${media.totalCount} are there`;
  });
  const ids = new Map<string, string>();
  for (let after: string | null = null; ; ) {
    const { media } = await ask(
      url,
      `{ media(origin: REMOTE, first: 500${after === null ? '' : `, after: "${after}"`}) { nodes { id ... on RemoteMedia { remoteId } } pageInfo { hasNextPage endCursor } } }`,
    );
    for (const { id, remoteId } of media.nodes) ids.set(remoteId, id);
    if (!media.pageInfo.hasNextPage) break;
    after = media.pageInfo.endCursor;
  }
  for (const file of all) file.id = ids.get(file.remoteId) ?? '';
  if (pairWithPeer.peer === null) throw new Error('The pairing failed.');

  return {
    files,
    cold,
    ports: {
      hedgerow: Number(new URL(url).port),
      nginx: nginxPort,
      plain: plainPort,
      bare: barePort,
      origin: staticPort,
      relay: relayPort,
    },
    pids: {
      hedgerow: coast.child.pid ?? 0,
      nginx: nginx.pid ?? 0,
      plain: worker.pid ?? 0,
      bare: least.pid ?? 0,
    },
    originRequests: (pattern) =>
      readFileSync(originLog, 'utf8')
        .split('\n')
        .filter((line) => pattern.test(line)).length,
    purge: async () => {
      await ask(url, 'mutation { purgeCache(input: { all: true }) { userErrors { code } } }');
    },
    run: async (turn) => {
      client.send(turn);
      const [done] = (await once(client, 'message')) as [Done];
      return done;
    },
  };
}

async function startGarden(dataDir: string, publicUrl: string): Promise<RunningApp> {
  // The client and the plain proxy begin without it.
  const [{ startApp }, { decideConfig }] = await Promise.all([
    import('../src/app.ts'),
    import('../src/config/config.ts'),
  ]);
  const { config, secrets } = decideConfig({
    HEDGEROW_DATA_DIR: dataDir,
    HEDGEROW_PORT: '0',
    HEDGEROW_NAME: 'Garden',
    HEDGEROW_PUBLIC_URL: publicUrl,
    HEDGEROW_ADMIN_TOKEN: TOKEN,
    HEDGEROW_LOG_LEVEL: 'silent',
  });
  return startApp({ config, secrets });
}

/** Items of the garden whose bytes lie in the origin's folder, all of them different. */
async function makeFiles(
  garden: RunningApp,
  folder: string,
  rounds: number,
): Promise<Pick<Bench, 'files' | 'cold'>> {
  let serial = 0;
  const make = async (count: number, size: number, variant: VariantName): Promise<File[]> => {
    const mimeType = size === KB20 || variant === 'preview' ? 'image/jpeg' : 'video/mp4';
    const first = serial;
    serial += count;
    const described = Array.from({ length: count }, (_, index) => digestsOf(contentOf(first + index, size)));
    // In one transaction: each of its own would wait for the disk.
    const items = await garden.catalog.local.add(
      described.map(({ digest, segments }, index) => {
        const picture = { mimeType, digest, width: 40, height: 30 };
        const file = { ...picture, name: variant, size, ...(segments !== undefined && { segments }) };
        return newItem({
          title: `File ${first + index}`,
          kind: mimeType === 'image/jpeg' ? 'IMAGE' : 'VIDEO',
          mimeType,
          byteSize: variant === 'original' ? size : 1000,
          digest,
          variants: variant === 'original' ? [file] : [{ ...picture, name: 'original', size: 1000 }, file],
        });
      }),
    );
    return items.map(({ id: remoteId }, index) => {
      mkdirSync(join(folder, remoteId), { recursive: true });
      writeFileSync(join(folder, remoteId, variant), contentOf(first + index, size));
      const list = described[index]?.segmentList;
      if (list != null) writeFileSync(join(folder, remoteId, `${variant}.segments`), list);
      return { remoteId, id: '', variant, size };
    });
  };
  const files = {
    thumbnails: await make(THUMBNAILS, KB20, 'thumbnail'),
    small: await make(SMALL, KB20, 'original'),
    middle: await make(MIDDLE, MB2, 'original'),
    large: await make(LARGE, MB200, 'original'),
    slow: await make(1, MB2, 'playable'),
    wan: await make(2, WAN_BYTES, 'preview'),
  };
  const cold: Bench['cold'] = [];
  for (let round = 0; round < rounds; round += 1) {
    cold.push({
      small: await make(SMALL, KB20, 'original'),
      middle: await make(MIDDLE, MB2, 'original'),
      large: await make(LARGE, MB200, 'original'),
      single: await make(SINGLE, KB20, 'original'),
    });
  }
  return { files, cold };
}

/** Bytes that look like none other, and no segment like another: quick to make, and the same in each run. */
function contentOf(serial: number, size: number): Buffer {
  const key = Buffer.alloc(16, serial & 0xff);
  const iv = Buffer.alloc(16);
  iv.writeUInt32BE(serial);
  return createCipheriv('aes-128-ctr', key, iv).update(Buffer.alloc(size));
}

function digestsOf(content: Buffer) {
  const hasher = createDigestHasher();
  for (let at = 0; at < content.length; at += SEGMENT_BYTES)
    hasher.update(content.subarray(at, at + SEGMENT_BYTES));
  return hasher.finish();
}

interface OriginOptions {
  folder: string;
  originPort: number;
  staticPort: number;
  relayPort: number;
  garden: RunningApp;
}

/** The peer's bytes as files; of what is called `playable` slowly, of what is called `preview` over the long line. */
function originConfig({ folder, originPort, staticPort, relayPort, garden }: OriginOptions): string {
  const files = join(folder, 'origin');
  const media = '^/federation/v1/media/([A-Za-z0-9_-]+)';
  return http(
    folder,
    'origin',
    `
    log_format paths '$request_method $uri $http_range';
    upstream wan { server 127.0.0.1:${relayPort}; keepalive 8; }
    server {
      listen 127.0.0.1:${originPort};
      access_log ${join(folder, 'origin.log')} paths;
      location ~ "${media}/(original|thumbnail)$" { access_log off; alias ${files}/$1/$2; }
      location ~ "${media}/([a-z]+)/segments$" { access_log off; alias ${files}/$1/$2.segments; }
      location ~ "${media}/playable$" { limit_rate ${SLOW}; alias ${files}/$1/playable; }
      location ~ "${media}/preview$" {
        rewrite "${media}/preview$" /$1/preview break;
        proxy_pass http://wan; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
      }
      location / { access_log off; proxy_pass ${garden.url}; proxy_http_version 1.1; proxy_buffering off; proxy_read_timeout 1h; }
    }
    server {
      listen 127.0.0.1:${staticPort};
      access_log off;
      location /slow/ { limit_rate ${SLOW}; alias ${files}/; }
      location / { root ${files}; }
    }`,
  );
}

function nginxConfig({
  folder,
  nginxPort,
  staticPort,
}: {
  folder: string;
  nginxPort: number;
  staticPort: number;
}): string {
  return http(
    folder,
    'nginx',
    `
    proxy_cache_path ${join(folder, 'nginx-cache')} levels=1:2 keys_zone=kept:20m max_size=8g inactive=1h use_temp_path=off;
    upstream origin { server 127.0.0.1:${staticPort}; keepalive 64; }
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    server {
      listen 127.0.0.1:${nginxPort};
      access_log off;
      location /unbuffered/ { proxy_pass http://origin/; proxy_buffering off; }
      location /slow/ {
        proxy_pass http://origin/slow/; proxy_cache kept; proxy_cache_key "$uri$arg_n"; proxy_cache_valid 200 1h;
        proxy_cache_lock on; proxy_cache_lock_timeout 60s; proxy_cache_lock_age 60s;
      }
      location / { proxy_pass http://origin; proxy_cache kept; proxy_cache_key "$uri$arg_n"; proxy_cache_valid 200 1h; }
    }`,
  );
}

function http(folder: string, name: string, rest: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${join(folder, `${name}-${kind}`)};`)
    .join(' ');
  return `
  daemon off; worker_processes 1; pid ${join(folder, `${name}.pid`)}; error_log ${join(folder, `${name}.err`)};
  ${process.getuid?.() === 0 ? 'user root;' : ''}
  events { worker_connections 4096; }
  http { sendfile on; keepalive_requests 1000000; ${temporary} ${rest} }`;
}

function startNginx(folder: string, name: string, config: string): ChildProcess {
  const path = join(folder, `${name}.conf`);
  writeFileSync(path, config);
  return spawn('nginx', ['-c', path, '-e', join(folder, `${name}.err`)], { stdio: 'inherit' });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill();
  await gone;
}

/** A line of so many ms and bits a second to the origin; what is on it at a time is bounded, as by the buffers of a router. */
async function startWan(port: number, target: number): Promise<AsyncDisposable> {
  let freeAt = 0;
  const sockets = new Set<Socket>();
  const carry = (from: Socket, to: Socket, limited: boolean): void => {
    let inFlight = 0;
    from.on('data', (chunk: Buffer) => {
      const now = performance.now();
      if (limited) freeAt = Math.max(now, freeAt) + (chunk.length * 8000) / WAN.rate;
      inFlight += chunk.length;
      if (inFlight > 131_072) from.pause();
      setTimeout(
        () => {
          inFlight -= chunk.length;
          to.write(chunk);
          if (inFlight < 65_536) from.resume();
        },
        (limited ? freeAt - now : 0) + WAN.delay / 2,
      );
    });
    from.on('end', () => setTimeout(() => to.end(), WAN.delay / 2 + Math.max(0, freeAt - performance.now())));
    from.on('error', () => to.destroy());
    from.on('close', () => setTimeout(() => to.destroy(), WAN.delay));
  };
  const server = createServer((near) => {
    const far = connect(target, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.setNoDelay(true);
    }
    carry(near, far, false);
    carry(far, near, true);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

// What is measured

async function warm(bench: Bench, rounds: number, seconds: number, only: string): Promise<void> {
  const { thumbnails, middle, large } = bench.files;
  const first = large.slice(0, 1);
  for (const files of [thumbnails, middle, large]) {
    await turn(bench, 'hedgerow', files);
    await turn(bench, 'nginx', files);
  }
  const rows: Array<{ name: string; files: File[]; range?: number; goal: string; per: 'byte' | 'request' }> =
    [
      { name: '2 MB from disk', files: middle, goal: '>= 0.8; CPU <= 1.7', per: 'byte' },
      { name: '200 MB from disk', files: first, goal: '>= 0.8; CPU <= 1.7', per: 'byte' },
      { name: '2 MB from memory', files: middle.slice(0, 1), goal: '>= 1.1', per: 'byte' },
      { name: '20 KB thumbnail', files: thumbnails, goal: '>= 0.75; CPU <= 1.8', per: 'request' },
      { name: '1 MB ranges in 200 MB', files: first, range: 1_000_000, goal: '>= 0.8', per: 'byte' },
    ];
  const cases = rows.filter(({ name }) => name.startsWith(only));
  // A first turn of each that does not count: the server's code is compiled while it runs.
  const subjects = ['hedgerow', 'nginx', 'bare'] as const;
  for (const { files, range } of cases) {
    for (const subject of subjects) await turn(bench, subject, files, { seconds: 3 * seconds, range });
  }
  const results = new Map<string, Record<(typeof subjects)[number], Measured[]>>();
  for (let round = 0; round < rounds; round += 1) {
    for (const { name, files, range } of cases) {
      const all = results.get(name) ?? { hedgerow: [], nginx: [], bare: [] };
      results.set(name, all);
      for (const subject of subjects) {
        all[subject].push(await turn(bench, subject, files, { seconds, range }));
      }
    }
  }
  table(
    [
      'warm',
      'Hedgerow',
      'nginx hit',
      'x',
      'Node alone, x',
      'CPU',
      'CPU of nginx',
      'x',
      'Node alone, x',
      'goal',
    ],
    cases.map(({ name, goal, per }) => {
      const { hedgerow, nginx, bare: least } = results.get(name) ?? { hedgerow: [], nginx: [], bare: [] };
      const [rate, cost] = per === 'byte' ? [megabytes, cpuPerGigabyte] : [perSecond, cpuPerRequest];
      const unit = per === 'byte' ? ['MB/s', 'ms/GB'] : ['req/s', 'µs'];
      const [ours, theirs] = [median(hedgerow.map(rate)), median(nginx.map(rate))];
      const [cpu, theirCpu] = [median(hedgerow.map(cost)), median(nginx.map(cost))];
      const [leastRate, leastCpu] = [median(least.map(rate)), median(least.map(cost))];
      return [
        name,
        `${ours.toFixed(0)} ${unit[0]}`,
        `${theirs.toFixed(0)} ${unit[0]}`,
        (ours / theirs).toFixed(2),
        (leastRate / theirs).toFixed(2),
        `${cpu.toFixed(0)} ${unit[1]}`,
        `${theirCpu.toFixed(0)} ${unit[1]}`,
        (cpu / theirCpu).toFixed(2),
        (leastCpu / theirCpu).toFixed(2),
        goal,
      ];
    }),
  );
}

async function cold(bench: Bench, only: string): Promise<void> {
  const rows = [
    { name: '20 KB', files: 'small', goal: '>= 0.5' },
    { name: '2 MB', files: 'middle', goal: '>= 1.0' },
    { name: '200 MB', files: 'large', goal: '>= 1.0' },
  ] as const;
  const cases = rows.filter(({ name }) => name.startsWith(only));
  const subjects = ['hedgerow', 'nginx', 'plain', 'bare'] as const;
  const results = new Map<string, Record<Subject, Measured[]>>();
  const firstBytes: Record<'hedgerow' | 'unbuffered' | 'bare' | 'origin', number[]> = {
    hedgerow: [],
    unbuffered: [],
    bare: [],
    origin: [],
  };
  for (const [round, ofRound] of bench.cold.entries()) {
    for (const { name, files } of cases) {
      const all = results.get(name) ?? { hedgerow: [], nginx: [], plain: [], bare: [] };
      results.set(name, all);
      for (const subject of subjects) {
        const measured = await turn(bench, subject, ofRound[files], { fresh: `c${round}` });
        if (round > 0) all[subject].push(measured);
      }
    }
    if (round === 0) continue;
    // One after another: what a single reader waits.
    const one = { connections: 1, requests: [] as Ask[] };
    const few = ofRound.single;
    const ours = few.map((file) => ({ path: pathOf('hedgerow', file) }));
    firstBytes.hedgerow.push((await bench.run({ ...one, port: bench.ports.hedgerow, requests: ours })).p50);
    const unbuffered = few.map((file) => ({ path: `/unbuffered${pathOf('nginx', file)}` }));
    firstBytes.unbuffered.push(
      (await bench.run({ ...one, port: bench.ports.nginx, requests: unbuffered })).p50,
    );
    const least = few.map((file) => ({ path: `${pathOf('bare', file)}?n=s${round}` }));
    firstBytes.bare.push((await bench.run({ ...one, port: bench.ports.bare, requests: least })).p50);
    const direct = few.map((file) => ({ path: pathOf('nginx', file) }));
    firstBytes.origin.push((await bench.run({ ...one, port: bench.ports.origin, requests: direct })).p50);
  }
  table(
    [
      'cold',
      'Hedgerow',
      'nginx miss',
      'x',
      'undici',
      'Node alone, x',
      'CPU',
      'of nginx',
      'of undici',
      'of Node alone',
      'goal',
    ],
    cases.map(({ name, goal }) => {
      const {
        hedgerow,
        nginx,
        plain: undici,
        bare: least,
      } = results.get(name) ?? { hedgerow: [], nginx: [], plain: [], bare: [] };
      const rate = (done: Measured[]): number => median(done.map(megabytes));
      const cpu = (done: Measured[]): string => `${median(done.map(cpuPerGigabyte)).toFixed(0)} ms/GB`;
      return [
        name,
        `${rate(hedgerow).toFixed(0)} MB/s`,
        `${rate(nginx).toFixed(0)} MB/s`,
        (rate(hedgerow) / rate(nginx)).toFixed(2),
        `${rate(undici).toFixed(0)} MB/s`,
        (rate(least) / rate(nginx)).toFixed(2),
        cpu(hedgerow),
        cpu(nginx),
        cpu(undici),
        cpu(least),
        goal,
      ];
    }),
  );
  const base = median(firstBytes.origin);
  const [ours, theirs] = [median(firstBytes.hedgerow), median(firstBytes.unbuffered)];
  const least = median(firstBytes.bare);
  table(
    ['cold 20 KB, one reader', 'first byte p50', 'added', 'x', 'goal'],
    [
      ['the origin', `${base.toFixed(2)} ms`, '', '', ''],
      ['nginx unbuffered', `${theirs.toFixed(2)} ms`, `${(theirs - base).toFixed(2)} ms`, '', ''],
      [
        'Node alone',
        `${least.toFixed(2)} ms`,
        `${(least - base).toFixed(2)} ms`,
        ((least - base) / (theirs - base)).toFixed(2),
        '',
      ],
      [
        'Hedgerow',
        `${ours.toFixed(2)} ms`,
        `${(ours - base).toFixed(2)} ms`,
        ((ours - base) / (theirs - base)).toFixed(2),
        '<= 3',
      ],
    ],
  );
}

/** What of a cold file cannot be done without, each alone and in this process. */
function alone(folder: string): void {
  const times = 2000;
  const target = join(folder, 'alone');
  mkdirSync(target);
  const cpu = (work: (time: number) => void): string => {
    for (let time = 0; time < 200; time += 1) work(-1 - time);
    const before = process.cpuUsage();
    for (let time = 0; time < times; time += 1) work(time);
    const { user, system } = process.cpuUsage(before);
    return `${((user + system) / times).toFixed(0)} µs`;
  };
  const file = (bytes: Buffer) => (time: number) => {
    const path = join(target, `${bytes.length}-${time}`);
    const descriptor = openSync(`${path}-temporary`, 'wx');
    writeSync(descriptor, bytes);
    closeSync(descriptor);
    renameSync(`${path}-temporary`, path);
  };
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const text = Buffer.alloc(600, 'a signature base');
  const signature = sign(null, text, privateKey);
  const [small, segment] = [contentOf(0, KB20), contentOf(0, SEGMENT_BYTES)];
  table(
    ['alone', 'CPU'],
    [
      ['Ed25519: a request signed', cpu(() => sign(null, text, privateKey))],
      ['Ed25519: one verified, at the peer', cpu(() => verify(null, text, publicKey, signature))],
      ['SHA-256 of 20 KB', cpu(() => hash('sha256', small))],
      ['SHA-256 of a segment of 256 KiB', cpu(() => hash('sha256', segment))],
      ['a file of 20 KB made and renamed', cpu(file(small))],
      ['a file of 256 KiB made and renamed', cpu(file(segment))],
    ],
  );
}

async function viewers(bench: Bench): Promise<void> {
  const [file] = bench.files.slow;
  if (file === undefined) throw new Error('There is no slow file.');
  await bench.purge();
  const connections = VIEWERS;
  const many = (path: string): Ask[] => Array.from({ length: VIEWERS }, () => ({ path }));
  const before = bench.originRequests(/playable/);
  const ours = await bench.run({
    port: bench.ports.hedgerow,
    connections,
    requests: many(pathOf('hedgerow', file)),
  });
  const fetches = bench.originRequests(/playable/) - before;
  const theirs = await bench.run({
    port: bench.ports.nginx,
    connections,
    requests: many(`/slow${pathOf('nginx', file)}?n=${randomBytes(4).toString('hex')}`),
  });
  // Nothing is passed on before its segment is verified: so long it takes for the first one to come.
  const segment = (SEGMENT_BYTES / SLOW) * 1000;
  table(
    [
      `${VIEWERS} viewers of one cold 2 MB, the peer gives ${SLOW / 1e6} MB/s`,
      'upstream fetches',
      'slowest first byte',
      'x',
      'goal',
    ],
    [
      ['nginx with proxy_cache_lock', '', `${theirs.slowest.toFixed(0)} ms`, '', ''],
      [
        'one segment from this peer',
        '',
        `${segment.toFixed(0)} ms`,
        (segment / theirs.slowest).toFixed(3),
        '',
      ],
      [
        'Hedgerow',
        String(fetches),
        `${ours.slowest.toFixed(0)} ms`,
        (ours.slowest / theirs.slowest).toFixed(3),
        '1; <= 0.05',
      ],
    ],
  );
}

async function wan(bench: Bench, rounds: number): Promise<void> {
  const [file, other] = bench.files.wan;
  if (file === undefined || other === undefined) throw new Error('There are no files for the long line.');
  const results: Record<'direct' | 'hedgerow', Record<'first' | 'seek' | 'whole', number[]>> = {
    direct: { first: [], seek: [], whole: [] },
    hedgerow: { first: [], seek: [], whole: [] },
  };
  const half = Math.floor(WAN_BYTES / 2 / SEGMENT_BYTES) * SEGMENT_BYTES + 1000;
  for (let round = 0; round < rounds; round += 1) {
    for (const who of ['direct', 'hedgerow'] as const) {
      await bench.purge();
      const port = who === 'direct' ? bench.ports.relay : bench.ports.hedgerow;
      const path = (each: File): string => pathOf(who === 'direct' ? 'nginx' : 'hedgerow', each);
      const all = results[who];
      const played = await timed(port, path(file), null);
      all.first.push(played.first);
      all.whole.push(played.whole);
      // The beginning is watched, then the middle. A range inside of a segment needs all of it: here up to twice the bytes.
      await timed(port, path(other), `bytes=0-${SEGMENT_BYTES - 1}`);
      all.seek.push((await timed(port, path(other), `bytes=${half}-${half + 2 * SEGMENT_BYTES}`)).first);
    }
  }
  const names = {
    first: 'first 256 KiB',
    seek: 'first 256 KiB after a seek',
    whole: `all ${WAN_BYTES / 1e6} MB`,
  };
  const goals = { first: '<= 1.25', seek: '<= 1.25', whole: '<= 1.05' };
  table(
    [`behind ${WAN.delay} ms and ${WAN.rate / 1e6} Mbit/s`, 'Hedgerow', 'direct', 'x', 'goal'],
    (['first', 'seek', 'whole'] as const).map((what) => {
      const [ours, direct] = [median(results.hedgerow[what]), median(results.direct[what])];
      return [
        names[what],
        `${ours.toFixed(0)} ms`,
        `${direct.toFixed(0)} ms`,
        (ours / direct).toFixed(2),
        goals[what],
      ];
    }),
  );
}

async function memory(bench: Bench, seconds: number): Promise<void> {
  const pid = bench.pids.hedgerow;
  const peak = async (files: File[]): Promise<number> => {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
    const requests = files.map((file) => ({ path: pathOf('hedgerow', file) }));
    await bench.run({ port: bench.ports.hedgerow, connections: 64, requests, seconds: 3 * seconds });
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
  };
  const { small, large } = bench.files;
  await turn(bench, 'hedgerow', large);
  await turn(bench, 'hedgerow', small);
  const short = await peak(small);
  const long = await peak(large);
  table(
    ['64 streams', 'peak memory', 'x', 'goal'],
    [
      ['of 20 KB', `${short.toFixed(0)} MiB`, '', ''],
      ['of 200 MB', `${long.toFixed(0)} MiB`, (long / short).toFixed(2), '<= 1.2'],
    ],
  );
}

interface TurnOptions {
  seconds?: number;
  /** Length of random ranges. */
  range?: number | undefined;
  /** Makes nginx miss: a part of its key. */
  fresh?: string;
}

async function turn(
  bench: Bench,
  subject: Subject,
  files: File[],
  options: TurnOptions = {},
): Promise<Measured> {
  const { seconds, range, fresh } = options;
  const query =
    fresh === undefined || (subject !== 'nginx' && subject !== 'bare')
      ? ''
      : `?n=${fresh}${randomBytes(3).toString('hex')}`;
  const paths = files.map((file) => ({ file, path: pathOf(subject, file) + query }));
  const requests: Ask[] =
    range === undefined
      ? paths.map(({ path }) => ({ path }))
      : Array.from({ length: 200 }, (_, index) => {
          const { file, path } = paths[index % paths.length] as (typeof paths)[number];
          const start = Math.floor(Math.random() * (file.size - range));
          return { path, range: `bytes=${start}-${start + range - 1}` };
        });
  const pid = bench.pids[subject];
  const before = cpuOf(pid);
  const connections = seconds === undefined ? Math.min(CONNECTIONS, requests.length) : CONNECTIONS;
  const done = await bench.run({
    port: bench.ports[subject],
    requests,
    connections,
    ...(seconds !== undefined && { seconds }),
  });
  if (done.failed > 0) throw new Error(`${subject}: ${done.failed} requests failed.`);
  return { ...done, cpu: cpuOf(pid) - before };
}

function pathOf(subject: Subject, { id, remoteId, variant }: File): string {
  return subject === 'hedgerow' ? `/media/${id}/${variant}` : `/${remoteId}/${variant}`;
}

function megabytes({ bytes, seconds }: Measured): number {
  return bytes / 1e6 / seconds;
}

function perSecond({ requests, seconds }: Measured): number {
  return requests / seconds;
}

function cpuPerGigabyte({ cpu, bytes }: Measured): number {
  return (cpu * 1000) / (bytes / 1e9);
}

function cpuPerRequest({ cpu, requests }: Measured): number {
  return (cpu * 1e6) / requests;
}

/** Seconds of CPU of a process and its children, as long as these are there. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  const own = (Number(fields[11]) + Number(fields[12])) / 100;
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean);
  return children.reduce((sum, child) => sum + cpuOf(Number(child)), own);
}

/** ms to the first 256 KiB and to the end, on a connection that is there already. */
async function timed(
  port: number,
  path: string,
  range: string | null,
): Promise<{ first: number; whole: number }> {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: 1 });
  const headers = { authorization: `Bearer ${TOKEN}`, ...(range !== null && { range }) };
  try {
    await (await pool.request({ path: '/healthz', method: 'GET' })).body.dump();
    const begun = performance.now();
    const { body, statusCode } = await pool.request({ path, method: 'GET', headers });
    if (statusCode >= 300) throw new Error(`${path}: ${statusCode}`);
    let bytes = 0;
    let first = 0;
    for await (const chunk of body) {
      bytes += (chunk as Buffer).length;
      if (first === 0 && bytes >= SEGMENT_BYTES) first = performance.now() - begun;
    }
    return { first, whole: performance.now() - begun };
  } finally {
    await pool.destroy();
  }
}

// The client and the plain proxy, each in a process of its own

/** Requests over kept connections, as plain as they can be: the client must not be what is measured. */
function client(): void {
  process.on('message', ({ port, requests, connections, seconds }: Turn) => {
    const begun = performance.now();
    const until = seconds === undefined ? Number.POSITIVE_INFINITY : begun + seconds * 1000;
    const waits: number[] = [];
    let next = 0;
    let bytes = 0;
    let failed = 0;
    let open = connections;
    const texts = requests.map(
      ({ path, range }) =>
        `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${TOKEN}\r\n${range === undefined ? '' : `Range: ${range}\r\n`}\r\n`,
    );
    const over = (): void => {
      open -= 1;
      if (open > 0) return;
      waits.sort((one, two) => one - two);
      process.send?.({
        requests: waits.length,
        bytes,
        seconds: (performance.now() - begun) / 1000,
        p50: waits[Math.floor(waits.length / 2)] ?? 0,
        slowest: waits.at(-1) ?? 0,
        failed,
      } satisfies Done);
    };
    for (let index = 0; index < connections; index += 1) {
      let head = '';
      let left = -1;
      let askedAt = 0;
      const send = (): void => {
        if (performance.now() >= until || (seconds === undefined && next >= texts.length)) {
          socket.destroy();
          return;
        }
        askedAt = performance.now();
        head = '';
        left = -1;
        socket.write(texts[next % texts.length] ?? '');
        next += 1;
      };
      const onData = (length: number, buffer: Uint8Array): void => {
        let used = 0;
        if (left < 0) {
          const before = head.length;
          head += Buffer.from(buffer.buffer, buffer.byteOffset, length).toString(
            'latin1',
            0,
            Math.min(length, 8192),
          );
          const end = head.indexOf('\r\n\r\n');
          if (end < 0) return;
          waits.push(performance.now() - askedAt);
          if (!/^HTTP\/1\.1 20[06]/.test(head)) failed += 1;
          left = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1] ?? 0);
          used = end + 4 - before;
        }
        left -= length - used;
        bytes += length - used;
        if (left === 0) send();
      };
      const socket = connect({
        port,
        host: '127.0.0.1',
        onread: {
          buffer: Buffer.alloc(262_144),
          callback: (length, buffer) => {
            onData(length, buffer);
            return true;
          },
        },
      });
      socket.on('connect', send);
      socket.on('error', () => {
        failed += 1;
      });
      socket.on('close', over);
    }
  });
}

/** What anybody would write: undici's stream piped into the answer. */
async function plain(): Promise<void> {
  const [, , , port, origin] = process.argv;
  const pool = new Pool(`http://127.0.0.1:${origin}`, { connections: 64 });
  const server = createHttpServer((request, response) => {
    pool
      .request({ path: request.url ?? '/', method: 'GET' })
      .then(({ statusCode, headers, body }) => {
        response.writeHead(statusCode, { 'content-length': String(headers['content-length']) });
        return pipeline(body, response);
      })
      .catch(() => response.destroy());
  });
  server.listen(Number(port), '127.0.0.1');
  await once(server, 'listening');
  process.send?.('ready');
}

/**
 * What any program on Node has to do at least that gives these answers: it looks up who asks, and the answer has as many fields. Of
 * what is kept: short files out of memory, long ones read piece by piece into a buffer that is used again. With a query, which nothing
 * is kept of: the request signed, each segment received by undici's dispatch, hashed before it is passed on, and made a file. No
 * routes, no rights, no catalog, nothing noted of what is kept.
 */
async function bare(): Promise<void> {
  const [, , , port, origin, folder = ''] = process.argv;
  const pool = new Pool(`http://127.0.0.1:${origin}`, { connections: CONNECTIONS });
  const short = new Map<string, Buffer>();
  const spare: Buffer[] = [];
  const known = new Map([[hash('sha256', `Bearer ${TOKEN}`, 'hex'), 'somebody']]);
  const fields = Array.from({ length: 12 }, (_, index) => [`x-field-of-an-answer-${index}`, 'v'.repeat(40)]);
  const { privateKey } = generateKeyPairSync('ed25519');
  let serial = 0;
  mkdirSync(join(folder, 'bare'), { recursive: true });

  const begin = (response: ServerResponse, status: number, length: number): void => {
    response.writeHead(status, [...fields.flat(), 'content-length', String(length)]);
  };

  const kept = async (path: string, range: string | undefined, response: ServerResponse): Promise<void> => {
    const file = join(folder, 'origin', path);
    const inMemory = short.get(path);
    if (inMemory !== undefined) {
      begin(response, 200, inMemory.length);
      response.end(inMemory);
      return;
    }
    const handle = await open(file);
    const { size } = await handle.stat();
    if (size <= 65_536) short.set(path, await readFile(file));
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range ?? '') ?? [];
    let at = Number(from ?? 0);
    const end = to === undefined ? size : Number(to) + 1;
    begin(response, range === undefined ? 200 : 206, end - at);
    const closed = once(response, 'close');
    while (at < end && !response.destroyed) {
      const buffer = spare.pop() ?? Buffer.allocUnsafeSlow(SEGMENT_BYTES);
      const { bytesRead } = await handle.read(buffer, 0, Math.min(SEGMENT_BYTES, end - at), at);
      at += bytesRead;
      const more = response.write(buffer.subarray(0, bytesRead), () => spare.push(buffer));
      if (more) continue;
      const drained = Promise.withResolvers<void>();
      response.once('drain', drained.resolve);
      await Promise.race([drained.promise, closed]);
    }
    await handle.close();
    response.end();
  };

  const fetched = (path: string, response: ServerResponse): void => {
    let buffer = spare.pop() ?? Buffer.allocUnsafeSlow(SEGMENT_BYTES);
    let filled = 0;
    const pass = (): boolean => {
      const whole = buffer;
      const bytes = whole.subarray(0, filled);
      hash('sha256', bytes);
      serial += 1;
      const name = join(folder, 'bare', String(serial));
      // As many as the thread takes at once are on their way: then it is done here.
      if (writeByThread(`${name}-temporary`, name, bytes) === null) {
        writeFileSync(`${name}-temporary`, bytes);
        renameSync(`${name}-temporary`, name);
      }
      buffer = spare.pop() ?? Buffer.allocUnsafeSlow(SEGMENT_BYTES);
      filled = 0;
      return response.write(bytes, () => spare.push(whole));
    };
    const signature = sign(
      null,
      Buffer.from(`${path} ${serial} ${'of a signature base'.repeat(30)}`),
      privateKey,
    );
    pool.dispatch(
      {
        path,
        method: 'GET',
        headers: {
          authorization: `Bearer ${TOKEN}`,
          'signature-input': 'v'.repeat(300),
          signature: signature.toString('base64'),
        },
      },
      {
        onRequestStart: () => {},
        onResponseStart: (_controller, status, headers) => {
          begin(response, status, Number(headers['content-length']));
        },
        onResponseData: (controller, chunk) => {
          for (let at = 0; at < chunk.length; ) {
            const copied = chunk.copy(buffer, filled, at);
            at += copied;
            filled += copied;
            if (filled < SEGMENT_BYTES || pass()) continue;
            controller.pause();
            response.once('drain', () => controller.resume());
          }
        },
        onResponseEnd: () => {
          if (filled > 0) pass();
          response.end();
        },
        onResponseError: () => response.destroy(),
      },
    );
  };

  const server = createHttpServer((request, response) => {
    if (!known.has(hash('sha256', request.headers.authorization ?? '', 'hex'))) {
      response.writeHead(401).end();
      return;
    }
    const [path = '/', query] = (request.url ?? '/').split('?');
    if (query === undefined) kept(path, request.headers.range, response).catch(() => response.destroy());
    else fetched(path, response);
  });
  server.listen(Number(port), '127.0.0.1');
  await once(server, 'listening');
  process.send?.('ready');
}

// Small things

// biome-ignore lint/suspicious/noExplicitAny: answers, read where they are asked for
async function ask(url: string, query: string): Promise<any> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  const { data, errors } = (await response.json()) as { data: unknown; errors?: { message: string }[] };
  if (errors !== undefined) throw new Error(errors.map(({ message }) => message).join('; '));
  return data;
}

async function until(what: string, condition: () => Promise<true | string>): Promise<void> {
  let state: true | string = 'nothing';
  for (let attempt = 0; attempt < 300; attempt += 1) {
    state = await condition();
    if (state === true) return;
    await sleep(200);
  }
  throw new Error(`${what} did not come about: ${state}.`);
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

function median(numbers: number[]): number {
  const sorted = numbers.toSorted((one, two) => one - two);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function table(head: string[], rows: string[][]): void {
  console.log(`| ${head.join(' | ')} |\n|${head.map(() => ' --- |').join('')}`);
  for (const row of rows) console.log(`| ${row.join(' | ')} |`);
  console.log();
}
