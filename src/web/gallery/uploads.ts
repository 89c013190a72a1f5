/**
 * Files on their way to the server: a few at a time, each going on where it was after a lost connection, or after the page
 * was closed and the same file is given again. How they are sent is `tus.ts`.
 */

import { Rejected, type Sent, type Transport } from './tus.ts';

export type UploadState = 'waiting' | 'running' | 'lost' | 'done' | 'failed';

export interface Upload {
  readonly key: number;
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  readonly sent: number;
  readonly state: UploadState;
  /** Why it failed, in a sentence. */
  readonly message: string | null;
}

export interface Uploads {
  /** In the order in which they were given; a new list whenever one changes. */
  readonly list: readonly Upload[];
  add(files: Iterable<File>): void;
  /** Ends it, here and at the server. */
  cancel(key: number): void;
  retry(key: number): void;
  /** Forgets those that are done, have failed or were cancelled. */
  clear(): void;
  /** The connection is back: what waits for it begins at once. */
  wake(): void;
  subscribe(listener: () => void): () => void;
}

export interface UploadsOptions {
  transport: Transport;
  /** Where unfinished uploads are remembered, by file. */
  memory: Pick<Storage, 'getItem' | 'setItem' | 'removeItem'>;
  /** An item is there. */
  onDone: () => void;
  /** Ms until the next attempt, after so many in a row that failed. */
  delay?: (attempt: number) => number;
}

const AT_ONCE = 2;
const FIRST_DELAY = 1_000;
const LONGEST_DELAY = 30_000;

interface Task {
  upload: Upload;
  file: File;
  abort: AbortController;
  wake: () => void;
}

export function createUploads({ transport, memory, onDone, delay = backOff }: UploadsOptions): Uploads {
  const tasks = new Map<number, Task>();
  const listeners = new Set<() => void>();
  let list: readonly Upload[] = [];
  let next = 0;

  const tell = (): void => {
    list = [...tasks.values()].map(({ upload }) => upload);
    for (const listener of listeners) listener();
  };
  const set = (task: Task, change: Partial<Upload>): void => {
    task.upload = { ...task.upload, ...change };
    tell();
  };
  const begin = (): void => {
    const states = [...tasks.values()];
    let running = states.filter(({ upload }) => upload.state === 'running' || upload.state === 'lost').length;
    for (const task of states) {
      if (running >= AT_ONCE) return;
      if (task.upload.state !== 'waiting') continue;
      running += 1;
      set(task, { state: 'running', message: null });
      void run(task).then(begin);
    }
  };

  const run = async (task: Task): Promise<void> => {
    const { file, abort } = task;
    const remembered = `hedgerow-upload:${file.name}:${file.size}:${file.lastModified}`;
    for (let attempt = 0; !abort.signal.aborted; ) {
      try {
        const sent = await send(task, remembered, () => {
          attempt = 0;
        });
        if (!sent.whole) throw new Error('The server has taken a part.');
        memory.removeItem(remembered);
        if (sent.rejected === null) {
          set(task, { state: 'done', sent: file.size });
          onDone();
        } else set(task, { state: 'failed', message: sent.rejected });
        return;
      } catch (error) {
        if (abort.signal.aborted) return;
        if (error instanceof Rejected) {
          memory.removeItem(remembered);
          set(task, { state: 'failed', message: error.message });
          return;
        }
        attempt += 1;
        set(task, { state: 'lost' });
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, delay(attempt));
          task.wake = () => {
            clearTimeout(timer);
            resolve();
          };
        });
        if (!abort.signal.aborted) set(task, { state: 'running' });
      }
    }
  };

  /** From where the server stands. @throws Rejected where it never will; else what came between */
  const send = async (task: Task, remembered: string, onProgress: () => void): Promise<Sent> => {
    const { file, abort } = task;
    let url = memory.getItem(remembered);
    let stands: Sent | null = url === null ? null : await transport.find(url, abort.signal);
    if (url === null || stands === null) {
      url = await transport.create(file, abort.signal);
      memory.setItem(remembered, url);
      stands = { offset: 0, whole: file.size === 0, rejected: null };
    }
    set(task, { sent: stands.offset });
    if (stands.whole) return stands;
    return transport.append(url, file, stands.offset, abort.signal, (sent) => {
      onProgress();
      set(task, { sent });
    });
  };

  return {
    get list() {
      return list;
    },
    add: (files) => {
      for (const file of files) {
        const key = next++;
        const upload: Upload = {
          key,
          name: file.name,
          size: file.size,
          sent: 0,
          state: 'waiting',
          message: null,
        };
        tasks.set(key, { upload, file, abort: new AbortController(), wake: () => undefined });
      }
      tell();
      begin();
    },
    cancel: (key) => {
      const task = tasks.get(key);
      if (task === undefined) return;
      task.abort.abort();
      task.wake();
      tasks.delete(key);
      const remembered = `hedgerow-upload:${task.file.name}:${task.file.size}:${task.file.lastModified}`;
      const url = memory.getItem(remembered);
      memory.removeItem(remembered);
      // What it cannot be told now expires there.
      if (url !== null) transport.remove(url).catch(() => undefined);
      tell();
      begin();
    },
    retry: (key) => {
      const task = tasks.get(key);
      if (task?.upload.state !== 'failed') return;
      set(task, { state: 'waiting', message: null, sent: 0 });
      begin();
    },
    clear: () => {
      for (const [key, { upload }] of tasks) {
        if (upload.state === 'done' || upload.state === 'failed') tasks.delete(key);
      }
      tell();
    },
    wake: () => {
      for (const task of tasks.values()) task.wake();
    },
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

function backOff(attempt: number): number {
  return Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** (attempt - 1));
}
