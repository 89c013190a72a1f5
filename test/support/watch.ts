/**
 * What must hold in this process through anything that somebody outside does, watched all the while: it answers, its memory
 * is bounded, and it opens connections to nobody but those it knows.
 */
import { channel } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** ms between two questions. */
const ASK_EVERY = 50;

export interface Seen {
  /** Questions that were answered with 200, and what the others got. */
  healthy: number;
  failed: unknown[];
  /**
   * CPU of this thread between a question and its answer, at most, ms: for so long nobody is answered, on a machine with
   * nothing else to do. How busy the machine is does not count.
   */
  busiest: number;
  /** Resident memory at most, MiB. */
  memory: number;
  /** Ports on this machine, and other addresses, to which a connection was tried. */
  dialled: Set<string>;
}

export interface Watch {
  begin(ask: () => Promise<{ status: number }>): void;
  end(): Promise<Seen>;
}

export function createWatch(): Watch {
  let dialled = new Set<string>();
  // Every socket that this process opens by itself comes by here, whatever opens it.
  channel('net.client.socket').subscribe((message) => {
    const { socket } = message as { socket: Socket };
    socket.on('connectionAttempt', (ip: string, port: number) => {
      dialled.add(ip === '127.0.0.1' || ip === '::1' ? String(port) : `${ip}:${port}`);
    });
  });
  let going: { stop: AbortController; done: Promise<Seen> } | null = null;

  async function look(ask: () => Promise<{ status: number }>, stop: AbortSignal): Promise<Seen> {
    const seen: Seen = { healthy: 0, failed: [], busiest: 0, memory: 0, dialled };
    do {
      const before = process.threadCpuUsage();
      const status = await ask().then(
        (answer) => answer.status,
        (error: unknown) => String(error),
      );
      const { user, system } = process.threadCpuUsage(before);
      if (status === 200) seen.healthy += 1;
      else seen.failed.push(status);
      seen.busiest = Math.max(seen.busiest, (user + system) / 1000);
      seen.memory = Math.max(seen.memory, process.memoryUsage.rss() / 2 ** 20);
      await sleep(ASK_EVERY, undefined, { signal: stop }).catch(() => {});
    } while (!stop.aborted);
    return seen;
  }

  return {
    begin: (ask) => {
      dialled = new Set();
      const stop = new AbortController();
      going = { stop, done: look(ask, stop.signal) };
    },
    end: async () => {
      if (going === null) throw new Error('Nothing was watched.');
      const { stop, done } = going;
      going = null;
      stop.abort();
      return done;
    },
  };
}
