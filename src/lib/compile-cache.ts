/**
 * Keeps compiled code from one start to the next, beside the installed packages: half of what a start costs is to
 * compile the same sources again. Node checks that a source is still the one that was compiled.
 */
import { enableCompileCache, flushCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

/** Belongs to whoever installed the packages, as the code itself does; where it cannot be written, nothing is kept. */
export const COMPILED = fileURLToPath(new URL('../../node_modules/.cache/hedgerow', import.meta.url));

/** For all modules that are loaded from now on. */
export function keepCompiledCode(): void {
  enableCompileCache(COMPILED);
}

/** Writes what was compiled so far, for a process that may end by force. */
export function writeCompiledCode(): void {
  flushCompileCache();
}
