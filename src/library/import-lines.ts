/** An import as lines of JSON, between a server and the command line on the same machine. */

import type { ImportedFile, ImportProgress, ImportSummary } from './import.ts';

/** `started` first, `summary` or `error` last. */
export type ImportLine =
  | { type: 'started'; id: string }
  | ({ type: 'progress' } & ImportProgress)
  | ({ type: 'file' } & ImportedFile)
  | ({ type: 'summary' } & ImportSummary)
  | { type: 'error'; code: string; message: string };
