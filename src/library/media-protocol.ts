/** What the pool and its child processes say to each other. */

import type { Code } from '../lib/errors.ts';
import type { ProbeOptions } from './probe.ts';
import type { ProcessedMedia } from './process-media.ts';

export interface MediaTask {
  id: number;
  path: string;
  options: ProbeOptions;
}

export type MediaAnswer =
  /** Sent once, when the child has loaded its decoders. */
  | { ready: true }
  | { id: number; result: ProcessedMedia }
  /** `detail` is for the log: what the decoder said. */
  | { id: number; error: { code: Code; message: string; detail: string } };
