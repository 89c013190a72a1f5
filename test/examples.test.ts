/** The examples of docs/examples, against two instances that are paired. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Change,
  changes,
  download,
  type Entry,
  entries,
  type Server,
} from '../docs/examples/client/client.ts';
import {
  ADMIN_TOKEN,
  eventually,
  type Instance,
  pair,
  SAMPLES,
  settled,
  startInstance,
} from './support/instance.ts';

let garden: Instance;
let meadow: Instance;
const serverOf = ({ url }: Instance): Server => ({ url, token: ADMIN_TOKEN });

beforeAll(async () => {
  [garden, meadow] = await Promise.all([startInstance('Garden'), startInstance('Meadow')]);
  await garden.app.library.importFiles({ paths: [join(SAMPLES, 'garden')], visibility: 'PUBLIC' });
  const peer = await pair(garden, meadow);
  await settled(meadow, peer);
});

afterAll(async () => {
  await garden[Symbol.asyncDispose]();
  await meadow[Symbol.asyncDispose]();
});

describe('the typed client', () => {
  it('pages through the catalogs of two instances, and finds the same items in both', async () => {
    const all = async (server: Server): Promise<Entry[]> => Array.fromAsync(entries(server, 2));
    const own = await all(serverOf(garden));
    const theirs = await all(serverOf(meadow));
    expect(own.length).toBeGreaterThan(2);
    expect(new Set(own.map(({ id }) => id)).size).toBe(own.length);
    expect(theirs.map(({ digest }) => digest).sort()).toEqual(own.map(({ digest }) => digest).sort());
    expect(own.every(({ peer }) => peer === null)).toBe(true);
    expect(theirs.every(({ peer }) => peer?.name === 'Garden')).toBe(true);
  });

  it('downloads an item of a peer by a signed URL, byte for byte', async () => {
    const [entry] = await Array.fromAsync(entries(serverOf(meadow)));
    const bytes = await download(serverOf(meadow), entry?.id ?? '');
    const digest = createHash('sha256')
      .update(bytes ?? '')
      .digest('hex');
    expect(`sha-256:${digest}`).toBe(entry?.digest);
    expect(await download(serverOf(meadow), 'media_unknown')).toBeNull();
  });

  it('follows changes, and goes on after the server was away', async () => {
    const left = new AbortController();
    const heard: Change[] = [];
    const following = (async () => {
      for await (const change of changes(serverOf(garden), left.signal)) heard.push(change);
    })();
    await eventually('the first event', async () => heard.length === 1);
    const [entry] = await Array.fromAsync(entries(serverOf(garden)));
    const retitle = (title: string) =>
      garden.query('mutation ($input: UpdateMediaInput!) { updateMedia(input: $input) { media { id } } }', {
        input: { id: entry?.id, title },
      });
    await retitle('first');
    await eventually('the first title', async () => heard.at(-1)?.changed[0]?.title === 'first');
    await garden.stop();
    await garden.start();
    await retitle('second');
    await eventually('the second title', async () => heard.at(-1)?.changed[0]?.title === 'second');
    expect(heard.every(({ reset }) => !reset)).toBe(true);
    left.abort();
    await following;
  });
});
