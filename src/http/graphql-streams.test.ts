import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ALONE } from '../../test/support/alone.ts';
import { openTemporarySqlite, type TemporaryDatabase } from '../../test/support/databases.ts';
import {
  fakeFederation,
  type GraphqlUnderTest,
  startGraphql,
  type ViewerName,
} from '../../test/support/graphql.ts';
import { eventually } from '../../test/support/instance.ts';
import { newItem, seedPeer } from '../../test/support/items.ts';
import { createChanges } from '../federation/changes.ts';

let temporary: TemporaryDatabase;
let server: GraphqlUnderTest;
let changes: ReturnType<typeof createChanges>;

beforeAll(async () => {
  temporary = await openTemporarySqlite();
  changes = createChanges({
    read: temporary.database.read,
    processes: ALONE,
    onError: () => {},
    lookEvery: 20,
  });
  server = await startGraphql(temporary.database, {
    federation: fakeFederation({ changes }),
    anonymous: true,
    route: { slowest: 300 },
  });
});

afterAll(async () => {
  changes[Symbol.dispose]();
  await server[Symbol.asyncDispose]();
  await temporary.close();
});

interface Events extends Disposable {
  status: number;
  contentType: string;
  buffering: string | null;
  /** The next `data` of an event, parsed; null at the end. */
  // biome-ignore lint/suspicious/noExplicitAny: answers are asserted upon field by field
  next(): Promise<any>;
}

async function subscribe(
  query: string,
  as: ViewerName = 'viewer',
  url = server.url,
  accept = 'text/event-stream',
): Promise<Events> {
  const left = new AbortController();
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept, 'x-test-viewer': as },
    body: JSON.stringify({ query: `subscription { ${query} }` }),
    signal: left.signal,
  });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  return {
    status: response.status,
    contentType: response.headers.get('content-type') ?? '',
    buffering: response.headers.get('x-accel-buffering'),
    next: async () => {
      for (;;) {
        const end = text.indexOf('\n\n');
        if (end === -1) {
          const { value, done } = (await reader?.read()) ?? { done: true };
          if (done) return null;
          text += value;
          continue;
        }
        const event = text.slice(0, end);
        text = text.slice(end + 2);
        if (event.includes('event: complete')) return null;
        const data = /^data: (.*)$/m.exec(event)?.[1];
        if (data !== undefined) return JSON.parse(data);
      }
    },
    [Symbol.dispose]: () => left.abort(),
  };
}

const CHANGED = 'catalogChanged { revision changed { title } removedIds reset }';

describe('a subscription', () => {
  it('tells of the catalog by server-sent events, and goes on where it was left', async () => {
    using events = await subscribe(CHANGED);
    expect(events.contentType).toMatch(/^text\/event-stream/);
    expect(events.buffering).toBe('no');
    const first = (await events.next()).data.catalogChanged;
    expect(first).toMatchObject({ changed: [], removedIds: [], reset: false });
    const [item] = await server.catalog.local.add([newItem({ title: 'one', visibility: 'INSTANCE' })]);
    const second = (await events.next()).data.catalogChanged;
    expect(second.changed).toEqual([{ title: 'one' }]);
    await server.catalog.local.remove([item?.id ?? '']);
    expect((await events.next()).data.catalogChanged.removedIds).toEqual([item?.id]);

    using again = await subscribe(CHANGED.replace('{', `(sinceRevision: "${first.revision}") {`));
    expect((await again.next()).data.catalogChanged).toMatchObject({ changed: [], removedIds: [item?.id] });
  });

  it('tells of peers that the viewer sees, as they are at that moment', async () => {
    const peer = await seedPeer(temporary.database);
    const change = (data: Parameters<typeof temporary.database.prisma.peer.update>[0]['data']) =>
      temporary.database.prisma.peer.update({ where: { key: peer.key }, data });
    await change({ audience: 'ADMINS' });
    using admins = await subscribe('peerChanged { id name health }', 'admin');
    using others = await subscribe('peerChanged { id name health }', 'viewer');
    const told = others.next();
    // Until the look has begun, nothing counts as a change.
    await new Promise((resolve) => setTimeout(resolve, 100));
    await change({ name: 'first' });
    expect((await admins.next()).data.peerChanged).toMatchObject({ id: peer.id, name: 'first' });
    await change({ name: 'second' });
    expect((await admins.next()).data.peerChanged).toMatchObject({ name: 'second' });
    await change({ audience: 'USERS', name: 'third' });
    expect((await told).data.peerChanged).toMatchObject({ name: 'third' });
  });

  it('tells of pulls, to whom administers federation', async () => {
    const peer = await seedPeer(temporary.database);
    const pull = await temporary.database.prisma.pull.create({
      data: { id: 'pull_1', peerKey: peer.key, state: 'RUNNING', queuedAt: new Date() },
    });
    using events = await subscribe(`pullChanged(peerId: "${peer.id}") { id state peer { name } }`, 'admin');
    await eventually('the follower', async () => {
      changes.pullChanged(pull.id);
      return true;
    });
    const told = events.next();
    const timer = setInterval(() => changes.pullChanged(pull.id), 20);
    expect((await told).data.pullChanged).toMatchObject({ id: 'pull_1', state: 'RUNNING' });
    clearInterval(timer);
    using refused = await subscribe('pullChanged { id }', 'viewer');
    expect((await refused.next()).errors[0].extensions.code).toBe('FORBIDDEN');
  });

  it('tells of catalog, peers, pulls and diagnoses by one stream, each to whom may know of it', async () => {
    const { prisma } = temporary.database;
    const peer = await seedPeer(temporary.database);
    await prisma.pull.create({
      data: { id: 'pull_2', peerKey: peer.key, state: 'RUNNING', queuedAt: new Date() },
    });
    await prisma.diagnosis.create({
      data: { id: 'diag_1', peerKey: peer.key, state: 'RUNNING', startedAt: new Date() },
    });
    const document = 'changed { catalog { changed { title } } peer { name } pull { id } diagnosis { id } }';
    const seen = { admin: new Set<string>(), viewer: new Set<string>() };
    const streams = [await subscribe(document, 'admin'), await subscribe(document, 'viewer')] as const;
    for (const [at, who] of (['admin', 'viewer'] as const).entries()) {
      void (async () => {
        for (let event = await streams[at]?.next(); event != null; event = await streams[at]?.next()) {
          for (const [name, part] of Object.entries(event.data.changed)) {
            if (part !== null) seen[who].add(`${name} ${JSON.stringify(part)}`);
          }
        }
      })().catch(() => undefined);
    }
    await eventually('the first event', async () => seen.admin.size > 0 && seen.viewer.size > 0);
    await server.catalog.local.add([newItem({ title: 'one', visibility: 'INSTANCE' })]);
    await eventually('all of it', async () => {
      changes.pullChanged('pull_2');
      changes.diagnosisChanged('diag_1');
      await prisma.peer.update({ where: { key: peer.key }, data: { name: 'Coast', health: 'OFFLINE' } });
      await prisma.peer.update({ where: { key: peer.key }, data: { bytesFetched: { increment: 1 } } });
      return seen.admin.size === 5 && seen.viewer.size === 3;
    });
    const common = [
      'catalog {"changed":[]}',
      'catalog {"changed":[{"title":"one"}]}',
      'peer {"name":"Coast"}',
    ];
    expect([...seen.viewer].sort()).toEqual(common);
    expect([...seen.admin].sort()).toEqual([
      ...common.slice(0, 2),
      'diagnosis {"id":"diag_1"}',
      common[2],
      'pull {"id":"pull_2"}',
    ]);
    for (const stream of streams) stream[Symbol.dispose]();
    using refused = await subscribe('changed(sinceRevision: "-1") { peer { id } }');
    expect((await refused.next()).errors[0].extensions.code).toBe('INVALID');
  });

  it('has told all that changes of peers from its first event on', async () => {
    const peer = await seedPeer(temporary.database);
    using events = await subscribe('changed { catalog { revision } peer { name } }', 'admin');
    expect((await events.next()).data.changed).toMatchObject({ catalog: {}, peer: null });
    await temporary.database.prisma.peer.update({ where: { key: peer.key }, data: { name: 'at once' } });
    expect((await events.next()).data.changed).toEqual({ catalog: null, peer: { name: 'at once' } });
  });

  it('is refused with a code: without rights, over the bound of a viewer, in another media type', async () => {
    using token = await subscribe(CHANGED, 'bytesToken');
    expect((await token.next()).errors[0].extensions.code).toBe('FORBIDDEN');
    const open: Events[] = [];
    for (let count = 0; count < 20; count += 1) open.push(await subscribe(CHANGED, 'editor'));
    using over = await subscribe(CHANGED, 'editor');
    expect(over.status).toBe(429);
    expect((await over.next()).errors[0].extensions).toMatchObject({ code: 'RATE_LIMITED', retryAfter: 5 });
    // Others have places of their own, and one that is left can be taken again.
    using other = await subscribe(CHANGED, 'viewer');
    expect(other.status).toBe(200);
    open.pop()?.[Symbol.dispose]();
    await eventually('the place that was left', async () => {
      using again = await subscribe(CHANGED, 'editor');
      return again.status === 200;
    });
    for (const events of open) events[Symbol.dispose]();
    using json = await subscribe(CHANGED, 'viewer', server.url, 'application/json');
    expect(json.status).toBe(406);
  });

  it('ends with the server, which does not wait for its readers', async () => {
    const own = await startGraphql(temporary.database);
    using events = await subscribe(CHANGED, 'viewer', own.url);
    await events.next();
    const before = performance.now();
    const ended = events.next().then(
      () => true,
      () => true,
    );
    await own[Symbol.asyncDispose]();
    expect(await ended).toBe(true);
    expect(performance.now() - before).toBeLessThan(3_000);
  });

  it('is cut where what was sent is not taken', async () => {
    const { readSlowly } = await import('../../test/support/slow-reader.ts');
    const long = 'x'.repeat(200);
    const ids = Array.from({ length: 25 }, (_, at) => `a${at}: title`).join(' ');
    const url = new URL(server.url);
    const { revision } = await server.catalog.state();
    url.searchParams.set(
      'query',
      `subscription { catalogChanged(sinceRevision: "${revision}") { changed { ${ids} description properties } } }`,
    );
    const reader = await readSlowly(url, {
      accept: 'text/event-stream',
      'x-test-viewer': 'admin',
      'x-hedgerow-csrf': '1',
    });
    expect(reader.status).toBe(200);
    reader.pause();
    // More than 500 at once would only be told as too much; four of these are more than sockets hold.
    for (let time = 0; time < 5; time += 1) {
      await server.catalog.local.add(Array.from({ length: 400 }, () => newItem({ title: long })));
      await new Promise((resolve) => setTimeout(resolve, 400));
    }
    await new Promise((resolve) => setTimeout(resolve, 600));
    // Whoever takes nothing does not notice either; what was on its way breaks off.
    reader.readOn();
    expect((await reader.ended).how).toBe('cut');
  });
});
