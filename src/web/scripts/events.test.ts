import fc from 'fast-check';
import { expect, it } from 'vitest';
import { readEvents } from './events.ts';

function bodyOf(...pieces: (string | Uint8Array<ArrayBuffer>)[]): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    start: (controller) => {
      for (const piece of pieces) {
        controller.enqueue(typeof piece === 'string' ? new TextEncoder().encode(piece) : piece);
      }
      controller.close();
    },
  });
}

async function read(body: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<unknown[]> {
  const events: unknown[] = [];
  for await (const event of readEvents(body)) events.push(event);
  return events;
}

it('reads what the events carry, wherever the answer is cut into pieces', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.jsonValue(), { maxLength: 6 }),
      fc.array(fc.nat(400), { maxLength: 8 }),
      fc.constantFrom('\n', '\r\n'),
      async (values, cuts, line) => {
        const text = values
          .map((value) => `event: next${line}data: ${JSON.stringify(value)}${line}${line}:${line}${line}`)
          .join('');
        const bytes = new TextEncoder().encode(text);
        const edges = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
        // Not between the two characters of a line's end: what the server writes ends lines with one.
        const pieces =
          line === '\n' ? edges.slice(1).map((edge, at) => bytes.slice(edges[at], edge)) : [bytes];
        const wanted = JSON.parse(JSON.stringify(values)) as unknown[];
        expect(await read(bodyOf(...pieces))).toEqual(wanted);
      },
    ),
    { numRuns: 100 },
  );
});

it('ends with `complete`, says nothing for a beat, and gives up the answer where nobody reads on', async () => {
  expect(
    await read(bodyOf(':\n\nevent: next\ndata: 1\n\nevent: complete\ndata:\n\nevent: next\ndata: 2\n\n')),
  ).toEqual([1]);
  let cancelled = false;
  const endless = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull: (controller) => controller.enqueue(new TextEncoder().encode('event: next\ndata: 1\n\n')),
    cancel: () => {
      cancelled = true;
    },
  });
  for await (const _event of readEvents(endless)) break;
  expect(cancelled).toBe(true);
});

it('refuses an event that has no end', async () => {
  const piece = new TextEncoder().encode('x'.repeat(1_000_000));
  let sent = 0;
  const endless = new ReadableStream<Uint8Array<ArrayBuffer>>({
    pull: (controller) => {
      sent += 1;
      controller.enqueue(piece);
    },
  });
  await expect(read(endless)).rejects.toThrow('no end');
  expect(sent).toBeLessThan(30);
});
