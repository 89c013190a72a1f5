/** Why an item is, or was, answered from where: what somebody who asks is told of each of its files. */

import { HedgerowError } from '../lib/errors.ts';
import type { VariantName } from '../lib/media.ts';
import type { DeliverableFile, Delivery, OpenedFile } from './delivery.ts';

/** What is kept here of one file of a peer. */
export interface KeptFile {
  /** Of `segmentCount`. */
  segments: number;
  segmentCount: number;
  bytes: number;
  pinned: boolean;
  /** ms since 1970. */
  usedAt: number;
}

/** How a file was last answered by this process. */
export interface LastAnswer {
  /** ms since 1970. */
  at: number;
  source: OpenedFile['source'] | null;
  /** As the answer said it (RFC 9211). */
  cacheStatus: string | null;
  /** What went wrong, before the answer or in the middle of it. */
  error: HedgerowError | null;
}

/** What is known of a peer that decides whether it can be asked. */
export interface PeerStanding {
  name: string;
  /** Whether it is asked for bytes at all. */
  asked: boolean;
  /** A sentence where it could not be asked the last time; null where all is well. */
  trouble: string | null;
}

export interface FileExplanation {
  variant: VariantName;
  mimeType: string;
  /** Bytes. */
  size: number | null;
  digest: string | null;
  /** From where a request would be answered now; NONE where it would not. */
  source: 'LOCAL' | 'CACHE' | 'PARTIAL' | 'PEER' | 'NONE';
  /** One sentence for people. */
  reason: string;
  kept: KeptFile | null;
  last: LastAnswer | null;
}

/**
 * @param twin - the id of an item of this instance with the same bytes; null where there is none
 * @param held - the peer took the item away together with many others, and an admin must decide
 * @param peer - null for a file of this instance
 */
export async function explainFile(
  delivery: Pick<Delivery, 'open' | 'kept' | 'lastAnswer'>,
  file: DeliverableFile,
  { held, peer, twin }: { held: boolean; peer: PeerStanding | null; twin: string | null },
): Promise<FileExplanation> {
  const { variant, mimeType, size, digest } = file;
  const kept = file.source === 0 ? null : await delivery.kept(file);
  const last = delivery.lastAnswer(file);
  const where = peer === null ? await whereLocal(delivery, file) : wherePeer(file, kept, { held, peer });
  if (twin !== null && !held) {
    where.reason = `Whoever may see ${twin}, an item of this instance with the same bytes, gets that one's. For others: ${where.reason}`;
  }
  return { variant, mimeType, size, digest, ...where, kept, last };
}

type Where = Pick<FileExplanation, 'source' | 'reason'>;

/** Whether a local file can be read is found out by reading the first byte of it. */
async function whereLocal(delivery: Pick<Delivery, 'open'>, file: DeliverableFile): Promise<Where> {
  const place = file.local?.storage === 'EXTERNAL' ? 'its own folder' : 'the store of this instance';
  try {
    const range = file.size === 0 ? null : { start: 0, end: 0 };
    const { body } = await delivery.open(file, range, { fill: false, noted: false });
    body.destroy();
    return { source: 'LOCAL', reason: `It is a file of this instance and lies in ${place}.` };
  } catch (error) {
    if (!(error instanceof HedgerowError)) throw error;
    return { source: 'NONE', reason: `It should lie in ${place}: ${error.message}` };
  }
}

function wherePeer(
  file: DeliverableFile,
  kept: KeptFile | null,
  { held, peer }: { held: boolean; peer: PeerStanding },
): Where {
  if (held) {
    return {
      source: 'NONE',
      reason: `${peer.name} took it away with many others at once; an admin decides what becomes of them.`,
    };
  }
  const whole = kept !== null && kept.segments > 0 && kept.segments === kept.segmentCount;
  if (whole) return { source: 'CACHE', reason: 'The whole file is kept here, verified when it came.' };
  const here = kept !== null && kept.segments > 0;
  const parts = here ? `${kept.segments} of ${kept.segmentCount} segments are kept here; ` : '';
  const rest = here ? 'the rest' : 'It';
  if (!peer.asked || peer.trouble !== null) {
    const why = peer.trouble ?? `${peer.name} is not asked for anything now.`;
    return here
      ? { source: 'PARTIAL', reason: `${parts}${rest} cannot be had from ${peer.name}: ${why}` }
      : { source: 'NONE', reason: `Nothing of it is kept here, and ${peer.name} cannot give it: ${why}` };
  }
  return {
    source: here ? 'PARTIAL' : 'PEER',
    reason: `${parts}${rest} is fetched from ${peer.name} when somebody asks, ${keeping(file)}.`,
  };
}

/** What becomes of bytes that are fetched for somebody who is signed in. */
function keeping({ cache, variant }: DeliverableFile): string {
  if (cache === 'NONE') return 'and not kept, for nothing of this peer is (cache mode NONE)';
  if (cache === 'THUMBNAILS' && variant !== 'thumbnail') {
    return 'and not kept, for only thumbnails of this peer are (cache mode THUMBNAILS)';
  }
  return cache === 'MIRROR' && variant !== 'thumbnail'
    ? 'or sooner, for everything of this peer is kept while there is room (cache mode MIRROR)'
    : 'and kept while there is room';
}
