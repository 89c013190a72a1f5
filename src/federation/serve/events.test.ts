import { expect, it } from 'vitest';
import { describeOnBothDatabases } from '../../../test/support/databases.ts';
import { newItem } from '../../../test/support/items.ts';
import { createCatalog } from '../../catalog/catalog.ts';
import { WHOLE_GRANT } from '../grants.ts';
import { createEventHub, type EventSink } from './events.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import type { WatchedPeer } from './streams.ts';

describeOnBothDatabases('events for peers', (openDatabase) => {
  /** A hub whose looks are made by the test, and sinks that take nothing until told. */
  async function hub() {
    const database = await openDatabase();
    const catalog = await createCatalog(database);
    let now = 1_000_000;
    let listener: (peers: readonly WatchedPeer[]) => unknown = () => {};
    const cuts = new Map<number, (code: 'REVOKED' | 'GRANT_ENDED') => void>();
    const events = createEventHub({
      read: database.read,
      streams: {
        enter: ({ peerKey, cut }) => {
          cuts.set(peerKey, cut);
          return () => cuts.delete(peerKey);
        },
        onLook: (given) => {
          listener = given;
        },
      },
      now: () => now,
    });
    const peers = new Map<number, WatchedPeer>();
    return {
      catalog,
      events,
      cuts,
      look: async (after = 1_000) => {
        now += after;
        await listener([...peers.values()]);
      },
      peer: (key: number) => {
        const watched = { peerKey: key, grant: WHOLE_GRANT, limits: DEFAULT_LIMITS, toClients: false };
        peers.set(key, watched);
        return watched;
      },
      stream: async (key: number) => {
        const sink = { text: '', drained: true, over: '' };
        const opened = await events.open({ key, grant: WHOLE_GRANT });
        opened.begin({
          write: (text) => {
            sink.text += text;
          },
          get drained() {
            return sink.drained;
          },
          end: () => {
            sink.over = 'ended';
          },
          destroy: () => {
            sink.over ||= 'destroyed';
          },
        } satisfies EventSink);
        sink.text = '';
        return Object.assign(sink, { leave: opened.leave });
      },
    };
  }

  const CHANGED = 'event: changed\ndata: {}\n\n';

  it('tell a pair once of any number of changes that it sees, and of no others', async () => {
    const { catalog, look, peer, stream } = await hub();
    peer(1);
    const one = await stream(1);
    await look();
    expect(one.text).toBe('');
    await catalog.local.add([newItem({ visibility: 'INSTANCE' })]);
    await look();
    expect(one.text).toBe('');
    for (let index = 0; index < 3; index++) await catalog.local.add([newItem({ visibility: 'PEERS' })]);
    const late = await stream(1);
    await look();
    expect(one.text).toBe(CHANGED);
    // It began when all that was there.
    expect(late.text).toBe('');
    await look();
    expect(one.text).toBe(CHANGED);
  });

  it('tell of a grant that has changed', async () => {
    const { look, peer, stream } = await hub();
    const watched = peer(1);
    const one = await stream(1);
    watched.grant = { ...WHOLE_GRANT, access: 'metadata' };
    await look();
    await look();
    expect(one.text).toBe(CHANGED);
  });

  it('wait for a slow reader with one thing to say, and give it up in the end', async () => {
    const { catalog, look, peer, stream, cuts } = await hub();
    peer(1);
    const slow = await stream(1);
    slow.drained = false;
    for (let index = 0; index < 5; index++) {
      await catalog.local.add([newItem({ visibility: 'PEERS' })]);
      await look();
    }
    expect(slow.text).toBe('');
    slow.drained = true;
    await look();
    expect(slow.text).toBe(CHANGED);
    slow.drained = false;
    await look(59_000);
    expect(slow.over).toBe('');
    await look();
    expect(slow.over).toBe('destroyed');
    expect(cuts.size).toBe(0);
    // Its place is free again.
    await stream(1);
    await stream(1);
    await expect(stream(1)).rejects.toThrow(/2 streams/);
    await stream(2);
  });

  it('are alive, end after an hour, and say why the pair has ended', async () => {
    const { look, peer, stream, cuts, events } = await hub();
    peer(1);
    peer(2);
    const one = await stream(1);
    const two = await stream(2);
    await look(19_000);
    expect(one.text).toBe('');
    await look();
    expect(one.text).toBe(': heartbeat\n\n');
    cuts.get(2)?.('GRANT_ENDED');
    expect(two).toMatchObject({
      over: 'ended',
      text: ': heartbeat\n\nevent: ended\ndata: {"code":"grant-ended"}\n\n',
    });
    await look(3600_000);
    expect(one).toMatchObject({ over: 'ended', text: ': heartbeat\n\n' });
    const last = await stream(1);
    events.close();
    expect(last).toMatchObject({ over: 'ended', text: '' });
  });
});
