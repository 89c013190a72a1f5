/** A client that reads an answer at its own pace, and tells how it ended. */
import { type ClientRequest, type IncomingMessage, request } from 'node:http';

export interface SlowReader {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** Bytes that have arrived. */
  readonly received: number;
  /** What arrived, as text; for short answers. */
  readonly text: string;
  /** How it ended, and when, once it has: `cut` where the connection broke off before the end. */
  readonly ended: Promise<{ how: 'whole' | 'cut'; at: number }>;
  /** Stops taking anything. */
  pause(): void;
  /** Takes everything as it comes from now on. */
  readOn(): void;
  /** Goes away. */
  leave(): void;
}

/** @param every ms between two readings of what has arrived; 0 reads as it comes */
export async function readSlowly(
  url: string | URL,
  headers: Record<string, string> | string[],
  every = 0,
): Promise<SlowReader> {
  const { promise, resolve, reject } = Promise.withResolvers<[ClientRequest, IncomingMessage]>();
  const asked = request(url, { agent: false, headers });
  asked.on('error', reject);
  asked.on('response', (response) => resolve([asked, response]));
  asked.end();
  const [, answer] = await promise;
  let received = 0;
  let text = '';
  let paused = false;
  let pace = every;
  const ended = Promise.withResolvers<{ how: 'whole' | 'cut'; at: number }>();
  answer.on('data', (chunk: Buffer) => {
    received += chunk.length;
    if (text.length < 100_000) text += chunk.toString('latin1');
    if (pace === 0) return;
    answer.pause();
    setTimeout(() => {
      if (!paused) answer.resume();
    }, pace);
  });
  answer.on('error', () => {});
  answer.on('close', () => ended.resolve({ how: answer.complete ? 'whole' : 'cut', at: Date.now() }));
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    get received() {
      return received;
    },
    get text() {
      return text;
    },
    ended: ended.promise,
    pause: () => {
      paused = true;
      answer.pause();
    },
    readOn: () => {
      paused = false;
      pace = 0;
      answer.resume();
    },
    leave: () => asked.destroy(),
  };
}
