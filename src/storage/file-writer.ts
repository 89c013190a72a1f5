/**
 * Files of a segment or less, made by a thread of their own. Done from here, each takes four trips to the threads of libuv, which
 * cost the thread that answers requests more than all else that it does with a segment; to this one it says once what is to be
 * done, of all that has come together meanwhile.
 *
 * The thread begins with the first file, and ends where there is none for a while.
 */

import { Worker } from 'node:worker_threads';
import { POOLED_BYTES } from './buffer-pool.ts';

export interface WriteTask {
  slot: number;
  /** Bytes of the slot. */
  length: number;
  /** Where it is written, and what it is called once it is whole. */
  temporary: string;
  path: string;
}

export interface WrittenFile {
  slot: number;
  failure: { code: string | undefined; message: string } | null;
}

/** Bytes of a slot: those of the longest file. */
export const SLOT_BYTES = POOLED_BYTES;
/** Another writer may remove an emptied folder between our mkdir and our rename; so often it is tried again. */
export const RENAME_ATTEMPTS = 5;
/** Files on their way at once, 8 MiB; pages that were never used take nothing. */
const SLOTS = 32;
/** ms without a file after which the thread ends. */
const IDLE = 30_000;
const PROGRAM = new URL('./file-writer-thread.ts', import.meta.url);

interface Waiting {
  resolve: () => void;
  reject: (error: Error) => void;
}

interface Thread {
  worker: Worker;
  memory: Uint8Array;
  free: number[];
  waiting: Map<number, Waiting>;
  /** Not told of yet. */
  tasks: WriteTask[];
  idle: NodeJS.Timeout | undefined;
}

/** One for all stores of the process. */
let current: Thread | undefined;

/**
 * Writes a file under a temporary name and renames it; where that fails, neither is left. The bytes are copied at once. Null
 * where as many as there may be are on their way already, or the file is too long: then nothing happens.
 *
 * @throws as the file system, with its code
 */
export function writeByThread(temporary: string, path: string, bytes: Uint8Array): Promise<void> | null {
  if (bytes.length > SLOT_BYTES) return null;
  current ??= begin();
  const thread = current;
  const slot = thread.free.pop();
  if (slot === undefined) return null;
  thread.memory.set(bytes, slot * SLOT_BYTES);
  clearTimeout(thread.idle);
  return new Promise((resolve, reject) => {
    thread.waiting.set(slot, { resolve, reject });
    thread.tasks.push({ slot, length: bytes.length, temporary, path });
    // What comes in the same turn goes along, and the bytes themselves go first to whoever waits for them.
    if (thread.tasks.length === 1) setImmediate(() => tell(thread));
  });
}

function begin(): Thread {
  const memory = new SharedArrayBuffer(SLOTS * SLOT_BYTES);
  const worker = new Worker(PROGRAM, {
    name: 'file writer',
    workerData: memory,
    // Nothing of how this process was started, such as a debugger's port.
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 4 },
  });
  worker.unref();
  const thread: Thread = {
    worker,
    memory: new Uint8Array(memory),
    free: Array.from({ length: SLOTS }, (_, slot) => slot),
    waiting: new Map(),
    tasks: [],
    idle: undefined,
  };
  let fault: unknown;
  worker.on('message', (written: WrittenFile[]) => heard(thread, written));
  worker.on('error', (error) => {
    fault = error;
  });
  worker.on('exit', () => {
    if (current === thread) current = undefined;
    for (const { reject } of thread.waiting.values()) {
      reject(new Error('The thread that writes files has ended.', { cause: fault }));
    }
    thread.waiting.clear();
  });
  return thread;
}

function tell(thread: Thread): void {
  // As long as somebody waits for a file, the process does not end.
  thread.worker.ref();
  thread.worker.postMessage(thread.tasks.splice(0));
}

function heard(thread: Thread, written: WrittenFile[]): void {
  for (const { slot, failure } of written) {
    const waiting = thread.waiting.get(slot);
    thread.waiting.delete(slot);
    thread.free.push(slot);
    if (failure === null) waiting?.resolve();
    else waiting?.reject(Object.assign(new Error(failure.message), { code: failure.code }));
  }
  if (thread.waiting.size > 0) return;
  thread.worker.unref();
  thread.idle = setTimeout(() => end(thread), IDLE).unref();
}

function end(thread: Thread): void {
  if (thread.waiting.size > 0) return;
  if (current === thread) current = undefined;
  void thread.worker.terminate();
}
