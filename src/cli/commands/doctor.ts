/** `hedgerow doctor`: looks at everything that an instance needs, or at the way to one peer, and says what is wrong. */

import { constants } from 'node:fs';
import { access, stat, statfs } from 'node:fs/promises';
import type { Command } from 'commander';
import { InstanceDocument, PeersDocument } from '../../../schema/generated/graphql.ts';
import { decideConfig } from '../../config/config.ts';
import { readEnvironment } from '../../config/env.ts';
import { systemCode } from '../../lib/errors.ts';
import { findFfmpeg } from '../../library/ffmpeg.ts';
import type { CommandContext } from '../context.ts';
import { Failed } from '../failure.ts';
import { bytes, plural, table } from '../terminal.ts';
import { diagnosePeer } from './diagnosis.ts';

interface Check {
  name: string;
  /** `warning`: it works, with less. */
  result: 'ok' | 'warning' | 'failed';
  detail: string;
}

/** Bytes on the disk below which an import or a cache soon ends. */
const LITTLE_ROOM = 2e9;

export function addDoctor(program: Command, context: CommandContext): void {
  program
    .command('doctor')
    .description('check what an instance needs, or the whole way to a peer')
    .argument('[peer]', 'id or name')
    .option('--json', 'print the checks as JSON', false)
    .action(async (peer: string | undefined, { json }: { json: boolean }) => {
      if (peer !== undefined) return diagnosePeer(context, peer, json);
      const checks: Check[] = [];
      for await (const check of examine(context)) checks.push(check);
      context.terminal.out(
        json
          ? JSON.stringify(checks)
          : table(
              ['CHECK', 'RESULT', 'DETAIL'],
              checks.map(({ name, result, detail }) => [name, result, detail]),
            ),
      );
      if (checks.some(({ result }) => result === 'failed')) throw new Failed();
    });
}

async function* examine({ environment, open }: CommandContext): AsyncGenerator<Check> {
  yield { name: 'node', result: 'ok', detail: process.version };
  const { config } = decideConfig(readEnvironment(environment));
  yield await dataFolder(config.dataDir);
  const tools = await findFfmpeg();
  const missing = (['ffmpeg', 'ffprobe'] as const).filter((name) => tools[name] === null);
  yield missing.length === 0
    ? { name: 'ffmpeg', result: 'ok', detail: String(tools.ffmpeg) }
    : {
        name: 'ffmpeg',
        result: 'warning',
        detail: `${missing.join(' and ')} not found on PATH: videos and HEIC pictures get a drawn sign as their picture`,
      };
  try {
    await using backend = await open();
    yield backend.server === null
      ? { name: 'server', result: 'warning', detail: 'none runs on this data folder' }
      : { name: 'server', result: 'ok', detail: `${backend.server.url}, process ${backend.server.pid}` };
    const { instance } = await backend.graphql(InstanceDocument, {});
    yield {
      name: 'database',
      result: 'ok',
      detail: `${config.database.dialect}, ${plural(instance.mediaCount, 'item')} of this instance`,
    };
    yield {
      name: 'federation',
      result: 'ok',
      detail: instance.federation ? `on, key ${instance.thumbprint}` : 'switched off (HEDGEROW_FEDERATION)',
    };
    const { peers } = await backend.graphql(PeersDocument, { status: ['ACTIVE'] });
    for (const { name, health, operations } of peers.nodes) {
      const error = operations?.pull?.error ?? null;
      yield {
        name: `peer ${name}`,
        result: error === null ? 'ok' : 'warning',
        detail: error?.message ?? (operations?.pull === null ? 'only takes from us' : health.toLowerCase()),
      };
    }
  } catch (error) {
    yield {
      name: 'instance',
      result: 'failed',
      detail: error instanceof Error ? error.message : String(error),
    };
  }
}

async function dataFolder(path: string): Promise<Check> {
  const name = 'data folder';
  try {
    await stat(path);
    await access(path, constants.W_OK);
    const { bavail, bsize } = await statfs(path);
    const free = bavail * bsize;
    return { name, result: free < LITTLE_ROOM ? 'warning' : 'ok', detail: `${path}, ${bytes(free)} free` };
  } catch (error) {
    return systemCode(error) === 'ENOENT'
      ? { name, result: 'warning', detail: `${path} is not there yet; the first start makes it` }
      : { name, result: 'failed', detail: `${path} cannot be written (${systemCode(error)})` };
  }
}
