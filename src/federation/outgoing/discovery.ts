/** Reads what a server says of itself to everybody. */
import { HedgerowError } from '../../lib/errors.ts';
import { ACCEPT_ENCODING, contentCoding, decodeContent } from '../wire/content-coding.ts';
import { parseJson } from '../wire/json.ts';
import { type Discovery, discoverySchema, readMessage } from '../wire/messages.ts';
import type { Outgoing } from './dispatcher.ts';
import { exchange } from './exchange.ts';

/** The longest chain of keys is about 30 KB. */
const DISCOVERY_BYTES = 256 * 1024;
/** ms */
const DEADLINE = 20_000;

/**
 * Nobody has signed it: believe of it only what signatures of its own confirm.
 *
 * @param endpoint - base URL
 * @throws HedgerowError PEER_UNREACHABLE and its like; PEER_INVALID_ANSWER where the server there is no Hedgerow
 */
export async function readDiscovery(
  dispatcher: ReturnType<Outgoing['dispatcher']>,
  endpoint: string,
  signal?: AbortSignal,
): Promise<Discovery> {
  const answer = await exchange(dispatcher, {
    url: `${endpoint}/.well-known/hedgerow`,
    method: 'GET',
    headers: { accept: 'application/json', 'accept-encoding': ACCEPT_ENCODING },
    maxBytes: DISCOVERY_BYTES,
    deadline: DEADLINE,
    signal,
  });
  if (answer.status !== 200) {
    throw new HedgerowError(
      'PEER_INVALID_ANSWER',
      `The server there is no Hedgerow, or its federation is switched off: it answered ${answer.status}.`,
    );
  }
  const content = await decodeContent(answer.body, contentCoding(answer.fields), DISCOVERY_BYTES);
  return readMessage(discoverySchema, parseJson(content), 'PEER_INVALID_ANSWER');
}
