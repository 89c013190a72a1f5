/**
 * What has come of uploads, where the folder of unfinished ones is of one process and the store is of all: each part lies
 * in the store as well before it is acknowledged, so that any other process goes on with it.
 */
import { createReadStream } from 'node:fs';
import { open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { HedgerowError } from '../lib/errors.ts';
import type { BlobStore } from '../storage/blob-store.ts';
import { PARTS_PREFIX, parsePartKey, partKey, partsPrefix } from '../storage/paths.ts';

export interface UploadParts {
  /** Before bytes are acknowledged: keeps those of the file from one offset to another. */
  keep(id: string, from: number, to: number): Promise<void>;
  /**
   * Sees to it that the file here holds what has been acknowledged, whoever took it.
   * @throws HedgerowError NOT_FOUND where some of it is nowhere: it has to be begun anew
   */
  fetch(id: string, received: number): Promise<void>;
  /** Nobody goes on with it. */
  drop(id: string): Promise<void>;
  /** Removes the parts of those that are no upload any more, and are older than so many ms. */
  sweep(isOpen: (id: string) => Promise<boolean>, olderThan: number): Promise<void>;
}

/** Uploads of which is remembered how far the file here is good. */
const REMEMBERED = 1_000;

export function createUploadParts(
  store: Pick<BlobStore, 'write' | 'read' | 'list' | 'deleteAll'>,
  folder: string,
): UploadParts {
  /** Bytes of the file here that are those of the upload; beyond them there may be some that nobody acknowledged. */
  const good = new Map<string, number>();
  const pathOf = (id: string): string => join(folder, id);

  function remember(id: string, bytes: number): void {
    good.delete(id);
    good.set(id, bytes);
    for (const [oldest] of good) {
      if (good.size <= REMEMBERED) break;
      good.delete(oldest);
    }
  }

  async function keep(id: string, from: number, to: number): Promise<void> {
    if (to > from) {
      const body = createReadStream(pathOf(id), { start: from, end: to - 1 });
      await store.write(partKey(id, from), body, { size: to - from, sync: true });
    }
    remember(id, to);
  }

  return {
    keep,
    fetch: async (id, received) => {
      const here = await stat(pathOf(id)).catch(() => null);
      if (good.get(id) === received && here !== null && here.size >= received) return;
      const parts: { from: number; key: string; size: number }[] = [];
      for await (const { key, size } of store.list(partsPrefix(id))) {
        parts.push({ from: parsePartKey(key)?.offset ?? 0, key, size });
      }
      if (parts.length === 0 && here !== null && here.size >= received) {
        // Begun when the folder was everybody's: by an instance that was moved here, say.
        await keep(id, 0, received);
        return;
      }
      let at = 0;
      const handle = await open(pathOf(id), 'w', 0o600);
      try {
        for (const { from, key } of parts.sort((one, other) => one.from - other.from)) {
          // What was kept and never acknowledged was kept anew from an earlier offset, or is not reached.
          if (from > at || at >= received) break;
          const { body } = await store.read(key);
          at = from;
          for await (const chunk of body) {
            await handle.write(chunk as Buffer, 0, (chunk as Buffer).length, at);
            at += (chunk as Buffer).length;
          }
        }
        await handle.truncate(Math.min(at, received));
        await handle.sync();
      } finally {
        await handle.close();
      }
      if (at < received) {
        await rm(pathOf(id), { force: true });
        throw new HedgerowError(
          'NOT_FOUND',
          'Some of what had come of this upload is lost; it has to be begun anew.',
        );
      }
      remember(id, received);
    },
    drop: async (id) => {
      good.delete(id);
      await store.deleteAll(partsPrefix(id));
    },
    sweep: async (isOpen, olderThan) => {
      const old = new Set<string>();
      for await (const { key, modifiedAt } of store.list(PARTS_PREFIX)) {
        const upload = parsePartKey(key)?.upload;
        if (upload !== undefined && modifiedAt < Date.now() - olderThan) old.add(upload);
      }
      for (const id of old) if (!(await isOpen(id))) await store.deleteAll(partsPrefix(id));
    },
  };
}
