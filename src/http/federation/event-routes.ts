/** `GET /federation/v1/events`: server-sent events (WHATWG HTML, section 9.2). */
import type { ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import type { EventHub, EventSink } from '../../federation/serve/events.ts';
import type { PeerRoute } from './peer-route.ts';

export interface EventRoutesOptions {
  events: EventHub;
  route: PeerRoute;
}

export function eventRoutes(app: FastifyInstance, { events, route }: EventRoutesOptions): void {
  app.get(
    '/federation/v1/events',
    { exposeHeadRoute: false },
    route(async (peer, _request, reply) => {
      const stream = await events.open(peer);
      const { raw } = reply.hijack();
      raw.once('close', stream.leave);
      raw.on('error', () => {});
      if (raw.destroyed) {
        stream.leave();
        return;
      }
      raw.writeHead(200, {
        'content-type': 'text/event-stream',
        'cache-control': 'private, no-transform',
        // nginx and others would hold an event back until their buffer is full.
        'x-accel-buffering': 'no',
        'x-content-type-options': 'nosniff',
      });
      stream.begin(new ResponseSink(raw));
    }),
  );
  // Else the end of the server would wait for connections that never end.
  app.addHook('preClose', async () => events.close());
}

/** A class, since V8 keeps what an object with an accessor of its own sees until it collects the whole heap. */
class ResponseSink implements EventSink {
  readonly #raw: ServerResponse;

  constructor(raw: ServerResponse) {
    this.#raw = raw;
  }

  get drained(): boolean {
    return this.#raw.writableLength === 0;
  }

  write(text: string): void {
    this.#raw.write(text);
  }

  end(): void {
    this.#raw.end();
  }

  destroy(): void {
    this.#raw.destroy();
  }
}
