/**
 * `GET /federation/v1/events`: server-sent events (WHATWG HTML, section 9.2). Hints only; whatever they say is asked
 * for again with a signed answer.
 */

import type { Code } from '../../lib/errors.ts';
import { codeFromWire, wireCode } from '../../lib/errors.ts';

export type FeedEvent =
  /** Something that this pair sees has changed. */
  | { type: 'changed' }
  /** The stream ends with the pair; `code` says why: REVOKED or GRANT_ENDED. */
  | { type: 'ended'; code: Code | undefined };

/** A comment, which readers skip; sent every 20 s, so that both ends notice when the connection is gone. */
export const HEARTBEAT = ': heartbeat\n\n';

/** Characters of one event; a stream with a longer one is given up. */
const MAX_EVENT = 4096;

export function formatEvent(event: FeedEvent): string {
  const data = event.type === 'ended' && event.code !== undefined ? { code: wireCode(event.code) } : {};
  return `event: ${event.type}\ndata: ${JSON.stringify(data)}\n\n`;
}

/** Takes the stream in pieces of any size and gives the events that became whole. Unknown ones are left out. */
export class EventReader {
  #decoder = new TextDecoder();
  #rest = '';
  #type = '';
  #data = '';

  /** @throws RangeError where a line or an event is longer than 4096 characters */
  push(chunk: Uint8Array): FeedEvent[] {
    const events: FeedEvent[] = [];
    const text = this.#rest + this.#decoder.decode(chunk, { stream: true });
    // A carriage return at the end may be the first half of a line end.
    const lines = text.split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const event = this.#line(line);
      if (event) events.push(event);
    }
    if (this.#rest.length + this.#data.length > MAX_EVENT) throw new RangeError('an event is too long');
    return events;
  }

  #line(line: string): FeedEvent | undefined {
    if (line === '') {
      const event = toEvent(this.#type, this.#data);
      this.#type = '';
      this.#data = '';
      return event;
    }
    const [, field = '', value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (field === 'event') this.#type = value.slice(0, 64);
    if (field === 'data') this.#data += `${value.slice(0, MAX_EVENT + 1)}\n`;
    if (this.#data.length > MAX_EVENT) throw new RangeError('an event is too long');
    return undefined;
  }
}

function toEvent(type: string, data: string): FeedEvent | undefined {
  if (type === 'changed') return { type };
  if (type !== 'ended') return undefined;
  try {
    const { code } = JSON.parse(data) as { code?: unknown };
    return { type, code: typeof code === 'string' ? codeFromWire(code) : undefined };
  } catch {
    return { type, code: undefined };
  }
}
