#!/usr/bin/env node
// Plain JavaScript that an old Node reads too: it finds a Node that is new enough, and runs src/main.ts in it.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OLDEST = 24;
const main = new URL('../src/main.ts', import.meta.url);

if (Number(process.versions.node.split('.')[0]) >= OLDEST) {
  import(main.href).catch((error) => {
    console.error(error);
    process.exitCode = 1;
  });
} else {
  const pinned = pinnedNode();
  if (pinned === null) {
    console.error(
      'hedgerow: Node ' +
        OLDEST +
        ' or later is needed, and this is ' +
        process.version +
        '. Install it, or run npm ci.',
    );
    process.exitCode = 1;
  } else {
    run(pinned);
  }
}

/** The Node that the project brings along, where it is installed. */
function pinnedNode() {
  try {
    const folder = dirname(createRequire(import.meta.url).resolve('node/package.json'));
    const path = join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
    return existsSync(path) ? path : null;
  } catch (_error) {
    return null;
  }
}

/** Runs the program in another Node: its output, its signals and its end are this process's. */
function run(node) {
  const child = spawn(node, [fileURLToPath(main)].concat(process.argv.slice(2)), { stdio: 'inherit' });
  const signals =
    process.platform === 'win32' ? ['SIGINT', 'SIGTERM'] : ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];
  signals.forEach((signal) => {
    process.on(signal, () => {
      // Ctrl-C reaches the child by itself: it is in the same group of processes of the terminal.
      if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal);
    });
  });
  child.on('error', (error) => {
    console.error(`hedgerow: ${node} could not be started: ${error.message}`);
    process.exitCode = 1;
  });
  child.on('exit', (code, signal) => {
    process.exitCode = signal === null ? code : 128 + (constants.signals[signal] || 0);
  });
}
