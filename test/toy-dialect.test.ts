/** What docs/adding-a-dialect.md says: a dialect is a folder and a line. The toy of that page is kept true here. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { addPeer } from './support/add-peer.ts';
import { refresh, relist, shownItems, titlesOf, viewPeer } from './support/dialect-contract.ts';
import { startForeignServer } from './support/foreign-server.ts';
import { eventually, settled, startInstance } from './support/instance.ts';
import { toy } from './support/toy-dialect.ts';

/** `/toys.json` is an object of names by number; `/toys/{number}` the bytes, and `/toys/{number}.webp` a small one. */
async function startToyServer() {
  const toys = new Map<string, string>();
  const server = await startForeignServer(({ path, headers }, { list, json, file }) => {
    if (headers['x-toy-key'] !== 'open-sesame') {
      json(401, {});
      return true;
    }
    if (path === '/toys.json') {
      list({ shelf: 'Attic', toys: Object.fromEntries(toys) });
      return true;
    }
    const [, number = '', small] = /^\/toys\/(\d+)(\.webp)?$/.exec(path) ?? [];
    const name = toys.get(number);
    if (name === undefined) return false;
    if (small === undefined) file(Buffer.from(`toy ${name}`), 'image/png');
    else file(Buffer.from(`RIFF....WEBP ${name}`), 'image/webp');
    return true;
  });
  return Object.assign(server, { toys });
}

it('is all that it takes to pull from a server of a further make', async () => {
  const home = await startInstance('Home', {}, { dialects: [toy] });
  const server = await startToyServer();
  try {
    server.toys.set('1', 'Bear').set('2', 'Drum').set('3', 'x'.repeat(501));
    const peerId = await addPeer(home, { endpoint: server.url, token: 'open-sesame' });
    await settled(home, peerId);
    expect(await titlesOf(home, peerId)).toEqual(['Bear', 'Drum']);
    expect(await viewPeer(home, peerId)).toMatchObject({
      verified: false,
      operations: { pull: { inSync: null, skippedItems: 1 } },
    });
    const [bear] = await shownItems(home, peerId);
    expect((await home.get(`/media/${bear?.id}/original`)).body.toString()).toBe('toy Bear');
    expect((await home.get(`/federation/proxy/${peerId}/1/thumbnail`)).body.toString()).toMatch(/^RIFF/);
    server.toys.delete('1');
    server.toys.set('2', 'Red Drum');
    await refresh(home, peerId);
    await eventually('the removal', async () => (await titlesOf(home, peerId)).length === 1);
    expect(await titlesOf(home, peerId)).toEqual(['Red Drum']);
    server.faults.errorInside = true;
    expect((await relist(home, peerId)).operations.pull.error?.code).toBe('PEER_INVALID_ANSWER');
    server.faults = {};
    expect((await refresh(home, peerId)).health).toBe('ONLINE');
  } finally {
    await home[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  }
});

it('stands on the page as it is run', async () => {
  const root = join(import.meta.dirname, '..');
  const page = await readFile(join(root, 'docs/adding-a-dialect.md'), 'utf8');
  const source = await readFile(join(root, 'test/support/toy-dialect.ts'), 'utf8');
  const shown = /```ts\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
  expect(shown.length).toBeGreaterThan(500);
  // Only the imports differ, by where the file lies.
  const body = (text: string): string => text.replaceAll(/^import[\s\S]*?;\n/gm, '').trim();
  expect(body(shown)).toBe(body(source));
});
