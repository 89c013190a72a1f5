import { afterEach, describe, expect, it } from 'vitest';
import { startForeignServer } from '../../../test/support/foreign-server.ts';
import type { Processes } from '../../database/processes.ts';
import type { FederationContext } from '../context.ts';
import type { ForeignDialect } from '../dialects/dialect.ts';
import { createOutgoing } from '../outgoing/dispatcher.ts';
import { createForeignClients } from './foreign-clients.ts';

const DIALECT = { name: 'TOY', title: 'Toy', pace: null } as unknown as ForeignDialect;

const opened: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

/** Processes of one instance, which hear what the others tell; a wait is noted, and over at once. */
function processes(number: number) {
  const heard: ((name: string | null) => void)[] = [];
  return Array.from({ length: number }, (_, at) => {
    const outgoing = createOutgoing();
    opened.push(outgoing);
    const waits: number[] = [];
    let now = 1_000_000;
    const beside: Pick<Processes, 'tell' | 'hear'> = {
      tell: (_topic, name) => {
        for (const [index, listener] of heard.entries()) if (index !== at) listener(name);
      },
      hear: (_topic, listener) => {
        heard[at] = listener;
      },
    };
    const clients = createForeignClients({
      context: { processes: beside, now: () => now } as unknown as FederationContext,
      outgoing,
      dialects: [DIALECT],
      sleep: async (ms) => {
        waits.push(ms);
        now += ms;
      },
    });
    return { clients, waits };
  });
}

describe('a server of another make', () => {
  it('that asks one process to be left alone is left alone by all, and others are not', async () => {
    const answering = () =>
      startForeignServer((_, { list }) => {
        list({});
        return true;
      });
    const [server, other] = [await answering(), await answering()];
    opened.push(server, other);
    const [one, two] = processes(2);
    const ask = async (who: typeof one, url: string) => {
      const connection = { endpoint: url, policy: 'named', token: null } as const;
      const host = who?.clients.host(DIALECT, connection);
      return (await host?.json('/list', {}, AbortSignal.timeout(5_000)))?.status;
    };
    server.faults = { status: 429, retryAfter: 40 };
    expect(await ask(one, server.url)).toBe(429);
    server.faults = {};
    expect(await ask(two, other.url)).toBe(200);
    expect(two?.waits).toEqual([]);
    expect(await ask(two, server.url)).toBe(200);
    expect(two?.waits).toEqual([40_000]);
    expect(await ask(one, server.url)).toBe(200);
    expect(one?.waits).toEqual([40_000]);
  });
});
