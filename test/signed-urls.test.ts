/** URLs that carry their own permission, and answers that end with it. */

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { request } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Visibility } from '../src/catalog/items.ts';
import { type Instance, startInstance } from './support/instance.ts';
import { nobody, type Person, signedIn, signInAs, withToken } from './support/people.ts';

let now = Date.now();
let instance: Instance;
let admin: Person;
let editor: Person;
const ids: Record<string, string> = {};

beforeAll(async () => {
  instance = await startInstance(
    'Garden',
    { HEDGEROW_ALLOWED_ORIGINS: 'https://frontend.example' },
    { now: () => now },
  );
  admin = await signedIn(instance, 'Ada', 'ADMIN');
  editor = await signedIn(instance, 'Edda', 'EDITOR');
  const folder = join(instance.folder, 'pictures');
  await mkdir(folder);
  for (const [at, visibility] of (['PRIVATE', 'INSTANCE'] as Visibility[]).entries()) {
    // Not compressed, so that the file is longer than what the sockets between take at once.
    const path = join(folder, `${visibility}.png`);
    await sharp({ create: { width: 3200, height: 3200, channels: 3, background: { r: at, g: 0, b: 0 } } })
      .png({ compressionLevel: 0 })
      .toFile(path);
    await instance.app.library.importFiles({ paths: [path], visibility, ownerId: editor.id });
  }
  const { data } = await editor.ask('{ media { nodes { id title } } }');
  for (const { id, title } of data.media.nodes) ids[title] = id;
});

afterAll(() => instance[Symbol.asyncDispose]());

async function urlOf(
  who: { ask: Person['ask'] },
  id = ids['PRIVATE'],
  field = 'originalUrl',
): Promise<string> {
  const { data } = await who.ask(`{ node(id: "${id}") { ... on Media { url: ${field}(access: SIGNED) } } }`);
  return data.node.url;
}
const open = (url: string, headers: Record<string, string> = {}) =>
  nobody(instance).send('GET', url, headers);

test('a signed URL opens its item for whoever has it, may be shown elsewhere, and only for an hour', async () => {
  const url = await urlOf(editor);
  expect(url).toMatch(/^\/media\/media_\w+\/original\?viewer=session_\w+&expires=\d+&signature=[\w-]{43}$/);
  const answer = await open(url, { range: 'bytes=0-99' });
  expect([answer.status, answer.body.length]).toEqual([206, 100]);
  expect(answer.headers['cross-origin-resource-policy']).toBe('cross-origin');
  expect((await nobody(instance).send('HEAD', url)).status).toBe(200);
  // By cookie the same picture stays where it is.
  const own = await editor.send('GET', url.split('?')[0] ?? '');
  expect(own.headers['cross-origin-resource-policy']).toBe('same-origin');

  now += 3_599_000;
  expect((await open(url)).status).toBe(200);
  now += 2_000;
  expect((await open(url)).status).toBe(403);
});

test('it is of no use for another item, variant, viewer or time, nor damaged', async () => {
  const url = await urlOf(editor);
  const [path = '', query = ''] = url.split('?');
  const stranger = (await urlOf(admin, ids['INSTANCE'])).split('?')[1] ?? '';
  const parts = new URLSearchParams(query);
  const changed = (name: string, value: string) => {
    const copy = new URLSearchParams(parts);
    copy.set(name, value);
    return `${path}?${copy}`;
  };
  for (const bad of [
    url.replace(ids['PRIVATE'] ?? '', ids['INSTANCE'] ?? ''),
    url.replace('/original?', '/thumbnail?'),
    `${path}?${stranger}`,
    changed('viewer', new URLSearchParams(stranger).get('viewer') ?? ''),
    changed('viewer', 'anyone'),
    changed('viewer', 'service'),
    changed('expires', String(Number(parts.get('expires')) + 1)),
    changed('signature', 'A'.repeat(43)),
    changed('signature', ''),
    `${path}?signature`,
    `${url}&signature=${parts.get('signature')}`,
    `${url}&viewer=anyone`,
  ]) {
    // Also with a cookie that would do: the signature is what was sent, and it is wrong.
    for (const headers of [{}, editor.headers]) {
      const answer = await open(bad, headers);
      expect([bad, answer.status, JSON.parse(answer.body.toString()).code]).toEqual([bad, 403, 'forbidden']);
    }
  }
  expect((await open(url)).status).toBe(200);
});

test('it shows what its viewer may see now, and dies with the viewer’s standing', async () => {
  const temporary = await signedIn(instance, 'Tom', 'VIEWER');
  const byPerson = await urlOf(temporary, ids['INSTANCE']);
  const token = await withToken(instance, ['CATALOG_READ', 'MEDIA_READ'], editor.id);
  const byToken = await urlOf(token);
  const blind = await withToken(instance, ['CATALOG_READ'], editor.id);
  const second = await signInAs(instance, 'Edda');
  const bySession = await urlOf(second);
  for (const url of [byPerson, byToken, bySession]) expect((await open(url)).status).toBe(200);
  // A token that may not read bytes cannot hand that right out.
  expect((await open(await urlOf(blind))).status).toBe(403);

  await instance.app.catalog.local.setVisibility([ids['INSTANCE'] ?? ''], 'PRIVATE');
  expect((await open(byPerson)).status).toBe(404);
  await instance.app.catalog.local.setVisibility([ids['INSTANCE'] ?? ''], 'INSTANCE');
  await instance.app.access.users.disable(temporary.id);
  expect((await open(byPerson)).status).toBe(403);
  await instance.app.access.tokens.revoke(token.id);
  expect((await open(byToken)).status).toBe(403);
  await second.send('DELETE', '/session');
  expect((await open(bySession)).status).toBe(403);
});

test('an answer under way is cut when its viewer is disabled, revoked or signed out; others go on', async () => {
  const path = `/media/${ids['INSTANCE']}/original`;
  // Reads the first bytes and no more, so that the rest waits at the server.
  const begin = async (headers: Record<string, string>) => {
    const answer = await request(new URL(path, instance.url), { headers, highWaterMark: 1024 } as never);
    const reader = answer.body[Symbol.asyncIterator]();
    await reader.next();
    return {
      rest: async () => {
        try {
          while (!(await reader.next()).done);
          return 'whole';
        } catch {
          return 'cut';
        }
      },
    };
  };
  const person = await signedIn(instance, 'Sue', 'VIEWER');
  const token = await withToken(instance, ['MEDIA_READ'], editor.id);
  const other = await signInAs(instance, 'Edda');
  const streams = [await begin(person.headers), await begin(token.headers), await begin(other.headers)];
  const steady = await begin(editor.headers);
  await instance.app.access.users.disable(person.id);
  await instance.app.access.tokens.revoke(token.id);
  await other.send('DELETE', '/session');
  expect(await Promise.all(streams.map((stream) => stream.rest()))).toEqual(['cut', 'cut', 'cut']);
  expect(await steady.rest()).toBe('whole');
});

test('pages of allowed origins may read answers, and no others', async () => {
  const asked = (origin: string) =>
    editor.send('GET', '/session', { origin }).then(({ headers }) => headers['access-control-allow-origin']);
  expect(await asked('https://frontend.example')).toBe('https://frontend.example');
  for (const origin of ['https://evil.example', 'null', 'https://frontend.example.evil.example']) {
    expect(await asked(origin)).toBeUndefined();
  }
  const preflight = (origin: string) =>
    nobody(instance).send('OPTIONS', '/uploads', { origin, 'access-control-request-method': 'POST' });
  const allowed = await preflight('https://frontend.example');
  expect([allowed.status, allowed.headers['access-control-allow-credentials']]).toEqual([204, 'true']);
  expect(String(allowed.headers['access-control-allow-headers'])).toContain('upload-offset');
  const refused = await preflight('https://evil.example');
  expect(refused.headers['access-control-allow-origin']).toBeUndefined();
  const file = await open(await urlOf(editor), { origin: 'https://frontend.example' });
  expect(file.headers['access-control-allow-origin']).toBe('https://frontend.example');
});
