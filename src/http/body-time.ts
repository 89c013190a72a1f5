/**
 * How long a client may take to send the body of a request. Node's own limit knows no routes; here a route that has
 * let somebody in may take a body for as long as its bytes come. Whoever was not let in, or was answered already, has
 * the ordinary time: sending a byte now and then must not hold a connection for ever.
 */

import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';

export interface BodyTime {
  /** The body may take its time until the request is answered; whoever reads it watches that bytes come. */
  unhurried(request: { readonly raw: IncomingMessage }): void;
}

/** @param limit ms for a whole body, and again for what is left of it once the answer is out */
export function boundBodyTime(app: FastifyInstance, limit: number): BodyTime {
  const timers = new WeakMap<IncomingMessage, NodeJS.Timeout>();
  const stop = (raw: IncomingMessage): void => clearTimeout(timers.get(raw));

  app.addHook('onRequest', async ({ raw }, { raw: answer }) => {
    const { 'content-length': length = '0', 'transfer-encoding': coding } = raw.headers;
    // Or it is here already.
    if ((length === '0' && coding === undefined) || raw.complete) return;
    // Kept, since a request that was broken off has none any more.
    const { socket } = raw;
    const start = (): void => {
      stop(raw);
      const end = (): void => {
        if (!raw.complete) socket.destroy();
      };
      timers.set(raw, setTimeout(end, limit).unref());
    };
    start();
    raw.once('end', () => stop(raw));
    raw.once('close', () => {
      if (socket.destroyed) stop(raw);
    });
    answer.once('finish', () => {
      if (raw.complete) return;
      start();
      // Node discards only what nobody has begun to read. What is left would hold up the next request behind it.
      raw.unpipe();
      raw.resume();
    });
  });
  return { unhurried: ({ raw }) => stop(raw) };
}
