/**
 * The process in which decoders run: where a file breaks one, this is all that it gets.
 * Started by media-worker.ts; takes one file at a time.
 */

import { Worker } from 'node:worker_threads';
import sharp from 'sharp';
import { writeCompiledCode } from '../lib/compile-cache.ts';
import { HedgerowError } from '../lib/errors.ts';
import type { MediaAnswer, MediaTask } from './media-protocol.ts';
import { processMedia } from './process-media.ts';

// One file at a time and one thread each: the pool has a process per core, and memory stays predictable.
sharp.cache(false);
sharp.concurrency(1);
// Only the decoders of the formats that the sniffer lets in; SVG from memory is our own posters.
sharp.block({ operation: ['VipsForeignLoad'] });
sharp.unblock({
  operation: [
    'VipsForeignLoadJpeg',
    'VipsForeignLoadPng',
    'VipsForeignLoadWebp',
    'VipsForeignLoadHeif',
    'VipsForeignLoadNsgif',
    'VipsForeignLoadTiff',
    'VipsForeignLoadSvgBuffer',
  ],
});

// A decoder that hangs blocks this thread, and then nobody here would notice that the parent has died. The parent says who
// it is: one that died before this thread was there is not mistaken for whoever has inherited this process.
new Worker(
  `const { workerData: parent } = require('node:worker_threads');
   setInterval(() => { if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL'); }, 2000);`,
  { eval: true, workerData: Number(process.argv[2]), execArgv: [], stdout: false, stderr: false },
).unref();

process.on('disconnect', () => {
  // The group, so that an ffmpeg of ours does not go on either; without a group of its own, this process.
  try {
    process.kill(-process.pid, 'SIGKILL');
  } catch {
    process.exit(1);
  }
});

process.on('message', async ({ id, path, options }: MediaTask) => {
  try {
    send({ id, result: await processMedia(path, options) });
  } catch (error) {
    const known = error instanceof HedgerowError;
    const cause = known && error.cause !== undefined ? error.cause : error;
    send({
      id,
      error: {
        code: known ? error.code : 'UNSUPPORTED_MEDIA',
        message: known ? error.message : 'The file is broken: it cannot be read.',
        detail: String(cause).slice(0, 1000),
      },
    });
  }
});

send({ ready: true });
// It is ended by force.
writeCompiledCode();

function send(answer: MediaAnswer): void {
  // The error of a parent that has just gone; `disconnect` ends this process.
  process.send?.(answer, () => {});
}
