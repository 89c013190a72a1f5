/**
 * A pool of child processes that decode files of strangers.
 *
 * Image, video and document decoders are large C and C++ programs, and files are how they are attacked. So they run
 * apart: without the server's environment (no secrets, no database address), with limits on time and memory, one
 * file at a time. Whatever a file does to its process, the answer is that the file is broken, and the pool goes on.
 */

import { type ChildProcess, fork } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { COMPILED } from '../lib/compile-cache.ts';
import { HedgerowError } from '../lib/errors.ts';
import type { MediaAnswer, MediaTask } from './media-protocol.ts';
import type { ProbeOptions } from './probe.ts';
import type { ProcessedMedia } from './process-media.ts';

export interface MediaPoolOptions extends ProbeOptions {
  /** Child processes; the number of cores unless told. They start when there is work. */
  size?: number;
  /** For one file, from the moment that a process takes it; how long the process takes to start does not count. */
  timeoutMs?: number;
  /**
   * Megabytes of resident memory beyond which a process is ended, watched on Linux only. Unless told, the processes
   * share half of the machine's, each with 512 to 2048: the largest pictures need about 1600.
   */
  maxMemoryMb?: number;
  /** Files after which a process is replaced: what decoders leak stays bounded. */
  filesPerProcess?: number;
  /** The program of the child processes. */
  program?: URL;
}

export interface MediaPool extends AsyncDisposable {
  /**
   * Sniffs, probes and draws one file in a child process. Calls beyond the pool's size wait their turn.
   * @throws HedgerowError UNSUPPORTED_MEDIA where the file is not supported, broken, or broke or outlasted its
   *   process; NOT_FOUND where it is not there; UNAVAILABLE where it cannot be read or the pool is closing
   */
  process(path: string): Promise<ProcessedMedia>;
}

const CHILD = new URL('./media-child.ts', import.meta.url);
const TIMEOUT_MS = 60_000;
/** ms until a process must be there. */
const START_MS = 60_000;
const MAX_HEAP_MB = 256;
const FILES_PER_PROCESS = 1000;
const MEMORY_CHECK_MS = 250;
const PAGE_BYTES = 4096;
const SHUTTING_DOWN = 'The server is shutting down.';

interface Job {
  path: string;
  resolve(result: ProcessedMedia): void;
  reject(error: HedgerowError): void;
}

interface Slot {
  child: ChildProcess;
  ready: boolean;
  files: number;
  job: Job | null;
  /** Why we ended it, if we did. */
  verdict: string | null;
}

/** Makes a pool; nothing is started before the first file. */
export function createMediaPool(options: MediaPoolOptions = {}): MediaPool {
  const {
    size = availableParallelism(),
    timeoutMs = TIMEOUT_MS,
    maxMemoryMb = Math.min(2048, Math.max(512, totalmem() / 1_048_576 / 2 / size)),
    filesPerProcess = FILES_PER_PROCESS,
    program = CHILD,
    ...probeOptions
  } = options;
  const queue: Job[] = [];
  const slots = new Set<Slot>();
  let closing = false;
  let lastId = 0;

  function next(): void {
    for (let job = queue[0]; job !== undefined; job = queue[0]) {
      const idle = [...slots].find((slot) => slot.job === null && slot.verdict === null);
      if (idle === undefined && slots.size >= size) return;
      queue.shift();
      run(idle ?? start(), job);
    }
  }

  function start(): Slot {
    const child = fork(program, [String(process.pid)], {
      serialization: 'advanced',
      execArgv: [`--max-old-space-size=${MAX_HEAP_MB}`],
      // What it needs to find ffmpeg and its temporary files, and nothing that the server knows.
      env: {
        ...pick(process.env, ['PATH', 'TMPDIR', 'TEMP', 'TMP', 'SystemRoot', 'LANG']),
        // One is started for each few files: compiling anew would be most of what it does.
        NODE_COMPILE_CACHE: COMPILED,
      },
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      // A group of its own: ending it ends the ffmpeg that it may have started, and Ctrl-C does not reach it.
      detached: true,
    });
    const slot: Slot = { child, ready: false, files: 0, job: null, verdict: null };
    slots.add(slot);
    hold(slot, false);
    child.on('error', () => {}); // `exit` or `close` follows, or `spawn` failed and `close` does
    child.once('close', () => {
      slots.delete(slot);
      const { job } = slot;
      slot.job = null;
      if (job !== null) job.reject(endOf(slot));
      next();
    });
    return slot;
  }

  function run(slot: Slot, job: Job): void {
    const id = ++lastId;
    slot.job = job;
    slot.files++;
    hold(slot, true);
    const endAfter = (ms: number) => setTimeout(() => end(slot, 'The file took too long to read.'), ms);
    let timer = endAfter(slot.ready ? timeoutMs : START_MS);
    const watch = setInterval(async () => {
      if ((await residentMb(slot.child.pid)) > maxMemoryMb && slot.job === job) {
        end(slot, 'The file needs too much memory to read.');
      }
    }, MEMORY_CHECK_MS);
    const onMessage = (answer: MediaAnswer) => {
      if ('ready' in answer) {
        slot.ready = true;
        clearTimeout(timer);
        timer = endAfter(timeoutMs);
        return;
      }
      if (answer.id !== id || slot.job !== job) return;
      slot.job = null;
      stop();
      hold(slot, false);
      if ('result' in answer) job.resolve(answer.result);
      else {
        const { code, message, detail } = answer.error;
        job.reject(new HedgerowError(code, message, { cause: detail }));
      }
      if (slot.files >= filesPerProcess) end(slot, 'The process had done its share.');
      next();
    };
    const stop = () => {
      clearTimeout(timer);
      clearInterval(watch);
      slot.child.off('message', onMessage);
      slot.child.off('close', stop);
    };
    slot.child.on('message', onMessage);
    slot.child.once('close', stop);
    const task: MediaTask = { id, path: job.path, options: probeOptions };
    // Where the channel is gone the child is too, and `close` answers for it.
    slot.child.send(task, () => {});
  }

  return {
    process(path) {
      if (closing) return Promise.reject(new HedgerowError('UNAVAILABLE', SHUTTING_DOWN));
      const { promise, resolve, reject } = Promise.withResolvers<ProcessedMedia>();
      queue.push({ path, resolve, reject });
      next();
      return promise;
    },
    async [Symbol.asyncDispose]() {
      closing = true;
      for (const job of queue.splice(0)) {
        job.reject(new HedgerowError('UNAVAILABLE', SHUTTING_DOWN));
      }
      await Promise.all(
        [...slots].map(async (slot) => {
          const gone = new Promise((done) => slot.child.once('close', done));
          hold(slot, true);
          end(slot, SHUTTING_DOWN);
          await gone;
        }),
      );
    },
  };
}

/** What it means for the file in work that its process has ended. */
function endOf(slot: Slot): HedgerowError {
  if (slot.verdict === SHUTTING_DOWN) return new HedgerowError('UNAVAILABLE', SHUTTING_DOWN);
  // A process that never came up says nothing about the file: a hundred thousand of them would be called broken.
  if (!slot.ready) return new HedgerowError('UNAVAILABLE', 'The media reader could not be started.');
  if (slot.verdict !== null) return new HedgerowError('UNSUPPORTED_MEDIA', slot.verdict);
  return new HedgerowError('UNSUPPORTED_MEDIA', 'The file is broken: it crashed its reader.');
}

/** Ends a child and all that it has started. */
function end(slot: Slot, verdict: string): void {
  slot.verdict ??= verdict;
  const { pid } = slot.child;
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    slot.child.kill('SIGKILL'); // no process groups here (Windows)
  }
}

/** Only a child at work keeps this process alive: an idle pool that nobody closed lets it exit, and ends with it. */
function hold(slot: Slot, working: boolean): void {
  if (working) {
    slot.child.ref();
    slot.child.channel?.ref();
  } else {
    slot.child.unref();
    slot.child.channel?.unref();
  }
}

/** Resident megabytes of a process, 0 where the system does not tell (proc(5), statm: second field, in pages). */
async function residentMb(pid: number | undefined): Promise<number> {
  try {
    const statm = await readFile(`/proc/${pid}/statm`, 'latin1');
    return (Number(statm.split(' ')[1] ?? 0) * PAGE_BYTES) / 1_048_576;
  } catch {
    return 0;
  }
}

function pick(env: NodeJS.ProcessEnv, names: readonly string[]): NodeJS.ProcessEnv {
  return Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}
