/** Reads the command line, runs one command, sets the exit code. */

import type { Host } from './cli/backend.ts';
import { countMemoryTogether } from './lib/collector.ts';
import { keepCompiledCode } from './lib/compile-cache.ts';

countMemoryTogether();
// Before anything that takes long to compile is loaded.
keepCompiledCode();
const { runCommandLine } = await import('./cli/program.ts');
const { processTerminal } = await import('./cli/terminal.ts');

/** Loaded with the first command that needs it: `--help` and commands through a running server do not. */
const loadHost = async (): Promise<Host> => (await import('./host.ts')).host;

// `hedgerow peers | head` is no failure of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

process.exitCode = await runCommandLine(process.argv.slice(2), {
  host: {
    openFolder: async (config, secrets) => (await loadHost()).openFolder(config, secrets),
    importKey: async (config, key) => (await loadHost()).importKey(config, key),
    move: async (request) => (await loadHost()).move(request),
    takeBack: async (config) => (await loadHost()).takeBack(config),
    serve: async (config, secrets) => (await loadHost()).serve(config, secrets),
  },
  terminal: processTerminal(),
  environment: process.env,
});
