/** OpenStack Swift, where it is installed: an S3 server that people run, and that checks signatures. */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const SERVER = fileURLToPath(new URL('swift-server.py', import.meta.url));
/** ms; four processes of Python on a machine that does much else. */
const READY = 60_000;

/** The Python that has it; undefined where it is not installed. */
export const SWIFT: string | undefined = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/bin']
  .map((folder) => join(folder, 'swift-proxy-server'))
  .filter((path) => existsSync(path))
  .map((path) => /^#! *(\/\S*python3\S*)\n/.exec(readFileSync(path, 'utf8'))?.[1])
  .find((python) => python !== undefined);

export interface Swift extends AsyncDisposable {
  readonly port: number;
}

/** @throws where it did not answer within a minute, with what it said */
export async function startSwift(keys: { accessKeyId: string; secretAccessKey: string }): Promise<Swift> {
  const folder = await mkdtemp(join(tmpdir(), 'hedgerow-swift-'));
  const child = spawn(SWIFT ?? 'python3', [SERVER, folder, keys.accessKeyId, keys.secretAccessKey], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const ended = once(child, 'close');
  const stop = async (): Promise<void> => {
    // All its processes end with its input.
    child.stdin.end();
    await ended.catch(() => {});
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const early = ended.then(() => {
      throw new Error('It ended before it was ready.');
    });
    early.catch(() => {});
    const port = await Promise.race([portOf(child.stdout), early]);
    // Its sockets are there before it is: the first request is answered as soon as any can be.
    const answer = fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(READY) });
    await Promise.race([answer, early]);
    return { port, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw new Error(`Swift did not start: ${said}`, { cause: error });
  }
}

async function portOf(out: NodeJS.ReadableStream): Promise<number> {
  out.setEncoding('utf8');
  let text = '';
  for await (const chunk of out) {
    text += String(chunk);
    const line = /^(\d+)\n/.exec(text)?.[1];
    if (line !== undefined) return Number(line);
  }
  throw new Error(`It told no port, but: ${text}`);
}
