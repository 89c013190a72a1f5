/** Copies all blobs of one store into another, as far as they are not there: so a copy that was broken off goes on. */
import { HedgerowError, isCode } from '../lib/errors.ts';
import type { BlobEntry, BlobStore } from './blob-store.ts';
import { BLOB_PREFIXES, digestOf } from './paths.ts';

export interface BlobProgress {
  step: 'blobs';
  done: number;
  /** As far as they have been found: what is still to be listed is not in it. */
  total: number;
  bytes: number;
}

export interface BlobReport {
  /** Copied now, and their bytes. */
  copied: number;
  bytes: number;
  /** Were there already. */
  present: number;
  /** Those whose bytes are not what their names say, and keys of some: they are not copied. */
  damagedCount: number;
  damaged: readonly string[];
}

/** Blobs on their way at a time. */
const SIDE_BY_SIDE = 8;
/** Damaged ones that are named. */
const NAMED = 20;

/**
 * What is named by its digest is compared with it on the way; of other blobs, such as segments of peers' media, the size is.
 *
 * @throws HedgerowError where a store does not answer, or has no room
 */
export async function copyBlobs(
  from: BlobStore,
  to: BlobStore,
  options: { signal: AbortSignal; onProgress: (progress: BlobProgress) => void },
): Promise<BlobReport> {
  const report = { copied: 0, bytes: 0, present: 0, damaged: [] as string[], damagedCount: 0 };
  let total = 0;
  const copy = async ({ key, size }: BlobEntry): Promise<void> => {
    const there = await to.stat(key);
    // A blob is whole or not at all, and never changes under its key.
    if (there?.size === size) {
      report.present += 1;
      return;
    }
    const digest = digestOf(key);
    try {
      const { body } = await from.read(key);
      await to.write(key, body, { size, sync: true, ...(digest !== null && { digest }) });
      report.copied += 1;
      report.bytes += size;
    } catch (error) {
      // Taken away since it was listed.
      if (isCode(error, 'NOT_FOUND')) return;
      if (!isCode(error, 'INTEGRITY_FAILED')) throw error;
      report.damagedCount += 1;
      if (report.damaged.length < NAMED) report.damaged.push(key);
    }
  };
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  for (const prefix of BLOB_PREFIXES) {
    for await (const blob of from.list(prefix)) {
      options.signal.throwIfAborted();
      total += 1;
      const one = copy(blob)
        .catch((error: unknown) => void failures.push(error))
        .finally(() => running.delete(one));
      running.add(one);
      if (running.size >= SIDE_BY_SIDE) await Promise.race(running);
      if (failures.length > 0) break;
      options.onProgress({ step: 'blobs', done: total - running.size, total, bytes: report.bytes });
    }
    if (failures.length > 0) break;
  }
  await Promise.all(running);
  const [failure] = failures;
  if (failure !== undefined) {
    throw failure instanceof Error ? failure : new HedgerowError('INTERNAL', undefined, { cause: failure });
  }
  return report;
}
