import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { Agent, request } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { anyText } from '../../test/support/any-text.ts';
import { openTemporarySqlite, type TemporaryDatabase } from '../../test/support/databases.ts';
import { content, type DeliveryFixture, openDeliveryFixture } from '../../test/support/delivery-fixture.ts';
import type { DeliverableFile } from '../delivery/delivery.ts';
import { SEGMENT_BYTES } from '../lib/media.ts';
import { contentDisposition, type SentFile, sendFile } from './send-file.ts';

describe('a file over HTTP', () => {
  let temporary: TemporaryDatabase;
  let fixture: DeliveryFixture;
  let server: Server;
  let url: string;
  let agent: Agent;
  let file: DeliverableFile;
  let sent: SentFile[];

  beforeEach(async () => {
    temporary = await openTemporarySqlite();
    fixture = await openDeliveryFixture(temporary.database);
    sent = [];
    server = createServer((incoming, response) => {
      sendFile(incoming, response, file, {
        delivery: fixture.delivery,
        fill: true,
        onError: () => 'e_1',
      }).then((result) => sent.push(result));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    agent = new Agent();
  });
  afterEach(async () => {
    await agent.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await fixture[Symbol.asyncDispose]();
    await temporary.close();
  });

  const ask = async (headers: Record<string, string> = {}, method: 'GET' | 'HEAD' | 'POST' = 'GET') => {
    const response = await request(url, { method, headers, dispatcher: agent });
    return {
      status: response.statusCode,
      headers: response.headers,
      body: Buffer.from(await response.body.arrayBuffer()),
    };
  };

  it('is answered whole, with what a client needs to ask for parts and to check it', async () => {
    const bytes = content(300_000);
    file = await fixture.addLocal(bytes);
    const answer = await ask();
    expect(answer.status).toBe(200);
    expect(answer.body.equals(bytes)).toBe(true);
    expect(answer.headers).toMatchObject({
      etag: `"${file.digest}"`,
      'last-modified': new Date(file.updatedAt).toUTCString(),
      'accept-ranges': 'bytes',
      'content-length': '300000',
      'content-type': 'video/mp4',
      'repr-digest': `sha-256=:${createHash('sha256').update(bytes).digest('base64')}:`,
      'content-disposition': 'inline; filename="Film.mp4"',
      'x-content-type-options': 'nosniff',
      'cross-origin-resource-policy': 'same-origin',
      'cache-control': 'private, max-age=0, must-revalidate',
    });
    expect(answer.headers['content-security-policy']).toMatch(/default-src 'none'.*sandbox/);
    expect(answer.headers).not.toHaveProperty('cache-status');
    expect(sent).toEqual([{ status: 200, bytes: 300_000, complete: true, source: 'local' }]);
  });

  it('is answered by range, by tag, by date, and by neither where they do not fit', async () => {
    const bytes = content(300_000);
    file = await fixture.addLocal(bytes);
    const part = await ask({ range: 'bytes=1000-1999' });
    expect(part.status).toBe(206);
    expect(part.headers['content-range']).toBe('bytes 1000-1999/300000');
    expect(part.headers['content-length']).toBe('1000');
    expect(part.body.equals(bytes.subarray(1000, 2000))).toBe(true);
    expect((await ask({ range: 'bytes=-5' })).body.equals(bytes.subarray(-5))).toBe(true);
    expect((await ask({ range: 'bytes=0-1,4-5' })).status).toBe(200);
    const outside = await ask({ range: 'bytes=300000-' });
    expect(outside.status).toBe(416);
    expect(outside.headers['content-range']).toBe('bytes */300000');
    expect(JSON.parse(outside.body.toString())).toMatchObject({ code: 'range-not-satisfiable', status: 416 });
    const etag = `"${file.digest}"`;
    const same = await ask({ 'if-none-match': etag });
    expect(same).toMatchObject({ status: 304, headers: { etag } });
    // A browser takes over what a 304 says of these, also for the file that it has kept.
    const guards = [
      'content-security-policy',
      'cross-origin-resource-policy',
      'x-content-type-options',
      'x-frame-options',
    ];
    for (const name of guards) {
      expect(part.headers).toHaveProperty(name);
      expect([name, same.headers[name]]).toEqual([name, part.headers[name]]);
    }
    expect(same.body.length).toBe(0);
    expect(same.headers).not.toHaveProperty('content-length');
    expect((await ask({ 'if-modified-since': new Date(file.updatedAt).toUTCString() })).status).toBe(304);
    expect((await ask({ 'if-match': '"other"' })).status).toBe(412);
    expect((await ask({ range: 'bytes=0-0', 'if-range': etag })).status).toBe(206);
    expect((await ask({ range: 'bytes=0-0', 'if-range': '"other"' })).status).toBe(200);
    expect(await ask({}, 'POST')).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } });
  });

  it('says whether it came from the cache, and asks the peer nothing for HEAD, 304, 412 and 416', async () => {
    const bytes = content(SEGMENT_BYTES + 10);
    file = await fixture.addRemote(bytes);
    const head = await ask({ range: 'bytes=0-1' }, 'HEAD');
    expect(head).toMatchObject({
      status: 200,
      headers: { 'content-length': String(bytes.length), etag: `"${file.digest}"` },
    });
    expect(head.body.length).toBe(0);
    await ask({ 'if-none-match': '*' });
    await ask({ 'if-match': '"x"' });
    await ask({ range: 'bytes=99999999-' });
    expect(fixture.peer.requests).toEqual([]);
    const miss = await ask();
    expect(miss.headers['cache-status']).toBe('hedgerow; fwd=miss; stored');
    expect(miss.body.equals(bytes)).toBe(true);
    await fixture.delivery.flush();
    await fixture.peer.goDown();
    const hit = await ask();
    expect(hit.headers['cache-status']).toBe('hedgerow; hit');
    expect(hit.body.equals(bytes)).toBe(true);
    const same = new Set([
      'etag',
      'content-length',
      'content-type',
      'repr-digest',
      'content-disposition',
      'last-modified',
      'accept-ranges',
    ]);
    for (const name of same) expect(head.headers[name], name).toBe(hit.headers[name]);
  });

  it('is a problem document where nothing was sent yet, and a connection that ends where something was', async () => {
    file = await fixture.addRemote(content(4 * SEGMENT_BYTES));
    fixture.peer.faults.corrupt = [0];
    expect(await ask()).toMatchObject({
      status: 502,
      headers: { 'content-type': 'application/problem+json' },
    });
    fixture.peer.faults.corrupt = [2];
    await expect(ask()).rejects.toThrow();
    await fixture.delivery.flush();
    await fixture.peer.goDown();
    file = await fixture.addRemote(content(5000));
    const down = await ask();
    expect(down).toMatchObject({ status: 503, headers: { 'retry-after': '7', 'cache-control': 'no-store' } });
    expect(JSON.parse(down.body.toString())).toMatchObject({ code: 'peer-unreachable', retryAfter: 7 });
    expect(down.headers).not.toHaveProperty('etag');
  });

  it('ends the fetch when the client goes away, before and after the first byte', async () => {
    file = await fixture.addRemote(content(60 * SEGMENT_BYTES));
    const port = Number(new URL(url).port);
    const leaving = connect(port, '127.0.0.1');
    leaving.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await new Promise((resolve) => leaving.once('data', resolve));
    expect(fixture.peer.open).toBe(1);
    leaving.destroy();
    await until(() => fixture.peer.open === 0 && sent.length === 1);
    expect(sent[0]).toMatchObject({ status: 200, complete: false });

    file = await fixture.addRemote(content(3 * SEGMENT_BYTES));
    fixture.peer.faults.gate = { at: 0, open: new Promise(() => {}) };
    const early = connect(port, '127.0.0.1');
    early.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await until(() => fixture.peer.open === 1);
    early.destroy();
    await until(() => fixture.peer.open === 0 && sent.length === 2);
  });

  it('reads no further ahead than a client that does not read', async () => {
    file = await fixture.addRemote(content(200 * SEGMENT_BYTES), { cache: 'NONE' });
    const lazy = connect(Number(new URL(url).port), '127.0.0.1');
    lazy.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    lazy.pause();
    let before = -1;
    while (fixture.fetched.bytes === 0 || fixture.fetched.bytes !== before) {
      before = fixture.fetched.bytes;
      await sleep(200);
    }
    // What the kernel's socket buffers take, and four segments of ours.
    expect(before).toBeLessThan(40 * SEGMENT_BYTES);
    lazy.destroy();
    await until(() => fixture.peer.open === 0);
  });

  it('is an attachment without a type where a browser might run it', async () => {
    for (const [mimeType, type, disposition] of [
      ['text/html', 'application/octet-stream', 'attachment'],
      ['image/svg+xml', 'application/octet-stream', 'attachment'],
      ['video/x-evil\r\nset-cookie: a=b', 'application/octet-stream', 'attachment'],
      ['image/heic', 'image/heic', 'attachment'],
      ['application/pdf', 'application/pdf', 'inline'],
      ['IMAGE/PNG; charset=x', 'image/png', 'inline'],
    ] as const) {
      file = { ...(await fixture.addLocal(content(10))), mimeType };
      const { headers } = await ask();
      expect(headers['content-type']).toBe(type);
      expect(headers['content-disposition']).toMatch(new RegExp(`^${disposition};`));
      expect(String(headers['content-security-policy']).includes('sandbox')).toBe(
        mimeType !== 'application/pdf',
      );
      expect(headers).not.toHaveProperty('set-cookie');
    }
  });

  it('keeps the origin of a film alone, whose player asks again, and lets nothing of it run', async () => {
    for (const [mimeType, keeps] of [
      ['video/mp4', true],
      ['video/webm', true],
      ['audio/ogg', true],
      ['image/png', false],
      ['text/html', false],
      ['image/svg+xml', false],
    ] as const) {
      file = { ...(await fixture.addLocal(content(10))), mimeType };
      const policy = String((await ask()).headers['content-security-policy']);
      expect(policy).toMatch(keeps ? /; sandbox allow-same-origin$/ : /; sandbox$/);
    }
  });

  it('has no body where it is empty', async () => {
    file = await fixture.addLocal(Buffer.alloc(0));
    expect(await ask()).toMatchObject({ status: 200, headers: { 'content-length': '0' } });
  });
});

describe('a Content-Disposition', () => {
  it('keeps names of any script', () => {
    expect(contentDisposition('inline', 'Film.mp4')).toBe('inline; filename="Film.mp4"');
    expect(contentDisposition('attachment', 'été 日本.jpg')).toBe(
      `attachment; filename="_t_ __.jpg"; filename*=UTF-8''%C3%A9t%C3%A9%20%E6%97%A5%E6%9C%AC.jpg`,
    );
    expect(contentDisposition('inline', null)).toBe('inline');
  });

  it('takes no folder, no quote, no control and no reversed ending from a name', () => {
    expect(contentDisposition('inline', '../../etc/passwd')).toBe('inline; filename="_.._etc_passwd"');
    expect(contentDisposition('inline', 'a"; filename="b\r\nX: y')).toBe(
      `inline; filename="a_; filename=_bX: y"; filename*=UTF-8''a%22%3B%20filename%3D%22bX%3A%20y`,
    );
    expect(contentDisposition('inline', 'photo\u202egpj.exe')).toBe('inline; filename="photogpj.exe"');
  });

  it('is one line of ASCII whatever the name is', () => {
    fc.assert(
      fc.property(anyText(), (name) => {
        expect(contentDisposition('inline', name)).toMatch(
          /^inline(?:; filename="[\x20-\x21\x23-\x24\x26-\x7e]*"(?:; filename\*=UTF-8''[A-Za-z0-9%!#$&+.^_`|~-]*)?)?$/,
        );
      }),
    );
    fc.assert(
      fc.property(
        fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)) }),
        (name) => {
          expect(() => contentDisposition('inline', name)).not.toThrow();
        },
      ),
    );
  });
});

async function until(condition: () => boolean): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (condition()) return;
    await sleep(10);
  }
  throw new Error('It did not come about.');
}
