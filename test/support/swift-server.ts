/**
 * OpenStack Swift with its S3 interface, from Debian's packages swift-proxy, swift-account, swift-container and
 * swift-object: a store that people run, which checks signatures. Four processes on 127.0.0.1, one device in a folder.
 */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.ts';
import type { StartedServer } from './s3-server.ts';

const PARTS = ['account', 'container', 'object'] as const;
const FILTERS = ['catch_errors', 'gatekeeper', 'listing_formats', 's3api', 'tempauth', 'copy', 'slo', 'dlo'];
const KEYS = { accessKeyId: 'test:tester', secretAccessKey: 'test-secret', sessionToken: null };

/** Its storage servers want to be root's, or a user's of their own. */
export const SWIFT_IS_HERE =
  process.getuid?.() === 0 &&
  ['/usr/bin/swift-proxy-server', '/usr/bin/swift-object-server', '/etc/swift/swift.conf'].every((path) => {
    try {
      accessSync(path);
      return true;
    } catch {
      return false;
    }
  });

export async function startSwift(): Promise<StartedServer> {
  const folder = await mkdtemp(join(tmpdir(), 'hedgerow-swift-'));
  await mkdir(join(folder, 'devices', 'd1'), { recursive: true });
  const processes: ChildProcess[] = [];
  const begin = async (name: string, config: string): Promise<void> => {
    const path = join(folder, `${name}.conf`);
    await writeFile(path, config);
    processes.push(spawn(`/usr/bin/swift-${name}-server`, [path], { stdio: 'ignore' }));
  };
  const general = (port: number): string =>
    `[DEFAULT]\nbind_ip = 127.0.0.1\nbind_port = ${port}\nworkers = 0\nuser = root\nswift_dir = ${folder}\nlog_address = /dev/null\n`;
  for (const part of PARTS) {
    const port = await freePort();
    const ring = (...words: string[]): unknown =>
      execFileSync('swift-ring-builder', [`${part}.builder`, ...words], { cwd: folder, stdio: 'ignore' });
    ring('create', '4', '1', '1');
    ring('add', `r1z1-127.0.0.1:${port}/d1`, '1');
    ring('rebalance');
    await begin(
      part,
      `${general(port)}devices = ${join(folder, 'devices')}\nmount_check = false\n[pipeline:main]\npipeline = ${part}-server\n[app:${part}-server]\nuse = egg:swift#${part}\n`,
    );
  }
  const port = await freePort();
  const filters = FILTERS.map((name) => `[filter:${name}]\nuse = egg:swift#${name}\n${SETTINGS[name] ?? ''}`);
  await begin(
    'proxy',
    `${general(port)}[pipeline:main]\npipeline = ${FILTERS.join(' ')} proxy-server\n[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\n${filters.join('')}`,
  );
  const url = `http://127.0.0.1:${port}`;
  await eventually('Swift to answer', async () => (await fetch(url).catch(() => null)) !== null);
  return {
    url,
    keys: KEYS,
    stop: async () => {
      for (const process of processes) {
        const ended = once(process, 'exit');
        if (process.exitCode !== null || process.signalCode !== null) continue;
        process.kill('SIGKILL');
        await ended;
      }
      await rm(folder, { recursive: true, force: true });
    },
  };
}

const SETTINGS: Record<string, string> = {
  s3api: 'location = us-east-1\nauth_pipeline_check = false\n',
  tempauth: 'user_test_tester = test-secret .admin\n',
};

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
