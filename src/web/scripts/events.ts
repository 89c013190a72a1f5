/**
 * The events of a GraphQL subscription as they come over one answer (the "distinct connections mode" of
 * https://github.com/graphql/graphql-over-http/blob/main/rfcs/GraphQLOverSSE.md).
 */

/** Characters of one event; nothing that the server sends of its own comes near it. */
const EVENT_MAX = 16_000_000;

/**
 * What stands behind `data` of each `next`, until `complete` or the end of the answer. Whoever stops reading gives up the
 * answer.
 *
 * @throws Error where an event is too long, or what reading the answer threw
 */
export async function* readEvents<Result>(
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<Result, void, undefined> {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      text += value.replaceAll('\r\n', '\n');
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const event = read(text.slice(0, end));
        text = text.slice(end + 2);
        if (event.name === 'complete') return;
        if (event.name === 'next' && event.data !== '') yield JSON.parse(event.data) as Result;
      }
      if (text.length > EVENT_MAX) throw new Error('The server sent an event that has no end.');
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function read(block: string): { name: string; data: string } {
  const event = { name: 'message', data: '' };
  for (const line of block.split('\n')) {
    if (line.startsWith('event:')) event.name = line.slice(6).trim();
    if (line.startsWith('data:')) event.data += line.slice(5).trim();
  }
  return event;
}
