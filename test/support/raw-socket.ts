/** HTTP as bytes on a socket, for requests that no client would send. */

import { connect } from 'node:net';
import { type FieldList, oneField } from '../../src/federation/identity/http-fields.ts';

/** What `compose` writes out; nothing of it is checked or completed. */
export interface RawRequest {
  method: string;
  target: string;
  fields: [name: string, value: string][];
  /** As it goes over the wire, framing included. */
  body?: Uint8Array | undefined;
  version?: string;
}

export interface RawAnswer {
  status: number;
  fields: FieldList;
  body: Buffer;
}

export function compose({ method, target, fields, body, version = '1.1' }: RawRequest): Buffer {
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return Buffer.concat([
    Buffer.from(`${method} ${target} HTTP/${version}\r\n${lines}\r\n`, 'latin1'),
    body ?? Buffer.alloc(0),
  ]);
}

/** The body in one chunk (RFC 9112, section 7.1). */
export function chunked(body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')]);
}

/**
 * Writes `bytes` to the server at `url` and reads until it closes, or until nothing more came for `quiet` ms after an
 * answer. More than one answer means that the server saw more than one request.
 *
 * @throws Error where the server neither answers nor closes within `deadline` ms
 */
export async function exchangeRaw(
  url: string,
  bytes: Uint8Array,
  { quiet = 0, deadline = 10_000 }: { quiet?: number; deadline?: number } = {},
): Promise<{ answers: RawAnswer[]; closed: boolean }> {
  const { hostname, port } = new URL(url);
  // The answer to HEAD has the length of a body that is not there (RFC 9112, section 6.3).
  const bodiless = Buffer.from(bytes.subarray(0, 5)).toString('latin1') === 'HEAD ';
  const socket = connect(Number(port), hostname);
  const received: Buffer[] = [];
  const done = Promise.withResolvers<boolean>();
  let settle: NodeJS.Timeout | undefined;
  const late = setTimeout(() => done.reject(new Error('The server did not answer.')), deadline);
  socket.on('data', (part: Buffer) => {
    received.push(part);
    clearTimeout(settle);
    if (readAnswers(Buffer.concat(received), bodiless).length > 0)
      settle = setTimeout(() => done.resolve(false), quiet);
  });
  // A refused request may be answered with a reset as well.
  socket.on('error', () => done.resolve(true));
  socket.on('close', () => done.resolve(true));
  socket.write(bytes);
  try {
    const closed = await done.promise;
    return { answers: readAnswers(Buffer.concat(received), bodiless), closed };
  } finally {
    clearTimeout(late);
    clearTimeout(settle);
    socket.destroy();
  }
}

/** Every whole answer in `bytes`. */
function readAnswers(bytes: Buffer, bodiless: boolean): RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = bytes;
  for (;;) {
    const end = rest.indexOf('\r\n\r\n');
    if (end === -1) return answers;
    const [first = '', ...lines] = rest.subarray(0, end).toString('latin1').split('\r\n');
    const status = Number(/^HTTP\/1\.\d (\d{3})/.exec(first)?.[1]);
    if (Number.isNaN(status)) throw new Error(`No answer in HTTP: ${first}`);
    const fields = lines.map((line): [string, string] => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    });
    const content = rest.subarray(end + 4);
    const body = bodiless ? { content: Buffer.alloc(0), length: 0 } : readBody(fields, content);
    if (body === null) return answers;
    answers.push({ status, fields, body: body.content });
    rest = content.subarray(body.length);
  }
}

function readBody(fields: FieldList, bytes: Buffer): { content: Buffer; length: number } | null {
  const length = oneField(fields, 'content-length');
  if (length.kind === 'one') {
    const size = Number(length.value);
    return bytes.length < size ? null : { content: bytes.subarray(0, size), length: size };
  }
  if (oneField(fields, 'transfer-encoding').kind === 'none') {
    return { content: bytes, length: bytes.length };
  }
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const line = bytes.indexOf('\r\n', at);
    if (line === -1) return null;
    const size = Number.parseInt(bytes.subarray(at, line).toString('latin1'), 16);
    const begin = line + 2;
    if (bytes.length < begin + size + 2) return null;
    parts.push(bytes.subarray(begin, begin + size));
    at = begin + size + 2;
    if (size === 0) return { content: Buffer.concat(parts), length: at };
  }
}
