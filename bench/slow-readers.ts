/**
 * What memory the server holds for many clients that open a large file and read nothing: of its own items, and of a
 * peer's, once they are kept and while they come. 1,000 of them may add 150 MB.
 *
 *   npx node bench/slow-readers.ts [--readers 1000] [--megabytes 64]
 */

import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type Program, runProgram } from '../test/support/process.ts';

const TOKEN = 'a-token-of-the-benchmark-that-is-long-enough';
/** ms in which the readers' buffers fill, and the collector has its turn. */
const SETTLE = 8_000;
const SAMPLE = fileURLToPath(new URL('../samples/coast/waves-on-the-beach.mp4', import.meta.url));
/** Bytes that may be added. */
const LIMIT = 150e6;

const { values } = parseArgs({
  options: {
    readers: { type: 'string', default: '1000' },
    megabytes: { type: 'string', default: '64' },
  },
});
const readers = Number(values.readers);
const folder = mkdtempSync(join(tmpdir(), 'hedgerow-slow-'));
try {
  await using garden = await serve('garden');
  await using coast = await serve('coast');
  const film = join(folder, 'film.mp4');
  // A real one, and a box of noise that players pass over.
  const noise = randomBytes(Number(values.megabytes) * 1_000_000);
  const free = Buffer.alloc(8);
  free.writeUInt32BE(noise.length + 8);
  free.write('free', 4);
  writeFileSync(film, Buffer.concat([readFileSync(SAMPLE), free, noise]));
  await run('garden', ['import', film, '--visibility', 'peers']);
  const { createInvitation } = await ask(garden.url, 'mutation { createInvitation(input: {}) { code } }');
  await run('coast', ['pair', createInvitation.code]);
  await run('coast', ['sync']);
  const own = await firstOriginal(garden.url, 'LOCAL');
  const theirs = await firstOriginal(coast.url, 'REMOTE');
  let failed = false;
  for (const [name, program, path] of [
    ['an item of its own', garden, own],
    ["a peer's item while it comes", coast, theirs],
    ["a peer's item that is kept", coast, theirs],
  ] as const) {
    if (name.endsWith('kept')) await readWhole(coast.url + path);
    const before = resident(program.program);
    const sockets = await open(new URL(program.url), path);
    await sleep(SETTLE);
    const added = resident(program.program) - before;
    for (const socket of sockets) socket.destroy();
    await sleep(1_000);
    failed ||= added > LIMIT;
    console.log(`${readers} slow readers of ${name}: ${Math.round(added / 1e6)} MB more`);
  }
  if (failed) process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

interface Served extends AsyncDisposable {
  url: string;
  program: Program;
}

function settings(name: string): Record<string, string> {
  return {
    HEDGEROW_DATA_DIR: join(folder, name),
    HEDGEROW_NAME: name,
    HEDGEROW_PORT: '0',
    HEDGEROW_ADMIN_TOKEN: TOKEN,
    HEDGEROW_LOG_LEVEL: 'silent',
    HEDGEROW_REQUESTS_PER_MINUTE: '100000',
  };
}

async function serve(name: string): Promise<Served> {
  mkdirSync(join(folder, name));
  const program = runProgram(['serve'], settings(name));
  return { url: await program.ready(), program, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
}

async function run(name: string, words: string[]): Promise<void> {
  const { code, err } = await runProgram(words, settings(name)).ended;
  if (code !== 0) throw new Error(`${words[0]} ended with ${code}: ${err}`);
}

// biome-ignore lint/suspicious/noExplicitAny: two answers, read where they are asked for
async function ask(url: string, query: string): Promise<any> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  return (await response.json()).data;
}

async function firstOriginal(url: string, origin: string): Promise<string> {
  const { media } = await ask(url, `{ media(origin: ${origin}) { nodes { originalUrl } } }`);
  return new URL(media.nodes[0].originalUrl, url).pathname;
}

async function readWhole(url: string): Promise<void> {
  const response = await fetch(url, { headers: { authorization: `Bearer ${TOKEN}` } });
  for await (const _ of response.body ?? []);
}

async function open({ hostname, port }: URL, path: string): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let index = 0; index < readers; index += 1) {
    const socket = connect(Number(port), hostname);
    // Nothing is read: what the kernel takes is not the server's memory.
    socket.pause();
    socket.on('error', () => {});
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`,
    );
    sockets.push(socket);
    if (index % 50 === 49) await sleep(100);
  }
  return sockets;
}

/** Bytes in RAM. */
function resident({ child }: Program): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
}
