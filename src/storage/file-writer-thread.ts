/** A thread that makes files out of what lies in shared memory, one after another. */

import { closeSync, mkdirSync, openSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';
import { systemCode } from '../lib/errors.ts';
import { RENAME_ATTEMPTS, SLOT_BYTES, type WriteTask, type WrittenFile } from './file-writer.ts';

const memory = workerData as SharedArrayBuffer;

parentPort?.on('message', (tasks: WriteTask[]) => {
  parentPort?.postMessage(tasks.map((task): WrittenFile => ({ slot: task.slot, failure: write(task) })));
});

function write({ slot, length, temporary, path }: WriteTask): WrittenFile['failure'] {
  let descriptor: number | undefined;
  let made = false;
  try {
    descriptor = openSync(temporary, 'wx', 0o640);
    made = true;
    const bytes = new Uint8Array(memory, slot * SLOT_BYTES, length);
    for (let at = 0; at < length; ) at += writeSync(descriptor, bytes, at, length - at, at);
    const written = descriptor;
    descriptor = undefined;
    closeSync(written);
    moveTo(temporary, path);
    return null;
  } catch (error) {
    if (made) {
      quietly(() => descriptor !== undefined && closeSync(descriptor));
      quietly(() => unlinkSync(temporary));
    }
    return { code: systemCode(error), message: error instanceof Error ? error.message : String(error) };
  }
}

function moveTo(temporary: string, path: string): void {
  for (let attempt = 1; ; attempt += 1) {
    try {
      renameSync(temporary, path);
      return;
    } catch (error) {
      if (systemCode(error) !== 'ENOENT' || attempt === RENAME_ATTEMPTS) throw error;
      mkdirSync(dirname(path), { recursive: true });
    }
  }
}

function quietly(work: () => void): void {
  try {
    work();
  } catch {
    // What failed before is what is told.
  }
}
