/**
 * The thread that reads what peers answer to those who pull: it proves, decodes, parses and checks pages, and makes what is
 * in them ready to be stored. It has no connection to anything: what it finds out goes to the main thread, and what it has
 * read to the thread that stores.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { writeCompiledCode } from '../../lib/compile-cache.ts';
import { readUnreadPage } from '../dialects/hedgerow-page.ts';
import { storedPublicKey } from '../identity/keys.ts';
import { giveWay } from './give-way.ts';
import {
  type FromReader,
  type PageRead,
  postError,
  type ReaderData,
  type ToReader,
} from './ingest-protocol.ts';
import { readyPage } from './ready-page.ts';

if (parentPort === null) throw new Error('This runs as a thread.');
giveWay();
const port = parentPort;
const { dialect, pages } = workerData as ReaderData;

port.on('message', (message: ToReader) => void read(message));
// It is ended by force.
writeCompiledCode();

async function read({ reading, unread, key }: ToReader): Promise<void> {
  const { verdict, page } = await readUnreadPage(unread, storedPublicKey(key));
  port.postMessage({ reading, verdict } satisfies FromReader);
  // What somebody else has written is not looked at.
  if (verdict.kind !== 'signed') return;
  // Whatever goes wrong with one page is the end of its pull, and not of all.
  const result = await page()
    .then((read): PageRead['result'] => ({ page: readyPage(read, dialect) }))
    .catch((error: unknown): PageRead['result'] => ({ error: postError(error) }));
  pages.postMessage({ reading, result } satisfies PageRead);
}
