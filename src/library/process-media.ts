/** One file, all that is wanted of it: what it is, what it says, its small pictures. */

import { HedgerowError } from '../lib/errors.ts';
import { type ProbeOptions, type ProbeResult, probe } from './probe.ts';
import { type Renditions, renditions } from './renditions.ts';
import { type Sniffed, sniff } from './sniff.ts';

export interface ProcessedMedia {
  sniffed: Sniffed;
  probe: ProbeResult;
  renditions: Renditions;
}

/**
 * Does the whole work in this very process; `createMediaPool` does it in others.
 * @throws HedgerowError UNSUPPORTED_MEDIA, NOT_FOUND, UNAVAILABLE
 */
export async function processMedia(path: string, options: ProbeOptions = {}): Promise<ProcessedMedia> {
  const sniffed = await sniff(path);
  if (sniffed === null) throw new HedgerowError('UNSUPPORTED_MEDIA');
  const probed = await probe(path, sniffed, options);
  return { sniffed, probe: probed, renditions: await renditions(path, sniffed, probed, options) };
}
