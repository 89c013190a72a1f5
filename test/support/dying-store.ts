/**
 * A process that uses a disk store and is killed by the system before one change that it makes, as `kill -9` would do it.
 *
 *   node test/support/dying-store.ts <folder> <step, from 1>
 *
 * It ends with 0 where it came to its end before that step.
 */

import { pathToFileURL } from 'node:url';
import type { BlobStore } from '../../src/storage/blob-store.ts';
import { openDiskBlobStore } from '../../src/storage/disk-blob-store.ts';
import { cachedFileKey, originalKey } from '../../src/storage/paths.ts';
import { sha256 } from '../../src/storage/segment-digests.ts';
import { plannedFiles } from './failing-files.ts';

const PLACE = cachedFileKey(1, 7, 'original', 'abc');
export const FORMER = Buffer.alloc(300_000, 1);
export const LATTER = Buffer.alloc(280_000, 2);
const SMALL = Buffer.from('a small one');
export const ORIGINAL = originalKey(sha256(LATTER));

/** Steps after which the disk is another. */
const CHANGES = ['write', 'rename', 'link', 'unlink', 'rm'];

/** What may lie under a key at any moment from the first step to the last. */
export const ALLOWED = new Map<string, readonly Buffer[]>([
  [`${PLACE}/0`, [FORMER, LATTER]],
  [`${PLACE}/1`, [SMALL]],
  [ORIGINAL, [LATTER]],
  [`${PLACE.replace('cache/1/', 'cache/2/')}/0`, [LATTER]],
  [`${PLACE.replace('cache/1/', 'cache/2/')}/1`, [SMALL]],
]);

export async function prepare(store: BlobStore): Promise<void> {
  await store.write(`${PLACE}/0`, FORMER, { sync: false });
}

/** Every kind of step: new and replaced, synced or not, in one piece or from a stream, copied and deleted. */
export async function live(store: BlobStore): Promise<void> {
  await store.write(`${PLACE}/0`, LATTER, { sync: false });
  await store.write(`${PLACE}/1`, SMALL, { sync: false, digest: sha256(SMALL), verified: true });
  await store.write((digest) => originalKey(digest), (await store.read(`${PLACE}/0`)).body, { sync: true });
  await store.copyAll('cache/1/7/', 'cache/2/7/');
  await store.deleteAll('cache/1/7/');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [, , folder = '', at = '1'] = process.argv;
  let left = Number(at);
  const files = plannedFiles(() => ({
    step: (operation) => {
      if (!CHANGES.includes(operation)) return;
      left -= 1;
      if (left !== 0) return;
      process.kill(process.pid, 'SIGKILL');
      for (;;);
    },
  }));
  await live(await openDiskBlobStore(folder, files));
}
