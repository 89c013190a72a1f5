/** Uploads over a real socket: resumable, by form, within limits, and files that attack. */

import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { crc32, deflateSync } from 'node:zlib';
import fc from 'fast-check';
import sharp from 'sharp';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseUploadMetadata } from '../src/http/uploads-routes.ts';
import { isCode } from '../src/lib/errors.ts';
import { pdfOf } from '../src/library/testing/make-pdf.ts';
import { anyText } from './support/any-text.ts';
import { eventually, type Instance, SAMPLES, startInstance } from './support/instance.ts';
import { nobody, type Person, signedIn, withToken } from './support/people.ts';

let now = Date.now();
let instance: Instance;
let editor: Person;
let other: Person;

beforeAll(async () => {
  instance = await startInstance(
    'Garden',
    { HEDGEROW_UPLOAD_BYTES: '4M', HEDGEROW_UPLOAD_QUOTA: '40M' },
    { now: () => now },
  );
  editor = await signedIn(instance, 'Edda', 'EDITOR');
  other = await signedIn(instance, 'Otto', 'EDITOR');
});

afterAll(() => instance[Symbol.asyncDispose]());

const TUS = { 'tus-resumable': '1.0.0' };
const PART = { ...TUS, 'content-type': 'application/offset+octet-stream' };
const base64 = (text: string) => Buffer.from(text).toString('base64');
const metadata = (fields: Record<string, string>) =>
  Object.entries(fields)
    .map(([name, value]) => `${name} ${base64(value)}`)
    .join(',');

/** A picture that no other test has. */
function picture(size = 64): Promise<Buffer> {
  return sharp(randomBytes(size * size * 3), { raw: { width: size, height: size, channels: 3 } })
    .png()
    .toBuffer();
}

async function create(who: Person, length: number, fields: Record<string, string> = {}): Promise<string> {
  const answer = await who.send('POST', '/uploads', {
    ...TUS,
    'upload-length': String(length),
    ...(Object.keys(fields).length > 0 && { 'upload-metadata': metadata(fields) }),
  });
  expect(answer.status, answer.body.toString()).toBe(201);
  return String(answer.headers['location']);
}

const patch = (who: Person, path: string, offset: number, bytes: Buffer, more: Record<string, string> = {}) =>
  who.send('PATCH', path, { ...PART, 'upload-offset': String(offset), ...more }, bytes);
const head = (who: Person, path: string) => who.send('HEAD', path, TUS);
const leftovers = () => readdir(join(instance.folder, 'data', 'media', 'uploads'));

async function form(
  who: Pick<Person, 'headers'>,
  files: [name: string, bytes: Buffer][],
  fields: Record<string, string> = {},
  headers: Record<string, string> = {},
) {
  const boundary = `hedgerow${randomUUID()}`;
  const part = (disposition: string, bytes: Buffer | string): (Buffer | string)[] => [
    `--${boundary}\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n`,
    bytes,
    '\r\n',
  ];
  // Written by hand: those that undici makes of Blobs stood still in a process that had run for long; why is not known.
  const parts = [
    ...Object.entries(fields).flatMap(([name, value]) => part(`name="${name}"`, value)),
    ...files.flatMap(([name, bytes]) =>
      part(
        `name="file"; filename="${name.replaceAll('"', '%22')}"\r\nContent-Type: application/octet-stream`,
        bytes,
      ),
    ),
    `--${boundary}--\r\n`,
  ];
  const answer = await request(new URL('/uploads', instance.url), {
    method: 'POST',
    headers: { ...who.headers, ...headers, 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: Readable.from(parts.map((piece) => Buffer.from(piece))),
  });
  return {
    status: answer.statusCode,
    headers: answer.headers,
    body: (await answer.body.json()) as {
      media: { id: string }[];
      rejected: { filename: string | null; code: string }[];
      code?: string;
    },
  };
}

describe('a resumable upload', () => {
  test('comes in parts, is resumed where it broke off, and becomes an item', async () => {
    const bytes = await picture();
    const path = await create(editor, bytes.length, {
      filename: 'Wild meadow.png',
      visibility: 'peers',
      tags: 'spring, hedge',
    });
    expect(path).toMatch(/^\/uploads\/upload_[0-9a-f]{30}$/);
    const first = await patch(editor, path, 0, bytes.subarray(0, 1000));
    expect([first.status, first.headers['upload-offset']]).toEqual([204, '1000']);
    expect(Date.parse(String(first.headers['upload-expires']))).toBeGreaterThan(now);

    // A connection that breaks in the middle of a part: what came is kept.
    const rest = bytes.subarray(1000);
    const file = join(instance.folder, 'data', 'media', 'uploads', path.split('/').at(-1) ?? '');
    await new Promise<void>((resolve, reject) => {
      const { hostname, port } = new URL(instance.url);
      const socket = connect(Number(port), hostname, () => {
        const lines = [
          `PATCH ${path} HTTP/1.1`,
          'host: x',
          `cookie: ${editor.headers['cookie']}`,
          'tus-resumable: 1.0.0',
          'content-type: application/offset+octet-stream',
          'upload-offset: 1000',
          `content-length: ${rest.length}`,
        ];
        socket.write(`${lines.join('\r\n')}\r\n\r\n`);
        socket.write(rest.subarray(0, 500));
        // A reset overtakes what was sent before it.
        eventually('what came', async () => (await stat(file)).size === 1500)
          .then(() => socket.destroy())
          .catch(reject);
      });
      socket.on('close', () => resolve());
    });
    const offset = await eventually('the part is written down', async () => {
      const at = Number((await head(editor, path)).headers['upload-offset']);
      return at > 1000 ? at : null;
    });
    expect(offset).toBe(1500);

    const last = await patch(editor, path, offset, bytes.subarray(offset));
    expect(last.status).toBe(204);
    const id = String(last.headers['hedgerow-media']);
    const { data } = await editor.ask(
      `{ node(id: "${id}") { ... on LocalMedia { title filename visibility tags owner { id } digest storage } } }`,
    );
    expect(data.node).toEqual({
      title: 'Wild meadow',
      filename: 'Wild meadow.png',
      visibility: 'PEERS',
      tags: ['spring', 'hedge'],
      owner: { id: editor.id },
      digest: `sha-256:${createHash('sha256').update(bytes).digest('hex')}`,
      storage: 'MANAGED',
    });
    const after = await head(editor, path);
    expect([after.status, after.headers['hedgerow-media']]).toEqual([200, id]);
    expect((await patch(editor, path, bytes.length, Buffer.from('more'))).status).toBe(409);
    expect(await leftovers()).toEqual([]);
  });

  test('goes on after the server was restarted, also where nothing but the import was left', async () => {
    const bytes = await picture();
    const path = await create(editor, bytes.length);
    expect((await patch(editor, path, 0, bytes.subarray(0, 700))).status).toBe(204);
    await instance.stop();
    await instance.start();
    expect((await head(editor, path)).headers['upload-offset']).toBe('700');
    const last = await patch(editor, path, 700, bytes.subarray(700));
    expect(last.headers['hedgerow-media']).toMatch(/^media_/);
  });

  test('takes its first part along, and says what it can', async () => {
    const bytes = await picture();
    const whole = await editor.send(
      'POST',
      '/uploads',
      { ...PART, 'upload-length': String(bytes.length) },
      bytes,
    );
    expect([whole.status, whole.headers['upload-offset']]).toEqual([201, String(bytes.length)]);
    expect(whole.headers['hedgerow-media']).toMatch(/^media_/);
    const options = await nobody(instance).send('OPTIONS', '/uploads');
    expect(options.status).toBe(204);
    expect(options.headers).toMatchObject({
      'tus-version': '1.0.0',
      'tus-resumable': '1.0.0',
      'tus-max-size': String(4 * 1024 ** 2),
      'tus-checksum-algorithm': 'sha1,sha256',
      'tus-extension': 'creation,creation-with-upload,checksum,expiration,termination',
    });
    const version = await editor.send('POST', '/uploads', { 'tus-resumable': '0.2.2', 'upload-length': '1' });
    expect([version.status, version.headers['tus-version']]).toEqual([412, '1.0.0']);
  });

  test('a part with a checksum counts whole or not at all', async () => {
    const bytes = await picture();
    const path = await create(editor, bytes.length);
    const part = bytes.subarray(0, 900);
    const wrong = `sha1 ${createHash('sha1').update('something else').digest('base64')}`;
    const refused = await patch(editor, path, 0, part, { 'upload-checksum': wrong });
    expect([refused.status, JSON.parse(refused.body.toString()).code]).toEqual([460, 'integrity-failed']);
    expect((await head(editor, path)).headers['upload-offset']).toBe('0');
    for (const bad of ['md5 AAAA', 'sha1', 'sha1 AAAA', 'sha256 ']) {
      expect((await patch(editor, path, 0, part, { 'upload-checksum': bad })).status).toBe(400);
    }
    const sha1 = `sha1 ${createHash('sha1').update(part).digest('base64')}`;
    expect((await patch(editor, path, 0, part, { 'upload-checksum': sha1 })).status).toBe(204);
    const rest = bytes.subarray(900);
    const sha256 = `sha256 ${createHash('sha256').update(rest).digest('base64')}`;
    const last = await patch(editor, path, 900, rest, { 'upload-checksum': sha256 });
    expect(last.headers['hedgerow-media']).toMatch(/^media_/);
  });

  test('of a wrong offset, of more than was announced, and of what is no part, nothing is kept', async () => {
    const bytes = await picture();
    const path = await create(editor, 2000);
    expect((await patch(editor, path, 5, bytes.subarray(0, 10))).status).toBe(409);
    const over = await patch(editor, path, 0, bytes.subarray(0, 2001));
    expect(over.status).toBe(413);
    expect((await head(editor, path)).headers['upload-offset']).toBe('0');
    expect(
      (await editor.send('PATCH', path, { ...TUS, 'content-type': 'text/plain', 'upload-offset': '0' }, 'x'))
        .status,
    ).toBe(415);
    for (const offset of ['-1', '1e3', '', '0x1', '00']) {
      expect(
        (await patch(editor, path, 0, Buffer.from('x'), { 'upload-offset': offset })).status,
        offset,
      ).toBe(400);
    }
    for (const length of ['-1', 'ten', '1.5', '99999999999999999999']) {
      const answer = await editor.send('POST', '/uploads', { ...TUS, 'upload-length': length });
      expect(answer.status, length).toBe(400);
    }
    for (const [field, value] of [
      ['visibility', 'everybody'],
      ['visibility', ''],
    ] as const) {
      const answer = await editor.send('POST', '/uploads', {
        ...TUS,
        'upload-length': '1',
        'upload-metadata': metadata({ [field]: value }),
      });
      expect(answer.status).toBe(400);
    }
  });

  test('is nobody else’s: neither seen, nor continued, nor removed', async () => {
    const path = await create(editor, 1000);
    for (const who of [other, await signedIn(instance, 'Admin', 'ADMIN')]) {
      expect((await head(who, path)).status).toBe(404);
      expect((await patch(who, path, 0, Buffer.from('x'))).status).toBe(404);
      expect((await who.send('DELETE', path, TUS)).status).toBe(404);
    }
    for (const id of ['..%2f..%2fhedgerow.db', 'upload_..', 'stream_1', 'upload_', '%00']) {
      expect((await head(editor, `/uploads/${id}`)).status).toBe(404);
    }
    expect((await editor.send('DELETE', path, TUS)).status).toBe(204);
    expect((await head(editor, path)).status).toBe(404);
    expect(await leftovers()).not.toContain(path.split('/').at(-1));
  });

  test('a client behind a proxy that knows no PATCH says so in a header', async () => {
    const bytes = await picture();
    const path = await create(editor, bytes.length);
    const answer = await editor.send(
      'POST',
      path,
      { ...PART, 'upload-offset': '0', 'x-http-method-override': 'PATCH' },
      bytes,
    );
    expect(answer.headers['hedgerow-media']).toMatch(/^media_/);
    expect((await editor.send('POST', path, TUS)).status).toBe(405);
  });

  test('expires a day after its last part, and is swept away with its bytes', async () => {
    const path = await create(other, 1000);
    await patch(other, path, 0, Buffer.alloc(10));
    now += 86_400_000 - 1000;
    expect((await head(other, path)).status).toBe(200);
    now += 1001;
    expect((await head(other, path)).status).toBe(404);
    await instance.app.library.uploads.sweep();
    expect(await leftovers()).not.toContain(path.split('/').at(-1));
    expect(
      await instance.app.database.prisma.upload.count({ where: { id: path.split('/').at(-1) ?? '' } }),
    ).toBe(0);
  });
});

describe('who may upload, and how much', () => {
  test('an editor, or a token with LIBRARY_WRITE; nobody else, and no page of another site', async () => {
    const viewer = await signedIn(instance, 'Vera', 'VIEWER');
    const reading = await withToken(instance, ['CATALOG_READ', 'MEDIA_READ'], editor.id);
    const writing = await withToken(instance, ['LIBRARY_WRITE'], editor.id);
    const bytes = await picture();
    const create = { ...TUS, 'upload-length': '10' };
    expect((await nobody(instance).send('POST', '/uploads', create)).status).toBe(401);
    expect((await viewer.send('POST', '/uploads', create)).status).toBe(403);
    expect((await reading.send('POST', '/uploads', create)).status).toBe(403);
    expect(
      (await editor.send('POST', '/uploads', { ...create, 'sec-fetch-site': 'cross-site' })).status,
    ).toBe(403);
    expect((await form(editor, [['a.png', bytes]], {}, { origin: 'https://evil.example' })).status).toBe(403);
    expect((await form(viewer, [['a.png', bytes]])).status).toBe(403);
    expect((await form(writing, [['a.png', bytes]])).status).toBe(201);
    const instances = await withToken(instance, ['LIBRARY_WRITE']);
    expect((await form(instances, [['b.png', await picture()]], { visibility: 'private' })).status).toBe(400);
  });

  test('a file has a limit, a person has a quota, and both are said before the bytes come', async () => {
    const MiB = 1024 ** 2;
    const tooLarge = await other.send('POST', '/uploads', { ...TUS, 'upload-length': String(4 * MiB + 1) });
    expect([tooLarge.status, JSON.parse(tooLarge.body.toString()).code]).toEqual([413, 'quota-exceeded']);
    const streamed = await form(other, [['large.bin', Buffer.alloc(4 * MiB + 100)]]);
    expect([streamed.status, streamed.body.code]).toEqual([413, 'quota-exceeded']);

    const announced = [];
    for (let i = 0; i < 10; i++) announced.push(await create(other, 4 * MiB));
    const full = await other.send('POST', '/uploads', { ...TUS, 'upload-length': '1' });
    expect([full.status, JSON.parse(full.body.toString()).code]).toEqual([413, 'quota-exceeded']);
    expect((await form(other, [['x.png', await picture()]])).status).toBe(413);
    // Another person has a quota of his or her own.
    await editor.send('DELETE', await create(editor, 1000), TUS);
    for (const path of announced) await other.send('DELETE', path, TUS);
    expect((await form(other, [['x.png', await picture()]])).status).toBe(201);
    expect(await leftovers()).not.toContainEqual(expect.stringMatching(/^stream_/));
  });

  test('forms that come beside each other have one quota between them', async () => {
    const MiB = 1024 ** 2;
    const person = await signedIn(instance, 'Quinn', 'EDITOR');
    for (let i = 0; i < 8; i++) await create(person, 4 * MiB);
    // Eight are left for four of three.
    const pictures = await Promise.all([1, 2, 3, 4].map(() => picture(1024)));
    const answers = await Promise.all(pictures.map((bytes) => form(person, [['large.png', bytes]])));
    const kept = answers.filter(({ status }) => status === 201);
    expect(kept.length).toBeLessThanOrEqual(2);
    expect(answers.filter(({ body }) => body.code === 'quota-exceeded')).toHaveLength(4 - kept.length);
    const { _sum } = await instance.app.database.prisma.item.aggregate({
      where: { ownerId: person.id },
      _sum: { byteSize: true },
    });
    expect(Number(_sum.byteSize)).toBeLessThanOrEqual(8 * MiB);
  });

  test('nobody has more than a hundred unfinished', async () => {
    const paths = [];
    for (let i = 0; i < 100; i++) paths.push(await create(other, 1));
    const more = await other.send('POST', '/uploads', { ...TUS, 'upload-length': '1' });
    expect([more.status, JSON.parse(more.body.toString()).code]).toEqual([413, 'quota-exceeded']);
    for (const path of paths) await other.send('DELETE', path, TUS);
  });
});

describe('a form', () => {
  test('brings several files, and says of each what became of it', async () => {
    const bytes = await picture();
    const { status, body } = await form(
      editor,
      [
        ['one.png', bytes],
        ['note.txt', Buffer.from('no picture')],
        ['again.png', bytes],
      ],
      { visibility: 'private', tags: 'a,b' },
    );
    expect(status).toBe(201);
    expect(body.rejected).toEqual([{ filename: 'note.txt', code: 'unsupported-media' }]);
    expect(body.media).toHaveLength(2);
    // The same bytes are one item.
    expect(body.media[1]).toEqual(body.media[0]);
    const { data } = await editor.ask(
      `{ node(id: "${body.media[0]?.id}") { ... on LocalMedia { visibility tags title } } }`,
    );
    expect(data.node).toEqual({ visibility: 'PRIVATE', tags: ['a', 'b'], title: 'one' });
    // Somebody else's private picture is none of Otto's business: he gets an item of his own.
    const twin = await form(other, [['mine.png', bytes]]);
    expect(twin.body.media[0]?.id).not.toBe(body.media[0]?.id);
  });

  test('without a file, malformed, or with a name that leads elsewhere, does no harm', async () => {
    expect((await form(editor, [], { tags: 'x' })).status).toBe(400);
    const broken = await editor.send(
      'POST',
      '/uploads',
      { 'content-type': 'multipart/form-data; boundary=x' },
      '--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\nhalf',
    );
    expect(broken.status).toBe(400);
    const { body } = await form(editor, [['../../../../etc/passwd.png', await picture()]]);
    const { data } = await editor.ask(`{ node(id: "${body.media[0]?.id}") { ... on Media { filename } } }`);
    expect(data.node.filename).toBe('passwd.png');
    expect(await leftovers()).not.toContainEqual(expect.stringMatching(/^stream_/));
  });
});

describe('files that attack', () => {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const frame = Buffer.alloc(8);
    frame.writeUInt32BE(data.length, 0);
    frame.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
  };
  /** One bit a pixel: 30,000 by 30,000 in a hundred kilobytes. */
  const bomb = (edge: number) => {
    const header = Buffer.alloc(13);
    header.writeUInt32BE(edge, 0);
    header.writeUInt32BE(edge, 4);
    header[8] = 1;
    return Buffer.concat([
      Buffer.from('89504e470d0a1a0a', 'hex'),
      chunk('IHDR', header),
      chunk('IDAT', deflateSync(Buffer.alloc((Math.ceil(edge / 8) + 1) * edge))),
      chunk('IEND', Buffer.alloc(0)),
    ]);
  };
  test('are refused or kept without harm, and the server does not notice', async () => {
    const movie = await readFile(join(SAMPLES, 'hedge.mp4')).catch(async () => {
      const name = (await readdir(SAMPLES, { recursive: true })).find((each) => each.endsWith('.mp4'));
      return readFile(join(SAMPLES, name ?? 'missing.mp4'));
    });
    const gif = Buffer.concat([
      await sharp({ create: { width: 4, height: 4, channels: 3, background: 'red' } })
        .gif()
        .toBuffer(),
      Buffer.from('<script>alert(document.cookie)</script><html>'),
    ]);
    const files: [string, Buffer][] = [
      ['bomb.png', bomb(30_000)],
      ['pages.pdf', pdfOf(100_001)],
      ['cut.mp4', movie.subarray(0, Math.floor(movie.length / 3))],
      ['page.html.gif', gif],
      ['script.svg', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')],
      ['archive.png', Buffer.concat([Buffer.from('PK\x03\x04'), Buffer.alloc(100)])],
    ];
    // Meanwhile somebody else looks at pictures, and is never kept waiting long.
    let longest = 0;
    let looking = true;
    const looks = (async () => {
      while (looking) {
        const begun = performance.now();
        expect((await nobody(instance).send('GET', '/healthz')).status).toBe(200);
        longest = Math.max(longest, performance.now() - begun);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    const outcomes: Record<string, string> = {};
    for (const [name, bytes] of files) {
      const { body } = await form(editor, [[name, bytes]]);
      outcomes[name] = body.rejected[0]?.code ?? `kept ${body.media[0]?.id}`;
    }
    looking = false;
    await looks;
    expect(outcomes['bomb.png']).toBe('unsupported-media');
    expect(outcomes['pages.pdf']).toBe('unsupported-media');
    expect(outcomes['cut.mp4']).toBe('unsupported-media');
    expect(outcomes['script.svg']).toBe('unsupported-media');
    expect(outcomes['archive.png']).toBe('unsupported-media');
    expect(longest).toBeLessThan(2000);

    // What is a picture and a page at once is served as the picture that it is, and can run nothing.
    const id = outcomes['page.html.gif']?.replace('kept ', '');
    const polyglot = await editor.send('GET', `/media/${id}/original`);
    expect(polyglot.headers).toMatchObject({
      'content-type': 'image/gif',
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringMatching(/default-src 'none'.*sandbox/),
    });
    expect(await leftovers()).not.toContainEqual(expect.stringMatching(/^stream_/));
  });

  test('a document of a few pages is taken all the same', async () => {
    const { body } = await form(editor, [['pages.pdf', pdfOf(3)]]);
    expect(body.rejected).toEqual([]);
    const { data } = await editor.ask(`{ node(id: "${body.media[0]?.id}") { ... on Media { pageCount } } }`);
    expect(data.node.pageCount).toBe(3);
  });
});

describe('Upload-Metadata', () => {
  test('gives back what was put in', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,20}$/).filter((key) => key !== '__proto__'),
          fc.string({ unit: 'grapheme', maxLength: 50 }).map((text) => text.toWellFormed()),
          { maxKeys: 5 },
        ),
        (fields) => {
          expect({ ...parseUploadMetadata(metadata(fields)) }).toEqual({ ...fields });
        },
      ),
    );
  });

  test('whatever comes in its place is refused in our words, and touches no prototype', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), anyText()), (text) => {
        try {
          parseUploadMetadata(text);
        } catch (error) {
          expect(isCode(error, 'INVALID')).toBe(true);
        }
      }),
      { numRuns: 1000 },
    );
    for (const bad of ['filename !!!', 'a YQ==,a YQ==', ' , ', 'a b c', 'x'.repeat(9000), 'a Y']) {
      expect(() => parseUploadMetadata(bad), bad).toThrow();
    }
    const odd = parseUploadMetadata(`__proto__ ${base64('x')},constructor ${base64('y')}`);
    expect(Object.getPrototypeOf(odd)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });
});
